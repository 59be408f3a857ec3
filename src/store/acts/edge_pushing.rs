//! What the pusher does with edges before a request: claim by entitlement, begin, and after a crash recover; and the late id of a group
//! that was created first.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::id::{AppName, EventId, UserId};
use crate::provision::edge::{Edge, EdgeChange, EdgeState, EdgeStep};
use crate::provision::entitlement::EntitlementKey;
use crate::provision::entry::Fact;
use crate::provision::event::StatusKind;
use crate::store::act::{BegunEdges, ClaimedEdge, ClaimedEdges, StoreResult};
use crate::store::acts::edges::{self, named};
use crate::store::acts::{ledger, life};
use crate::store::group::Group;
use crate::store::kv::{self, Order, Rows};
use crate::store::layout;
use crate::store::query::Counts;
use crate::store::record::{QueuedEdge, RunningEdge, RunningEdges, decode};

/// Edges of one entitlement that are claimed at once.
const EDGES_MAX: usize = 5_000;

/// An entitlement and its edges that are due.
type Due = (EntitlementKey, String, Vec<(UserId, QueuedEdge)>);

/// Edges in flight.
fn flying(rows: &dyn Rows, app: &AppName) -> StoreResult<BTreeSet<(UserId, EdgeChange)>> {
    let mut flying = BTreeSet::new();
    for (_, value) in kv::under(rows, &layout::running_edges(app), usize::MAX)? {
        let chunk: RunningEdges = decode(&value)?;
        flying.extend(chunk.edges.into_iter().map(|edge| (edge.user, edge.change)));
    }
    Ok(flying)
}

pub(crate) fn claim(
    rows: &dyn Rows,
    app: &AppName,
    as_of: Timestamp,
    except: &[EntitlementKey],
    limit: usize,
) -> StoreResult<Vec<ClaimedEdges>> {
    let flying = flying(rows, app)?;
    let mut due: Vec<Due> = Vec::new();
    kv::walk(rows, &layout::edge_queue(app), Order::Ascending, &mut |key, value| {
        let Some(user) = layout::user_at_end(key) else { return Ok(true) };
        let queued: QueuedEdge = decode(value)?;
        let of = queued.change.key();
        // Groups that are created first have no id: one at a time, told apart by name.
        let same = due
            .last()
            .is_some_and(|(key, name, _)| *key == of && (!of.remote_id.is_empty() || *name == queued.change.name));
        if queued.due > as_of || except.contains(&of) || flying.contains(&(user, queued.change.clone())) {
            return Ok(true);
        }
        if !same {
            if due.len() >= limit {
                return Ok(false);
            }
            due.push((of, queued.change.name.clone(), Vec::new()));
        }
        if let Some((_, _, edges)) = due.last_mut()
            && edges.len() < EDGES_MAX
        {
            edges.push((user, queued));
        }
        Ok(true)
    })?;
    due.into_iter().map(|(key, name, edges)| claimed(rows, app, (key, name), edges)).collect()
}

fn claimed(
    rows: &dyn Rows,
    app: &AppName,
    (key, name): (EntitlementKey, String),
    queued: Vec<(UserId, QueuedEdge)>,
) -> StoreResult<ClaimedEdges> {
    let mut claimed = ClaimedEdges { key, name, edges: Vec::with_capacity(queued.len()) };
    for (user, queued) in queued {
        let Some(life) = life::load(rows, queued.event)? else { continue };
        let edge = edges::find(rows, app, user, (&claimed.key, &claimed.name))?;
        claimed.edges.push(ClaimedEdge {
            account: ledger::load(rows, app, user)?,
            event: life.event,
            change: queued.change,
            attempts: queued.attempts,
            unknown: edge.is_some_and(|edge| edge.state == EdgeState::Unknown),
        });
    }
    Ok(claimed)
}

pub(crate) fn next_due(rows: &dyn Rows, app: &AppName) -> StoreResult<Option<Timestamp>> {
    let counts: Counts = kv::read(rows, &layout::counts(app))?.unwrap_or_default();
    if counts.edges.is_empty() {
        return Ok(None);
    }
    let flying = flying(rows, app)?;
    let mut next: Option<Timestamp> = None;
    kv::walk(rows, &layout::edge_queue(app), Order::Ascending, &mut |key, value| {
        let queued: QueuedEdge = decode(value)?;
        let out = layout::user_at_end(key).is_none_or(|user| flying.contains(&(user, queued.change.clone())));
        if !out {
            next = Some(next.map_or(queued.due, |next| next.min(queued.due)));
        }
        Ok(true)
    })?;
    Ok(next)
}

