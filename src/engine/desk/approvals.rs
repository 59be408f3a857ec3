//! Approvals: what waits, and decisions about it. Four eyes is checked here; the store checks that what is approved is what was
//! on screen.

use std::collections::BTreeMap;

use crate::access::actor::Actor;
use crate::clock::Span;
use crate::digest::Digest;
use crate::engine::active::ActiveApp;
use crate::engine::answer::{Answer, BatchAnswer, DecisionAnswer};
use crate::engine::context::{Engine, EngineError};
use crate::engine::pending::{Choice, Chosen, Shown};
use crate::id::{AppName, BatchId};
use crate::provision::approval::{Decision, Ruling};
use crate::provision::event::{Event, StatusKind};
use crate::provision::guard::finding::FindingKind;
use crate::provision::operation::Kind;
use crate::store::act::Decide;
use crate::store::query::EventQuery;

/// Events of one act.
const DECIDE_PAGE: usize = 500;
/// Events that are shown before they are decided.
const CHOSEN_SHOWN_MAX: usize = 200;
/// Blocked adoptions that are shown beside a batch.
const BLOCKED_SHOWN_MAX: usize = 200;

impl Engine {
    pub(super) async fn approvals(&self, app: Option<AppName>, limit: usize) -> Result<Answer, EngineError> {
        self.heard_of(app.as_ref()).await?;
        let mut asker = self.asker().await?;
        let mut waiting = Vec::new();
        for event in self.pending(app, limit).await? {
            waiting.push(asker.waiting(event).await?);
        }
        Ok(Answer::Approvals(waiting))
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
        members.sort_by_key(|event| event.id);
        let shown = Shown::of(&members);
        let mut asker = self.asker().await?;
        let (mut exact, mut differing, mut blocked) = (Vec::new(), Vec::new(), Vec::new());
        for event in members {
            let differs = event.findings.iter().any(|each| each.kind == FindingKind::AdoptionDiffers);
            if differs { &mut differing } else { &mut exact }.push(asker.waiting(event).await?);
        }
        for event in ambiguous {
            blocked.push(asker.waiting(event).await?);
        }
        Ok(Answer::Batch(BatchAnswer { batch, shown, exact, differing, ambiguous: blocked }))
    }

    /// Blocked adoptions of an app that several accounts match and that nothing newer has taken the place of.
    pub(super) async fn ambiguous(&self, app: AppName) -> Result<Vec<Event>, EngineError> {
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

    /// Decides about what `choice` names, each event for its payload as it stands.
    pub(super) async fn decide(
        &self,
        actor: &Actor,
        (choice, shown): (Choice, Option<Shown>),
        (approve, comment): (bool, String),
    ) -> Result<Answer, EngineError> {
        let events = self.choose(&choice, shown.as_ref()).await?;
        let mut asker = self.asker().await?;
        let mut answers = Vec::new();
        // One act takes events that are decided alike: whether it is one's own act, how many approvals are asked.
        let mut alike: BTreeMap<(bool, usize), Vec<&Event>> = BTreeMap::new();
        for event in &events {
            let concern = asker.concern(event).await?;
            let own = match concern.admits(actor, asker.four_eyes(), &comment) {
                Err(refused) if approve => {
                    answers.push(answered(event, Some(refused), (0, 0)));
                    continue;
                }
                Err(_) => concern.is_own(actor.operator, actor.user),
                Ok(own) => own,
            };
            alike.entry((own, asker.approvers(event))).or_default().push(event);
        }
        for ((own, approvers), events) in alike {
            for page in events.chunks(DECIDE_PAGE) {
                let decision = Decision {
                    ruling: if approve { Ruling::Approve } else { Ruling::Reject },
                    operator: actor.operator,
                    name: actor.name.clone(),
                    claimed: actor.claimed,
                    own,
                    comment: comment.clone(),
                    at: self.parts.clock.now(),
                    payload: Digest::default(),
                };
                let about = page.iter().map(|event| (event.id, event.payload)).collect();
                let decided = self.parts.store.decide(Decide { events: about, decision, approvers }).await?;
                answers.extend(
                    page.iter()
                        .zip(decided)
                        .map(|(event, decided)| answered(event, decided.refused, (approvers, decided.missing))),
                );
            }
        }
        self.lanes.kick_all();
        Ok(Answer::Decided(answers))
    }

    /// What `choice` names, decided about by nobody yet.
    pub(super) async fn decide_dry(
        &self,
        (choice, shown): (Choice, Option<Shown>),
        approve: bool,
    ) -> Result<Answer, EngineError> {
        let events = self.choose(&choice, shown.as_ref()).await?;
        let shown = Shown::of(&events);
        let mut asker = self.asker().await?;
        let mut waiting = Vec::new();
        for event in events.into_iter().take(CHOSEN_SHOWN_MAX) {
            waiting.push(asker.waiting(event).await?);
        }
        Ok(Answer::Chosen(Chosen { shown, approve, events: waiting }))
    }

    /// Lets what nobody decided in time expire: it is asked again with the next plan, and escalates.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn expire_approvals(&self, app: &ActiveApp) -> Result<(), EngineError> {
        let (store, now) = (&self.parts.store, self.parts.clock.now());
        let before = now.minus(app.spec.app.approvals.expire_after);
        let mut expired = 0;
        loop {
            let more = store.expire(&app.spec.name, before, now).await?;
            expired += more;
            if more == 0 {
                break;
            }
        }
        if expired > 0 {
            tracing::warn!(app = %app.spec.name, expired, "nobody decided in time: asked again, escalated");
        }
        store.lift_failed_mutes(&app.spec.name, now.minus(Span::from_days(1))).await?;
        Ok(())
    }
}

fn answered(event: &Event, refused: Option<String>, (approvers, missing): (usize, usize)) -> DecisionAnswer {
    DecisionAnswer { event: event.id, label: event.operation.label.clone(), refused, approvers, missing }
}
