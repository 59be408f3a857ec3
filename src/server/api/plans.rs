//! `/plans` and `/sync`: what would be done, and doing it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::engine::answer::{self, Answer, PlanFile, SyncAnswer};
use crate::engine::command::{Command, UserRef};
use crate::provision::plan::{PlanCounts, Planned, Skipped};
use crate::server::api::draft::Draft;
use crate::server::api::event::{Change, EntitlementChange, Finding};
use crate::server::api::reply::{self, ask, by_id, unexpected, word};
use crate::server::api::request::Sent;
use crate::server::api::words::{Kind, Verdict};
use crate::server::house::House;
use crate::server::permit::{Administer, Permit, Read};
use crate::server::problem::Problem;

/// What to plan.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"app": "nulab"}))]
pub struct PlanAsked {
    /// One app; all otherwise.
    pub app: Option<String>,
    /// One user; all otherwise.
    pub user: Option<String>,
    /// Plan with these files instead of the active ones.
    pub draft: Option<Draft>,
}

/// What to sync.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"app": "nulab"}))]
pub struct SyncAsked {
    /// One app; all otherwise.
    pub app: Option<String>,
}

/// What would be done.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Plans {
    /// Whether it was planned with files that are not active.
    pub draft: bool,
    /// One an app.
    pub apps: Vec<Plan>,
    /// Apps that these files no longer have, and what stays behind there.
    pub abandoned: Vec<Abandoned>,
}

/// An app that is no longer configured: its accounts stay as they are, and nobody manages them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Abandoned {
    /// What it was called.
    pub app: String,
    /// Accounts of ours that are active there.
    pub accounts: u64,
    /// Events that wait and are not sent any more.
    pub waiting: u64,
    /// What it means, and what to do instead.
    pub warning: String,
}

/// What would be done in one app.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Plan {
    /// The app.
    pub app: String,
    /// The plan's id.
    pub id: String,
    /// The one time of the whole plan.
    pub as_of: String,
    /// Over all operations in order: the same digest, the same plan.
    pub digest: String,
    /// Numbers.
    pub counts: Counts,
    /// Findings about the plan as a whole.
    pub findings: Vec<Finding>,
    /// Classes of operations that are too many at once and wait as one batch: class → batch.
    pub held: BTreeMap<String, String>,
    /// Operations, at most a few thousand.
    pub operations: Vec<Operation>,
    /// Operations beyond these.
    pub not_shown: u64,
    /// Users without an operation that people should know of.
    pub skipped: Vec<SkippedUser>,
    /// Why the app could not be planned.
    pub trouble: Option<String>,
}

/// Numbers of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Counts {
    /// Operations by kind and verdict.
    pub operations: BTreeMap<String, BTreeMap<String, u64>>,
    /// Users looked at.
    pub users: u64,
    /// Users who are as they should be.
    pub unchanged: u64,
    /// Users who were skipped with a reason.
    pub skipped: u64,
}

/// One planned operation.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Operation {
    /// The user's id.
    pub user: String,
    /// What people call the user.
    pub name: String,
    /// The userName that the account has or will have.
    pub user_name: String,
    /// What it does.
    pub kind: Kind,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Why the user has the app, or loses it.
    pub because: String,
    /// Attributes that it changes.
    pub changes: Vec<Change>,
    /// Entitlements that it adds and removes.
    pub entitlements: Vec<EntitlementChange>,
    /// What guards say about it.
    pub findings: Vec<Finding>,
}

/// A user without an operation.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SkippedUser {
    /// The user's id.
    pub user: String,
    /// What people call the user.
    pub name: String,
    /// Why: `muted`, `already_open`, `unlinked`, …
    pub reason: String,
    /// What belongs to the reason: an event, for example.
    pub detail: serde_json::Value,
}

/// What a sync did.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Synced {
    /// One an app.
    pub items: Vec<AppSynced>,
}

/// What a sync did in one app.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AppSynced {
    /// The app.
    pub app: String,
    /// What was planned.
    pub planned: Option<Counts>,
    /// Events that ended, by status.
    pub ended: BTreeMap<String, u64>,
    /// Events that wait: pending for an approver, queued for another attempt.
    pub waiting: BTreeMap<String, u64>,
    /// Requests that were sent.
    pub requests: u64,
    /// Of these, those that write.
    pub writes: u64,
    /// What several users have in common.
    pub findings: Vec<Finding>,
    /// What went wrong.
    pub trouble: Option<String>,
}

impl From<&PlanCounts> for Counts {
    fn from(counts: &PlanCounts) -> Self {
        let verdicts = |verdicts: &BTreeMap<_, u64>| verdicts.iter().map(|(each, n)| (word(each), *n)).collect();
        Self {
            operations: counts.operations.iter().map(|(kind, each)| (word(kind), verdicts(each))).collect(),
            users: counts.pairs,
            unchanged: counts.unchanged,
            skipped: counts.skipped,
        }
    }
}