pub(crate) fn begin(
    tx: &mut Group<'_>,
    app: &AppName,
    wanted: &[(EventId, EdgeChange)],
    at: Timestamp,
) -> StoreResult<BegunEdges> {
    let flying = flying(tx, app)?;
    let mut begun: Vec<RunningEdge> = Vec::with_capacity(wanted.len());
    let together = u32::try_from(wanted.len()).unwrap_or(u32::MAX);
    for (id, change) in wanted {
        let Some(life) = life::load(tx, *id)? else { continue };
        let user = life.event.operation.user;
        let account = ledger::load(tx, app, user)?;
        let queued = layout::queued_edge(app, (&change.key(), &change.name), change.add, user);
        let still = life.event.status.kind() == StatusKind::Queued
            && life.event.progress.account_done
            && (!life.event.is_held() || !life.event.approvals().is_empty())
            && account.open_event == Some(*id)
            && account.generation == life.event.generation
            && kv::read::<QueuedEdge>(tx, &queued)?.is_some_and(|queued| queued.event == *id)
            && !flying.contains(&(user, change.clone()))
            && !begun.iter().any(|edge| edge.user == user);
        if !still {
            continue;
        }
        let fact = Fact::EdgeIntent { change: change.clone(), together, payload: life.event.payload };
        let entry = tx.enter(at, life.about(), fact);
        begun.push(RunningEdge { user, event: *id, change: change.clone(), entry });
    }
    let Some(first) = begun.first() else { return Ok(BegunEdges::default()) };
    let chunk = first.entry;
    let events = begun.iter().map(|edge| edge.event).collect();
    tx.put(layout::running_chunk(app, chunk), &RunningEdges { since: at, edges: begun })?;
    Ok(BegunEdges { chunk, events })
}

/// What was out when the process ended is looked up before anything is sent again.
pub(crate) fn recover(tx: &mut Group<'_>, app: &AppName, at: Timestamp) -> StoreResult<u64> {
    let mut recovered = 0;
    for (key, value) in kv::under(tx, &layout::running_edges(app), usize::MAX)? {
        let chunk: RunningEdges = decode(&value)?;
        for running in chunk.edges {
            let Some(edge) = edges::find(tx, app, running.user, (&running.change.key(), &running.change.name))? else {
                continue;
            };
            if edge.event != Some(running.event) || !edge.is_open() {
                continue;
            }
            edges::step(tx, (app, running.user), &edge, EdgeStep::Lost, at)?;
            let queued = layout::queued_edge(app, named(&edge.key, &edge.name), running.change.add, running.user);
            if let Some(waits) = kv::read::<QueuedEdge>(tx, &queued)? {
                tx.put(queued, &QueuedEdge { due: at, ..waits })?;
            }
            if let Some(mut life) = life::load(tx, running.event)? {
                life.event.progress.begun = true;
                life.trail.push(running.entry);
                let detail = "the process ended while the request may have been out".to_owned();
                let fact = Fact::EdgeEnded { change: running.change, class: None, detail, exchange: None };
                life.enter(tx, at, fact);
                life.save(tx)?;
            }
            recovered += 1;
        }
        tx.remove(layout::Key(key));
    }
    Ok(recovered)
}

/// A group that was created first has its id now: all edges that wait for it get it.
pub(crate) fn bind(tx: &mut Group<'_>, app: &AppName, key: &EntitlementKey, name: &str) -> StoreResult<()> {
    let nameless = EntitlementKey { kind: key.kind.clone(), remote_id: String::new() };
    for (row, _) in kv::under(tx, &layout::members(app, (&nameless, name)), usize::MAX)? {
        let Some(user) = layout::user_at_end(&row) else { continue };
        let Some(edge) = edges::find(tx, app, user, (&nameless, name))? else { continue };
        let queued = layout::queued_edge(app, (&nameless, name), true, user);
        let waits = kv::read::<QueuedEdge>(tx, &queued)?;
        edges::dequeue(tx, app, user, &edge);
        edges::put(tx, (app, user), Some(&edge), None)?;
        if edges::find(tx, app, user, (key, name))?.is_some() {
            continue;
        }
        edges::put(tx, (app, user), None, Some(&Edge { key: key.clone(), ..edge }))?;
        if let Some(waits) = waits {
            let change = EdgeChange { remote_id: key.remote_id.clone(), ..waits.change.clone() };
            tx.put(layout::queued_edge(app, (key, name), true, user), &QueuedEdge { change, ..waits })?;
        }
    }
    Ok(())
}
