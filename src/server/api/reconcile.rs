//! `/apps/{app}/reconcile`: whether the target is as it was left, and what becomes of the differences.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::directory::value::Value;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::provision::drift::{DriftLine, ReconcileReport};
use crate::server::api::reply::{self, ask, find, unexpected, word};
use crate::server::api::request::At;
use crate::server::house::House;
use crate::server::permit::{Administer, Permit, Read};
use crate::server::problem::Problem;

/// What a reconcile found.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Report {
    /// The app.
    pub app: String,
    /// When it began (RFC 3339).
    pub begun: String,
    /// When it ended.
    pub ended: String,
    /// Differences that somebody should look at.
    pub drift: u64,
    /// Why the list of accounts proves no absence; null = it is complete.
    pub incomplete: Option<String>,
    /// Why it was given up before its end.
    pub trouble: Option<String>,
    /// Accounts on the target's list.
    pub listed: u64,
    /// Accounts of ours that were compared.
    pub compared: u64,
    /// How many differences there are, by kind.
    pub counts: BTreeMap<String, u64>,
    /// Some of each kind.
    pub lines: Vec<Difference>,
    /// What else people should know, in sentences.
    pub notes: Vec<String>,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Difference {
    /// What it is.
    #[schema(example = "changed")]
    pub kind: String,
    /// What that is, in a few words.
    pub title: String,
    /// What becomes of it: `reported`, `repaired`, `held`, …
    pub fate: String,
    /// Whose account it is, if it is ours.
    pub user: Option<String>,
    /// What people call the user, the account or the group.
    pub name: String,
    /// The id at the target.
    pub remote_id: String,
    /// The attribute or the group.
    pub subject: String,
    /// What we last pushed.
    pub pushed: Option<serde_json::Value>,
    /// What the rules want.
    pub desired: Option<serde_json::Value>,
    /// What is there.
    pub actual: Option<serde_json::Value>,
    /// Anything else, in words.
    pub note: String,
    /// The event that came of it.
    pub event: Option<String>,
}

impl From<ReconcileReport> for Report {
    fn from(report: ReconcileReport) -> Self {
        Self {
            app: report.app.to_string(),
            begun: report.begun.to_string(),
            ended: report.ended.to_string(),
            drift: report.drift(),
            listed: report.read.listed,
            compared: report.read.compared,
            counts: report.counts.iter().map(|(kind, number)| (word(kind), *number)).collect(),
            incomplete: report.incomplete,
            trouble: report.trouble,
            lines: report.lines.into_iter().map(Difference::from).collect(),
            notes: report.notes,
        }
    }
}

impl From<DriftLine> for Difference {
    fn from(line: DriftLine) -> Self {
        let json = |value: Option<Value>| value.as_ref().map(Value::to_json);
        Self {
            kind: word(&line.kind),
            title: line.kind.title().to_owned(),
            fate: word(&line.fate),
            user: line.user.map(|user| user.to_string()),
            name: line.label,
            remote_id: line.remote_id,
            subject: line.subject,
            pushed: json(line.pushed),
            desired: json(line.desired),
            actual: json(line.actual),
            note: line.note,
            event: line.event.map(|event| event.to_string()),
        }
    }
}

/// Compare an app with what was pushed
///
/// Sends only reads. What follows from it is planned by the next cycle.
#[utoipa::path(post, path = "/apps/{app}/reconcile", operation_id = "reconcileApp", tag = "apps",
    params(("app" = String, Path, description = "The app's name", example = "nulab")),
    responses((status = 200, description = "what was found", body = Report)))]
pub async fn run(
    State(house): State<Arc<House>>,
    permit: Permit<Administer>,
    At(app): At<String>,
) -> Result<Json<Report>, Problem> {
    let app = reply::app(&house, &app).await?;
    match ask(&house, &permit.actor, Command::Reconcile { app, last: false }).await? {
        Answer::Reconciled(report) => Ok(Json((*report).into())),
        other => Err(unexpected(&other)),
    }
}

/// What the last reconcile of an app found
#[utoipa::path(get, path = "/apps/{app}/reconcile", operation_id = "showReconcile", tag = "apps",
    params(("app" = String, Path, description = "The app's name", example = "nulab")),
    responses((status = 200, description = "its report", body = Report)))]
pub async fn last(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    At(app): At<String>,
) -> Result<Json<Report>, Problem> {
    let app = reply::app(&house, &app).await?;
    match find(&house, &permit.actor, Command::Reconcile { app, last: true }).await? {
        Answer::Reconciled(report) => Ok(Json((*report).into())),
        other => Err(unexpected(&other)),
    }
}
