//! Events as rows: what was filed is written once, what changes beside it, and running ones are listed by batch.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::id::{AppName, EventId, SourceName};
use crate::provision::entry::Fact;
use crate::provision::event::{Event, Status, StatusKind};
use crate::provision::outcome::FailureClass;
use crate::store::act::{StoreError, StoreResult};
use crate::store::acts::{admission, briefs, edges, trends};
use crate::store::group::{About, Group};
use crate::store::kv::{self, Rows};
use crate::store::layout;
use crate::store::record::{EventState, FiledEvent, RunningBatch, RunningEvent, decode};

/// An event with what the store keeps beside it.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    /// As it stands; `queued` for one that runs, until [`Life::run`] says so.
    pub(crate) event: Event,
    /// When it is due by the index.
    pub(crate) indexed_due: Option<Timestamp>,
    /// The hour in which it was filed, while it counts against the blast radius.
    pub(crate) counted: Option<u64>,
    /// The pair's event before.
    pub(crate) previous: Option<EventId>,
    /// The user's source.
    pub(crate) source: SourceName,
    /// The user's key.
    pub(crate) key: String,
    /// Sequences of all its entries.
    pub(crate) trail: Vec<u64>,
}

impl Life {
    /// From its rows: the filed one, then the state, if there is one.
    pub(crate) fn decode(filed: &[u8], state: Option<&[u8]>) -> StoreResult<Self> {
        Self::of(decode(filed)?, state)
    }

    fn of(filed: FiledEvent, state: Option<&[u8]>) -> StoreResult<Self> {
        let mut life = Self {
            indexed_due: None,
            event: filed.event,
            counted: filed.counted,
            previous: filed.previous,
            source: filed.source,
            key: filed.key,
            trail: vec![filed.entry],
        };
        if let Some(state) = state {
            let state: EventState = decode(state)?;
            life.event.status = state.status;
            life.event.attempts = state.attempts;
            life.event.decisions = state.decisions;
            life.event.changed_at = state.changed_at;
            life.counted = state.counted;
            life.event.progress = state.progress;
            life.trail.extend(state.trail);
        }
        life.indexed_due = due(&life.event);
        Ok(life)
    }

    /// Shows it as running if its intent is on disk.
    pub(crate) fn run(&mut self, running: &Running) {
        if let Some((_, since, item)) = running.get(self.event.id) {
            self.event.status = Status::Running { since };
            self.event.attempts = item.attempt;
            self.event.changed_at = since;
            self.trail.push(item.entry);
        }
    }

    /// Writes what changes.
    pub(crate) fn save(&self, tx: &mut Group<'_>) -> StoreResult<()> {
        let state = EventState {
            status: self.event.status.clone(),
            attempts: self.event.attempts,
            decisions: self.event.decisions.clone(),
            changed_at: self.event.changed_at,
            counted: self.counted,
            trail: self.trail[1..].to_vec(),
            progress: self.event.progress.clone(),
        };
        briefs::moved(tx, &self.event)?;
        tx.put(layout::event_state(self.event.id), &state)
    }

    /// What its entries are about.
    pub(crate) fn about(&self) -> About<'_> {
        About {
            event: Some(self.event.id),
            app: Some(&self.event.operation.app),
            user: Some(self.event.operation.user),
        }
    }

    /// Adds an entry about it.
    pub(crate) fn enter(&mut self, tx: &mut Group<'_>, at: Timestamp, fact: Fact) {
        let sequence = tx.enter(at, self.about(), fact);
        self.trail.push(sequence);
    }

    /// Takes a step: the event, its indexes, the counters, and the entry that says so.
    pub(crate) fn step(&mut self, tx: &mut Group<'_>, next: Status, at: Timestamp, why: Why<'_>) -> StoreResult<()> {
        let from = self.event.status.kind();
        self.event.step(next, at).map_err(|error| StoreError::Conflict(error.to_string()))?;
        let to = self.event.status.kind();
        unindex(tx, self, from);
        self.indexed_due = due(&self.event);
        index(tx, &self.event);
        tx.count_event(&self.event.operation.app, Some(from), to)?;
        if to.is_final() {
            admission::ended(tx, self, at)?;
            trends::ended(tx, &self.event.operation.app, to, at)?;
        }
        self.enter(tx, at, Fact::Stepped { status: to, class: why.class, detail: why.detail.to_owned() });
        edges::follow(tx, &self.event, at)?;
        self.save(tx)
    }
}

/// Why a step was taken.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Why<'a> {
    pub(crate) class: Option<FailureClass>,
    pub(crate) detail: &'a str,
}

impl<'a> Why<'a> {
    /// In words only.
    pub(crate) fn words(detail: &'a str) -> Self {
        Self { class: None, detail }
    }
}

