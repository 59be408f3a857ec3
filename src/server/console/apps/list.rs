//! Apps: how each stands, at a glance.

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};

use crate::engine::answer::{Answer, AppAnswer};
use crate::engine::command::Command;
use crate::provision::account::Presence;
use crate::provision::event::StatusKind;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Apps {
    /// Who looks.
    pub viewer: Viewer,
    /// By name.
    pub apps: Vec<AppAnswer>,
}

/// `GET /apps`.
///
/// # Errors
/// If the store fails.
pub async fn show(State(house): State<Arc<House>>, visitor: Visitor<Read>) -> Result<Markup, Trouble> {
    let answer = asking::ask(&house, &visitor, Command::Apps).await?;
    let Answer::Apps(apps) = answer else { return Err(asking::unexpected(&answer)) };
    Ok(page(&Apps { viewer: Viewer::of(&visitor.actor, &visitor.session), apps }))
}

/// The page.
pub fn page(context: &Apps) -> Markup {
    let body = html! {
        h1 { "Apps" }
        @if context.apps.is_empty() {
            p .hint { "There is no app yet. Describe one in " code { "apps/" } " of the workspace, then " code { "usher apply" } "." }
        } @else {
            div .wide {
                table {
                    thead { tr {
                        th { "App" } th { "Connector" } th { "State" }
                        th .number { "Active" } th .number { "Pending" } th .number { "Queued" } th .number { "Failed" }
                        th { "Last cycle" }
                    } }
                    tbody { @for app in &context.apps { (row(app)) } }
                }
            }
        }
    };
    layout::page(&context.viewer, Place::Apps, "Apps", &body)
}

fn row(app: &AppAnswer) -> Markup {
    let events = |status: StatusKind| app.counts.events.get(&status).copied().unwrap_or(0);
    let active = app.counts.accounts.get(&Presence::Active).copied().unwrap_or(0);
    html! {
        tr {
            th scope="row" { (if app.app.title.is_empty() { app.name.as_str() } else { app.app.title.as_str() }) }
            td { (app.app.connector) }
            td {
                @match app.state.stopped() {
                    Some(why) => span .trouble { (why) },
                    None => "live",
                }
            }
            td .number { (active) }
            @for status in [StatusKind::Pending, StatusKind::Queued, StatusKind::Failed] { td .number { (events(status)) } }
            td { @match app.last_cycle { Some(at) => (at), None => "never" } }
        }
    }
}
