//! The first page: what needs somebody. What the visitor can do something about comes first.

use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};

use crate::access::Role;
use crate::clock::Timestamp;
use crate::connector::capability::AppState;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::overview::{AppOverview, Overview};
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Viewer};
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};

/// Leavers that are named.
const NAMED_MAX: usize = 10;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Home {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// What needs somebody.
    pub overview: Overview,
    /// The time, for ages.
    pub now: Timestamp,
}

/// Something that needs somebody.
struct Need {
    /// Who can do something about it.
    role: Role,
    tone: &'static str,
    address: String,
    number: String,
    words: String,
}

/// `GET /`.
///
/// # Errors
/// If the store fails.
pub async fn show(State(house): State<Arc<House>>, visitor: Visitor<Read>) -> Result<Markup, Trouble> {
    let answer = asking::ask(&house, &visitor, Command::Overview).await?;
    let Answer::Overview(overview) = answer else { return Err(asking::unexpected(&answer)) };
    let (viewer, told) = (Viewer::of(&visitor.actor, &visitor.session), asking::told(&house, &visitor));
    Ok(page(&Home { viewer, told, overview: *overview, now: house.now() }))
}

/// The page.
pub fn page(context: &Home) -> Markup {
    let needs = needs(&context.overview);
    let (mine, others): (Vec<&Need>, Vec<&Need>) = needs.iter().partition(|need| need.role <= context.viewer.role);
    let body = html! {
        div .head { h1 { "What needs somebody" } }
        (words::told(&context.told))
        div #needs data-live {
            @if !context.overview.is_set_up { (not_set_up()) }
            @else if needs.is_empty() { p .notice .good { "All is well: nothing waits, nothing failed, and every app takes what is sent." } }
            @if !mine.is_empty() { (tiles(&mine)) }
            @if !others.is_empty() {
                h2 { "For others" }
                p .hint { "You are " (context.viewer.role) ": you see it, others act." }
                (tiles(&others))
            }
            (leavers(context))
            (apps(&context.overview))
        }
    };
    layout::first_page(&context.viewer, "Start", &body)
}

fn not_set_up() -> Markup {
    html! {
        div .notice .note {
            p { "No revision is active yet. Describe people in " code { "usher.toml" } " and an app in " code { "apps/" } ", then " code { "usher apply" } "." }
        }
    }
}

fn tiles(needs: &[&Need]) -> Markup {
    html! {
        ul .tiles {
            @for need in needs { li { a .tile .(need.tone) href=(need.address) { b { (need.number) } (need.words) } } }
        }
    }
}

/// Everything that needs somebody, the gravest first.
fn needs(overview: &Overview) -> Vec<Need> {
    let mut needs = Vec::new();
    let mut need = |role, tone, address: &str, number: String, words: &str| {
        needs.push(Need { role, tone, address: address.to_owned(), number, words: words.to_owned() });
    };
    let leavers: usize = overview.apps.iter().map(|app| app.leavers.len()).sum();
    if leavers > 0 {
        need(
            Role::Viewer,
            "bad",
            "#leavers",
            leavers.to_string(),
            if leavers == 1 { "leaver still has an account" } else { "leavers still have an account" },
        );
    }
    if overview.waiting > 0 {
        let waits = if overview.waiting == 1 { "waits" } else { "wait" };
        let words = match (overview.in_batches, overview.escalated) {
            (0, 0) => format!("{waits} for a decision"),
            (held, 0) => format!("{waits} for a decision, {held} in held batches"),
            (_, late) => format!("{waits} for a decision, {late} escalated"),
        };
        let tone = if overview.escalated > 0 { "bad" } else { "note" };
        need(Role::Approver, tone, "/approvals", overview.waiting.to_string(), &words);
    }
    for app in &overview.apps {
        if let Some((tone, words)) = stands(app) {
            need(Role::Admin, tone, &format!("/apps/{}", app.name), app.title.clone(), words);
        }
    }
    for app in overview.apps.iter().filter(|app| app.failed > 0) {
        let address = format!("/activity?app={}&status=trouble", app.name);
        let number = if app.more { format!("{}+", app.failed) } else { app.failed.to_string() };
        need(Role::Viewer, "bad", &address, number, &format!("failed or blocked in {}", app.title));
    }
    if !overview.parked.is_empty() {
        need(
            Role::Admin,
            "note",
            "/imports",
            overview.parked.len().to_string(),
            "imports are parked: look, then apply or drop",
        );
    }
    needs
}

/// What is wrong with an app, if something is.
fn stands(app: &AppOverview) -> Option<(&'static str, &'static str)> {
    match app.state {
        AppState::Live => None,
        AppState::Untested => Some(("note", "was never tested")),
        AppState::Paused { .. } => Some(("note", "is paused: nothing is sent")),
        AppState::BreakerOpen { .. } => Some(("note", "does not answer just now; it is tried again")),
        AppState::Quarantined { .. } => Some(("bad", "is in quarantine: nothing is sent")),
        AppState::Disabled { .. } => Some(("bad", "is disabled: only a person can resume it")),
    }
}

/// Whoever should have no account any more, and has.
fn leavers(context: &Home) -> Markup {
    let all: Vec<_> =
        context.overview.apps.iter().flat_map(|app| app.leavers.iter().map(move |leaver| (app, leaver))).collect();
    html! {
        @if !all.is_empty() {
            section #leavers .panel {
                h2 { "Leavers who still have an account" }
                (layout::wide("Leavers", &html! { table {
                    thead { tr { th { "Who" } th { "App" } th { "Waits" } th { "Why still" } } }
                    tbody { @for (app, leaver) in all.iter().take(NAMED_MAX) { tr {
                        th scope="row" { a href=(format!("/activity/{}", leaver.event)) { (leaver.label) } }
                        td { (app.title) }
                        td .nowrap {
                            (words::badge(leaver.status)) " " (words::age(context.now, leaver.since))
                            @if let Some(level) = leaver.escalation { " " span .badge .bad { (level.word().to_lowercase()) } }
                        }
                        td { (leaver.reason) }
                    } } }
                } }))
                p .hint {
                    @if all.len() > NAMED_MAX { "and " (all.len() - NAMED_MAX) " more. " }
                    a href="/activity/leavers" { "All of them, with those that were rejected or let go of" }
                }
            }
        }
    }
}

fn apps(overview: &Overview) -> Markup {
    html! {
        @if overview.is_set_up {
            h2 { "Everything else" }
            ul .tiles {
                li { a .tile href="/users" { b { (overview.users) } "people in the directory" } }
                @for app in &overview.apps { li { a .tile href=(format!("/apps/{}", app.name)) { b { (app.active) } "active in " (app.title) } } }
            }
        }
    }
}
