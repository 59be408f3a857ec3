//! Operators: who may do what, how each signs in, and whether four eyes are asked for.

use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use crate::access::credential::Way;
use crate::access::{FourEyes, Role};
use crate::clock::Timestamp;
use crate::engine::access_command::{AccessAnswer, AccessCommand, Person};
use crate::engine::answer::Answer;
use crate::engine::command::{Command, UserRef};
use crate::server::console::access::tabs::{self, Tab};
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::Viewer;
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Administer, Read, Visitor};
use crate::server::problem::Problem;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Operators {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// By name.
    pub people: Vec<Person>,
    /// How decisions are checked.
    pub four_eyes: FourEyes,
    /// The time, for ages.
    pub now: Timestamp,
}

/// A new operator.
#[derive(Deserialize)]
pub struct New {
    csrf: String,
    name: String,
    role: Role,
    #[serde(default)]
    os_account: String,
    #[serde(default)]
    user: String,
}

/// A change of one.
#[derive(Deserialize)]
pub struct Change {
    csrf: String,
    name: String,
    /// `role`, `disable` or `enable`.
    what: String,
    role: Option<Role>,
}

/// Whether people approve what they caused.
#[derive(Deserialize)]
pub struct Eyes {
    csrf: String,
    four_eyes: FourEyes,
}

/// `GET /access`.
///
/// # Errors
/// If the store fails.
pub async fn show(State(house): State<Arc<House>>, visitor: Visitor<Read>) -> Result<Markup, Trouble> {
    let answer = asking::ask(&house, &visitor, Command::Access(AccessCommand::People)).await?;
    let Answer::Access(AccessAnswer::People(people)) = answer else { return Err(asking::unexpected(&answer)) };
    let answer = asking::ask(&house, &visitor, Command::Operators).await?;
    let Answer::Operators { four_eyes, .. } = answer else { return Err(asking::unexpected(&answer)) };
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    let told = asking::told(&house, &visitor);
    Ok(page(&Operators { viewer, told, people, four_eyes, now: house.now() }))
}

/// `POST /access/operators`.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn add(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Form(form): Form<New>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let given = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let (os_account, user) = (given(form.os_account), given(form.user).map(UserRef));
    let command = Command::OperatorAdd { name: form.name.trim().to_owned(), role: form.role, os_account, user };
    asking::act(&house, &visitor, command, "/access", asking::done).await
}

/// `POST /access/operators/change`.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn change(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Form(form): Form<Change>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let Change { name, what, role, .. } = form;
    let command = match (what.as_str(), role) {
        ("role", Some(role)) => Command::Access(AccessCommand::SetRole { name, role }),
        ("disable", _) => Command::OperatorDisable { name },
        ("enable", _) => Command::Access(AccessCommand::Enable { name }),
        _ => return Err(Problem::bad_request(format!("`{what}` is no change of an operator")).into()),
    };
    asking::act(&house, &visitor, command, "/access", asking::done).await
}

/// `POST /access/four-eyes`.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn four_eyes(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Form(form): Form<Eyes>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    asking::act(&house, &visitor, Command::FourEyes { four_eyes: form.four_eyes }, "/access", asking::done).await
}

/// The page.
pub fn page(context: &Operators) -> Markup {
    let admin = context.viewer.role == Role::Admin;
    let body = html! {
        section {
            h2 .unseen { "Operators" }
            p .hint { "A viewer reads and retries; an approver also decides; an admin does everything. Disabled operators stay in the history." }
            div .wide {
                table .stack {
                    thead { tr { th { "Operator" } th { "Role" } th { "Signs in with" } th { "Last sign-in" } th .number { "Tokens" } @if admin { th { span .unseen { "Change" } } } } }
                    tbody { @for person in &context.people { (row(context, person, admin)) } }
                }
            }
        }
        @if admin { (new_one(context)) }
        (eyes(context, admin))
    };
    tabs::page(&context.viewer, Tab::Operators, &context.told, &body)
}

