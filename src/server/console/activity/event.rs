//! One event: its whole story, what caused it, and what to do.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum_extra::extract::Form;
use maud::{Markup, html};
use serde::Deserialize;

use crate::access::Permission;
use crate::clock::Timestamp;
use crate::engine::answer::{Answer, EventAnswer};
use crate::engine::command::Command;
use crate::engine::pending::Asking;
use crate::id::{EventId, RevisionNumber};
use crate::provision::entry::Fact;
use crate::provision::event::StatusKind;
use crate::server::console::activity::{links, story};
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Read, Retry, Visitor};
use crate::text::printable;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct EventPage {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// The event.
    pub answer: EventAnswer,
    /// The time, for ages.
    pub now: Timestamp,
}

/// `GET /activity/{event}`.
///
/// # Errors
/// If there is no such event, or the store fails.
pub async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Path(event): Path<String>,
) -> Result<Markup, Trouble> {
    let id: EventId = asking::part("event", &event)?;
    if house.engine.store().event(id).await.map_err(crate::engine::EngineError::from)?.is_none() {
        return Err(crate::server::problem::Problem::not_found(format!("there is no event {id}")).into());
    }
    let answer = asking::ask(&house, &visitor, Command::EventShow { event: id }).await?;
    let Answer::Event(answer) = answer else { return Err(asking::unexpected(&answer)) };
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    let told = asking::told(&house, &visitor);
    Ok(page(&EventPage { viewer, told, answer: *answer, now: house.now() }))
}

/// The form of the retry button.
#[derive(Debug, Deserialize)]
pub struct Again {
    csrf: String,
    #[serde(default)]
    back: String,
}

/// `POST /activity/{event}/retry`.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn retry(
    State(house): State<Arc<House>>,
    visitor: Visitor<Retry>,
    Path(event): Path<String>,
    Form(form): Form<Again>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let id: EventId = asking::part("event", &event)?;
    // Nobody is sent elsewhere.
    let ours = ["/activity", "/users/"].iter().any(|start| form.back.starts_with(start));
    let back = if ours { form.back } else { links::event(id) };
    asking::act(&house, &visitor, Command::Retry { events: vec![id] }, &back, asking::done).await
}

/// The page.
pub fn page(context: &EventPage) -> Markup {
    let EventAnswer { event, entries, asking, .. } = &context.answer;
    let operation = &event.operation;
    let label = printable(&operation.label);
    let place = |path: &str| asking.place(path).unwrap_or_default().to_owned();
    let body = html! {
        nav .crumbs aria-label="Above" { a href="/activity" { "Activity" } " / " (event.id) }
        h1 { (operation.kind) " of " a href=(links::user(event.user())) { (label) } " in " (operation.app) }
        (words::told(&context.told))
        div #event data-live {
            p .lead { (story::badge(event)) " " (words::moment(event.changed_at, context.now)) }
            (story::stands(event))
            (acts(context))
            h2 { "What it changes" }
            @if operation.changes.is_empty() && operation.edges.is_empty() { p .hint { "No attribute and no membership." } }
            (story::changes(event, Some(&place)))
            (story::findings(event))
            @if !event.decisions.is_empty() { h2 { "Decisions" } (story::decisions(event)) }
            h2 { "Why" }
            (why(context))
            h2 { "What happened" }
            (story::entries(entries))
        }
    };
    layout::page(&context.viewer, Place::Activity, &format!("{} {label}", event.id), &body)
}

fn acts(context: &EventPage) -> Markup {
    let EventAnswer { event, asking, .. } = &context.answer;
    let may_decide = context.viewer.role >= Permission::Decide.needs();
    let address = links::with("/activity", [("user", event.user().to_string()), ("app", event.app().to_string())]);
    html! {
        div .acts {
            @if event.status.kind() == StatusKind::Pending {
                @if may_decide { a .button href=(format!("/approvals#title-{}", event.id)) { "Decide" } }
                @if let Some(stuck) = &asking.stuck { span .trouble { (stuck) } }
            }
            @if story::may_retry(event) { (story::retry(&context.viewer, event, &links::event(event.id))) }
            a href=(links::pair(event.user(), event.app())) { "Explain this account" }
            a href=(address) { "All its events" }
        }
    }
}

fn why(context: &EventPage) -> Markup {
    let EventAnswer { event, entries, asking, .. } = &context.answer;
    let operation = &event.operation;
    html! {
        dl .facts {
            dt { "Reason" } dd { (operation.reason) }
            dt { "Caused by" } dd {
                (asking.because.what)
                @if !asking.because.by.is_empty() { ", by " (asking.because.by.join(" and ")) }
                @if let Some(at) = asking.because.at { " · " (words::moment(at, context.now)) }
            }
            dt { "User" } dd {
                a href=(links::user(event.user())) { (printable(&operation.label)) } " · " (asking.key)
                @if let Some(email) = &asking.email { " · " (printable(email)) }
            }
            @if !operation.user_name.is_empty() {
                dt { "Account" } dd {
                    (printable(&operation.user_name))
                    @if let Some(id) = &operation.remote_id { " · " code { (printable(id)) } }
                }
            }
            dt { "Plan" } dd { code { (event.plan) } }
            dt { "Revision" } dd { (revision(asking, entries)) }
            dt { "Payload" } dd { code { (event.payload.short()) } " · what an approval is for" }
            @if let Some(batch) = event.batch { dt { "Held batch" } dd { code { (batch) } } }
            dt { "Filed" } dd { (words::instant(event.filed_at)) }
            dt { "Attempts" } dd { (event.attempts) }
            @if event.status.kind() == StatusKind::Pending {
                dt { "May decide" } dd { (asking.deciders.join(", ")) }
                dt { "Until" } dd { @match asking.expires { Some(at) => (words::instant(at)), None => "it never expires" } }
            }
        }
    }
}

/// Under which revision it was planned: as its first entry says, else as its rules are found.
fn revision(asking: &Asking, entries: &[crate::provision::entry::Entry]) -> String {
    let filed = entries.iter().find_map(|entry| match &entry.fact {
        Fact::Filed { revision, .. } => *revision,
        _ => None,
    });
    let known: Option<RevisionNumber> = filed.or(asking.revision);
    match known {
        Some(number) if asking.current => format!("{number}, which is active"),
        Some(number) => number.to_string(),
        None => "not known any more".to_owned(),
    }
}
