//! One user across all apps: what the directory says, what he has where, and what was done.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use crate::access::Permission;
use crate::clock::Timestamp;
use crate::directory::user::User;
use crate::directory::value::Value;
use crate::engine::answer::{Answer, ExportedEvent, StatusRow, UserAnswer};
use crate::engine::command::{Command, UserRef};
use crate::engine::context::EngineError;
use crate::engine::desk::status::HistoryFilter;
use crate::id::{AppName, EventId};
use crate::provision::event::StatusKind;
use crate::server::console::activity::story::{self, Columns};
use crate::server::console::activity::{links, list as activity};
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::users::{editing, list};
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};
use crate::server::problem::Problem;
use crate::text::printable;

/// Events of the timeline on one page.
const EVENTS: usize = 15;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Person {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// The user and his accounts.
    pub answer: UserAnswer,
    /// What was done, newest first.
    pub timeline: Timeline,
    /// Apps of the active revision with their app roles.
    pub apps: BTreeMap<AppName, Vec<String>>,
    /// The time, for ages.
    pub now: Timestamp,
}

/// A page of a user's events.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    /// Newest first.
    pub events: Vec<ExportedEvent>,
    /// Where older ones begin.
    pub older: Option<EventId>,
    /// Where newer ones begin.
    pub newer: Option<EventId>,
    /// Whether this is the newest page.
    pub first: bool,
}

/// Query parameters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    before: String,
    after: String,
}

/// Whoever an address names; 404 if nobody.
///
/// # Errors
/// If there is nobody, or the store fails.
pub async fn named(house: &House, user: String) -> Result<User, Trouble> {
    match house.engine.find_user(&UserRef(user)).await {
        Ok(user) => Ok(user),
        Err(EngineError::Invalid(why)) => Err(Problem::not_found(why).into()),
        Err(error) => Err(error.into()),
    }
}

/// `GET /users/{user}`.
///
/// # Errors
/// If there is no such user, or the store fails.
pub async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Path(user): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Trouble> {
    let user = named(&house, user).await?;
    let answer = asking::ask(&house, &visitor, Command::UserShow { user: UserRef(user.id.to_string()) }).await?;
    let Answer::User(answer) = answer else { return Err(asking::unexpected(&answer)) };
    let timeline = timeline(&house, &visitor, &user, (None, &asked)).await?;
    let active = house.engine.active().await?;
    let roles = |app: &Arc<crate::engine::active::ActiveApp>| app.spec.app.app_role_order.clone();
    Ok(page(&Person {
        viewer: Viewer::of(&visitor.actor, &visitor.session),
        told: asking::told(&house, &visitor),
        answer: *answer,
        timeline,
        apps: active.apps.iter().map(|(name, app)| (name.clone(), roles(app))).collect(),
        now: house.now(),
    }))
}

/// A page of a user's events.
///
/// # Errors
/// If the store fails.
pub async fn timeline(
    house: &Arc<House>,
    visitor: &Visitor<Read>,
    user: &User,
    (app, asked): (Option<AppName>, &Asked),
) -> Result<Timeline, Trouble> {
    // A cursor that is none shows the newest.
    let (before, after): (Option<EventId>, Option<EventId>) = (asked.before.parse().ok(), asked.after.parse().ok());
    let filter = HistoryFilter { app, before, after, limit: EVENTS, ..HistoryFilter::default() };
    let command = Command::HistoryPage { user: Some(UserRef(user.id.to_string())), filter, full: true };
    let answer = asking::ask(house, visitor, command).await?;
    let Answer::Exported { events, next } = answer else { return Err(asking::unexpected(&answer)) };
    let (older, newer) = activity::around(&events, next, (before, after));
    Ok(Timeline { events, older, newer, first: before.is_none() && after.is_none() })
}

/// A timeline as part of a page at `path`.
pub fn told_timeline(viewer: &Viewer, timeline: &Timeline, path: &str, now: Timestamp) -> Markup {
    let to =
        |name: &'static str, event: EventId| format!("{}#timeline", links::with(path, [(name, event.to_string())]));
    html! {
        section id="timeline" aria-label="Timeline" data-live[timeline.first] {
            @if timeline.events.is_empty() {
                p .empty { "Nothing was planned or done yet. What a cycle plans for this user appears here." }
            } @else {
                (story::list(viewer, &timeline.events, Columns::OfUser, (path, now)))
            }
        }
        nav .pages aria-label="Pages of the timeline" {
            @if let Some(newer) = timeline.newer { a rel="prev" href=(to("after", newer)) { "← Newer" } }
            @if !timeline.first { a href=(format!("{path}#timeline")) { "Newest" } }
            @if let Some(older) = timeline.older { a rel="next" href=(to("before", older)) { "Older →" } }
        }
    }
}

/// The page.
pub fn page(context: &Person) -> Markup {
    let user = &context.answer.user;
    let label = printable(&user.label());
    let path = links::user(user.id);
    let admin = context.viewer.role >= Permission::Administer.needs();
    let body = html! {
        nav .crumbs aria-label="Above" { a href="/users" { "Users" } " / " (user.source) ":" (printable(&user.key)) }
        div .heading {
            h1 { (label) " " (list::standing_badge(user.effective_standing())) }
            @if admin { a .button href=(format!("{path}/provision")) { "Provision now…" } }
        }
        (words::told(&context.told))
        (standing_note(user))
        div .columns {
            div {
                h2 { "Apps" }
                div #accounts data-live { (accounts(context)) }
                h2 { "Timeline" }
                (told_timeline(&context.viewer, &context.timeline, &path, context.now))
            }
            div .side {
                h2 { "Directory" }
                (directory(user))
                (memberships(&context.answer))
                @if admin { (editing::forms(context)) }
            }
        }
    };
    layout::page(&context.viewer, Place::Users, &label, &body)
}

