//! One user in one app: why he has it, what each value is and where it comes from, and what stands in the way.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use maud::{Markup, html};
use serde::Deserialize;

use crate::access::Permission;
use crate::clock::Timestamp;
use crate::directory::value::Value;
use crate::engine::answer::Answer;
use crate::engine::command::{Command, UserRef};
use crate::engine::explained::{AttributeLine, EntitlementLine, Explained};
use crate::id::{AppName, EventId};
use crate::provision::account::Presence;
use crate::server::console::activity::{filter, links};
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::users::list;
use crate::server::console::users::person::{self, Timeline};
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};
use crate::server::problem::Problem;
use crate::text::printable;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Pair {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// What is asked about another time.
    pub at: String,
    /// What is wrong with that.
    pub wrong: Option<String>,
    /// The account, explained.
    pub explained: Explained,
    /// What was done, newest first.
    pub timeline: Timeline,
    /// The time, for ages.
    pub now: Timestamp,
}

/// Query parameters.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    at: String,
}

/// `GET /users/{user}/apps/{app}`.
///
/// # Errors
/// If there is no such user or app, or the store fails.
pub async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Path((user, app)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    Query(pages): Query<person::Asked>,
) -> Result<Markup, Trouble> {
    let user = person::named(&house, user).await?;
    let app: AppName = asking::part("app", &app)?;
    let known = house.engine.active().await?.apps.contains_key(&app);
    if !known {
        return Err(Problem::not_found(format!("there is no app {app} in the active revision")).into());
    }
    let now = house.now();
    let (at, wrong) = match asked.at.trim() {
        "" => (None, None),
        text => match filter::time(text, now) {
            Ok(at) => (Some(at), None),
            Err(why) => (None, Some(why)),
        },
    };
    let command = Command::Explain { user: UserRef(user.id.to_string()), app: app.clone(), at };
    let answer = asking::ask(&house, &visitor, command).await?;
    let Answer::Explained(explained) = answer else { return Err(asking::unexpected(&answer)) };
    let timeline = person::timeline(&house, &visitor, &user, (Some(app), &pages)).await?;
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    let told = asking::told(&house, &visitor);
    Ok(page(&Pair { viewer, told, at: asked.at, wrong, explained: *explained, timeline, now }))
}

/// The page.
pub fn page(context: &Pair) -> Markup {
    let it = &context.explained;
    let label = printable(&it.label);
    let path = links::pair(it.user, &it.app);
    let body = html! {
        nav .crumbs aria-label="Above" {
            a href="/users" { "Users" } " / " a href=(links::user(it.user)) { (label) } " / " (it.app)
        }
        div .heading {
            h1 { (label) " in " a href=(links::app(&it.app)) { (it.app) } }
            @if it.at.is_none() { (acts(context, &path)) }
        }
        (words::told(&context.told))
        div #pair data-live[it.at.is_none()] {
            (head(context))
            (in_the_way(it))
            (attributes(it))
            (entitlements(it))
            @if !it.unknown.is_empty() {
                h2 { "Not known" }
                ul { @for line in &it.unknown { li { (printable(line)) } } }
            }
        }
        (another_time(context, &path))
        h2 { "Timeline" }
        (person::told_timeline(&context.viewer, &context.timeline, &path, context.now))
    };
    layout::page(&context.viewer, Place::Users, &format!("{label} in {}", it.app), &body)
}

fn acts(context: &Pair, path: &str) -> Markup {
    let it = &context.explained;
    let role = context.viewer.role;
    let linked = !matches!(it.account.presence, Presence::None | Presence::Unlinked);
    let provision = links::with(&format!("{}/provision", links::user(it.user)), [("app", it.app.to_string())]);
    html! {
        div .acts {
            @if role >= Permission::Administer.needs() { a .button href=(provision) { "Provision now…" } }
            @if role >= Permission::Decide.needs() { a .button href=(format!("{path}/rematch")) { "Rematch…" } }
            @if role >= Permission::Administer.needs() && linked { a .button href=(format!("{path}/disassociate")) { "Disassociate…" } }
        }
    }
}

fn event(id: EventId, at: Timestamp, now: Timestamp) -> Markup {
    html! { a href=(links::event(id)) { (id) } " · " (words::moment(at, now)) }
}

