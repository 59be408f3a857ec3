//! One app: how it stands, what waits, what several users share.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Redirect;
use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::id::AppName;
use crate::provision::account::Presence;
use crate::provision::event::StatusKind;
use crate::server::console::apps::frame::{Frame, Tab};
use crate::server::console::apps::state;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Viewer};
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Level, Read, Visitor};
use crate::server::problem::Problem;
use crate::timetable;

/// Leavers that are listed.
const LEAVERS_MAX: usize = 50;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct One {
    /// The app, and who looks.
    pub frame: Frame,
    /// When its next cycle is due; `None` = by kicks only.
    pub next_cycle: Option<Timestamp>,
}

/// What every page about an app needs.
///
/// # Errors
/// 404 if there is no such app.
pub async fn frame<L: Level>(house: &Arc<House>, visitor: &Visitor<L>, app: &str) -> Result<Frame, Trouble> {
    let name: AppName = asking::part("app", app)?;
    let active = house.engine.active().await?;
    if !active.apps.contains_key(&name) {
        return Err(Problem::not_found(format!("there is no app `{name}`")).into());
    }
    let answer = asking::ask(house, visitor, Command::AppShow { app: name }).await?;
    let Answer::App(app) = answer else { return Err(asking::unexpected(&answer)) };
    let (viewer, told) = (Viewer::of(&visitor.actor, &visitor.session), asking::told(house, visitor));
    Ok(Frame { viewer, told, app: *app, now: house.now() })
}

/// `GET /apps/{app}`.
///
/// # Errors
/// 404 if there is no such app.
pub async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Path(app): Path<String>,
) -> Result<Markup, Trouble> {
    let frame = frame(&house, &visitor, &app).await?;
    // A schedule that can't be read is told by the doctor; here it is no cycle.
    let next_cycle =
        timetable::next_time(&frame.app.app.schedule, &frame.app.app.timezone, frame.now).unwrap_or_default();
    Ok(page(&One { frame, next_cycle }))
}

/// `GET` of an address that only a form sends to: back to the app.
pub async fn again(_: Visitor<Read>, Path(app): Path<String>) -> Redirect {
    Redirect::to(&app.parse::<AppName>().map_or_else(|_| "/apps".to_owned(), |app| format!("/apps/{app}")))
}

/// The page.
pub fn page(context: &One) -> Markup {
    let app = &context.frame.app;
    let body = html! {
            // What a running cycle does: filled in by the script while it runs.
            p .notice data-progress=(app.name) role="status" hidden {}
            div #app-now data-live {
                (state::notice(&app.state, context.frame.now))
                @for finding in &app.findings { p .notice .note { (finding) } }
    (numbers(context))
                div .columns {
                    (cycles(context))
                    (waiting(context))
                }
                @if !app.waiting.leavers.is_empty() { (leavers(context)) }
            }
            (taught(context))
        };
    context.frame.page(Tab::Overview, &body)
}

fn numbers(context: &One) -> Markup {
    let app = &context.frame.app;
    let events = |status: StatusKind| app.counts.events.get(&status).copied().unwrap_or(0);
    let link = |status: StatusKind| match status {
        StatusKind::Pending => format!("/approvals?app={}", app.name),
        _ => format!("/activity?app={}&status={status}", app.name),
    };
    let statuses = [
        (StatusKind::Pending, "note"),
        (StatusKind::Queued, "plain"),
        (StatusKind::Running, "plain"),
        (StatusKind::Verifying, "note"),
        (StatusKind::Failed, "bad"),
        (StatusKind::Refused, "bad"),
        (StatusKind::Succeeded, "plain"),
    ];
    html! {
        ul .tiles {
            @for (presence, number) in &app.counts.accounts { @if *number > 0 || *presence == Presence::Active {
                li { div .tile { b { (number) } (state::presence(*presence)) } }
            } }
            @for (status, tone) in statuses { @if events(status) > 0 {
                li { a .tile .(tone) href=(link(status)) { b { (events(status)) } "events " (status) } }
            } }
        }
    }
}

fn cycles(context: &One) -> Markup {
    let (app, now) = (&context.frame.app, context.frame.now);
    html! {
        section .panel {
            h2 { "Cycles" }
            dl {
                dt { "Last" } dd { @match app.last_cycle { Some(at) => (words::moment(at, now)), None => "none yet" } }
                dt { "Next" } dd { @match context.next_cycle { Some(at) => (words::ahead(at, now)), None => "when something changes" } }
                dt { "Schedule" } dd { @if app.app.schedule.is_empty() { "by kicks only" } @else { code { (app.app.schedule) } " " (app.app.timezone) } }
                dt { "To be planned" } dd { (app.counts.dirty) }
                dt { "Rules" } dd { a href=(format!("/rules/{}", app.app.rules)) { (app.app.rules) } }
                dt { "Credential" } dd { code { (app.app.credential) } }
                dt { "Reconciled" }
                dd {
                    @match &app.reconciled {
                        Some(last) => { (words::moment(last.at, now)) ", " a href=(format!("/apps/{}/reconcile", app.name)) { (last.drift) " differences" } },
                        None => "never",
                    }
                }
            }
        }
    }
}

fn waiting(context: &One) -> Markup {
    let app = &context.frame.app;
    html! {
        section .panel {
            h2 { "What waits" }
            dl {
                dt { "For an approver" }
                dd {
                    (app.counts.events.get(&StatusKind::Pending).copied().unwrap_or(0))
                    @if app.escalated > 0 { " " span .badge .bad { (app.escalated) " escalated" } }
                }
                dt { "Leavers" } dd { (app.waiting.leavers.len()) }
                @for (kind, number) in &app.waiting.queued { dt { (kind) } dd { (number) } }
                @if app.waiting.more > 0 { dt { "More" } dd { (app.waiting.more) } }
                @for (edge, number) in &app.counts.edges { @if *number > 0 { dt { "Memberships " (state::edge(*edge)) } dd { (number) } } }
            }
        }
    }
}

fn leavers(context: &One) -> Markup {
    let all = &context.frame.app.waiting.leavers;
    html! {
        section .panel {
            h2 { "Leavers who still have an account" }
            (layout::wide("Leavers", &html! { table {
                thead { tr { th { "Who" } th { "What" } th { "Waits" } th { "Why still" } } }
                tbody { @for leaver in all.iter().take(LEAVERS_MAX) { tr {
                    th scope="row" { a href=(format!("/activity/{}", leaver.event)) { (leaver.label) } }
                    td { (leaver.kind) }
                    td .nowrap {
                        (words::badge(leaver.status)) " " (words::age(context.frame.now, leaver.since))
                        @if let Some(level) = leaver.escalation { " " span .badge .bad { (level.word().to_lowercase()) } }
                    }
                    td { (leaver.reason) }
                } } }
            } }))
            @if all.len() > LEAVERS_MAX { p .hint { "and " (all.len() - LEAVERS_MAX) " more" } }
        }
    }
}

/// What an admin must know.
fn taught(context: &One) -> Markup {
    let app = &context.frame.app;
    html! {
        div .columns {
            @if !app.notes.is_empty() { section .panel { h2 { "What to know about this connector" } ul { @for note in &app.notes { li { (note) } } } } }
            @if !app.learned.is_empty() { section .panel { h2 { "What the target taught us" } ul { @for word in &app.learned { li { (word) } } } } }
        }
    }
}