impl From<Planned> for Operation {
    fn from(planned: Planned) -> Self {
        let operation = &planned.operation;
        Self {
            user: operation.user.to_string(),
            name: operation.label.clone(),
            user_name: operation.user_name.clone(),
            kind: operation.kind.into(),
            verdict: planned.verdict.into(),
            because: operation.reason.clone(),
            changes: operation.changes.iter().map(Change::from).collect(),
            entitlements: operation.edges.iter().map(EntitlementChange::from).collect(),
            findings: planned.findings.iter().map(Finding::from).collect(),
        }
    }
}

impl From<Skipped> for SkippedUser {
    fn from(skipped: Skipped) -> Self {
        let reason = word(&skipped.reason);
        let detail = serde_json::to_value(&skipped.reason).unwrap_or_default();
        let detail = detail.get(&reason).cloned().unwrap_or_else(|| serde_json::json!({}));
        Self { user: skipped.user.to_string(), name: skipped.label, reason, detail }
    }
}

impl From<PlanFile> for Plans {
    fn from(file: PlanFile) -> Self {
        Self {
            draft: file.draft,
            apps: file.apps.into_iter().map(Plan::from).collect(),
            abandoned: file.abandoned.into_iter().map(Abandoned::from).collect(),
        }
    }
}

impl From<answer::Abandoned> for Abandoned {
    fn from(left: answer::Abandoned) -> Self {
        let warning = left.warning();
        Self { app: left.app.to_string(), accounts: left.accounts, waiting: left.waiting, warning }
    }
}

impl From<answer::AppPlan> for Plan {
    fn from(plan: answer::AppPlan) -> Self {
        let summary = plan.summary;
        Self {
            app: summary.app.to_string(),
            id: summary.id.to_string(),
            as_of: summary.as_of.to_string(),
            digest: summary.digest.to_string(),
            counts: (&summary.counts).into(),
            findings: summary.findings.iter().map(Finding::from).collect(),
            held: summary.held.into_iter().map(|(class, batch)| (class.into(), batch.to_string())).collect(),
            operations: plan.operations.into_iter().map(Operation::from).collect(),
            not_shown: plan.not_shown,
            skipped: plan.skipped.into_iter().map(SkippedUser::from).collect(),
            trouble: plan.trouble,
        }
    }
}

impl From<SyncAnswer> for AppSynced {
    fn from(answer: SyncAnswer) -> Self {
        let numbers = |counts: &BTreeMap<_, u64>| counts.iter().map(|(status, n)| (word(status), *n)).collect();
        Self {
            app: answer.app.to_string(),
            planned: answer.summary.as_ref().map(|summary| (&summary.counts).into()),
            ended: numbers(&answer.ended),
            waiting: numbers(&answer.waiting),
            requests: answer.requests,
            writes: answer.writes,
            findings: answer.findings.iter().map(Finding::from).collect(),
            trouble: answer.trouble,
        }
    }
}

/// Plan
///
/// What would be done now: nothing is stored, and only reads are sent.
#[utoipa::path(post, path = "/plans", operation_id = "plan", tag = "plans", request_body = PlanAsked,
    responses((status = 200, description = "what would be done", body = Plans)))]
pub async fn plan(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    Sent(asked): Sent<PlanAsked>,
) -> Result<Json<Plans>, Problem> {
    let app = match asked.app {
        Some(app) if asked.draft.is_none() => Some(reply::app(&house, &app).await?),
        Some(app) => Some(reply::id("app", &app)?),
        None => None,
    };
    let user: Option<UserRef> = match asked.user {
        Some(user) => Some(by_id(&reply::user(&house, &user).await?)),
        None => None,
    };
    let draft = match asked.draft {
        Some(draft) => Some(draft.bundle(&house, &permit.actor).await?),
        None => None,
    };
    match ask(&house, &permit.actor, Command::Plan { app, user, draft }).await? {
        Answer::Plan(file) => Ok(Json(file.into())),
        other => Err(unexpected(&other)),
    }
}

/// Sync
///
/// Plans, and sends until nothing is due. What waits for an approver or for another attempt is left waiting.
#[utoipa::path(post, path = "/sync", operation_id = "sync", tag = "plans", request_body = SyncAsked,
    responses((status = 200, description = "what was done", body = Synced)))]
pub async fn sync(
    State(house): State<Arc<House>>,
    permit: Permit<Administer>,
    Sent(asked): Sent<SyncAsked>,
) -> Result<Json<Synced>, Problem> {
    let app = match asked.app {
        Some(app) => Some(reply::app(&house, &app).await?),
        None => None,
    };
    match ask(&house, &permit.actor, Command::Sync { app, plan: None, workspace: None }).await? {
        Answer::Synced(answers) => Ok(Json(Synced { items: answers.into_iter().map(AppSynced::from).collect() })),
        other => Err(unexpected(&other)),
    }
}
