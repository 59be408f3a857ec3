//! `/approvals`: what waits for a decision, and decisions. Only people decide: a program's token is refused, whatever its role.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::Actor;
use crate::engine::answer::{Answer, DecisionAnswer};
use crate::engine::command::{Command, UserRef};
use crate::engine::desk::status::HistoryFilter;
use crate::engine::paged::{PageAnswer, Paged};
use crate::engine::pending::{Choice, Pending};
use crate::id::{BatchId, EventId};
use crate::provision::event::StatusKind;
use crate::server::api::cursor;
use crate::server::api::event::{Asking, Event};
use crate::server::api::reply::{Listed, ask, find, id, other_page, page, unexpected};
use crate::server::api::request::{Asked, At, Paging, Sent, value};
use crate::server::api::words::{Kind, Ruling};
use crate::server::house::House;
use crate::server::permit::{Decide, Permit, Read};
use crate::server::problem::Problem;

/// What waits for a decision, with what an approver needs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Waiting {
    /// What would be done.
    pub event: Event,
    /// What lies around it.
    pub asking: Asking,
}

impl From<Pending> for Waiting {
    fn from(pending: Pending) -> Self {
        Self { event: pending.event.into(), asking: pending.asking.into() }
    }
}

/// A held batch.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Batch {
    /// Which.
    pub batch: String,
    /// Count and digest of what is decided with it: send it as `shown` with the decision.
    #[schema(example = "42:bbd486394747")]
    pub shown: String,
    /// What is decided with it. For adoptions: accounts that are as the rules want them.
    pub exact: Vec<Waiting>,
    /// Adoptions of accounts with other values than the rules want.
    pub differing: Vec<Waiting>,
    /// Blocked because several accounts match: not decided with the batch.
    pub ambiguous: Vec<Waiting>,
}

/// A page of what waits.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Of this user: an id, `source:key`, a key, an e-mail address or a user name.
    pub user: Option<String>,
    /// Of this app.
    pub app: Option<String>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// With this finding.
    #[param(example = "third_party_account")]
    pub finding: Option<String>,
}

/// What a decision is about: events, held batches, or all that filters match outside held batches.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Chosen {
    /// These events.
    pub events: Vec<String>,
    /// These held batches, as they stand.
    pub batches: Vec<String>,
    /// All that waits outside held batches.
    pub all: bool,
    /// Only of this app.
    pub app: Option<String>,
    /// Only of this user.
    pub user: Option<String>,
    /// Only of these kinds.
    pub kinds: Vec<Kind>,
    /// Only with one of these findings.
    pub findings: Vec<String>,
    /// Only what waits for longer than this: `90s`, `15m`, `12h`, `30d`, `2w`.
    pub older_than: Option<String>,
}

/// A decision.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"about": {"events": ["evt_3"]}, "ruling": "approve", "comment": "her account from before"}))]
pub struct Deciding {
    /// What about.
    pub about: Chosen,
    /// What.
    pub ruling: Ruling,
    /// Why.
    #[serde(default)]
    pub comment: String,
    /// What was on screen, as a preview or a batch says: exactly that is decided, or nothing.
    #[serde(default)]
    pub shown: Option<String>,
}

/// What a decision would take.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Preview {
    /// Count and digest: send it as `shown` with the decision.
    #[schema(example = "42:bbd486394747")]
    pub shown: String,
    /// Oldest first, at most 200 of them.
    pub items: Vec<Waiting>,
}

/// What became of a decision about one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Outcome {
    /// The event.
    pub event: String,
    /// What people call the user.
    pub name: String,
    /// Whether the decision counts.
    pub done: bool,
    /// Why not, if it does not.
    pub refused: Option<String>,
    /// How many different operators must approve it.
    pub approvers: usize,
    /// How many of them are missing still.
    pub missing: usize,
}

/// What became of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Decided {
    /// One an event.
    pub items: Vec<Outcome>,
}

impl From<DecisionAnswer> for Outcome {
    fn from(answer: DecisionAnswer) -> Self {
        let DecisionAnswer { event, label, refused, approvers, missing } = answer;
        Self { event: event.to_string(), name: label, done: refused.is_none(), refused, approvers, missing }
    }
}

impl Chosen {
    fn read(self) -> Result<Choice, Problem> {
        let wrong = |name: &str, error: String| Problem::bad_request(format!("{name}: {error}"));
        let events: Result<Vec<EventId>, _> = self.events.iter().map(|text| text.parse()).collect();
        let batches: Result<Vec<BatchId>, _> = self.batches.iter().map(|text| text.parse()).collect();
        let findings: Result<Vec<_>, String> = self.findings.iter().map(|text| text.parse()).collect();
        let choice = Choice {
            events: events.map_err(|error| wrong("events", error.to_string()))?,
            batches: batches.map_err(|error| wrong("batches", error.to_string()))?,
            all: self.all,
            app: value("app", self.app.as_deref())?,
            user: self.user.map(UserRef),
            kinds: self.kinds.into_iter().map(Into::into).collect(),
            findings: findings.map_err(|error| wrong("findings", error))?,
            older_than: value("older_than", self.older_than.as_deref())?,
        };
        if choice.is_empty() {
            return Err(Problem::bad_request("about: name events or batches, say `all`, or filter"));
        }
        Ok(choice)
    }
}