fn head(context: &Pair) -> Markup {
    let it = &context.explained;
    let account = &it.account;
    let (tone, verdict) = match it.access.entitled {
        Some(true) => ("good", "should have it"),
        Some(false) => ("plain", "should not have it"),
        None => ("note", "it is not known whether he should have it"),
    };
    html! {
        @if let Some(at) = it.at { p .reason { "As it stood at " b { (words::instant(at)) } ". " a href=(links::pair(it.user, &it.app)) { "As it stands now" } } }
        dl .facts {
            dt { "Account" } dd {
                span .badge .(list::tone(account.presence)) { (printable(&account.words)) }
                @if let Some(name) = &account.user_name { " " (printable(name)) }
                @if let Some(id) = &account.remote_id { " · " code { (printable(id)) } }
            }
            @if let Some((id, at)) = account.since { dt { "Since" } dd { (event(id, at, context.now)) } }
            dt { "Access" } dd { span .badge .(tone) { (verdict) } " " (printable(&it.access.words)) }
            @for grant in &it.access.grants {
                dt { "Granted by" } dd {
                    (printable(&grant.grant))
                    @if let Some(role) = &grant.app_role { ", as " b { (printable(role)) } }
                    span .soft { " · " (printable(&grant.from)) }
                }
            }
            @if let Some(role) = &it.access.app_role { dt { "App role" } dd { (printable(role)) } }
            @if let Some((number, since)) = &it.revision {
                dt { "Rules" } dd { (number) @if let Some(since) = since { ", active since " (words::moment(*since, context.now)) } }
            }
        }
    }
}

fn in_the_way(it: &Explained) -> Markup {
    html! {
        @if !it.in_the_way.is_empty() {
            h2 { "In the way" }
            ul .reasons { @for line in &it.in_the_way { li .reason { (printable(line)) } } }
        }
        @if !it.differences.is_empty() {
            h2 { "Not as it should be" }
            ul .reasons { @for line in &it.differences { li .reason { (printable(line)) } } }
        }
        @if it.at.is_none() && it.in_the_way.is_empty() && it.differences.is_empty() {
            p .fine { "Nothing is in the way, and nothing differs from what the rules want." }
        }
    }
}

fn shown(value: Option<&Value>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn attributes(it: &Explained) -> Markup {
    let now = it.at.is_none();
    html! {
        @if !it.attributes.is_empty() {
            h2 { "Attributes" }
            table .stacked .explained {
                thead { tr {
                    th { "Attribute" }
                    @if now { th { "Should be" } }
                    th { "Pushed last" } th { "Rule" } th { "By" }
                } }
                tbody { @for line in &it.attributes { (attribute(line, now)) } }
            }
        }
    }
}

fn attribute(line: &AttributeLine, now: bool) -> Markup {
    html! {
        tr .differs[line.differs] {
            th scope="row" { code { (printable(&line.path)) } }
            @if now {
                td data-title="Should be" {
                    (shown(line.desired.as_ref()))
                    @if !line.note.is_empty() { span .note-line { (printable(&line.note)) } }
                }
            }
            td data-title="Pushed last" {
                (shown(line.pushed.as_ref()))
                @if line.differs { span .note-line .note { "differs" } }
                @if let Some(actual) = &line.actual { span .note-line .note { "the last reconcile saw " (shown(Some(actual))) } }
            }
            td data-title="Rule" .soft { (line.line.as_deref().unwrap_or_default()) }
            td data-title="By" { @if let Some((id, _)) = line.pushed_by { a href=(links::event(id)) { (id) } } }
        }
    }
}

fn entitlements(it: &Explained) -> Markup {
    html! {
        @if !it.entitlements.is_empty() {
            h2 { "Entitlements" }
            table .stacked .explained {
                thead { tr { th { "Entitlement" } th { "Rules" } th { "Stands" } th { "Rule" } th { "By" } } }
                tbody { @for line in &it.entitlements { (entitlement(line)) } }
            }
        }
    }
}

fn entitlement(line: &EntitlementLine) -> Markup {
    let wanted = match line.wanted {
        Some(true) => "granted",
        Some(false) => "not granted",
        None => "not known any more",
    };
    let stands = if line.stands.is_empty() { "not there" } else { &line.stands };
    html! {
        tr .differs[line.differs] {
            th scope="row" { (line.kind) " “" (printable(&line.name)) "”" }
            td data-title="Rules" { (wanted) }
            td data-title="Stands" { (stands) @if line.differs { span .note-line .note { "differs" } } }
            td data-title="Rule" .soft { (line.line.as_deref().unwrap_or_default()) }
            td data-title="By" { @if let Some((Some(id), _)) = line.since { a href=(links::event(id)) { (id) } } }
        }
    }
}

fn another_time(context: &Pair, path: &str) -> Markup {
    html! {
        form .search .at method="get" action=(path) {
            label for="at" { "As it stood at" }
            input #at name="at" value=(context.at) placeholder="7d ago, or 2026-03-01T09:30 (UTC)" autocomplete="off";
            button type="submit" { "Explain" }
        }
        @if let Some(wrong) = &context.wrong { p .reason .bad role="alert" { (wrong) } }
    }
}
