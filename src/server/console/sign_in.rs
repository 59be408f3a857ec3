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

use crate::id::OperatorId;
use crate::secret::Secret;
use crate::server::console::layout;
use crate::server::house::House;
use crate::server::permit;

/// Where somebody is sent who must sign in first.
pub fn address(back: &str) -> String {
    if is_local(back) { format!("/sign-in?next={}", urlencode(back)) } else { "/sign-in".to_owned() }
}

/// Where somebody is sent who must prove himself once more.
pub fn again(back: &str, name: &str) -> String {
    format!("/sign-in?next={}&name={}", urlencode(back), urlencode(name))
}

/// Whether an address is one of ours: nobody is sent elsewhere after signing in.
fn is_local(path: &str) -> bool {
    path.starts_with('/') && !path.starts_with("//") && !path.contains('\\') && !path.chars().any(char::is_control)
}

/// Percent-encodes what may not stand in a query's value.
fn urlencode(text: &str) -> String {
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
#[derive(Debug, Clone, Default)]
pub struct SignIn {
    /// The name that was typed.
    pub name: String,
    /// Where to go afterwards.
    pub next: String,
    /// Why it did not work.
    pub trouble: Option<String>,
}

/// The page.
pub fn page(context: &SignIn) -> Markup {
    layout::plain(
        "Sign in",
        &html! {
            h1 { "Usher" }
            form .card method="post" action="/sign-in" {
                @if let Some(trouble) = &context.trouble { p .trouble role="alert" { (trouble) } }
                input type="hidden" name="next" value=(context.next);
                label for="name" { "Operator" }
                input #name name="name" value=(context.name) autocomplete="username" required autofocus[context.name.is_empty()];
                label for="password" { "Password" }
                input #password name="password" type="password" autocomplete="current-password" required autofocus[!context.name.is_empty()];
                button .primary type="submit" { "Sign in" }
            }
            p .hint {
                "No password yet? An admin sets one with " code { "usher operators password NAME" }
                "; with the one-time token of a new workspace you " a href="/set-up" { "set the first one" } "."
            }
        },
    )
}

/// The page of the first password.
pub fn set_up_page(trouble: Option<&str>) -> Markup {
    layout::plain(
        "Set up",
        &html! {
            h1 { "The first password" }
            form .card method="post" action="/set-up" {
                @if let Some(trouble) = trouble { p .trouble role="alert" { (trouble) } }
                label for="token" { "One-time token" }
                input #token name="token" autocomplete="off" required autofocus;
                label for="password" { "New password, at least 15 characters" }
                input #password name="password" type="password" autocomplete="new-password" minlength="15" required;
                label for="again" { "Once more" }
                input #again name="again" type="password" autocomplete="new-password" minlength="15" required;
                button .primary type="submit" { "Set it and sign in" }
            }
            p .hint { code { "usher init" } " printed the token; " code { "usher operators bootstrap" } " makes a new one." }
        },
    )
}

/// `GET /sign-in`.
pub async fn show(Query(next): Query<Next>) -> Markup {
    let trouble = next.name.as_ref().map(|_| "This needs your password once more.".to_owned());
    page(&SignIn { name: next.name.unwrap_or_default(), next: next.next.unwrap_or_default(), trouble })
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
    let again = |trouble: String, status: StatusCode| {
        let context = SignIn { name: typed.name.clone(), next: next.clone(), trouble: Some(trouble) };
        (status, page(&context)).into_response()
    };
    if !permit::is_from_here(&house, &headers) {
        return again("the form did not come from this server; try once more".to_owned(), StatusCode::FORBIDDEN);
    }
    let who = [format!("name {}", typed.name.to_lowercase()), format!("address {}", house.address(&headers, from))];
    let now = house.now();
    if let Some(until) = house.lockout.locked(&who, now) {
        return again(format!("too many failures; try again after {until}"), StatusCode::TOO_MANY_REQUESTS);
    }
    match house.engine.sign_in(&typed.name, Secret::new(typed.password)).await {
        Ok(Some(operator)) => {
            house.lockout.succeeded(&who);
            let next = if is_local(&next) { next } else { "/".to_owned() };
            let old = permit::cookie(&house, &headers);
            (jar.add(opened(&house, operator.id, old.as_ref())), Redirect::to(&next)).into_response()
        }
        Ok(None) => {
            house.lockout.failed(&who, now);
            tracing::warn!("a sign-in failed");
            again("the name or the password is wrong".to_owned(), StatusCode::UNAUTHORIZED)
        }
        Err(error) => again(error.to_string(), StatusCode::INTERNAL_SERVER_ERROR),
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
        return again("the form did not come from this server; try once more", StatusCode::FORBIDDEN);
    }
    if first.password != first.again {
        return again("the two passwords differ", StatusCode::UNPROCESSABLE_ENTITY);
    }
    let who = [format!("address {}", house.address(&headers, from))];
    let now = house.now();
    if let Some(until) = house.lockout.locked(&who, now) {
        return again(&format!("too many failures; try again after {until}"), StatusCode::TOO_MANY_REQUESTS);
    }
    match house.engine.set_up(&Secret::new(first.token.trim()), Secret::new(first.password)).await {
        Ok(operator) => {
            house.lockout.succeeded(&who);
            (jar.add(opened(&house, operator.id, None)), Redirect::to("/")).into_response()
        }
        Err(error) => {
            house.lockout.failed(&who, now);
            again(&error.to_string(), StatusCode::UNPROCESSABLE_ENTITY)
        }
    }
}

/// `POST /sign-out`. Needs no token: the worst that a foreign page could do is sign somebody out, and the cookie does not go with it.
pub async fn leave(State(house): State<Arc<House>>, headers: HeaderMap, jar: CookieJar) -> Response {
    if let Some(token) = permit::cookie(&house, &headers) {
        house.sessions.close(&token);
    }
    (jar.remove(Cookie::build(permit::cookie_name(&house)).path("/")), Redirect::to("/sign-in")).into_response()
}

/// A new session's cookie.
fn opened(house: &House, operator: OperatorId, old: Option<&Secret>) -> Cookie<'static> {
    let token = house.sessions.open(operator, old, house.now(), &*house.engine.parts.entropy);
    Cookie::build((permit::cookie_name(house), token.expose().to_owned()))
        .path("/")
        .http_only(true)
        .same_site(SameSite::Strict)
        .secure(house.settings.is_secure())
        .build()
}
