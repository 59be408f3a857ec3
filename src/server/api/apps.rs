//! `/apps`: what is provisioned, and how it stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::answer::{self, Answer, AppAnswer};
use crate::engine::command::Command;
use crate::server::api::event::Finding;
use crate::server::api::reply::{self, Done, Listed, act, ask, unexpected, word};
use crate::server::api::request::At;
use crate::server::api::words::{CheckLevel, Kind, Status};
use crate::server::house::House;
use crate::server::permit::{Administer, Permit, Read};
use crate::server::problem::Problem;

/// One app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct App {
    /// Its name, part of every address.
    #[schema(example = "nulab")]
    pub name: String,
    /// What people call it.
    #[schema(example = "Nulab Pass")]
    pub title: String,
    /// Its connector.
    #[schema(example = "nulab-pass")]
    pub connector: String,
    /// Where it is.
    pub base_url: String,
    /// Its rules.
    #[schema(example = "rules/nulab-pass.rhai")]
    pub rules: String,
    /// When it is looked at by itself, as a cron expression; empty = by changes only.
    #[schema(example = "*/15 * * * *")]
    pub schedule: String,
    /// `untested`, `live`, `paused`, `breaker_open`, `quarantined` or `disabled`.
    #[schema(example = "live")]
    pub state: String,
    /// Why nothing is sent, since when, and when it goes on; null = operations are sent.
    pub stopped: Option<String>,
    /// Accounts by presence.
    pub accounts: BTreeMap<String, u64>,
    /// Events by status.
    pub events: BTreeMap<String, u64>,
    /// Entitlements of accounts by state.
    pub entitlements: BTreeMap<String, u64>,
    /// Users who are to be planned.
    pub dirty: u64,
    /// Events that nobody decided in time, and that are asked again.
    pub escalated: u64,
    /// When the last cycle ended (RFC 3339).
    pub last_cycle: Option<String>,
    /// When the last reconcile ended.
    pub last_reconcile: Option<String>,
    /// Differences that it found and somebody should look at.
    pub drift: Option<u64>,
    /// What several users have in common: the same refusal, for example.
    pub findings: Vec<Finding>,
    /// Leavers who are not delivered yet, whoever waits longest first.
    pub leavers: Vec<LeaverWaiting>,
    /// Other events that are queued, by kind.
    pub queued: BTreeMap<String, u64>,
    /// What it taught us, in words.
    pub learned: Vec<String>,
    /// What an admin must know of its connector.
    pub notes: Vec<String>,
}

/// A leaver whose deactivation or delete is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct LeaverWaiting {
    /// The event.
    pub event: String,
    /// What people call the user.
    pub name: String,
    /// What is to be done.
    pub kind: Kind,
    /// What it waits for: `pending` an approver, `queued` the target.
    pub status: Status,
    /// Since when.
    pub since: String,
    /// Why it is not done, and what to do.
    pub reason: String,
}

/// What a test of the connection found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tested {
    /// Whether nothing must be put right.
    pub good: bool,
    /// What was checked.
    pub checks: Vec<Check>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Check {
    /// What was checked.
    #[schema(example = "connection")]
    pub subject: String,
    /// How it ended.
    pub level: CheckLevel,
    /// What was found, and what to do.
    pub finding: String,
}

fn numbers<K: Serialize>(counts: &BTreeMap<K, u64>) -> BTreeMap<String, u64> {
    counts.iter().map(|(key, number)| (word(key), *number)).collect()
}

