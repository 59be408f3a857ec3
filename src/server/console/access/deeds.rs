//! What operators did beside deciding, newest first, by operator.

use std::sync::Arc;

use axum::extract::{Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::engine::access_command::{AccessAnswer, AccessCommand, Deed};
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::server::console::access::tabs::{self, Tab};
use crate::server::console::activity::links;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::Viewer;
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};
use crate::text::printable;

/// Deeds on one page.
const LISTED_MAX: usize = 50;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Deeds {
    /// Who looks.
    pub viewer: Viewer,
    /// Whose deeds; everybody's if empty.
    pub operator: String,
    /// All operators, by name.
    pub operators: Vec<String>,
    /// Newest first.
    pub deeds: Vec<Deed>,
    /// Where older ones begin.
    pub next: Option<u64>,
    /// The time, for ages.
    pub now: Timestamp,
}

/// The filter.
#[derive(Debug, Default, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    operator: String,
    before: Option<u64>,
}

/// `GET /access/history`.
///
/// # Errors
/// If the store fails, or there is no such operator.
pub async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Query(wanted): Query<Wanted>,
) -> Result<Markup, Trouble> {
    let operator = Some(wanted.operator.clone()).filter(|name| !name.is_empty());
    let command = AccessCommand::Deeds { operator, since: None, until: None, before: wanted.before, limit: LISTED_MAX };
    let answer = asking::ask(&house, &visitor, Command::Access(command)).await?;
    let Answer::Access(AccessAnswer::Deeds { deeds, next }) = answer else { return Err(asking::unexpected(&answer)) };
    let answer = asking::ask(&house, &visitor, Command::Operators).await?;
    let Answer::Operators { operators, .. } = answer else { return Err(asking::unexpected(&answer)) };
    let operators = operators.into_iter().map(|operator| operator.name).collect();
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    Ok(page(&Deeds { viewer, operator: wanted.operator, operators, deeds, next, now: house.now() }))
}

/// The page.
pub fn page(context: &Deeds) -> Markup {
    let body = html! {
        section {
            h2 .unseen { "What was done" }
            p .hint { "Imports, edits, revisions, operators, tokens, passwords and secrets, each bound into the history's chain. Decisions are with their events." }
            form .fields.row method="get" action="/access/history" {
                div {
                    label for="operator" { "Operator" }
                    select #operator name="operator" {
                        option value="" { "everybody" }
                        @for name in &context.operators { option value=(name) selected[*name == context.operator] { (name) } }
                    }
                }
                button type="submit" { "Show" }
            }
            @if context.deeds.is_empty() {
                p { "Nothing of that was done." }
            } @else {
                div .wide {
                    table .stack {
                        thead { tr { th { "When" } th { "Operator" } th { "Did" } th .number { "Entry" } } }
                        tbody { @for deed in &context.deeds { (row(deed, context.now)) } }
                    }
                }
            }
            @if let Some(next) = context.next {
                form method="get" action="/access/history" {
                    input type="hidden" name="operator" value=(context.operator);
                    input type="hidden" name="before" value=(next);
                    button type="submit" { "Older" }
                }
            }
        }
    };
    tabs::page(&context.viewer, Tab::History, &[], &body)
}

fn row(deed: &Deed, now: Timestamp) -> Markup {
    let unsaid = deed.app.as_ref().filter(|app| !deed.what.contains(app.as_str()));
    html! {
        tr {
            td data-label="When" { (words::moment(deed.at, now)) }
            td data-label="Operator" { (deed.operator) }
            td data-label="Did" {
                @if let Some((id, label)) = &deed.user { a href=(links::user(*id)) { (printable(label)) } ": " }
                (deed.what)
                @if let Some(app) = unsaid { " " span .hint { (app) } }
            }
            td .number data-label="Entry" { (deed.sequence) }
        }
    }
}