impl Deciding {
    fn command(self, dry_run: bool) -> Result<Command, Problem> {
        let shown = value("shown", self.shown.as_deref())?;
        let approve = self.ruling == Ruling::Approve;
        Ok(Command::Decide { choice: self.about.read()?, shown, approve, comment: self.comment, dry_run })
    }
}

/// Decides.
///
/// # Errors
/// If nothing could be decided at all.
pub async fn decided(house: &House, actor: &Actor, command: Command) -> Result<Json<Decided>, Problem> {
    match ask(house, actor, command).await? {
        Answer::Decided(answers) => Ok(Json(Decided { items: answers.into_iter().map(Outcome::from).collect() })),
        other => Err(unexpected(&other)),
    }
}

/// What waits for a decision
///
/// Newest first. With a finding, a page looks at so many events: go on until there is no `next`.
#[utoipa::path(get, path = "/approvals", operation_id = "listApprovals", tag = "approvals", params(Query, Paging),
    responses((status = 200, description = "a page of it", body = Listed<Waiting>)))]
pub async fn list(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    Asked(query): Asked<Query>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Listed<Waiting>>, Problem> {
    let filter = HistoryFilter {
        app: value("app", query.app.as_deref())?,
        kind: query.kind.map(Into::into),
        before: paging.from("approvals")?,
        limit: paging.rows()?,
        ..HistoryFilter::default()
    };
    let finding = value("finding", query.finding.as_deref())?;
    let paged = Paged::Approvals { user: query.user.map(UserRef), filter, finding };
    let PageAnswer::Approvals(waiting) = page(&house, &permit.actor, paged).await? else { return Err(other_page()) };
    Ok(Json(Listed {
        items: waiting.items.into_iter().map(Waiting::from).collect(),
        next: waiting.next.map(|at| cursor::write("approvals", at)),
    }))
}

/// One event that waits
#[utoipa::path(get, path = "/approvals/{event}", operation_id = "showApproval", tag = "approvals",
    params(("event" = String, Path, description = "The event's id", example = "evt_3")),
    responses((status = 200, description = "what would be done, and who may decide", body = Waiting)))]
pub async fn show(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    At(event): At<String>,
) -> Result<Json<Waiting>, Problem> {
    let event: EventId = id("event", &event)?;
    match find(&house, &permit.actor, Command::EventShow { event }).await? {
        Answer::Event(answer) if answer.event.status.kind() == StatusKind::Pending => {
            Ok(Json(Waiting { event: answer.event.into(), asking: answer.asking.into() }))
        }
        Answer::Event(answer) => {
            let status = answer.event.status.kind();
            Err(Problem::not_found(format!("{event} waits for nobody: it is {status}; see /events/{event}")))
        }
        other => Err(unexpected(&other)),
    }
}

/// One held batch
///
/// What belongs together because it was too much at once, or because it is adoptions.
#[utoipa::path(get, path = "/approvals/batches/{batch}", operation_id = "showBatch", tag = "approvals",
    params(("batch" = String, Path, description = "The batch's id, as its events have it")),
    responses((status = 200, description = "what is decided with it", body = Batch)))]
pub async fn batch(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    At(batch): At<String>,
) -> Result<Json<Batch>, Problem> {
    let batch: BatchId = id("batch", &batch)?;
    let waiting = |pending: Vec<Pending>| pending.into_iter().map(Waiting::from).collect();
    match find(&house, &permit.actor, Command::BatchShow { batch }).await? {
        Answer::Batch(answer) => Ok(Json(Batch {
            batch: answer.batch.to_string(),
            shown: answer.shown.to_string(),
            exact: waiting(answer.exact),
            differing: waiting(answer.differing),
            ambiguous: waiting(answer.ambiguous),
        })),
        other => Err(unexpected(&other)),
    }
}

/// What a decision would take
///
/// Decides nothing.
#[utoipa::path(post, path = "/approvals/preview", operation_id = "previewDecision", tag = "approvals", request_body = Deciding,
    responses((status = 200, description = "what would be decided", body = Preview)))]
pub async fn preview(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    Sent(decision): Sent<Deciding>,
) -> Result<Json<Preview>, Problem> {
    match ask(&house, &permit.actor, decision.command(true)?).await? {
        Answer::Chosen(chosen) => Ok(Json(Preview {
            shown: chosen.shown.to_string(),
            items: chosen.events.into_iter().map(Waiting::from).collect(),
        })),
        other => Err(unexpected(&other)),
    }
}

/// Decide
///
/// About one event, several, a held batch, or all that filters match: each for exactly what it would do. It needs a person who proved
/// himself lately: a session, or a personal token of at most 12 hours.
#[utoipa::path(post, path = "/approvals/decide", operation_id = "decide", tag = "approvals", request_body = Deciding,
    responses((status = 200, description = "what became of it, one an event", body = Decided)))]
pub async fn decide(
    State(house): State<Arc<House>>,
    permit: Permit<Decide>,
    Sent(decision): Sent<Deciding>,
) -> Result<Json<Decided>, Problem> {
    decided(&house, &permit.actor, decision.command(false)?).await
}
