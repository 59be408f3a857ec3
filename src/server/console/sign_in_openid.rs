//! Sign-in at the OpenID provider: the way there, and the way back.
//!
//! What ties the two together is a cookie of its own that comes along when the provider sends the browser back, which the session's
//! cookie does not; it lives for minutes and opens nothing.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar};
use maud::html;
use serde::Deserialize;

use crate::access::credential::Way;
use crate::access::operator::Operator;
use crate::clock::Timestamp;
use crate::password;
use crate::secret::Secret;
use crate::server::console::layout;
use crate::server::console::sign_in::{self, SignIn};
use crate::server::house::House;
use crate::server::openid::flows::FLOW_LIVES;
use crate::server::openid::provider::short;
use crate::server::openid::{Begun, OpenIdError, Provider};
use crate::server::permit;
use crate::server::session::Proof;
use crate::store::keyring::Admitted;

/// Where the provider sends people back.
pub const BACK: &str = "/sign-in/openid/back";

/// What the way there is for.
#[derive(Debug, Deserialize)]
pub struct There {
    next: Option<String>,
    #[serde(default)]
    again: bool,
}

/// What the provider says on the way back.
#[derive(Deserialize)]
pub struct Back {
    state: Option<String>,
    code: Option<String>,
    /// Which provider speaks, if it says so (RFC 9207).
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

/// The cookie's name.
fn cookie_name(house: &House) -> &'static str {
    if house.settings.is_secure() { "__Host-usher-openid" } else { "usher-openid" }
}

/// The cookie that comes along on the way back.
fn cookie(house: &House, state: &Secret) -> Cookie<'static> {
    let secure = if house.settings.is_secure() { "; Secure" } else { "" };
    let life = FLOW_LIVES.as_secs();
    let (name, value) = (cookie_name(house), state.expose());
    let written = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={life}{secure}");
    // A token of ours has nothing in it that a cookie could not have.
    Cookie::parse(written).unwrap_or_else(|_| Cookie::from(name))
}

/// `GET /sign-in/openid`: to the provider.
pub async fn there(
    State(house): State<Arc<House>>,
    Query(wanted): Query<There>,
    headers: HeaderMap,
    jar: CookieJar,
) -> Response {
    let next = wanted.next.filter(|next| sign_in::is_local(next)).unwrap_or_else(|| "/".to_owned());
    let Some(provider) = &house.provider else { return Redirect::to(&sign_in::address(&next)).into_response() };
    let context = SignIn { again: wanted.again, ..SignIn::of(&house, &next) };
    let here = match permit::signed_in(&headers, &house).await {
        Ok(here) => here,
        Err(problem) => return context.refused(problem.detail, StatusCode::INTERNAL_SERVER_ERROR),
    };
    let random = |prefix| password::token(prefix, &*house.engine.parts.entropy);
    let state = random("state");
    let begun = Begun {
        nonce: random("nonce"),
        verifier: random("verifier"),
        next,
        again: wanted.again,
        expected: here.as_ref().filter(|_| wanted.again).map(|(actor, ..)| actor.operator),
        old: here.map(|(_, _, cookie)| cookie),
        at: house.now(),
    };
    match provider.address(&state, &begun, &back_address(&house)).await {
        Ok(address) => {
            house.flows.begin(&state, begun);
            (jar.add(cookie(&house, &state)), Redirect::to(address.as_str())).into_response()
        }
        Err(error) => failed(context, &error),
    }
}

