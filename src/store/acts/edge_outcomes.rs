//! What a request about members brought, for each edge and its event. An event ends when its last edge has.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::{AppName, EventId};
use crate::provision::account::{Account, Mute, MuteReason};
use crate::provision::edge::{Edge, EdgeChange, EdgeOutcome, EdgeRefusal};
use crate::provision::entry::Fact;
use crate::provision::event::{Status, StatusKind};
use crate::provision::operation::{Kind, Operation};
use crate::provision::outcome::{Failure, FailureClass};
use crate::store::act::{FinishEdges, FinishedEdge, StoreResult};
use crate::store::acts::edges::{self, named};
use crate::store::acts::ledger::Draft;
use crate::store::acts::life::{self, Life, Why};
use crate::store::acts::outcomes;
use crate::store::group::Group;
use crate::store::kv;
use crate::store::layout;
use crate::store::record::{QueuedEdge, RunningEdges};

/// The longest note of an event, in characters.
const NOTE_MAX: usize = 2_000;

pub(crate) fn finish(tx: &mut Group<'_>, app: &AppName, finish: FinishEdges, at: Timestamp) -> StoreResult<()> {
    let mut chunk = None;
    if let Some(number) = finish.chunk {
        let key = layout::running_chunk(app, number);
        chunk = kv::read::<RunningEdges>(tx, &key)?;
        if chunk.is_none() {
            // Reported before: the answer got lost.
            return Ok(());
        }
        tx.remove(key);
    }
    let keeper = finish.edges.first().map(|edge| edge.event).filter(|_| !finish.exchanges.is_empty());
    let mut exchanges = Some(finish.exchanges);
    let mut touched = BTreeSet::new();
    for done in finish.edges {
        let Some(mut life) = life::load(tx, done.event)? else { continue };
        if let Some(running) = chunk.iter().flat_map(|chunk| &chunk.edges).find(|edge| edge.event == done.event) {
            life.trail.push(running.entry);
            life.event.progress.begun = true;
        }
        if Some(done.event) == keeper
            && let Some(exchanges) = exchanges.take()
        {
            let attempt = life.event.attempts;
            life.enter(tx, at, Fact::Attempted { attempt, exchanges });
        }
        let elsewhere = keeper.filter(|keeper| *keeper != done.event);
        one(tx, &mut life, done, elsewhere, at)?;
        life.save(tx)?;
        touched.insert(life.event.id);
    }
    touched.into_iter().try_for_each(|event| settle(tx, event, at))
}

/// One edge: the ledger, the queue, the history, and what the event remembers of it.
fn one(
    tx: &mut Group<'_>,
    life: &mut Life,
    done: FinishedEdge,
    exchange: Option<EventId>,
    at: Timestamp,
) -> StoreResult<()> {
    let FinishedEdge { change, outcome, .. } = done;
    let (app, user) = (life.event.operation.app.clone(), life.event.operation.user);
    let Some(edge) = edges::find(tx, &app, user, (&change.key(), &change.name))? else { return Ok(()) };
    if edge.event != Some(life.event.id) || !edge.is_open() {
        return Ok(());
    }
    let after = edges::step(tx, (&app, user), &edge, outcome.step(change.add), at)?;
    if let (EdgeOutcome::Added { effective }, Some(after)) = (&outcome, &after) {
        let marked = Edge { effective: *effective, ..after.clone() };
        edges::put(tx, (&app, user), Some(after), Some(&marked))?;
    }
    queue(tx, (&app, life.event.id), &edge, (&change, &outcome), user)?;
    remember(life, &change, &outcome);
    let class = match &outcome {
        EdgeOutcome::Retry { failure, .. } | EdgeOutcome::Unknown { failure, .. } | EdgeOutcome::Refused(failure) => {
            Some(failure.class)
        }
        _ => None,
    };
    let detail = outcome.words();
    life.enter(tx, at, Fact::EdgeEnded { change, class, detail, exchange });
    Ok(())
}

fn queue(
    tx: &mut Group<'_>,
    (app, event): (&AppName, EventId),
    edge: &Edge,
    (change, outcome): (&EdgeChange, &EdgeOutcome),
    user: crate::id::UserId,
) -> StoreResult<()> {
    let key = layout::queued_edge(app, named(&edge.key, &edge.name), change.add, user);
    let attempts = kv::read::<QueuedEdge>(tx, &key)?.map_or(0, |queued| queued.attempts);
    match outcome {
        EdgeOutcome::Retry { due, .. } | EdgeOutcome::Unknown { due, .. } => {
            tx.put(key, &QueuedEdge { event, due: *due, attempts: attempts + 1, change: change.clone() })
        }
        _ => {
            tx.remove(key);
            Ok(())
        }
    }
}

