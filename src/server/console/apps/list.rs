//! Apps: how each stands, at a glance.

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::engine::answer::{Answer, AppAnswer};
use crate::engine::command::Command;
use crate::provision::account::Presence;
use crate::provision::event::StatusKind;
use crate::server::console::apps::state;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Apps {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// By name.
    pub apps: Vec<AppAnswer>,
    /// The time, for ages.
    pub now: Timestamp,
}

/// `GET /apps`.
///
/// # Errors
/// If the store fails.
pub async fn show(State(house): State<Arc<House>>, visitor: Visitor<Read>) -> Result<Markup, Trouble> {
    let answer = asking::ask(&house, &visitor, Command::Apps).await?;
    let Answer::Apps(apps) = answer else { return Err(asking::unexpected(&answer)) };
    let (viewer, told) = (Viewer::of(&visitor.actor, &visitor.session), asking::told(&house, &visitor));
    Ok(page(&Apps { viewer, told, apps, now: house.now() }))
}

/// The page.
pub fn page(context: &Apps) -> Markup {
    let body = html! {
        div .head { h1 { "Apps" } }
        (words::told(&context.told))
        @if context.apps.is_empty() {
            div .empty {
                p { "There is no app yet." }
                p { "Describe one in " code { "apps/NAME.toml" } " of the workspace, then " code { "usher apply" } "; or look at " a href="/rules" { "what is active" } "." }
            }
        } @else {
            div #apps data-live { (layout::wide("Apps", &table(context))) }
        }
    };
    layout::page(&context.viewer, Place::Apps, "Apps", &body)
}

fn table(context: &Apps) -> Markup {
    html! {
        table {
            thead { tr {
                th { "App" } th { "Connector" } th { "State" }
                th .number { "Active" } th .number { "Pending" } th .number { "Queued" } th .number { "Failed" } th .number { "Leavers" }
                th { "Last cycle" } th { "Drift" }
            } }
            tbody { @for app in &context.apps { (row(app, context.now)) } }
        }
    }
}

fn row(app: &AppAnswer, now: Timestamp) -> Markup {
    let events = |status: StatusKind| app.counts.events.get(&status).copied().unwrap_or(0);
    let active = app.counts.accounts.get(&Presence::Active).copied().unwrap_or(0);
    let (pending, failed) = (events(StatusKind::Pending), events(StatusKind::Failed));
    html! {
        tr {
            th scope="row" { a href=(format!("/apps/{}", app.name)) { (if app.app.title.is_empty() { app.name.as_str() } else { app.app.title.as_str() }) } }
            td { (app.app.connector) }
            td {
                (state::badge(&app.state)) " " span .hint data-progress=(app.name) hidden {}
                @for finding in app.findings.iter().take(1) { " " span .note { (finding.kind.title()) } }
            }
            td .number { (active) }
            td .number { @if pending > 0 { a href=(format!("/approvals?app={}", app.name)) { (pending) } } @else { "0" } }
            td .number { (events(StatusKind::Queued)) }
            td .number { @if failed > 0 { a .bad href=(format!("/activity?app={}&status=failed", app.name)) { (failed) } } @else { "0" } }
            td .number { @if app.waiting.leavers.is_empty() { "0" } @else { b .bad { (app.waiting.leavers.len()) } } }
            td .nowrap { @match app.last_cycle { Some(at) => (words::moment(at, now)), None => "never" } }
            td .nowrap {
                @match &app.reconciled {
                    Some(last) => a href=(format!("/apps/{}/reconcile", app.name)) { @if last.drift == 0 { "none" } @else { (last.drift) " found" } },
                    None => span .hint { "not looked" },
                }
            }
        }
    }
}
