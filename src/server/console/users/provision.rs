//! Provision now: first what would be done, as a plan; then a button that does exactly that, or nothing.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum_extra::extract::Form;
use maud::{Markup, html};
use serde::Deserialize;

use crate::engine::answer::{Answer, AppPlan, PlanFile, SyncAnswer};
use crate::engine::command::{Command, UserRef};
use crate::id::{AppName, UserId};
use crate::provision::plan::{Planned, SkipReason, Verdict};
use crate::server::console::activity::links;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::users::person;
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Administer, Visitor};
use crate::server::problem::Problem;
use crate::text::printable;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Provision {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// Who is provisioned.
    pub user: UserId,
    /// What people call him.
    pub label: String,
    /// In this app; in all otherwise.
    pub app: Option<AppName>,
    /// What would be done.
    pub plan: PlanFile,
}

/// Query parameters.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    app: String,
}

impl Asked {
    fn app(&self) -> Result<Option<AppName>, Trouble> {
        if self.app.is_empty() { Ok(None) } else { asking::part("app", &self.app).map(Some) }
    }
}

/// `GET /users/{user}/provision`: the dry run. It sends only reads.
///
/// # Errors
/// If there is no such user, or the store fails.
pub async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Path(user): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Markup, Trouble> {
    let user = person::named(&house, user).await?;
    let app = asked.app()?;
    let command = Command::Plan { app: app.clone(), user: Some(UserRef(user.id.to_string())), draft: None };
    let answer = asking::ask(&house, &visitor, command).await?;
    let Answer::Plan(plan) = answer else { return Err(asking::unexpected(&answer)) };
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    let told = asking::told(&house, &visitor);
    Ok(page(&Provision { viewer, told, user: user.id, label: user.label(), app, plan }))
}

/// The button's form: the plan that was shown.
#[derive(Debug, Deserialize)]
pub struct Shown {
    csrf: String,
    #[serde(default)]
    app: String,
    plan: String,
}

/// `POST /users/{user}/provision`: carries out the plan that was shown, or nothing.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn execute(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Path(user): Path<String>,
    Form(form): Form<Shown>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let user: UserId = asking::part("user", &user)?;
    let app = Asked { app: form.app }.app()?;
    let unreadable = |_| Problem::bad_request("the plan of this form can't be read; go back and make it again");
    let plan: PlanFile = serde_json::from_str(&form.plan).map_err(unreadable)?;
    // The page is about one user: a plan of others does not come from it.
    if plan.apps.iter().any(|each| each.user != Some(user)) {
        return Err(Problem::bad_request("the plan of this form is about others than this user").into());
    }
    let back = address(user, app.as_ref());
    let command = Command::Sync { app, plan: Some(plan), workspace: None };
    asking::act(&house, &visitor, command, &back, done).await
}

fn address(user: UserId, app: Option<&AppName>) -> String {
    let app = app.map(ToString::to_string).unwrap_or_default();
    links::with(&format!("{}/provision", links::user(user)), [("app", app)])
}

/// What a sync did, a sentence for each app.
fn done(answer: &Answer) -> Vec<String> {
    let Answer::Synced(apps) = answer else { return asking::done(answer) };
    if apps.is_empty() { vec!["There was nothing to do.".to_owned()] } else { apps.iter().map(one).collect() }
}

fn one(synced: &SyncAnswer) -> String {
    let ended: Vec<String> = synced.ended.iter().map(|(status, number)| format!("{number} {status}")).collect();
    let ended = if ended.is_empty() { "nothing ended yet".to_owned() } else { ended.join(", ") };
    let waiting: u64 = synced.waiting.values().sum();
    let waiting = if waiting > 0 { format!("; {waiting} wait in the app as a whole") } else { String::new() };
    let trouble = synced.trouble.as_ref().map(|trouble| format!("; {trouble}")).unwrap_or_default();
    format!("{}: {ended}, {} requests sent{waiting}{trouble}", synced.app, synced.requests)
}