fn row(context: &Operators, person: &Person, admin: bool) -> Markup {
    let operator = &person.operator;
    html! {
        tr .off[operator.disabled] {
            th scope="row" {
                (operator.name)
                @if operator.name == context.viewer.name { " " span .hint { "(you)" } }
                @if operator.disabled { " " span .badge.plain { "disabled" } }
            }
            td data-label="Role" { (operator.role) @if person.issuer.is_some() { " " span .hint { "by its claim" } } }
            td data-label="Signs in with" { (ways(person, context.now)) }
            td data-label="Last sign-in" {
                @match person.last {
                    Some(last) => {
                        (words::moment(last.at, context.now))
                        " " span .hint { @match last.way { Way::Password => "password", Way::OpenId => "OpenID" } }
                    }
                    None => span .hint { "never here" },
                }
            }
            td .number data-label="Tokens" { (person.tokens) }
            @if admin { td .acts { (acts(context, person)) } }
        }
    }
}

fn ways(person: &Person, now: Timestamp) -> Markup {
    let account = person.operator.os_account.as_deref();
    html! {
        @if let Some(account) = account { div { "OS account " code { (account) } } }
        @if let Some(since) = person.password_since { div { "password, set " (words::moment(since, now)) } }
        @if let Some(issuer) = &person.issuer { div { "OpenID at " code { (issuer) } } }
        @if account.is_none() && person.password_since.is_none() && person.issuer.is_none() {
            span .note { "nothing yet: set a password with " code { "usher operators password" } }
        }
    }
}

fn acts(context: &Operators, person: &Person) -> Markup {
    let operator = &person.operator;
    let label = format!("Role of {}", operator.name);
    html! {
        form method="post" action="/access/operators/change" {
            (context.viewer.token())
            input type="hidden" name="name" value=(operator.name);
            @if operator.disabled {
                button type="submit" name="what" value="enable" aria-label={ "Enable " (operator.name) } { "Enable" }
            } @else {
                @if person.issuer.is_none() {
                    select name="role" aria-label=(label) { (roles(operator.role)) }
                    button type="submit" name="what" value="role" aria-label={ "Set role of " (operator.name) } { "Set role" }
                }
                button .danger type="submit" name="what" value="disable" aria-label={ "Disable " (operator.name) } { "Disable" }
            }
        }
    }
}

/// The roles to choose from.
pub fn roles(chosen: Role) -> Markup {
    html! {
        @for role in [Role::Viewer, Role::Approver, Role::Admin] {
            option value=(role) selected[role == chosen] { (role) }
        }
    }
}

fn new_one(context: &Operators) -> Markup {
    html! {
        details .box {
            summary { "Add an operator" }
            form .fields.row method="post" action="/access/operators" {
                (context.viewer.token())
                div { label for="new-name" { "Name" } input #new-name name="name" required maxlength="100" autocomplete="off"; }
                div { label for="new-role" { "Role" } select #new-role name="role" { (roles(Role::Viewer)) } }
                div { label for="new-account" { "OS account, if any" } input #new-account name="os_account" autocomplete="off"; }
                div { label for="new-user" { "Directory user he is, if any" } input #new-user name="user" autocomplete="off" placeholder="source:key, e-mail"; }
                button .primary type="submit" { "Add" }
            }
            p .hint { "Nobody approves what concerns himself: say which directory user he is. His password is set with " code { "usher operators password NAME" } "; he changes it here." }
        }
    }
}

fn eyes(context: &Operators, admin: bool) -> Markup {
    let meaning = match context.four_eyes {
        FourEyes::Record => "Record: one may approve what one caused, with a comment, and it is marked.",
        FourEyes::Enforce => "Enforce: nobody approves what he himself caused, or what is about him.",
    };
    let other = match context.four_eyes {
        FourEyes::Record => FourEyes::Enforce,
        FourEyes::Enforce => FourEyes::Record,
    };
    html! {
        section {
            h2 { "Four eyes" }
            p { (meaning) }
            @if admin {
                form method="post" action="/access/four-eyes" {
                    (context.viewer.token())
                    button type="submit" name="four_eyes" value=(other) { "Change to " (other) }
                }
            }
        }
    }
}