impl From<AppAnswer> for App {
    fn from(answer: AppAnswer) -> Self {
        let leaver = |leaver: &answer::LeaverAnswer| LeaverWaiting {
            event: leaver.event.to_string(),
            name: leaver.label.clone(),
            kind: leaver.kind.into(),
            status: leaver.status.into(),
            since: leaver.since.to_string(),
            reason: leaver.reason.clone(),
        };
        Self {
            name: answer.name.to_string(),
            title: if answer.app.title.is_empty() { answer.name.to_string() } else { answer.app.title.clone() },
            connector: answer.app.connector.to_string(),
            base_url: answer.app.base_url.clone(),
            rules: format!("rules/{}", answer.app.rules),
            schedule: answer.app.schedule.clone(),
            state: word(&answer.state),
            stopped: answer.state.stopped(),
            accounts: numbers(&answer.counts.accounts),
            events: numbers(&answer.counts.events),
            entitlements: numbers(&answer.counts.edges),
            dirty: answer.counts.dirty,
            escalated: answer.escalated,
            last_cycle: answer.last_cycle.map(|at| at.to_string()),
            last_reconcile: answer.reconciled.as_ref().map(|last| last.at.to_string()),
            drift: answer.reconciled.as_ref().map(|last| last.drift),
            findings: answer.findings.iter().map(Finding::from).collect(),
            leavers: answer.waiting.leavers.iter().map(leaver).collect(),
            queued: numbers(&answer.waiting.queued),
            learned: answer.learned,
            notes: answer.notes,
        }
    }
}

/// All apps
///
/// Of the active revision, by name.
#[utoipa::path(get, path = "/apps", operation_id = "listApps", tag = "apps",
    responses((status = 200, description = "all of them", body = Listed<App>)))]
pub async fn list(State(house): State<Arc<House>>, permit: Permit<Read>) -> Result<Json<Listed<App>>, Problem> {
    match ask(&house, &permit.actor, Command::Apps).await? {
        Answer::Apps(apps) => Ok(Json(Listed::all(apps.into_iter().map(App::from).collect()))),
        other => Err(unexpected(&other)),
    }
}

/// One app
#[utoipa::path(get, path = "/apps/{app}", operation_id = "showApp", tag = "apps",
    params(("app" = String, Path, description = "The app's name", example = "nulab")),
    responses((status = 200, description = "the app", body = App)))]
pub async fn show(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    At(app): At<String>,
) -> Result<Json<App>, Problem> {
    let app = reply::app(&house, &app).await?;
    match ask(&house, &permit.actor, Command::AppShow { app }).await? {
        Answer::App(answer) => Ok(Json((*answer).into())),
        other => Err(unexpected(&other)),
    }
}

/// Test an app's connection
///
/// Asks the target for its discovery documents and tries the filters; sends only reads. An app in quarantine whose test is good is live
/// again.
#[utoipa::path(post, path = "/apps/{app}/test", operation_id = "testApp", tag = "apps",
    params(("app" = String, Path, description = "The app's name", example = "nulab")),
    responses((status = 200, description = "what was found", body = Tested)))]
pub async fn test(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    At(app): At<String>,
) -> Result<Json<Tested>, Problem> {
    let app = reply::app(&house, &app).await?;
    match ask(&house, &permit.actor, Command::AppTest { app }).await? {
        Answer::Tested(tested) => {
            let check = |check: answer::Check| {
                let answer::Check { subject, level, finding } = check;
                Check { subject, level: level.into(), finding }
            };
            let checks: Vec<Check> = tested.checks.into_iter().map(check).collect();
            Ok(Json(Tested { good: checks.iter().all(|check| check.level != CheckLevel::Bad), checks }))
        }
        other => Err(unexpected(&other)),
    }
}

/// Stop sending to an app
///
/// It is planned still. What is under way comes to its end.
#[utoipa::path(post, path = "/apps/{app}/pause", operation_id = "pauseApp", tag = "apps",
    params(("app" = String, Path, description = "The app's name", example = "nulab")),
    responses((status = 200, description = "it is paused", body = Done)))]
pub async fn pause(
    State(house): State<Arc<House>>,
    permit: Permit<Administer>,
    At(app): At<String>,
) -> Result<Json<Done>, Problem> {
    let app = reply::app(&house, &app).await?;
    act(&house, &permit.actor, Command::AppPause { app }).await
}

/// Go on sending to an app
///
/// Ends a pause, a quarantine, or that it was disabled.
#[utoipa::path(post, path = "/apps/{app}/resume", operation_id = "resumeApp", tag = "apps",
    params(("app" = String, Path, description = "The app's name", example = "nulab")),
    responses((status = 200, description = "it is live", body = Done)))]
pub async fn resume(
    State(house): State<Arc<House>>,
    permit: Permit<Administer>,
    At(app): At<String>,
) -> Result<Json<Done>, Problem> {
    let app = reply::app(&house, &app).await?;
    act(&house, &permit.actor, Command::AppResume { app }).await
}