/// The page.
pub fn page(context: &Provision) -> Markup {
    let label = printable(&context.label);
    let operations = || context.plan.apps.iter().flat_map(|app| &app.operations);
    let of = |verdict: Verdict| operations().filter(|planned| planned.verdict == verdict).count();
    let (queued, pending) = (of(Verdict::Queued), of(Verdict::Pending));
    let body = html! {
        nav .crumbs aria-label="Above" {
            a href="/users" { "Users" } " / " a href=(links::user(context.user)) { (label) } " / Provision now"
        }
        h1 { "Provision " (label) " now" }
        (words::told(&context.told))
        p .hint { "This is a dry run: the targets were only read. The button does exactly what is shown, or nothing if something changed meanwhile." }
        @if context.plan.apps.is_empty() { p .empty { "There is no app in the active revision." } }
        @for app in &context.plan.apps { (in_app(app)) }
        @if queued + pending > 0 {
            form .acts method="post" action=(format!("{}/provision", links::user(context.user))) {
                (context.viewer.token())
                @if let Some(app) = &context.app { input type="hidden" name="app" value=(app); }
                input type="hidden" name="plan" value=(serde_json::to_string(&context.plan).unwrap_or_default());
                button .primary type="submit" { (deed(queued, pending)) }
                a href=(links::user(context.user)) { "Leave it" }
            }
        } @else {
            p .fine { "There is nothing to do now. " a href=(links::user(context.user)) { "Back to " (label) } }
        }
    };
    layout::page(&context.viewer, Place::Users, &format!("Provision {label}"), &body)
}

fn deed(queued: usize, pending: usize) -> String {
    let times = |number: usize| if number == 1 { "1 operation".to_owned() } else { format!("{number} operations") };
    match (queued, pending) {
        (queued, 0) => format!("Carry out {}", times(queued)),
        (0, pending) => format!("Ask for approval of {}", times(pending)),
        (queued, pending) => format!("Carry out {}, ask for approval of {pending}", times(queued)),
    }
}

fn in_app(plan: &AppPlan) -> Markup {
    let app = &plan.summary.app;
    html! {
        section .panel aria-label=(app) {
            h2 { (app) }
            @if let Some(trouble) = &plan.trouble { p .reason .bad { (printable(trouble)) } }
            @for finding in &plan.summary.findings { p .finding { (printable(&finding.to_string())) } }
            @for planned in &plan.operations { (operation(planned)) }
            @for skipped in &plan.skipped { p { (skip(&skipped.reason)) } }
            @if plan.operations.is_empty() && plan.skipped.is_empty() && plan.trouble.is_none() {
                p .hint { "Nothing to do: it is as the rules want it." }
            }
        }
    }
}

fn operation(planned: &Planned) -> Markup {
    let operation = &planned.operation;
    let (tone, verdict) = match planned.verdict {
        Verdict::Queued => ("good", "is sent at once"),
        Verdict::Pending => ("note", "waits for an approval"),
        Verdict::Refused => ("bad", "is blocked"),
    };
    html! {
        p .lead {
            b { (operation.kind) } " " (printable(&operation.user_name)) " "
            span .badge .(tone) { (verdict) }
            span .soft { " · " (printable(&operation.reason)) }
        }
        (words::diff(&operation.changes, None))
        @if !operation.edges.is_empty() {
            ul .edges { @for edge in &operation.edges { li { (printable(&edge.words())) } } }
        }
        @for finding in &planned.findings { p .finding { (printable(&finding.to_string())) } }
    }
}

/// Why there is no operation, and what to do.
fn skip(reason: &SkipReason) -> Markup {
    let event = |id: &crate::id::EventId| html! { a href=(links::event(*id)) { (id) } };
    html! {
        @match reason {
            SkipReason::Muted { event: id, why } => { "Not asked again: " (event(id)) " ended with the same (" (printable(why)) "). Retry that event to have it planned." },
            SkipReason::AlreadyOpen { event: id } => { "It is under way already: " (event(id)) " does the same." },
            SkipReason::InFlight { event: id } => { (event(id)) " is being carried out; it is planned again when that ends." },
            SkipReason::Unlinked => "Disassociated: nothing is planned until the pair is matched again.",
            SkipReason::Conflict { note } => { "In conflict, a person must look: " (printable(note)) },
            SkipReason::Existing { remote_id } => { "The account " code { (printable(remote_id)) } " exists already, and the app's policy is to leave such accounts alone." },
            SkipReason::Kept => "Kept as it is: the leaving policy is to do nothing.",
            SkipReason::NotObserved { why } => { "The target could not be looked at (" (printable(why)) "); nothing is created blindly." },
            SkipReason::NotYet { due } => { "It is to be deleted at " (words::instant(*due)) "." },
            SkipReason::NotPossible { why } => { "The connector can't do it: " (printable(why)) },
            SkipReason::Released { paths } => { "No longer managed: " (paths.join(", ")) "; the target's values stay." },
            SkipReason::LeftAlone { paths } => { "An adopted account; these differ there and are left alone: " (paths.join(", ")) },
        }
    }
}
