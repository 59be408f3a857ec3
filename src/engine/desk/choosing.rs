//! What a decision is about: events by name, by batch, by filter; and that it is what was on screen.

use std::collections::BTreeMap;

use crate::clock::Span;
use crate::engine::context::{Engine, EngineError};
use crate::engine::pending::{Choice, Shown};
use crate::engine::queue::Decided;
use crate::id::{AppName, EventId, UserId};
use crate::provision::event::{Event, StatusKind};
use crate::store::query::EventQuery;

/// Events that one decision takes at most; larger batches are decided in several acts.
const DECIDED_MAX: usize = 100_000;
/// How far back it is looked who decided about a batch, ...
const LOOKED_BACK: Span = Span::from_hours(24);
/// ... and among how many decisions.
const LOOKED_THROUGH_MAX: usize = 500;

impl Engine {
    pub(super) async fn pending(&self, app: Option<AppName>, limit: usize) -> Result<Vec<Event>, EngineError> {
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

    /// All that is pending.
    pub(super) async fn all_pending(&self, app: Option<AppName>) -> Result<Vec<Event>, EngineError> {
        self.pending(app, DECIDED_MAX).await
    }

    /// The events that a decision is about, oldest first. With `shown`, exactly those that were: what joined since waits.
    pub(super) async fn choose(&self, choice: &Choice, shown: Option<&Shown>) -> Result<Vec<Event>, EngineError> {
        let mut chosen: BTreeMap<EventId, Event> = BTreeMap::new();
        for id in &choice.events {
            let none = || EngineError::Invalid(format!("there is no event {id}"));
            chosen.insert(*id, self.parts.store.event(*id).await?.ok_or_else(none)?);
        }
        let by_filter = choice.all || (choice.filters() && choice.batches.is_empty() && choice.events.is_empty());
        if by_filter || !choice.batches.is_empty() {
            let user = match &choice.user {
                Some(user) => Some(self.find_user(user).await?.id),
                None => None,
            };
            for event in self.all_pending(choice.app.clone()).await? {
                let in_batch = event.batch.is_some_and(|batch| choice.batches.contains(&batch));
                // A whole held batch is named by its id; a filter does not reach into one.
                let meant = in_batch || (by_filter && event.batch.is_none());
                if meant && self.passes(choice, user, &event) {
                    chosen.insert(event.id, event);
                }
            }
        }
        let chosen: Vec<Event> = chosen.into_values().collect();
        if chosen.is_empty() {
            return Err(EngineError::Invalid(self.nothing_there(choice).await?));
        }
        match shown {
            Some(shown) => as_shown(chosen, shown),
            None => Ok(chosen),
        }
    }

    /// Why nothing is there: who decided about the batch before, if somebody did.
    async fn nothing_there(&self, choice: &Choice) -> Result<String, EngineError> {
        if choice.batches.is_empty() {
            return Ok(
                "nothing is pending there outside held batches; `usher approvals list` shows what waits, --batch \
                       decides a held batch as a whole"
                    .to_owned(),
            );
        }
        let lately = self.parts.clock.now().minus(LOOKED_BACK);
        let decided = self.decided(lately, LOOKED_THROUGH_MAX).await?;
        let of_batch = |one: &&Decided| one.event.batch.is_some_and(|batch| choice.batches.contains(&batch));
        if let Some(last) = decided.iter().find(of_batch) {
            let words = last.decision.words();
            return Ok(format!("nothing of it waits any more, and nothing was decided: {words}"));
        }
        Ok("nothing of it waits any more: newer changes took the place of what was in it".to_owned())
    }

    pub(super) fn passes(&self, choice: &Choice, user: Option<UserId>, event: &Event) -> bool {
        let waits = self.parts.clock.now().millis_since(event.waiting_since) / 1000;
        user.is_none_or(|user| event.user() == user)
            && (choice.kinds.is_empty() || choice.kinds.contains(&event.operation.kind))
            && (choice.findings.is_empty() || event.findings.iter().any(|found| choice.findings.contains(&found.kind)))
            && choice.older_than.is_none_or(|span| waits >= span.as_secs())
    }
}

/// What joined later has a higher number: the first ones are those that were shown, or something dropped out.
fn as_shown(mut chosen: Vec<Event>, shown: &Shown) -> Result<Vec<Event>, EngineError> {
    let now = Shown::of(&chosen);
    chosen.truncate(shown.count);
    if Shown::of(&chosen) == *shown {
        return Ok(chosen);
    }
    Err(EngineError::Invalid(format!(
        "what waits there is no longer what was shown: {shown} then, {now} now; nothing was decided. Look again, for example with --dry-run"
    )))
}
