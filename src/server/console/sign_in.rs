//! Sign-in, sign-out, the first password, and the proof that is asked for again before something grave.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Form;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use maud::{Markup, html};
use serde::Deserialize;

use crate::access::credential::Way;
use crate::id::OperatorId;
use crate::secret::Secret;
use crate::server::console::layout;
use crate::server::house::House;
use crate::server::permit;
use crate::server::session::Proof;

/// What is said to a form from elsewhere.
const FOREIGN: &str = "the form did not come from this server; try once more";

/// Where somebody is sent who must sign in first.
pub fn address(back: &str) -> String {
    if is_local(back) { format!("/sign-in?next={}", urlencode(back)) } else { "/sign-in".to_owned() }
}

/// Where somebody is sent who must prove himself once more.
pub fn again(back: &str, name: &str) -> String {
    format!("/sign-in?next={}&name={}", urlencode(back), urlencode(name))
}

/// Whether an address is one of ours: nobody is sent elsewhere after signing in.
pub fn is_local(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && !path.contains('\\') && !path.chars().any(char::is_control)
}

/// Percent-encodes what may not stand in a query's value.
pub fn urlencode(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// Where to go afterwards.
#[derive(Debug, Default, Deserialize)]
pub struct Next {
    next: Option<String>,
    /// Somebody who is signed in and must prove himself once more.
    name: Option<String>,
}

/// The form.
#[derive(Deserialize)]
pub struct Typed {
    name: String,
    password: String,
    next: Option<String>,
}

/// The form of the first password.
#[derive(Deserialize)]
pub struct First {
    token: String,
    password: String,
    again: String,
}

/// What the page shows.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// The name that was typed.
    pub name: String,
    /// Where to go afterwards.
    pub next: String,
    /// Somebody who is signed in proves himself once more.
    pub again: bool,
    /// Why it did not work.
    pub trouble: Option<String>,
    /// Whether passwords are taken.
    pub passwords: bool,
    /// What the OpenID provider is called, if there is one.
    pub provider: Option<String>,
}

impl SignIn {
    /// An empty one, as this house signs people in.
    pub fn of(house: &House, next: &str) -> Self {
        Self {
            name: String::new(),
            next: next.to_owned(),
            again: false,
            trouble: None,
            passwords: house.settings.sign_in.passwords,
            provider: house.provider.as_ref().map(|provider| provider.settings.title.clone()),
        }
    }

    /// With why it did not work.
    pub fn refused(self, trouble: impl Into<String>, status: StatusCode) -> Response {
        let context = Self { trouble: Some(trouble.into()), ..self };
        (status, page(&context)).into_response()
    }
}

/// The page.
pub fn page(context: &SignIn) -> Markup {
    let title = if context.again { "Prove that it is you" } else { "Sign in" };
    layout::plain(
        title,
        &html! {
            h1 { "Usher" }
            div .card {
                h2 { (title) }
                @if context.again { p .hint { "What you are about to do is grave, and the last time you proved yourself is a while ago." } }
                @if let Some(trouble) = &context.trouble { p .trouble role="alert" { (trouble) } }
                @if let Some(provider) = &context.provider { (provider_button(context, provider)) }
                @if context.provider.is_some() && context.passwords { p .or { span { "or with a password of Usher" } } }
                @if context.passwords { (password_form(context)) }
            }
            @if context.passwords && !context.again {
                p .hint {
                    "No password yet? An admin sets one with " code { "usher operators password NAME" }
                    "; with the one-time token of a new workspace you " a href="/set-up" { "set the first one" } "."
                }
            }
        },
    )
}

/// A link, not a form: forms stay within this server.
fn provider_button(context: &SignIn, provider: &str) -> Markup {
    let next = urlencode(&context.next);
    let again = if context.again { "&again=true" } else { "" };
    html! {
        a .button .primary href={ "/sign-in/openid?next=" (next) (again) } {
            @if context.again { "Prove yourself with " } @else { "Sign in with " } (provider)
        }
    }
}

fn password_form(context: &SignIn) -> Markup {
    html! {
        form .fields method="post" action="/sign-in" {
            input type="hidden" name="next" value=(context.next);
            label for="name" { "Operator" }
            input #name name="name" value=(context.name) autocomplete="username" required autofocus[context.name.is_empty()];
            label for="password" { "Password" }
            input #password name="password" type="password" autocomplete="current-password" required autofocus[!context.name.is_empty()];
            button .primary[context.provider.is_none()] type="submit" { @if context.again { "Go on" } @else { "Sign in" } }
        }
    }
}

/// The page of the first password.
pub fn set_up_page(trouble: Option<&str>) -> Markup {
    layout::plain(
        "Set up",
        &html! {
            h1 { "Usher" }
            form .card .fields method="post" action="/set-up" {
                h2 { "The first password" }
                @if let Some(trouble) = trouble { p .trouble role="alert" { (trouble) } }
                label for="token" { "One-time token" }
                input #token name="token" autocomplete="off" required autofocus;
                label for="password" { "New password, at least 15 characters" }
                input #password name="password" type="password" autocomplete="new-password" minlength="15" required;
                label for="again" { "Once more" }
                input #again name="again" type="password" autocomplete="new-password" minlength="15" required;
                button .primary type="submit" { "Set it and sign in" }
            }
            p .hint { code { "usher init" } " printed the token; " code { "usher operators bootstrap" } " makes a new one. There is a password already? " a href="/sign-in" { "Sign in" } "." }
        },
    )
}

