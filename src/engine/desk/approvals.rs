//! Approvals: what waits, and decisions about it. Four eyes is checked here; the store checks that what is approved is what was
//! on screen.

use crate::access::actor::Actor;
use crate::access::operator::FourEyes;
use crate::digest::Digest;
use crate::directory::change::Cause;
use crate::engine::answer::{Answer, BatchAnswer, DecisionAnswer};
use crate::engine::context::{Engine, EngineError};
use crate::id::{AppName, BatchId, EventId, OperatorId};
use crate::provision::approval::{Decision, Ruling};
use crate::provision::event::{Event, StatusKind};
use crate::provision::guard::finding::FindingKind;
use crate::provision::operation::Kind;
use crate::store::act::Decide;
use crate::store::query::EventQuery;

/// Events that one decision takes at most; larger batches are decided in several acts.
const DECIDED_MAX: usize = 100_000;
/// Events of one act.
const DECIDE_PAGE: usize = 500;
/// Blocked adoptions that are shown beside a batch.
const BLOCKED_SHOWN_MAX: usize = 200;

impl Engine {
    pub(super) async fn approvals(&self, app: Option<AppName>, limit: usize) -> Result<Answer, EngineError> {
        Ok(Answer::Approvals(self.pending(app, limit).await?))
    }

    /// One held batch, adoptions sorted by what would become of the account's values.
    pub(super) async fn batch_show(&self, batch: BatchId) -> Result<Answer, EngineError> {
        let (mut members, mut ambiguous) = (Vec::new(), Vec::new());
        for app in self.active().await?.names() {
            let events = self.parts.store.batch(&app, batch).await?;
            if events.iter().any(|event| event.operation.kind == Kind::Link) {
                ambiguous.extend(self.ambiguous(app).await?);
            }
            members.extend(events);
        }
        if members.is_empty() {
            return Err(EngineError::Invalid(format!(
                "nothing is pending in {batch}; `usher approvals list` shows what waits"
            )));
        }
        let differs = |event: &Event| event.findings.iter().any(|each| each.kind == FindingKind::AdoptionDiffers);
        let (differing, exact) = members.into_iter().partition(differs);
        Ok(Answer::Batch(BatchAnswer { batch, exact, differing, ambiguous }))
    }

    /// Blocked adoptions of an app that several accounts match and that nothing newer has taken the place of.
    async fn ambiguous(&self, app: AppName) -> Result<Vec<Event>, EngineError> {
        let (statuses, limit) = (vec![StatusKind::Refused], BLOCKED_SHOWN_MAX);
        let query = EventQuery { app: Some(app.clone()), statuses, limit, ..EventQuery::default() };
        let mut ambiguous = Vec::new();
        for event in self.parts.store.events(query).await?.items {
            let several = event.findings.iter().any(|finding| finding.kind == FindingKind::Ambiguous);
            let pair = self.parts.store.pairs(&app, vec![event.user()]).await?;
            if several && pair.first().is_some_and(|row| row.account.last_event == Some(event.id)) {
                ambiguous.push(event);
            }
        }
        Ok(ambiguous)
    }

    async fn pending(&self, app: Option<AppName>, limit: usize) -> Result<Vec<Event>, EngineError> {
        let (mut events, mut before) = (Vec::new(), None);
        loop {
            let query = EventQuery {
                app: app.clone(),
                statuses: vec![StatusKind::Pending],
                open: true,
                before,
                limit,
                ..EventQuery::default()
            };
            let page = self.parts.store.events(query).await?;
            events.extend(page.items);
            before = page.next;
            if before.is_none() || events.len() >= limit {
                events.truncate(limit);
                return Ok(events);
            }
        }
    }

