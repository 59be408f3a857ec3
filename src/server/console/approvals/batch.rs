//! One held batch: all that is in it, by page. It can be decided as a whole, or one by one.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use maud::{Markup, html};

use crate::access::Permission;
use crate::clock::Timestamp;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::queue::QueuePage;
use crate::id::BatchId;
use crate::server::console::approvals::card;
use crate::server::console::approvals::filter::Asked;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// Which.
    pub batch: BatchId,
    /// What the address asks for.
    pub asked: Asked,
    /// What is in it.
    pub page: QueuePage,
    /// The time, for ages.
    pub now: Timestamp,
}

/// `GET /approvals/batches/{batch}`.
///
/// # Errors
/// If there is no such batch, or the store fails.
pub async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Path(batch): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Trouble> {
    let batch: BatchId = asking::part("batch", &batch)?;
    let filter = asked.filter(Some(batch))?;
    let answer = asking::ask(&house, &visitor, Command::Queue { filter }).await?;
    let Answer::Queue(found) = answer else { return Err(asking::unexpected(&answer)) };
    let (viewer, told) = (Viewer::of(&visitor.actor, &visitor.session), asking::told(&house, &visitor));
    Ok(page(&Batch { viewer, told, batch, asked, page: *found, now: house.now() }))
}

/// The page.
pub fn page(context: &Batch) -> Markup {
    let (found, may) = (&context.page, context.viewer.role >= Permission::Decide.needs());
    let path = format!("/approvals/batches/{}", context.batch);
    let held = found.batches.iter().find(|held| held.batch == context.batch);
    let body = html! {
        p .crumbs { a href="/approvals" { "Approvals" } }
        @if let Some(held) = held {
            div .head {
                h1 { "Held batch: " (words::kinds(&held.kinds)) " in " (held.app) }
                span .hint { code { (held.batch) } " · waiting " (words::age(context.now, held.since)) }
            }
            (words::told(&context.told))
            @for why in &held.why { p .notice .note { (why) } }
            @if may { div .panel { (card::decide_batch(&context.viewer, held, &path)) } }
            (context.asked.form(&path, found))
            @if found.waiting.is_empty() { div .empty { p { "Nothing in this batch is like this." } } } @else { (list(context, &path, may)) }
            @if !found.ambiguous.is_empty() { (blocked(context)) }
            @if may { (card::keys()) }
        } @else {
            h1 { "Nothing of this batch waits any more" }
            (words::told(&context.told))
            p { "It was decided, or newer changes took the place of what was in it." }
            p { a href="/approvals/decided" { "See what was decided lately" } " or go " a href="/approvals" { "back to what waits" } "." }
        }
    };
    layout::page(&context.viewer, Place::Approvals, "Held batch", &body)
}

fn list(context: &Batch, path: &str, may: bool) -> Markup {
    let found = &context.page;
    html! {
        form #decisions method="post" action="/approvals" {
            (context.viewer.token())
            input type="hidden" name="back" value=(context.asked.address(path, found.page));
            h2 { "What is in it" }
            @for waiting in &found.waiting { (card::card(waiting, context.now, may)) }
            @if may { (card::decide_ticked()) }
        }
        (words::pager((found.page, found.pages), &format!("{} in it", found.matching), &|page| context.asked.address(path, page)))
    }
}

/// What several accounts match.
fn blocked(context: &Batch) -> Markup {
    html! {
        section {
            h2 { "Not decided with it: several accounts match" }
            p .hint { "Leave one account with this value at the target, then retry the event." }
            @for waiting in &context.page.ambiguous { (card::card(waiting, context.now, false)) }
        }
    }
}