/// `GET /sign-in`.
pub async fn show(State(house): State<Arc<House>>, headers: HeaderMap, Query(next): Query<Next>) -> Markup {
    let context = SignIn::of(&house, &next.next.unwrap_or_default());
    let Some(name) = next.name else { return page(&context) };
    // Whoever proves himself again does so the way he came.
    let session = permit::cookie(&house, &headers).and_then(|cookie| house.sessions.find(&cookie, house.now()));
    let context = match session.map(|session| session.way) {
        Some(Way::OpenId) if context.provider.is_some() => SignIn { passwords: false, ..context },
        Some(Way::Password) if context.passwords => SignIn { provider: None, ..context },
        _ => context,
    };
    page(&SignIn { again: true, name, ..context })
}

/// `GET /set-up`.
pub async fn show_set_up() -> Markup {
    set_up_page(None)
}

/// `POST /sign-in`.
pub async fn submit(
    State(house): State<Arc<House>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    jar: CookieJar,
    Form(typed): Form<Typed>,
) -> Response {
    let next = typed.next.clone().unwrap_or_default();
    let context = SignIn { name: typed.name.clone(), ..SignIn::of(&house, &next) };
    if !permit::is_from_here(&house, &headers) {
        return context.refused(FOREIGN, StatusCode::FORBIDDEN);
    }
    if !house.settings.sign_in.passwords {
        return context.refused("passwords are turned off here", StatusCode::FORBIDDEN);
    }
    let asker = house.address(&headers, from);
    let attempt = match house.password_attempt(&typed.name, asker).await {
        Ok(Ok(attempt)) => attempt,
        Ok(Err(until)) => return context.refused(too_many(until), StatusCode::TOO_MANY_REQUESTS),
        Err(error) => return context.refused(error.to_string(), StatusCode::INTERNAL_SERVER_ERROR),
    };
    match house.engine.sign_in(&typed.name, Secret::new(typed.password)).await {
        Ok(Some(operator)) => {
            attempt.succeeded();
            let next = if is_local(&next) { next } else { "/".to_owned() };
            let old = permit::cookie(&house, &headers);
            (jar.add(by_password(&house, operator.id, old.as_ref())), Redirect::to(&next)).into_response()
        }
        Ok(None) => {
            attempt.failed();
            tracing::warn!("a sign-in failed");
            context.refused("the name or the password is wrong", StatusCode::UNAUTHORIZED)
        }
        Err(error) => context.refused(error.to_string(), StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// `POST /set-up`.
pub async fn set_up(
    State(house): State<Arc<House>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    jar: CookieJar,
    Form(first): Form<First>,
) -> Response {
    let again = |trouble: &str, status| (status, set_up_page(Some(trouble))).into_response();
    if !permit::is_from_here(&house, &headers) {
        return again(FOREIGN, StatusCode::FORBIDDEN);
    }
    if !house.settings.sign_in.passwords {
        return again("passwords are turned off here", StatusCode::FORBIDDEN);
    }
    if first.password != first.again {
        return again("the two passwords differ", StatusCode::UNPROCESSABLE_ENTITY);
    }
    let attempt = match house.lockout.token(house.address(&headers, from), house.now()) {
        Ok(attempt) => attempt,
        Err(until) => return again(&too_many(until), StatusCode::TOO_MANY_REQUESTS),
    };
    match house.engine.set_up(&Secret::new(first.token.trim()), Secret::new(first.password)).await {
        Ok(operator) => {
            attempt.succeeded();
            (jar.add(by_password(&house, operator.id, None)), Redirect::to("/")).into_response()
        }
        Err(error) => {
            attempt.failed();
            again(&error.to_string(), StatusCode::UNPROCESSABLE_ENTITY)
        }
    }
}

/// What somebody reads who tried too often.
pub fn too_many(until: crate::clock::Timestamp) -> String {
    format!("too many failures; try again after {until}")
}

/// `POST /sign-out`. Needs no token: the worst that a foreign page could do is sign somebody out, and the cookie does not go with it.
pub async fn leave(State(house): State<Arc<House>>, headers: HeaderMap, jar: CookieJar) -> Response {
    if let Some(token) = permit::cookie(&house, &headers) {
        house.sessions.close(&token);
    }
    (jar.remove(Cookie::build(permit::cookie_name(&house)).path("/")), Redirect::to("/sign-in")).into_response()
}

/// The cookie of a new session for somebody who typed his password.
pub fn by_password(house: &House, operator: OperatorId, old: Option<&Secret>) -> Cookie<'static> {
    let epoch = house.engine.epoch(operator);
    opened(house, Proof { operator, epoch, way: Way::Password, proved_at: house.now() }, old)
}

/// A new session's cookie.
pub fn opened(house: &House, proof: Proof, old: Option<&Secret>) -> Cookie<'static> {
    let token = house.sessions.open(proof, old, house.now(), &*house.engine.parts.entropy);
    Cookie::build((permit::cookie_name(house), token.expose().to_owned()))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(house.settings.is_secure())
        .build()
}