/// When an event is due, if it waits by time; one whose edges alone are left waits with them.
fn due(event: &Event) -> Option<Timestamp> {
    match &event.status {
        Status::Queued { .. } if event.progress.account_done => None,
        Status::Queued { due, .. } | Status::Verifying { due, .. } => Some(*due),
        _ => None,
    }
}

/// Statuses that are listed by an index of their own: the ones people ask for, apart from success.
pub(crate) fn is_listed(status: StatusKind) -> bool {
    matches!(
        status,
        StatusKind::Pending | StatusKind::Failed | StatusKind::Refused | StatusKind::Rejected | StatusKind::Expired
    )
}

/// Puts an event that was filed or has moved into the indexes.
pub(crate) fn index(tx: &mut Group<'_>, event: &Event) {
    let app = &event.operation.app;
    if let Some(due) = due(event) {
        tx.put_key(layout::due(app, event.operation.kind.is_leaving(), due, event.id));
    }
    if is_listed(event.status.kind()) {
        tx.put_key(layout::listed_event(app, event.status.kind(), event.id));
    }
    if let (Some(batch), StatusKind::Pending) = (event.batch, event.status.kind()) {
        tx.put_key(layout::batch_member(batch, event.id));
    }
}

fn unindex(tx: &mut Group<'_>, life: &Life, from: StatusKind) {
    let event = &life.event;
    let app = &event.operation.app;
    if let Some(due) = life.indexed_due {
        tx.remove(layout::due(app, event.operation.kind.is_leaving(), due, event.id));
    }
    if is_listed(from) {
        tx.remove(layout::listed_event(app, from, event.id));
    }
    if let (Some(batch), StatusKind::Pending) = (event.batch, from) {
        tx.remove(layout::batch_member(batch, event.id));
    }
}

/// An event that does not run, or of which it does not matter.
pub(crate) fn load(rows: &dyn Rows, id: EventId) -> StoreResult<Option<Life>> {
    if let Some(filed) = rows.recent(id) {
        let state = rows.get(&layout::event_state(id).0)?;
        return Life::of(FiledEvent::clone(&filed), state.as_deref()).map(Some);
    }
    let pairs = kv::under(rows, &layout::event(id), 2)?;
    match pairs.as_slice() {
        [] => Ok(None),
        [(_, filed)] => Life::decode(filed, None).map(Some),
        [(_, filed), (_, state), ..] => Life::decode(filed, Some(state)).map(Some),
    }
}

/// An event as people see it.
pub(crate) fn load_shown(rows: &dyn Rows, id: EventId, running: &Running) -> StoreResult<Option<Life>> {
    Ok(load(rows, id)?.map(|mut life| {
        life.run(running);
        life
    }))
}

/// An event that must be there.
pub(crate) fn must(rows: &dyn Rows, id: EventId, running: &Running) -> StoreResult<Life> {
    load_shown(rows, id, running)?.ok_or_else(|| StoreError::NotFound(id.to_string()))
}

/// Which events run: few, because concurrency is bounded.
#[derive(Debug, Default)]
pub(crate) struct Running {
    events: BTreeMap<EventId, (u64, Timestamp, RunningEvent)>,
    batches: BTreeMap<u64, RunningBatch>,
}

impl Running {
    /// Those of one app, or of all.
    pub(crate) fn read(rows: &dyn Rows, app: Option<&AppName>) -> StoreResult<Self> {
        let prefix = app.map_or_else(layout::all_running, layout::running);
        let mut running = Self::default();
        for (key, value) in kv::under(rows, &prefix, usize::MAX)? {
            let batch: RunningBatch = decode(&value)?;
            let number = layout::number_at_end(&key).unwrap_or_default();
            for item in &batch.events {
                running.events.insert(item.event, (number, batch.since, *item));
            }
            running.batches.insert(number, batch);
        }
        Ok(running)
    }

    /// Its batch, since when, and the attempt.
    pub(crate) fn get(&self, event: EventId) -> Option<(u64, Timestamp, RunningEvent)> {
        self.events.get(&event).copied()
    }

    /// All of them.
    pub(crate) fn ids(&self) -> Vec<EventId> {
        self.events.keys().copied().collect()
    }

    /// Takes an event out; [`Running::write`] brings it to the rows.
    pub(crate) fn end(&mut self, event: EventId) {
        if let Some((number, ..)) = self.events.remove(&event)
            && let Some(batch) = self.batches.get_mut(&number)
        {
            batch.events.retain(|item| item.event != event);
        }
    }

    /// Writes the batches of `app` that lost events.
    pub(crate) fn write(&self, tx: &mut Group<'_>, app: &AppName, touched: &[u64]) -> StoreResult<()> {
        for number in touched {
            match self.batches.get(number).filter(|batch| !batch.events.is_empty()) {
                Some(batch) => tx.put(layout::running_batch(app, *number), batch)?,
                None => tx.remove(layout::running_batch(app, *number)),
            }
        }
        Ok(())
    }
}
