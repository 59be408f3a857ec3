//! Secrets of apps: entered here, sealed in the store, sent to the app alone, and never shown.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use crate::access::Role;
use crate::access::credential::Typed;
use crate::clock::Timestamp;
use crate::engine::access_command::{AccessAnswer, AccessCommand, KeptSecret};
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::id::AppName;
use crate::server::console::access::tabs::{self, Tab};
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::Viewer;
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Administer, Read, Visitor};

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// Apps that keep their secret in the store.
    pub secrets: Vec<KeptSecret>,
    /// The time, for ages.
    pub now: Timestamp,
}

/// A secret.
#[derive(Deserialize)]
pub struct Entered {
    csrf: String,
    app: AppName,
    secret: Typed,
}

/// One that goes.
#[derive(Deserialize)]
pub struct Gone {
    csrf: String,
    app: AppName,
}

/// `GET /access/secrets`.
///
/// # Errors
/// If the store fails.
pub async fn show(State(house): State<Arc<House>>, visitor: Visitor<Read>) -> Result<Markup, Trouble> {
    let answer = asking::ask(&house, &visitor, Command::Access(AccessCommand::Secrets)).await?;
    let Answer::Access(AccessAnswer::Secrets(secrets)) = answer else { return Err(asking::unexpected(&answer)) };
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    let told = asking::told(&house, &visitor);
    Ok(page(&Secrets { viewer, told, secrets, now: house.now() }))
}

/// `POST /access/secrets`.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn set(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Form(form): Form<Entered>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let command = Command::Access(AccessCommand::SecretSet { app: form.app, secret: form.secret });
    asking::act(&house, &visitor, command, "/access/secrets", asking::done).await
}

/// `POST /access/secrets/drop`.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn forget(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Form(form): Form<Gone>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let command = Command::Access(AccessCommand::SecretDrop { app: form.app });
    asking::act(&house, &visitor, command, "/access/secrets", asking::done).await
}

/// The page.
pub fn page(context: &Secrets) -> Markup {
    let body = html! {
        section {
            h2 .unseen { "Secrets of apps" }
            p .hint {
                "An app whose file says " code { "credential = \"sealed\"" }
                " keeps its token in the store, sealed for the one address that it may be sent to. Nobody can read it again, and it is dropped when the app's address changes."
            }
            @if context.secrets.is_empty() {
                p { "No app keeps its secret here. The others read theirs from the environment or from a file; " code { "usher apps show APP" } " says where." }
            }
        }
        @for secret in &context.secrets { (card(context, secret)) }
    };
    tabs::page(&context.viewer, Tab::Secrets, &context.told, &body)
}

fn card(context: &Secrets, secret: &KeptSecret) -> Markup {
    let admin = context.viewer.role == Role::Admin;
    let field = format!("secret-{}", secret.app);
    html! {
        section .box id=(secret.app) {
            h3 { (secret.app) }
            p {
                @match &secret.sealed {
                    Some((at, by)) => { "Sealed " (words::moment(*at, context.now)) " by " (by) ", sent to " code { (secret.origin) } " alone." }
                    None => { span .bad { "No secret is sealed:" } " nothing can be sent to " code { (secret.origin) } "." }
                }
            }
            @if admin { div .beside {
                form .fields.row method="post" action="/access/secrets" {
                    (context.viewer.token())
                    input type="hidden" name="app" value=(secret.app);
                    div .grow {
                        label for=(field) { @if secret.sealed.is_some() { "Another secret" } @else { "Secret" } }
                        input id=(field) name="secret" type="password" autocomplete="off" required maxlength="8192";
                    }
                    button .primary type="submit" { @if secret.sealed.is_some() { "Replace it" } @else { "Seal it" } }
                }
                @if secret.sealed.is_some() {
                    form method="post" action="/access/secrets/drop" {
                        (context.viewer.token())
                        button .danger type="submit" name="app" value=(secret.app) { "Drop it" }
                    }
                }
            } }
        }
    }
}
