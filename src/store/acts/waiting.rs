//! What waits in an app: leavers by name, the rest by number; and what no longer has to wait for an endpoint that answers again.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::id::{AppName, EventId};
use crate::provision::event::{Event, Status, StatusKind};
use crate::store::act::StoreResult;
use crate::store::acts::life::{self, Running, Why};
use crate::store::group::Group;
use crate::store::kv::{self, Order, Rows};
use crate::store::layout;
use crate::store::query::Waiting;
use crate::store::record::{QueuedEdge, decode};

/// Pending events that are looked at for leavers: more than that many wait for their approvers, not for a list.
const PENDING_MAX: usize = 10_000;

/// Open events of leaving users, oldest first; of the others the kinds of at most `others` and the number of the rest.
pub(crate) fn waiting(rows: &dyn Rows, app: &AppName, others: usize) -> StoreResult<Waiting> {
    let running = Running::read(rows, Some(app))?;
    let mut waiting = Waiting::default();
    let mut leavers: BTreeSet<EventId> = BTreeSet::new();
    kv::walk(rows, &layout::queue(app, true), Order::Ascending, &mut |key, _| {
        leavers.extend(layout::number_at_end(key).map(EventId));
        Ok(true)
    })?;
    for event in leavers {
        waiting.leavers.extend(life::load_shown(rows, event, &running)?.map(|life| life.event));
    }
    for (key, _) in kv::under(rows, &layout::listed(app, StatusKind::Pending), PENDING_MAX)? {
        let Some(event) = layout::number_at_end(&key).map(EventId) else { continue };
        let Some(life) = life::load(rows, event)? else { continue };
        if life.event.operation.kind.is_leaving() {
            waiting.leavers.push(life.event);
        }
    }
    waiting.leavers.sort_by_key(|event| (event.waiting_since, event.id));
    if others > 0 {
        queued(rows, app, others, &mut waiting)?;
    }
    Ok(waiting)
}

fn queued(rows: &dyn Rows, app: &AppName, limit: usize, waiting: &mut Waiting) -> StoreResult<()> {
    let mut events = Vec::new();
    kv::walk(rows, &layout::queue(app, false), Order::Ascending, &mut |key, _| {
        match layout::number_at_end(key).map(EventId) {
            Some(event) if events.len() < limit => events.push(event),
            _ => waiting.more += 1,
        }
        Ok(true)
    })?;
    for event in events {
        if let Some(life) = life::load(rows, event)? {
            *waiting.queued.entry(life.event.operation.kind).or_default() += 1;
        }
    }
    Ok(())
}

/// Events and edges whose next attempt was put off because the endpoint failed are due now.
pub(crate) fn hasten(tx: &mut Group<'_>, app: &AppName, at: Timestamp) -> StoreResult<u64> {
    let running = Running::read(tx, Some(app))?;
    let mut later = Vec::new();
    for leaving in [true, false] {
        kv::walk(tx, &layout::queue(app, leaving), Order::Ascending, &mut |key, _| {
            later.extend(layout::due_at_end(key).filter(|(due, _)| *due > at).map(|(_, event)| event));
            Ok(true)
        })?;
    }
    let mut hastened = 0;
    for event in later.into_iter().filter(|event| running.get(*event).is_none()) {
        let Some(mut life) = life::load(tx, event)? else { continue };
        let next = match &life.event {
            Event { status: Status::Queued { last: Some(last), .. }, .. } if last.class.counts_for_breaker() => {
                Status::Queued { due: at, last: Some(last.clone()) }
            }
            Event { status: Status::Verifying { since, .. }, .. } => Status::Verifying { since: *since, due: at },
            _ => continue,
        };
        life.step(tx, next, at, Why::words("the app answers again"))?;
        hastened += 1;
    }
    Ok(hastened + hasten_edges(tx, app, at)?)
}

fn hasten_edges(tx: &mut Group<'_>, app: &AppName, at: Timestamp) -> StoreResult<u64> {
    let mut later = Vec::new();
    kv::walk(tx, &layout::edge_queue(app), Order::Ascending, &mut |key, value| {
        let queued: QueuedEdge = decode(value)?;
        if queued.due > at && queued.attempts > 0 {
            later.push((key.to_vec(), queued));
        }
        Ok(true)
    })?;
    let number = later.len() as u64;
    for (key, queued) in later {
        tx.put(layout::Key(key), &QueuedEdge { due: at, ..queued })?;
    }
    Ok(number)
}
