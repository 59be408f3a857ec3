//! What was decided within the last day: who, what, why, and what became of it.

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};

use crate::clock::{Span, Timestamp};
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::queue::Decided;
use crate::provision::approval::Ruling;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};

/// How far back it looks.
const LOOKED_BACK: Span = Span::from_hours(24);
/// Decisions on the page.
const LISTED_MAX: usize = 200;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct DecidedLately {
    /// Who looks.
    pub viewer: Viewer,
    /// Newest first.
    pub decided: Vec<Decided>,
    /// The time, for ages.
    pub now: Timestamp,
}

/// `GET /approvals/decided`.
///
/// # Errors
/// If the store fails.
pub async fn show(State(house): State<Arc<House>>, visitor: Visitor<Read>) -> Result<Markup, Trouble> {
    let now = house.now();
    let command = Command::Decisions { since: now.minus(LOOKED_BACK), limit: LISTED_MAX };
    let answer = asking::ask(&house, &visitor, command).await?;
    let Answer::Decisions(decided) = answer else { return Err(asking::unexpected(&answer)) };
    Ok(page(&DecidedLately { viewer: Viewer::of(&visitor.actor, &visitor.session), decided, now }))
}

/// The page.
pub fn page(context: &DecidedLately) -> Markup {
    let body = html! {
        p .crumbs { a href="/approvals" { "Approvals" } }
        div .head { h1 { "Decided within the last day" } }
        @if context.decided.is_empty() {
            div .empty { p { "Nobody decided anything within the last 24 hours." } p { a href="/approvals" { "See what waits" } } }
        } @else {
            (layout::wide("Decisions", &table(context)))
            @if context.decided.len() == LISTED_MAX { p .hint { "The newest " (LISTED_MAX) " are shown. " a href="/activity" { "Activity" } " has all." } }
        }
    };
    layout::page(&context.viewer, Place::Approvals, "Decided lately", &body)
}

fn table(context: &DecidedLately) -> Markup {
    html! {
        table {
            thead { tr { th { "When" } th { "Who" } th { "Decision" } th { "About" } th { "Comment" } th { "It is now" } } }
            tbody { @for one in &context.decided { (row(one, context.now)) } }
        }
    }
}

fn row(one: &Decided, now: Timestamp) -> Markup {
    let (event, decision) = (&one.event, &one.decision);
    html! {
        tr {
            td .nowrap { (words::moment(decision.at, now)) }
            td {
                (decision.name)
                @if decision.claimed { " " span .badge .note { "claimed" } }
                @if decision.own { " " span .badge .note { "own act" } }
            }
            td {
                @match decision.ruling {
                    Ruling::Approve => span .badge .good { "approved" },
                    Ruling::Reject => span .badge .bad { "rejected" },
                }
            }
            td { a href=(format!("/activity/{}", event.id)) { (event.operation.kind) " " (event.operation.label) } " in " (event.operation.app) }
            td { (decision.comment) }
            td { (words::badge(event.status.kind())) }
        }
    }
}
