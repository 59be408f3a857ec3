//! The queue: held batches first, then leavers, then whatever has waited longest.

use std::sync::Arc;

use axum::extract::{Query, State};
use maud::{Markup, html};

use crate::access::{Permission, Role};
use crate::clock::Timestamp;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::queue::{Held, QueuePage};
use crate::server::console::approvals::card;
use crate::server::console::approvals::filter::Asked;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};

/// Where it is.
pub const PATH: &str = "/approvals";

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Approvals {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// What the address asks for.
    pub asked: Asked,
    /// What waits.
    pub page: QueuePage,
    /// The time, for ages.
    pub now: Timestamp,
}

/// `GET /approvals`.
///
/// # Errors
/// If the filter means nothing, or the store fails.
pub async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Trouble> {
    let filter = asked.filter(None)?;
    let answer = asking::ask(&house, &visitor, Command::Queue { filter }).await?;
    let Answer::Queue(found) = answer else { return Err(asking::unexpected(&answer)) };
    let (viewer, told) = (Viewer::of(&visitor.actor, &visitor.session), asking::told(&house, &visitor));
    Ok(page(&Approvals { viewer, told, asked, page: *found, now: house.now() }))
}

/// The page.
pub fn page(context: &Approvals) -> Markup {
    let (found, may) = (&context.page, context.viewer.role >= Permission::Decide.needs());
    let body = html! {
        div .head {
            h1 { "Approvals" }
            span .hint { (waits(found.total)) }
            div .actions {
                @if may && !found.waiting.is_empty() { button #show-keys .quiet type="button" hidden { "Keys " kbd { "?" } } }
                a .button href="/approvals/decided" { "Decided lately" }
            }
        }
        (words::told(&context.told))
        @if found.total > 0 { (context.asked.form(PATH, found)) }
        div #queue data-live {
            @if !context.asked.restricts() && found.page == 1 {
                @for held in &found.batches { (batch(context, held, may)) }
            }
            @if found.waiting.is_empty() { (nothing(context)) } @else { (list(context, may)) }
        }
        @if !may { p .hint { "You are " (Role::Viewer) ": you see what waits; approvers decide." } }
        @if may { (card::keys()) }
    };
    layout::page(&context.viewer, Place::Approvals, "Approvals", &body)
}

fn waits(number: usize) -> String {
    match number {
        0 => "nothing waits".to_owned(),
        1 => "1 waits".to_owned(),
        _ => format!("{number} wait"),
    }
}

fn nothing(context: &Approvals) -> Markup {
    html! {
        @if context.asked.restricts() {
            div .empty { p { "Nothing that waits is like this." } p { a href=(PATH) { "Show all that waits" } } }
        } @else if context.page.total == 0 {
            div .empty {
                p { "Nothing waits for a decision." }
                p { "What a guard holds, or an app asks an approval for, appears here by itself. " a href="/approvals/decided" { "See what was decided lately" } "." }
            }
        } @else {
            p .hint { "Nothing else waits." }
        }
    }
}

/// The events of this page, and the form that decides about those that are ticked.
fn list(context: &Approvals, may: bool) -> Markup {
    let found = &context.page;
    html! {
        @let below_batches = !found.batches.is_empty() && !context.asked.restricts() && found.page == 1;
        h2 .unseen[!below_batches] { "One by one" }
        form #decisions method="post" action=(PATH) {
            (context.viewer.token())
            input type="hidden" name="back" value=(context.asked.address(PATH, found.page));
            @for waiting in &found.waiting { (card::card(waiting, context.now, may)) }
            @if may { (card::decide_ticked()) }
        }
        (words::pager((found.page, found.pages), &format!("{} found", found.matching), &|page| context.asked.address(PATH, page)))
    }
}

/// A held batch, decided as a whole.
fn batch(context: &Approvals, held: &Held, may: bool) -> Markup {
    html! {
        section .batch aria-labelledby=(format!("title-{}", held.batch)) {
            div .head {
                h2 id=(format!("title-{}", held.batch)) { "Held batch: " (words::kinds(&held.kinds)) " in " (held.app) }
                @if held.escalated > 0 { span .badge .bad { "escalated" } }
                div .actions {
                    span .hint { "waiting " (words::age(context.now, held.since)) }
                    a href=(format!("/approvals/batches/{}", held.batch)) { "See all " (held.shown.count) }
                }
            }
            @for why in &held.why { p .finding { (why) } }
            @if may { (card::decide_batch(&context.viewer, held, PATH)) }
        }
    }
}
