//! One generation: what it did or would do, the rows that could not be read, and for one that waits, the decision.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum_extra::extract::Form;
use maud::{Markup, html};
use serde::Deserialize;

use crate::access::Permission;
use crate::clock::Timestamp;
use crate::engine::answer::{Answer, ImportAnswer};
use crate::engine::command::Command;
use crate::engine::intake::guard;
use crate::id::ImportId;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::imports::{list, preview};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::rules::files;
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Administer, Read, Visitor};
use crate::server::problem::Problem;
use crate::store::query::ImportState;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct One {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// The generation.
    pub imported: ImportAnswer,
    /// Who brought it.
    pub by: String,
    /// The time, for ages.
    pub now: Timestamp,
}

/// The decision.
#[derive(Deserialize)]
pub struct Decision {
    csrf: String,
    what: String,
    #[serde(default)]
    expected: String,
}

/// `GET /imports/{id}`.
///
/// # Errors
/// If there is no such import.
pub async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Path(id): Path<String>,
) -> Result<Markup, Trouble> {
    let id: ImportId = asking::part("import", &id)?;
    let none = |_| Trouble::Wrong(Problem::not_found(format!("there is no import {id}")));
    let imported = match files::ask(&house, &visitor, Command::ImportShow { id }, "/imports").await?.map_err(none)? {
        Answer::Imported(imported) => imported,
        other => return Err(asking::unexpected(&other)),
    };
    let by = files::names(&house, &visitor).await?.remove(&imported.import.operator).unwrap_or_default();
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    let told = asking::told(&house, &visitor);
    Ok(page(&One { viewer, told, imported, by, now: house.now() }))
}

/// `POST /imports/{id}`.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn decide(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Path(id): Path<String>,
    Form(form): Form<Decision>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let id: ImportId = asking::part("import", &id)?;
    let back = format!("/imports/{id}");
    let command = match form.what.as_str() {
        "apply" => {
            let typed = form.expected.trim();
            let Ok(accept_shrink) = (if typed.is_empty() { Ok(None) } else { typed.parse::<u64>().map(Some) }) else {
                return Ok(asking::go(&house, &visitor, &back, vec![format!("`{typed}` is no number of users.")]));
            };
            if accept_shrink.is_none() && shrinks(&house, &visitor, id).await? {
                let lines = vec!["It shrinks: type the number of users that you expect to lose something.".to_owned()];
                return Ok(asking::go(&house, &visitor, &back, lines));
            }
            Command::ImportApply { id, accept_shrink }
        }
        "drop" => Command::ImportDrop { id },
        other => {
            return Err(Problem::bad_request(format!("`{other}` is nothing that can be done with an import")).into());
        }
    };
    asking::act(&house, &visitor, command, &back, |answer| match answer {
        Answer::Imported(imported) => vec![format!("Applied: {}.", list::short(&imported.import.preview))],
        other => asking::done(other),
    })
    .await
}

async fn shrinks(house: &Arc<House>, visitor: &Visitor<Administer>, id: ImportId) -> Result<bool, Trouble> {
    match asking::ask(house, visitor, Command::ImportShow { id }).await? {
        Answer::Imported(imported) => Ok(!imported.import.preview.shrinks.is_empty()),
        other => Err(asking::unexpected(&other)),
    }
}

/// The page.
pub fn page(context: &One) -> Markup {
    let import = &context.imported.import;
    let may = context.viewer.role >= Permission::Administer.needs();
    let parked = matches!(import.state, ImportState::Parked { .. });
    let files: Vec<&str> = import.files.iter().map(|file| file.rsplit('/').next().unwrap_or(file)).collect();
    let body = html! {
        p .crumbs { a href="/imports" { "Imports" } " / " (import.id) }
        div .head {
            h1 { (files.join(", ")) }
            (list::state(&import.state))
            span .hint {
                "source " (import.source) @if import.full { ", everybody" } @else { ", only what it says" }
                "; by " (context.by) ", " (words::moment(import.at, context.now))
            }
        }
        (words::told(&context.told))
        @if let ImportState::Parked { reasons } = &import.state {
            section .notice .note {
                h2 { "Nothing of it counts yet" }
                @for reason in reasons { p .finding { (reason) } }
                @if may { (decision(context)) } @else { p .hint { "Admins decide." } }
            }
        }
        (preview::numbers(&context.imported))
        (preview::remarks(&context.imported))
        @if parked { (preview::sample(&context.imported.sample)) }
    };
    layout::page(&context.viewer, Place::Imports, "Import", &body)
}

fn decision(context: &One) -> Markup {
    let import = &context.imported.import;
    let shrinks = !import.preview.shrinks.is_empty();
    html! {
        form .inline method="post" action=(format!("/imports/{}", import.id)) {
            (context.viewer.token())
            @if shrinks {
                label for="expected" { "How many do you expect to leave or lose something?" }
                input #expected name="expected" type="number" min="0" inputmode="numeric" placeholder=(format!("at most; it is {}", guard::largest(&import.preview)));
            }
            button .primary type="submit" name="what" value="apply" { "Apply it" }
            button type="submit" name="what" value="drop" formnovalidate { "Drop it" }
        }
    }
}
