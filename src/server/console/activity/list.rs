//! The list of events: filtered, by page, live on its first page.

use std::sync::Arc;

use axum::extract::{Query, State};
use maud::{Markup, html};

use crate::clock::Timestamp;
use crate::engine::answer::{Answer, ExportedEvent};
use crate::engine::command::Command;
use crate::engine::context::EngineError;
use crate::id::EventId;
use crate::provision::operation::Kind;
use crate::server::console::activity::filter::{self, Asked};
use crate::server::console::activity::story::{self, Columns};
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};

/// Events on one page.
pub const ROWS: usize = 30;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Activity {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// What was asked for.
    pub asked: Asked,
    /// What is wrong with that.
    pub wrong: Vec<String>,
    /// Newest first.
    pub events: Vec<ExportedEvent>,
    /// Where older ones begin.
    pub older: Option<EventId>,
    /// Where newer ones begin.
    pub newer: Option<EventId>,
    /// Names of apps, to choose from.
    pub apps: Vec<String>,
    /// Names of operators, to choose from.
    pub operators: Vec<String>,
    /// The time, for ages.
    pub now: Timestamp,
}

/// `GET /activity`.
///
/// # Errors
/// If the store fails.
pub async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Trouble> {
    let now = house.now();
    let mut context = Activity {
        viewer: Viewer::of(&visitor.actor, &visitor.session),
        told: asking::told(&house, &visitor),
        wrong: Vec::new(),
        events: Vec::new(),
        older: None,
        newer: None,
        apps: house.engine.active().await?.names().iter().map(ToString::to_string).collect(),
        operators: Vec::new(),
        asked,
        now,
    };
    if let Answer::Operators { operators, .. } = asking::ask(&house, &visitor, Command::Operators).await? {
        context.operators = operators.into_iter().map(|operator| operator.name).collect();
    }
    match context.asked.read(now, ROWS) {
        Err(wrong) => context.wrong = wrong,
        Ok((user, filter)) => {
            let cursors = (filter.before, filter.after);
            let command = Command::HistoryPage { user, filter, full: true };
            match house.engine.answer(&visitor.actor, command, &crate::engine::context::Unwatched).await {
                Ok(Answer::Exported { events, next }) => {
                    (context.older, context.newer) = around(&events, next, cursors);
                    context.events = events;
                }
                // A user or an operator whom nobody knows.
                Err(EngineError::Invalid(why)) => context.wrong = vec![why],
                Err(error) => return Err(error.into()),
                Ok(other) => return Err(asking::unexpected(&other)),
            }
        }
    }
    Ok(page(&context))
}

/// Cursors to older and to newer events: the page's own leads on, and where it came from there are others.
pub fn around(
    events: &[ExportedEvent],
    next: Option<EventId>,
    (before, after): (Option<EventId>, Option<EventId>),
) -> (Option<EventId>, Option<EventId>) {
    let (first, last) = (events.first().map(|one| one.event.id), events.last().map(|one| one.event.id));
    match after {
        Some(_) => (last, next),
        None => (next, first.filter(|_| before.is_some())),
    }
}

/// Where one can go from here.
pub fn tabs(here: &str) -> Markup {
    let places =
        [("/activity", "Events"), ("/activity/charts", "Last 24 hours"), ("/activity/leavers", "Leavers still active")];
    html! {
        nav .tabs aria-label="Activity" {
            @for (address, title) in places {
                a href=(address) aria-current=[(address == here).then_some("page")] { (title) }
            }
        }
    }
}

/// The page.
pub fn page(context: &Activity) -> Markup {
    let asked = &context.asked;
    let first = asked.before.is_empty() && asked.after.is_empty();
    let back = asked.address("/activity", None, None);
    let body = html! {
        h1 { "Activity" }
        (tabs("/activity"))
        (words::told(&context.told))
        (form(context))
        @if !context.wrong.is_empty() {
            div .reason .bad role="alert" { @for line in &context.wrong { p { (line) } } }
        } @else {
            section id="events" aria-label="Events" data-live[first] {
                @if context.events.is_empty() { (nothing(context)) }
                @else { (story::list(&context.viewer, &context.events, Columns::All, (&back, context.now))) }
            }
        }
        nav .pages aria-label="Pages" {
            @if let Some(newer) = context.newer { a rel="prev" href=(asked.address("/activity", None, Some(newer))) { "← Newer" } }
            @if !first { a href=(back) { "Newest" } }
            @if let Some(older) = context.older { a rel="next" href=(asked.address("/activity", Some(older), None)) { "Older →" } }
        }
    };
    layout::page(&context.viewer, Place::Activity, "Activity", &body)
}

fn nothing(context: &Activity) -> Markup {
    html! {
        @if context.asked.filters() || !context.asked.before.is_empty() || !context.asked.after.is_empty() {
            p .empty { "No event fits. " a href="/activity" { "Show all events" } ", or widen the filter." }
        } @else {
            p .empty {
                "Nothing was done yet. Events appear here as soon as a cycle plans something: import people (" a href="/imports" { "Imports" }
                "), describe an app (" a href="/apps" { "Apps" } "), then run a cycle."
            }
        }
    }
}

fn form(context: &Activity) -> Markup {
    let asked = &context.asked;
    let apps: Vec<(&str, &str)> = context.apps.iter().map(|app| (app.as_str(), app.as_str())).collect();
    let operators: Vec<(&str, &str)> = context.operators.iter().map(|name| (name.as_str(), name.as_str())).collect();
    let kinds: Vec<(&str, &str)> = Kind::ALL.iter().map(|kind| (kind.word(), kind.word())).collect();
    html! {
        form .filter method="get" action="/activity" role="search" {
            div { label for="f-user" { "User" } input #f-user name="user" value=(asked.user) placeholder="e-mail, key or id" data-search; }
            (choice(("status", "Status"), &asked.status, None, &filter::statuses()))
            (choice(("app", "App"), &asked.app, Some("any app"), &apps))
            (choice(("kind", "Kind"), &asked.kind, Some("any kind"), &kinds))
            (choice(("operator", "Operator"), &asked.operator, Some("anybody"), &operators))
            div { label for="f-since" { "From" } input #f-since name="since" value=(asked.since) list="spans" placeholder="24h ago" autocomplete="off"; }
            div { label for="f-until" { "Until" } input #f-until name="until" value=(asked.until) list="spans" placeholder="now" autocomplete="off"; }
            datalist #spans { @for span in ["1h", "24h", "7d", "30d"] { option value=(span) {} } }
            div .go {
                button .primary type="submit" { "Filter" }
                @if asked.filters() { a href="/activity" { "Clear" } }
            }
        }
    }
}

/// A list to choose from; a value that is not among them is kept, so that the page can say what is wrong with it.
fn choice((name, title): (&str, &str), chosen: &str, any: Option<&str>, options: &[(&str, &str)]) -> Markup {
    let id = format!("f-{name}");
    let known = chosen.is_empty() || options.iter().any(|(value, _)| *value == chosen);
    html! {
        div {
            label for=(id) { (title) }
            select id=(id) name=(name) {
                @if let Some(any) = any { option value="" { (any) } }
                @if !known { option value=(chosen) selected { (chosen) } }
                @for (value, said) in options { option value=(value) selected[*value == chosen] { (said) } }
            }
        }
    }
}
