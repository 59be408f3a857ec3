//! Tokens for programs and for the command line on other machines. A new one is shown once, in the answer that makes it.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use serde::Deserialize;

use crate::access::Role;
use crate::access::credential::TokenKind;
use crate::clock::Timestamp;
use crate::engine::answer::{Answer, TokenAnswer};
use crate::engine::command::Command;
use crate::id::TokenId;
use crate::server::console::access::operators::roles;
use crate::server::console::access::tabs::{self, Tab};
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::Viewer;
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};
use crate::server::problem::Problem;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// The one that was just made, with its secret.
    pub fresh: Option<TokenAnswer>,
    /// All, oldest first.
    pub tokens: Vec<TokenAnswer>,
    /// The time, for ages.
    pub now: Timestamp,
}

/// A new token.
#[derive(Deserialize)]
pub struct New {
    csrf: String,
    name: String,
    role: Role,
    kind: TokenKind,
    #[serde(default)]
    days: String,
}

/// One that goes.
#[derive(Deserialize)]
pub struct Gone {
    csrf: String,
    id: TokenId,
}

/// `GET /access/tokens`.
///
/// # Errors
/// If the store fails.
pub async fn show(State(house): State<Arc<House>>, visitor: Visitor<Read>) -> Result<Markup, Trouble> {
    let told = asking::told(&house, &visitor);
    shown(&house, &visitor, told, None).await
}

async fn shown(
    house: &Arc<House>,
    visitor: &Visitor<Read>,
    told: Vec<String>,
    fresh: Option<TokenAnswer>,
) -> Result<Markup, Trouble> {
    let answer = asking::ask(house, visitor, Command::Tokens).await?;
    let Answer::Tokens(tokens) = answer else { return Err(asking::unexpected(&answer)) };
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    Ok(page(&Tokens { viewer, told, fresh, tokens, now: house.now() }))
}

/// `POST /access/tokens`. The answer is the page itself: nothing keeps the secret for another one.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn add(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Form(form): Form<New>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let New { name, role, kind, days, .. } = form;
    let days = match days.trim() {
        "" => None,
        typed => Some(typed.parse().map_err(|_| Problem::bad_request(format!("`{typed}` is no number of days")))?),
    };
    let command = Command::TokenAdd { name, role, kind, days };
    let mut fresh = None;
    let gone = asking::act(&house, &visitor, command, "/access/tokens", |answer| {
        if let Answer::Token(token) = answer {
            fresh = Some((**token).clone());
        }
        Vec::new()
    });
    let elsewhere = gone.await?;
    match fresh {
        Some(fresh) => Ok(shown(&house, &visitor, Vec::new(), Some(fresh)).await?.into_response()),
        None => Ok(elsewhere),
    }
}

/// `POST /access/tokens/revoke`.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn revoke(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Form(form): Form<Gone>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    asking::act(&house, &visitor, Command::TokenRevoke { id: form.id }, "/access/tokens", asking::done).await
}

/// The page.
pub fn page(context: &Tokens) -> Markup {
    let body = html! {
        @if let Some(fresh) = &context.fresh { (made(fresh)) }
        section {
            h2 .unseen { "Tokens" }
            p .hint {
                "For the API and for the command line on other machines. A token acts as its operator and never has more than his role. "
                "A program's never decides about approvals; a personal one does for 12 hours after it was issued."
            }
            @if context.tokens.is_empty() {
                p { "There is no token." }
            } @else {
                div .wide {
                    table .stack {
                        thead { tr { th { "For" } th { "Operator" } th { "Kind" } th { "Role" } th { "Issued" } th { "Until" } th { span .unseen { "Change" } } } }
                        tbody { @for each in &context.tokens { (row(context, each)) } }
                    }
                }
            }
        }
        (new_one(context))
    };
    tabs::page(&context.viewer, Tab::Tokens, &context.told, &body)
}

/// The secret, once.
fn made(fresh: &TokenAnswer) -> Markup {
    html! {
        section .box.fresh role="status" {
            h2 { "Your new token “" (fresh.token.name) "”" }
            @if let Some(secret) = &fresh.secret { p { code .secret tabindex="0" { (secret.expose()) } } }
            p .hint { "It is shown this once: copy it now. Programs send it as " code { "Authorization: Bearer …" } "." }
        }
    }
}

fn kind(kind: TokenKind) -> &'static str {
    match kind {
        TokenKind::Personal => "personal",
        TokenKind::Service => "program",
    }
}

/// When it ends: the time itself for programs and on hover, how long that is for people.
fn until(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) title=(at) { "in " (words::age(at, now)) } }
}

fn row(context: &Tokens, each: &TokenAnswer) -> Markup {
    let token = &each.token;
    let over = token.expires_at <= context.now;
    let may = context.viewer.role == Role::Admin || each.owner == context.viewer.name;
    html! {
        tr .off[over] {
            th scope="row" { (token.name) }
            td data-label="Operator" { (each.owner) }
            td data-label="Kind" { (kind(token.kind)) }
            td data-label="Role" { (token.role) }
            td data-label="Issued" { (words::moment(token.issued_at, context.now)) }
            td data-label="Until" { @if over { span .badge.plain { "expired" } } @else { (until(token.expires_at, context.now)) } }
            td .acts {
                @if may {
                    form method="post" action="/access/tokens/revoke" {
                        (context.viewer.token())
                        button .danger type="submit" name="id" value=(token.id) aria-label=(format!("Revoke {}", token.name)) { "Revoke" }
                    }
                }
            }
        }
    }
}

fn new_one(context: &Tokens) -> Markup {
    html! {
        details .box {
            summary { "Issue a token of your own" }
            form .fields.row method="post" action="/access/tokens" {
                (context.viewer.token())
                div { label for="token-name" { "What it is for" } input #token-name name="name" required maxlength="100" autocomplete="off"; }
                div { label for="token-kind" { "Kind" }
                    select #token-kind name="kind" { option value="personal" { "personal" } option value="service" { "a program's" } }
                }
                div { label for="token-role" { "Role" } select #token-role name="role" { (roles(Role::Viewer)) } }
                div { label for="token-days" { "Days" } input #token-days name="days" type="number" min="1" max="366" value="90"; }
                button .primary type="submit" { "Issue it" }
            }
        }
    }
}