/// `GET /sign-in/openid/back`: with the provider's word.
pub async fn back(
    State(house): State<Arc<House>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Query(said): Query<Back>,
    headers: HeaderMap,
    jar: CookieJar,
) -> Response {
    let kept = jar.get(cookie_name(&house)).map(|cookie| Secret::new(cookie.value()));
    let jar = jar.remove(Cookie::build(cookie_name(&house)).path("/"));
    let context = SignIn::of(&house, "/");
    let Some(provider) = &house.provider else {
        return (jar, Redirect::to("/sign-in")).into_response();
    };
    let attempt = match house.lockout.attempt(None, house.address(&headers, from), house.now()) {
        Ok(attempt) => attempt,
        Err(until) => return context.refused(sign_in::too_many(until), StatusCode::TOO_MANY_REQUESTS),
    };
    // The browser that comes back must be the one that was sent.
    let state = said.state.as_deref().map(Secret::new).filter(|state| kept.as_ref() == Some(state));
    let begun = state.and_then(|state| house.flows.take(&state, house.now()));
    let Some(begun) = begun else {
        attempt.failed();
        let trouble = "this sign-in was not begun here, or too long ago; begin again";
        return (jar, context.refused(trouble, StatusCode::FORBIDDEN)).into_response();
    };
    let context = SignIn { again: begun.again, ..SignIn::of(&house, &begun.next) };
    let code = match (said.code, said.error) {
        (Some(code), None) => code,
        (_, error) => {
            let why = said.error_description.or(error).unwrap_or_else(|| "it sent no code".to_owned());
            let trouble = format!("{} did not sign you in: {}", provider.settings.title, short(&why));
            return (jar, context.refused(trouble, StatusCode::FORBIDDEN)).into_response();
        }
    };
    if said.iss.is_some_and(|issuer| issuer != provider.settings.issuer) {
        attempt.failed();
        return (jar, context.refused("another provider sent you back", StatusCode::FORBIDDEN)).into_response();
    }
    match settle(&house, provider, code, &begun).await {
        Ok((operator, proved_at)) => {
            attempt.succeeded();
            let epoch = house.engine.epoch(operator.id);
            let proof = Proof { operator: operator.id, epoch, way: Way::OpenId, proved_at };
            let session = sign_in::opened(&house, proof, begun.old.as_ref());
            (jar.add(session), welcome(&begun.next)).into_response()
        }
        Err(refused) => {
            attempt.failed();
            tracing::warn!(reason = refused.logged, "a sign-in at the OpenID provider was refused");
            (jar, context.refused(refused.trouble, refused.status)).into_response()
        }
    }
}

/// Why somebody is not let in.
struct Refused {
    trouble: String,
    /// Without what the provider said: that may be personal.
    logged: &'static str,
    status: StatusCode,
}

/// Who it is, and when he proved himself.
async fn settle(
    house: &House,
    provider: &Provider,
    code: String,
    begun: &Begun,
) -> Result<(Operator, Timestamp), Refused> {
    let no = |logged: &'static str, trouble: String| Refused { trouble, logged, status: StatusCode::FORBIDDEN };
    let now = house.now();
    let claims = provider.finish(code, begun, &back_address(house), now).await.map_err(|error| match error {
        OpenIdError::Provider(_) => Refused { status: StatusCode::BAD_GATEWAY, ..no("provider", error.to_string()) },
        OpenIdError::Code(_) => no("code", error.to_string()),
        OpenIdError::Token(_) => no("token", error.to_string()),
        OpenIdError::Stale => no("stale", error.to_string()),
    })?;
    let settings = &provider.settings;
    // What the provider remembers from before is no proof of now.
    let proved_at = claims.auth_time.map_or(Timestamp::from_millis(0), |at| at.min(now));
    let who = (settings.issuer.clone(), claims.subject.clone());
    let admitted = house.engine.admit_open(who, claims.name(settings), claims.role(settings)).await;
    let title = &settings.title;
    match admitted {
        Ok(Admitted::Welcome(operator)) if begun.expected.is_some_and(|expected| expected != operator.id) => Err(no(
            "somebody else",
            format!("at {title} you are {}, here you are somebody else; sign out first", operator.name),
        )),
        Ok(Admitted::Welcome(operator)) => Ok((operator, proved_at)),
        Ok(Admitted::NoRole(_)) => Err(no(
            "no role",
            format!(
                "{title} knows you, but nothing in `{}` gives you a role here; ask whoever runs Usher to put you into one of its groups there",
                settings.role_claim
            ),
        )),
        Ok(Admitted::Disabled) => {
            Err(no("disabled", "you are disabled here; an admin can let you in again".to_owned()))
        }
        Ok(Admitted::NameTaken(name)) => Err(no(
            "name taken",
            format!(
                "there is another operator `{name}` here, who does not come from {title}; an admin must sort that out"
            ),
        )),
        Err(error) => Err(Refused { status: StatusCode::INTERNAL_SERVER_ERROR, ..no("store", error.to_string()) }),
    }
}

fn back_address(house: &House) -> String {
    format!("{}{BACK}", house.settings.origin)
}

fn failed(context: SignIn, error: &OpenIdError) -> Response {
    tracing::error!(%error, "the OpenID provider can't be used");
    context.refused(error.to_string(), StatusCode::BAD_GATEWAY)
}

/// A page that goes on by itself: the session's cookie goes along only where a page of ours leads, not the provider's.
fn welcome(next: &str) -> Response {
    let body = html! {
        meta http-equiv="refresh" content={ "0; url=" (next) };
        h1 { "Usher" }
        p { "You are signed in. " a href=(next) { "Go on" } "." }
    };
    layout::plain("Signed in", &body).into_response()
}
