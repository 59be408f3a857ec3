//! All revisions, newest first.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::connector::revision::Revision;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::id::{OperatorId, RevisionNumber};
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::rules::files;
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};

/// Revisions that are shown.
const SHOWN_MAX: usize = 200;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Revisions {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// Newest first.
    pub revisions: Vec<Revision>,
    /// The active one.
    pub active: Option<RevisionNumber>,
    /// Names of authors.
    pub names: BTreeMap<OperatorId, String>,
    /// The time, for ages.
    pub now: Timestamp,
}

/// `GET /rules/revisions`.
///
/// # Errors
/// If the store fails.
pub async fn show(State(house): State<Arc<House>>, visitor: Visitor<Read>) -> Result<Markup, Trouble> {
    let answer = asking::ask(&house, &visitor, Command::Revisions).await?;
    let Answer::Revisions { revisions, active } = answer else { return Err(asking::unexpected(&answer)) };
    let names = files::names(&house, &visitor).await?;
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    let told = asking::told(&house, &visitor);
    Ok(page(&Revisions { viewer, told, revisions, active, names, now: house.now() }))
}

/// The page.
pub fn page(context: &Revisions) -> Markup {
    let body = html! {
        p .crumbs { a href="/rules" { "Rules" } " / Revisions" }
        h1 { "Revisions" }
        (words::told(&context.told))
        @if context.revisions.is_empty() {
            div .empty { p { "There is none yet: activating a draft, or " code { "usher apply" } ", makes the first." } }
        } @else {
            div .wide {
                table {
                    thead { tr { th { "Revision" } th { "Made" } th { "By" } th { "Why" } th { "After" } } }
                    tbody {
                        @for revision in context.revisions.iter().take(SHOWN_MAX) {
                            tr {
                                th scope="row" {
                                    a href=(format!("/rules/revisions/{}", revision.number.0)) { (revision.number) }
                                    @if context.active == Some(revision.number) { " " span .badge .good { "active" } }
                                }
                                td { (words::moment(revision.at, context.now)) }
                                td { (context.names.get(&revision.author).map_or("somebody", String::as_str)) }
                                td { (revision.comment) }
                                td { @if let Some(parent) = revision.parent { (parent) } }
                            }
                        }
                    }
                }
            }
            @if context.revisions.len() > SHOWN_MAX { p .hint { "… and " (context.revisions.len() - SHOWN_MAX) " older ones: " code { "usher revisions list" } } }
        }
    };
    layout::page(&context.viewer, Place::Rules, "Revisions", &body)
}