fn remember(life: &mut Life, change: &EdgeChange, outcome: &EdgeOutcome) {
    let progress = &mut life.event.progress;
    match outcome {
        EdgeOutcome::Refused(failure) => {
            progress.refused.push(EdgeRefusal { change: change.clone(), detail: failure.detail.clone() });
        }
        EdgeOutcome::Added { effective: false } => {
            progress.notes.push(format!("{} “{}” is not effective at the target", change.kind, change.name));
        }
        EdgeOutcome::Void { why } => progress.void = Some(why.clone()),
        _ => {}
    }
}

/// Ends the event if nothing of it is left.
fn settle(tx: &mut Group<'_>, event: EventId, at: Timestamp) -> StoreResult<()> {
    let Some(mut life) = life::load(tx, event)? else { return Ok(()) };
    let open = life.event.status.kind() == StatusKind::Queued && life.event.progress.account_done;
    if !open || !edges::open_of(tx, &life.event)?.is_empty() {
        return Ok(());
    }
    if let Some(why) = life.event.progress.void.clone() {
        life.step(tx, Status::Superseded { by: None }, at, Why::words(&why))?;
        close(tx, &life, |account| account.basis = None)?;
        return outcomes::dirty(tx, &life, at);
    }
    if life.event.progress.refused.is_empty() { succeed(tx, &mut life, at) } else { fail(tx, &mut life, at) }
}

fn succeed(tx: &mut Group<'_>, life: &mut Life, at: Timestamp) -> StoreResult<()> {
    let note: String = life.event.progress.notes.join("; ").chars().take(NOTE_MAX).collect();
    life.step(tx, Status::Succeeded { note: note.clone() }, at, Why::words(&note))?;
    let then = outcomes::follow_up(life);
    let basis = life.event.basis;
    close(tx, life, |account| {
        account.mute = None;
        account.basis = (!then).then_some(basis);
        if !note.is_empty() {
            account.note = note;
        }
    })?;
    if then { outcomes::dirty(tx, life, at) } else { Ok(()) }
}

fn fail(tx: &mut Group<'_>, life: &mut Life, at: Timestamp) -> StoreResult<()> {
    let detail: String = life.event.progress.refusals().chars().take(NOTE_MAX).collect();
    let failure = Failure { class: FailureClass::Refused, status: None, detail: detail.clone(), retry_after: None };
    let why = Why { class: Some(FailureClass::Refused), detail: &detail };
    life.step(tx, Status::Failed { failure }, at, why)?;
    let (event, app) = (life.event.id, life.event.app_digest);
    let operation = life.event.operation.clone();
    let refused: Vec<EdgeChange> = life.event.progress.refused.iter().map(|refusal| refusal.change.clone()).collect();
    close(tx, life, |account| {
        account.basis = None;
        let payload = muted(&operation, account, refused);
        account.mute = Some(Mute { payload, app, event, why: MuteReason::Failed, at });
    })
}

/// What the next plan would ask for again: these edges and nothing else.
fn muted(operation: &Operation, account: &Account, mut refused: Vec<EdgeChange>) -> Digest {
    refused.sort();
    let again = Operation {
        kind: Kind::Update,
        remote_id: account.remote_id.clone(),
        user_name: account.user_name().unwrap_or(&operation.user_name).to_owned(),
        changes: Vec::new(),
        edges: refused,
        ..operation.clone()
    };
    again.mute_digest()
}

fn close(tx: &mut Group<'_>, life: &Life, how: impl FnOnce(&mut Account)) -> StoreResult<()> {
    let mut draft = Draft::load(tx, &life.event.operation.app, life.event.operation.user)?;
    draft.close();
    how(&mut draft.account);
    draft.save(tx)
}

/// The account part is done and edges are left: they are claimable from now on, the event ends with them.
pub(crate) fn hand_on(tx: &mut Group<'_>, life: &mut Life, note: &str, at: Timestamp) -> StoreResult<bool> {
    if life.event.operation.edges.is_empty() || edges::open_of(tx, &life.event)?.is_empty() {
        return Ok(false);
    }
    life.event.progress.account_done = true;
    if !note.is_empty() {
        life.event.progress.notes.push(note.to_owned());
    }
    life.step(
        tx,
        Status::Queued { due: at, last: None },
        at,
        Why::words("the account is done; its memberships follow"),
    )?;
    Ok(true)
}