fn standing_note(user: &User) -> Markup {
    html! {
        @if let Some(manual) = user.manual.standing {
            p .reason {
                "An operator says " b { (list::standing(manual)) } "; the source says " (list::standing(user.standing))
                ". The stronger one counts until it is lifted."
            }
        }
    }
}

fn accounts(context: &Person) -> Markup {
    let user = &context.answer.user;
    let without: Vec<&AppName> =
        context.apps.keys().filter(|app| !context.answer.accounts.iter().any(|row| row.account.app == **app)).collect();
    html! {
        @if context.answer.accounts.is_empty() {
            p .empty { "No account in any app, and none is planned. Roles, groups and direct assignments decide who gets an app." }
        }
        div .accounts { @for row in &context.answer.accounts { (account(context, row)) } }
        @if !context.answer.accounts.is_empty() && !without.is_empty() {
            p .hint {
                "Nothing in "
                @for (position, app) in without.iter().enumerate() {
                    @if position > 0 { ", " }
                    a href=(links::pair(user.id, app)) { (app) }
                }
                "."
            }
        }
    }
}

fn account(context: &Person, row: &StatusRow) -> Markup {
    let account = &row.account;
    let address = links::pair(account.user, &account.app);
    let bad = row.event.as_ref().is_some_and(|event| {
        matches!(event.status.kind(), StatusKind::Failed | StatusKind::Refused) && account.basis.is_none()
    });
    html! {
        article .account aria-label=(account.app) {
            header {
                h3 { a href=(address) { (account.app) } }
                span .badge .(if bad { "bad" } else { list::tone(account.presence) }) { (row.shown) }
                @if let Some(name) = account.user_name() { span .soft { (printable(name)) } }
                a .why href=(address) { "Explain" }
            }
            @if !row.reason.is_empty() { p .reason .bad[bad] { (printable(&row.reason)) } }
            @if !row.edges.is_empty() {
                p .chips {
                    @for edge in &row.edges {
                        span .chip .(if edge.is_open() { "note" } else if edge.effective { "plain" } else { "bad" }) title=(edge.shown()) {
                            (edge.key.kind) " “" (printable(&edge.name)) "”"
                            @if edge.is_open() || !edge.effective { " · " (edge.shown()) }
                        }
                    }
                }
            }
            @if let Some(event) = row.event.as_ref().filter(|event| !event.status.kind().is_final()) {
                p { "Open: " a href=(links::event(event.id)) { (event.operation.kind) ", " (event.shown()) }
                    " · since " (words::moment(event.waiting_since, context.now)) }
            }
        }
    }
}

fn directory(user: &User) -> Markup {
    let mut names: Vec<&String> = user.attributes.keys().chain(user.manual.attributes.keys()).collect();
    names.sort();
    names.dedup();
    html! {
        table .attributes {
            tbody {
                tr { th scope="row" { "Key" } td { (user.source) ":" (printable(&user.key)) } }
                @if let Some(manager) = &user.manager {
                    tr { th scope="row" { "manager" } td { a href=(links::key(&format!("{}:{manager}", user.source))) { (printable(manager)) } } }
                }
                @for name in names {
                    tr {
                        th scope="row" { (name) }
                        td {
                            (shown(user.attribute(name)))
                            @if user.manual.attributes.contains_key(name) {
                                span .set-by-hand { "set by hand; the source says " (shown(user.attributes.get(name))) }
                            }
                        }
                    }
                }
            }
        }
        p .hint { "Changed last " (words::instant(user.changed_at)) ", revision " (user.revision) "." }
    }
}

fn shown(value: Option<&Value>) -> String {
    value.filter(|value| !value.is_empty()).map_or_else(|| "no value".to_owned(), ToString::to_string)
}

fn memberships(answer: &UserAnswer) -> Markup {
    let user = &answer.user;
    html! {
        h3 { "Roles" }
        p .chips {
            @if answer.roles.is_empty() { span .hint { "none" } }
            @for role in &answer.roles {
                @let own = user.roles.contains(role);
                span .chip .plain title=(if own { "from the source" } else { "by a condition" }) {
                    (printable(role)) @if !own { " · by condition" }
                }
            }
        }
        h3 { "Groups" }
        p .chips {
            @if user.groups.is_empty() { span .hint { "none" } }
            @for group in &user.groups { span .chip .plain { (printable(group)) } }
        }
        @if !user.direct.is_empty() || !user.app_roles.is_empty() {
            h3 { "App roles and direct assignments" }
            ul .plain-list {
                @for (app, assignment) in &user.direct {
                    li { a href=(links::pair(user.id, app)) { (app) } " assigned directly"
                        @if let Some(role) = &assignment.app_role { ", as " (printable(role)) } }
                }
                @for (app, role) in &user.app_roles { li { (app) ": the source says " (printable(role)) } }
            }
        }
    }
}