    /// The pending events that a decision is about.
    pub(super) async fn choose(
        &self,
        ids: Vec<EventId>,
        batches: &[BatchId],
        all: bool,
        app: Option<AppName>,
    ) -> Result<Vec<Event>, EngineError> {
        let mut chosen = Vec::new();
        for id in ids {
            let none = || EngineError::Invalid(format!("there is no event {id}"));
            chosen.push(self.parts.store.event(id).await?.ok_or_else(none)?);
        }
        if all || !batches.is_empty() {
            for event in self.pending(app, DECIDED_MAX).await? {
                let in_batch = event.batch.is_some_and(|batch| batches.contains(&batch));
                // A whole held batch is named by its id; `all` does not reach into one.
                if in_batch || (all && event.batch.is_none()) {
                    chosen.push(event);
                }
            }
        }
        if chosen.is_empty() {
            return Err(EngineError::Invalid(
                "nothing is pending there outside held batches; `usher approvals list` shows what waits, --batch decides a \
                 held batch as a whole"
                    .to_owned(),
            ));
        }
        Ok(chosen)
    }

    /// Decides about `events`, each for its payload as it stands.
    pub(super) async fn decide(
        &self,
        actor: &Actor,
        events: Vec<Event>,
        approve: bool,
        comment: String,
    ) -> Result<Answer, EngineError> {
        let four_eyes = self.identity().await?.four_eyes;
        let now = self.parts.clock.now();
        let mut answers = Vec::new();
        let (mut own, mut others) = (Vec::new(), Vec::new());
        for event in &events {
            let is_own = self.is_own(actor, event).await?;
            if let Some(refused) = refuse_own(is_own && approve, four_eyes, &comment) {
                answers.push(DecisionAnswer {
                    event: event.id,
                    label: event.operation.label.clone(),
                    refused: Some(refused),
                });
            } else if is_own {
                own.push((event.id, event.payload));
            } else {
                others.push((event.id, event.payload));
            }
        }
        for (events_of, own) in [(own, true), (others, false)] {
            for page in events_of.chunks(DECIDE_PAGE) {
                let decision = Decision {
                    ruling: if approve { Ruling::Approve } else { Ruling::Reject },
                    operator: actor.operator,
                    name: actor.name.clone(),
                    claimed: actor.claimed,
                    own,
                    comment: comment.clone(),
                    at: now,
                    payload: Digest::default(),
                };
                for decided in self.parts.store.decide(Decide { events: page.to_vec(), decision }).await? {
                    let label = events.iter().find(|event| event.id == decided.event);
                    let label = label.map(|event| event.operation.label.clone()).unwrap_or_default();
                    answers.push(DecisionAnswer { event: decided.event, label, refused: decided.refused });
                }
            }
        }
        self.lanes.kick_all();
        Ok(Answer::Decided(answers))
    }

    /// Whether the operator's own act is the event's direct cause, or he is its subject.
    async fn is_own(&self, actor: &Actor, event: &Event) -> Result<bool, EngineError> {
        if actor.user == Some(event.user()) {
            return Ok(true);
        }
        let requester: Option<OperatorId> = match &event.cause {
            Cause::Operator(operator) => Some(*operator),
            Cause::Import(id) => self
                .parts
                .store
                .imports(1_000)
                .await?
                .into_iter()
                .find(|import| import.id == *id)
                .map(|import| import.operator),
            Cause::Activation(number) => {
                let revisions = self.parts.store.revisions().await?;
                revisions.into_iter().find(|revision| revision.number == *number).map(|revision| revision.author)
            }
            Cause::Cycle | Cause::Due | Cause::Catalogue | Cause::Reconcile => None,
        };
        Ok(requester == Some(actor.operator))
    }
}

/// Under `enforce` nobody approves his own act; under `record` it needs a comment and is marked.
fn refuse_own(own: bool, four_eyes: FourEyes, comment: &str) -> Option<String> {
    match four_eyes {
        _ if !own => None,
        FourEyes::Enforce => {
            Some("four eyes: you caused this, or it is about you; somebody else must approve it".to_owned())
        }
        FourEyes::Record if comment.trim().is_empty() => {
            Some("you caused this, or it is about you: approving it needs a --comment, and is marked".to_owned())
        }
        FourEyes::Record => None,
    }
}
