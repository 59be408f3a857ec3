//! Leavers still active: who should have no account any more, and has.

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::pending::Leaver;
use crate::server::console::activity::{links, list};
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};
use crate::text::printable;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Leavers {
    /// Who looks.
    pub viewer: Viewer,
    /// Whoever waits longest first.
    pub leavers: Vec<Leaver>,
    /// The time, for ages.
    pub now: Timestamp,
}

/// `GET /activity/leavers`.
///
/// # Errors
/// If the store fails.
pub async fn show(State(house): State<Arc<House>>, visitor: Visitor<Read>) -> Result<Markup, Trouble> {
    let answer = asking::ask(&house, &visitor, Command::Leavers { app: None }).await?;
    let Answer::Leavers(mut leavers) = answer else { return Err(asking::unexpected(&answer)) };
    leavers.sort_by_key(|leaver| leaver.since.unwrap_or_else(|| house.now()));
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    Ok(page(&Leavers { viewer, leavers, now: house.now() }))
}

/// The page.
pub fn page(context: &Leavers) -> Markup {
    let body = html! {
        h1 { "Activity" }
        (list::tabs("/activity/leavers"))
        p .hint { "People who left, or lost an app, and whose account there is active still: the ones to look at first." }
        div #leavers data-live {
            @if context.leavers.is_empty() {
                p .empty { "Nobody. Everybody who left has no active account of ours any more." }
            } @else {
                div .wide {
                    table .stacked {
                        thead { tr { th { "Who" } th { "App" } th { "Account" } th { "Leaves because" } th { "Why it is active still, and what to do" } th { "Since" } th { "Event" } } }
                        tbody { @for leaver in &context.leavers { (row(leaver, context.now)) } }
                    }
                }
            }
        }
    };
    layout::page(&context.viewer, Place::Activity, "Leavers still active", &body)
}

fn row(leaver: &Leaver, now: Timestamp) -> Markup {
    html! {
        tr {
            th scope="row" { a href=(links::key(&leaver.key)) { (printable(&leaver.label)) } }
            td data-title="App" { a href=(links::app(&leaver.app)) { (leaver.app) } }
            td data-title="Account" { (printable(&leaver.user_name)) }
            td data-title="Leaves because" { (leaver.leaves) }
            td data-title="Why it is active still" { (printable(&leaver.why)) }
            td data-title="Since" { @if let Some(since) = leaver.since { (words::moment(since, now)) } @else { "not planned yet" } }
            td data-title="Event" { @if let Some(event) = leaver.event { a href=(links::event(event)) { (event) } } }
        }
    }
}
