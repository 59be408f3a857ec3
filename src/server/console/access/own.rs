//! The viewer himself: what he may do, and his password.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Form;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::CookieJar;
use maud::{Markup, html};
use serde::Deserialize;

use crate::access::credential::Typed;
use crate::access::permission::Denied;
use crate::clock::Timestamp;
use crate::engine::access_command::{AccessAnswer, AccessCommand, Person};
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::context::{EngineError, Unwatched};
use crate::secret::Secret;
use crate::server::console::access::tabs::{self, Tab};
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::Viewer;
use crate::server::console::{sign_in, words};
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};
use crate::server::problem::Problem;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Own {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// How he signs in.
    pub person: Person,
    /// Whether passwords are taken here.
    pub passwords: bool,
    /// The time, for ages.
    pub now: Timestamp,
}

/// A new password.
#[derive(Deserialize)]
pub struct Changed {
    csrf: String,
    #[serde(default)]
    current: String,
    password: String,
    again: String,
}

/// `GET /access/you`.
///
/// # Errors
/// If the store fails.
pub async fn show(State(house): State<Arc<House>>, visitor: Visitor<Read>) -> Result<Markup, Trouble> {
    let person = person(&house, &visitor).await?;
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    let told = asking::told(&house, &visitor);
    Ok(page(&Own { viewer, told, person, passwords: house.settings.sign_in.passwords, now: house.now() }))
}

async fn person(house: &Arc<House>, visitor: &Visitor<Read>) -> Result<Person, Trouble> {
    let answer = asking::ask(house, visitor, Command::Access(AccessCommand::People)).await?;
    let Answer::Access(AccessAnswer::People(people)) = answer else { return Err(asking::unexpected(&answer)) };
    let found = people.into_iter().find(|person| person.operator.id == visitor.actor.operator);
    found.ok_or_else(|| Problem::not_found("you are no operator any more").into())
}

/// `POST /access/you`: another password of one's own. All other sessions end; this one goes on under a new cookie.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn set_password(
    State(house): State<Arc<House>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    jar: CookieJar,
    visitor: Visitor<Read>,
    Form(form): Form<Changed>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let back = |line: &str| Ok(asking::go(&house, &visitor, "/access/you", vec![line.to_owned()]));
    if !house.settings.sign_in.passwords {
        return back("Passwords are turned off here; nothing was changed.");
    }
    if form.password != form.again {
        return back("The two passwords differ; nothing was changed.");
    }
    let name = visitor.actor.name.clone();
    if person(&house, &visitor).await?.password_since.is_some() {
        let asker = house.address(&headers, from);
        let attempt = match house.password_attempt(&name, asker).await? {
            Ok(attempt) => attempt,
            Err(until) => return back(&sign_in::too_many(until)),
        };
        if house.engine.sign_in(&name, Secret::new(form.current)).await?.is_none() {
            attempt.failed();
            return back("That is not your current password; nothing was changed.");
        }
        attempt.succeeded();
    }
    let command = Command::PasswordSet { name: None, password: Typed::new(form.password) };
    match house.engine.answer(&visitor.actor, command, &Unwatched).await {
        Ok(_) => {
            let cookie = sign_in::by_password(&house, visitor.actor.operator, Some(&visitor.cookie));
            house.sessions.tell(
                &Secret::new(cookie.value()),
                vec!["Your password is changed; your other sessions and personal tokens are over.".to_owned()],
            );
            Ok((jar.add(cookie), Redirect::to("/access/you")).into_response())
        }
        Err(EngineError::Denied(Denied::NeedsProof)) => Err(Trouble::Prove(sign_in::again("/access/you", &name))),
        Err(EngineError::Invalid(why)) => back(&why),
        Err(error) => Err(error.into()),
    }
}

/// The page.
pub fn page(context: &Own) -> Markup {
    let person = &context.person;
    let body = html! {
        section {
            h2 { (context.viewer.name) }
            dl {
                dt { "Role" } dd { (context.viewer.role) }
                @if let Some(account) = &person.operator.os_account { dt { "OS account" } dd { code { (account) } } }
                @if let Some(issuer) = &person.issuer { dt { "OpenID" } dd { code { (issuer) } } }
                dt { "Password" } dd {
                    @match person.password_since {
                        Some(since) => { "set " (words::moment(since, context.now)) }
                        None => "none",
                    }
                }
                dt { "Tokens" } dd { (person.tokens) " · " a href="/access/tokens" { "see them" } }
            }
        }
        @if context.passwords { (password_form(context)) }
    };
    tabs::page(&context.viewer, Tab::You, &context.told, &body)
}

fn password_form(context: &Own) -> Markup {
    html! {
        section .box.narrow {
            h2 { @if context.person.password_since.is_some() { "Change your password" } @else { "Set a password" } }
            form .fields method="post" action="/access/you" {
                (context.viewer.token())
                input .unseen type="text" name="username" value=(context.viewer.name) autocomplete="username" readonly tabindex="-1" aria-label="Operator";
                @if context.person.password_since.is_some() {
                    label for="current" { "Current password" }
                    input #current name="current" type="password" autocomplete="current-password" required;
                }
                label for="password" { "New password, at least 15 characters" }
                input #password name="password" type="password" autocomplete="new-password" minlength="15" required;
                label for="again" { "Once more" }
                input #again name="again" type="password" autocomplete="new-password" minlength="15" required;
                button .primary type="submit" { "Change it" }
            }
            p .hint { "Your other sessions and your personal tokens end with the old password." }
        }
    }
}
