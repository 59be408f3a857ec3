//! A permission is the type of a handler's parameter: who has none does not reach the handler.
//!
//! [`Permit`] is for the API (a problem if something is missing), [`Visitor`] for the console (the sign-in page). A cookie counts for
//! what changes something only together with the session's form token and an origin of our own.

use std::marker::PhantomData;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, Method, header, request::Parts};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::CookieJar;

use crate::access::Actor;
use crate::access::permission::Permission;
use crate::secret::Secret;
use crate::server::console::asking::Trouble;
use crate::server::house::House;
use crate::server::problem::Problem;
use crate::server::session::Session;

/// The header that carries the form token where there is no form.
pub const CSRF_HEADER: &str = "x-usher-csrf";

/// A permission as a type.
pub trait Level: Send + Sync {
    /// The permission.
    const PERMISSION: Permission;
}

macro_rules! levels {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;
        impl Level for $name {
            const PERMISSION: Permission = Permission::$name;
        }
    )*};
}

levels! {
    /// To look.
    Read;
    /// To put failures right.
    Retry;
    /// To decide.
    Decide;
    /// To change things.
    Administer;
}

/// Somebody who may, in the API.
#[derive(Debug, Clone)]
pub struct Permit<L> {
    /// Who.
    pub actor: Actor,
    level: PhantomData<L>,
}

/// Somebody who may, in the console.
#[derive(Debug, Clone)]
pub struct Visitor<L> {
    /// Who.
    pub actor: Actor,
    /// His session.
    pub session: Session,
    /// The session's cookie.
    pub cookie: Secret,
    /// Nobody clicked: the script renews parts of the page.
    pub by_itself: bool,
    level: PhantomData<L>,
}

impl<L> Visitor<L> {
    /// Whether a form is from a page of this session.
    ///
    /// # Errors
    /// [`Problem::foreign_form`] if its token is another one.
    pub fn check(&self, csrf: &str) -> Result<(), Problem> {
        if csrf == self.session.csrf { Ok(()) } else { Err(Problem::foreign_form()) }
    }
}

/// The cookie's name: with the prefix that binds it to this host where there is TLS.
pub fn cookie_name(house: &House) -> &'static str {
    if house.settings.is_secure() { "__Host-usher" } else { "usher" }
}

/// The session's token, as the cookie has it.
pub fn cookie(house: &House, headers: &HeaderMap) -> Option<Secret> {
    CookieJar::from_headers(headers).get(cookie_name(house)).map(|cookie| Secret::new(cookie.value()))
}

/// Whether a request that changes something comes from a page of ours: what the browser says of its origin, if it says anything.
pub fn is_from_here(house: &House, headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").and_then(|value| value.to_str().ok());
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    site.is_none_or(|site| matches!(site, "same-origin" | "none"))
        && origin.is_none_or(|origin| origin == house.settings.origin)
}

/// Whether a method changes something.
pub fn changes(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Whoever sends a request to the API: by token, or by cookie.
///
/// # Errors
/// If nobody is proved, or a cookie comes without what our own pages send with it.
pub async fn caller(parts: &Parts, house: &House) -> Result<Actor, Problem> {
    let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some(bearer) = bearer {
        let token = bearer.strip_prefix("Bearer ").or_else(|| bearer.strip_prefix("bearer "));
        let token = Secret::new(token.ok_or_else(Problem::unauthorized)?.trim());
        return house.engine.actor_of_token(&token).await?.ok_or_else(Problem::unauthorized);
    }
    let (actor, session, _) = signed_in(&parts.headers, house).await?.ok_or_else(Problem::unauthorized)?;
    if changes(&parts.method) {
        let form = parts.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
        if form != Some(session.csrf.as_str()) || !is_from_here(house, &parts.headers) {
            return Err(Problem::foreign_form());
        }
    }
    Ok(actor)
}

/// What the script says when it renews parts of a page.
pub const LIVE_HEADER: &str = "x-usher-live";

/// Whether nobody clicked: a page renews itself, or listens. That keeps no session awake.
pub fn is_by_itself(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
    headers.contains_key(LIVE_HEADER) || accept.is_some_and(|accept| accept.starts_with("text/event-stream"))
}

/// What a request proves its sender by.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A session's cookie.
    Cookie(Secret),
    /// A token.
    Token(Secret),
}

/// The proof in a request's headers.
pub fn proof(house: &House, headers: &HeaderMap) -> Option<Proof> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer.and_then(|bearer| bearer.split_once(' ')).map(|(_, token)| Secret::new(token.trim()));
    token.map(Proof::Token).or_else(|| cookie(house, headers).map(Proof::Cookie))
}

/// Whether a proof still counts. What can't be found out counts as a no.
pub async fn still_counts(house: &House, proof: &Proof) -> bool {
    let actor = match proof {
        Proof::Token(token) => house.engine.actor_of_token(token).await,
        Proof::Cookie(cookie) => match house.sessions.peek(cookie, house.now()) {
            Some(session) if session.epoch == house.engine.epoch(session.operator) => {
                house.engine.actor_of(session.operator, session.means()).await
            }
            _ => Ok(None),
        },
    };
    matches!(actor, Ok(Some(_)))
}

/// Who is signed in by cookie.
///
/// # Errors
/// If the store fails.
pub async fn signed_in(headers: &HeaderMap, house: &House) -> Result<Option<(Actor, Session, Secret)>, Problem> {
    let Some(cookie) = cookie(house, headers) else { return Ok(None) };
    let found = if is_by_itself(headers) {
        house.sessions.peek(&cookie, house.now())
    } else {
        house.sessions.find(&cookie, house.now())
    };
    let Some(session) = found else { return Ok(None) };
    if session.epoch != house.engine.epoch(session.operator) {
        house.sessions.close(&cookie);
        return Ok(None);
    }
    let actor = house.engine.actor_of(session.operator, session.means()).await?;
    Ok(actor.map(|actor| (actor, session, cookie)))
}

impl<L: Level> FromRequestParts<Arc<House>> for Permit<L> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, house: &Arc<House>) -> Result<Self, Problem> {
        let actor = caller(parts, house).await?;
        L::PERMISSION
            .check(&actor)
            .map_err(|denied| Problem::from(crate::engine::context::EngineError::from(denied)))?;
        Ok(Self { actor, level: PhantomData })
    }
}

impl<L: Level> FromRequestParts<Arc<House>> for Visitor<L> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, house: &Arc<House>) -> Result<Self, Response> {
        let wrong = |problem: Problem| Trouble::from(problem).into_response();
        let found = signed_in(&parts.headers, house).await.map_err(wrong)?;
        let Some((actor, session, cookie)) = found else {
            let back = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
            let back = if parts.method == Method::GET { back } else { String::new() };
            return Err(Redirect::to(&crate::server::console::sign_in::address(&back)).into_response());
        };
        if changes(&parts.method) && !is_from_here(house, &parts.headers) {
            return Err(wrong(Problem::foreign_form()));
        }
        L::PERMISSION
            .check(&actor)
            .map_err(|denied| wrong(crate::engine::context::EngineError::from(denied).into()))?;
        let by_itself = is_by_itself(&parts.headers);
        Ok(Self { actor, session, cookie, by_itself, level: PhantomData })
    }
}
