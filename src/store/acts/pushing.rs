//! What the pusher does before a request: claim, begin; and after a crash: recover.

use crate::clock::Timestamp;
use crate::id::{AppName, EventId};
use crate::provision::account::Presence;
use crate::provision::entry::Fact;
use crate::provision::event::{Status, StatusKind};
use crate::provision::operation::Kind;
use crate::store::act::{Claimed, Lane, StoreResult};
use crate::store::acts::ledger::{self, Draft};
use crate::store::acts::life::{self, Running, Why};
use crate::store::acts::{edge_pushing, imports, reads};
use crate::store::group::{About, Group};
use crate::store::kv::{self, Order, Rows};
use crate::store::layout;
use crate::store::record::{RunningBatch, RunningEvent};

/// The lanes' indexes, in the order they are served.
fn queues(lane: Lane) -> &'static [bool] {
    match lane {
        Lane::Fast => &[true],
        Lane::All => &[true, false],
    }
}

pub(crate) fn claim(
    rows: &dyn Rows,
    app: &AppName,
    lane: Lane,
    as_of: Timestamp,
    limit: usize,
) -> StoreResult<Vec<Claimed>> {
    let running = Running::read(rows, Some(app))?;
    let mut due = Vec::new();
    for leaving in queues(lane) {
        kv::walk(rows, &layout::queue(app, *leaving), Order::Ascending, &mut |key, _| {
            let Some((at, event)) = layout::due_at_end(key) else { return Ok(true) };
            if at > as_of || due.len() >= limit {
                return Ok(false);
            }
            if running.get(event).is_none() {
                due.push(event);
            }
            Ok(true)
        })?;
    }
    let mut claimed = Vec::with_capacity(due.len());
    for event in due {
        if let Some(life) = life::load(rows, event)? {
            let account = ledger::load(rows, app, life.event.operation.user)?;
            claimed.push(Claimed { event: life.event, account });
        }
    }
    Ok(claimed)
}

pub(crate) fn next_due(rows: &dyn Rows, app: &AppName) -> StoreResult<Option<Timestamp>> {
    let running = Running::read(rows, Some(app))?;
    let mut next: Option<Timestamp> = None;
    for leaving in queues(Lane::All) {
        kv::walk(rows, &layout::queue(app, *leaving), Order::Ascending, &mut |key, _| {
            let Some((at, event)) = layout::due_at_end(key) else { return Ok(true) };
            if running.get(event).is_some() {
                return Ok(true);
            }
            next = Some(next.map_or(at, |next| next.min(at)));
            Ok(false)
        })?;
    }
    let edges = edge_pushing::next_due(rows, app)?;
    Ok([next, edges].into_iter().flatten().min())
}

pub(crate) fn begin(tx: &mut Group<'_>, events: &[EventId], at: Timestamp) -> StoreResult<Vec<EventId>> {
    let running = Running::read(tx, None)?;
    let mut begun: Vec<(AppName, RunningEvent)> = Vec::with_capacity(events.len());
    for id in events {
        let again = running.get(*id).is_some() || begun.iter().any(|(_, item)| item.event == *id);
        let Some(life) = life::load(tx, *id)?.filter(|_| !again) else { continue };
        let event = &life.event;
        if event.status.kind() != StatusKind::Queued || event.progress.account_done {
            continue;
        }
        // The approval is used here, in the act that writes the intent: without one nothing that was held begins.
        if event.is_held() && event.approvals().is_empty() {
            continue;
        }
        let operation = &event.operation;
        let account = ledger::load(tx, &operation.app, operation.user)?;
        if account.open_event != Some(event.id) || account.generation != event.generation {
            continue;
        }
        let attempt = event.attempts + 1;
        let entry = tx.enter(at, life.about(), Fact::Intent { attempt, payload: event.payload });
        tx.count_event(&operation.app, Some(StatusKind::Queued), StatusKind::Running)?;
        begun.push((operation.app.clone(), RunningEvent { event: event.id, attempt, entry }));
    }
    let done = begun.iter().map(|(_, item)| item.event).collect();
    write(tx, begun, at)?;
    Ok(done)
}

/// One row for each app and at most this many events.
const BATCH_EVENTS_MAX: usize = 1_000;

fn write(tx: &mut Group<'_>, mut begun: Vec<(AppName, RunningEvent)>, at: Timestamp) -> StoreResult<()> {
    begun.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.entry.cmp(&b.1.entry)));
    for of_app in begun.chunk_by(|a, b| a.0 == b.0) {
        for part in of_app.chunks(BATCH_EVENTS_MAX) {
            let events = part.iter().map(|(_, item)| *item).collect();
            let batch = RunningBatch { since: at, events };
            tx.put(layout::running_batch(&part[0].0, part[0].1.entry), &batch)?;
        }
    }
    Ok(())
}

pub(crate) fn recover(tx: &mut Group<'_>, at: Timestamp) -> StoreResult<u64> {
    imports::drop_left_behind(tx, at)?;
    let running = Running::read(tx, None)?;
    let mut recovered = 0;
    for id in running.ids() {
        let Some(mut life) = life::load_shown(tx, id, &running)? else { continue };
        let Status::Running { since } = life.event.status else { continue };
        let why = "the process ended while the request may have been out";
        life.step(tx, Status::Verifying { since, due: at }, at, Why::words(why))?;
        unsure(tx, life.event.operation.kind, &life.event.operation.app, life.event.operation.user)?;
        recovered += 1;
    }
    for app in reads::apps(tx)? {
        recovered += edge_pushing::recover(tx, &app, at)?;
    }
    for (key, _) in kv::under(tx, &layout::all_running(), usize::MAX)? {
        tx.remove(layout::Key(key));
    }
    if recovered > 0 {
        let what = format!("recovered: the outcome of {recovered} events is being found out");
        tx.enter(at, About::default(), Fact::Store { what });
    }
    Ok(recovered)
}

/// While it is not known whether a create took, neither is whether there is an account.
pub(crate) fn unsure(tx: &mut Group<'_>, kind: Kind, app: &AppName, user: crate::id::UserId) -> StoreResult<()> {
    if kind != Kind::Create {
        return Ok(());
    }
    let mut draft = Draft::load(tx, app, user)?;
    if draft.account.presence == Presence::None {
        draft.account.presence = Presence::Unknown;
    }
    draft.save(tx)
}
