//! What leaves the history: events that were archived, and bodies with the values of a person. The chain stays whole: an entry says what is
//! gone, headers keep the digests, and `verify` accepts a gap only where an entry allows it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::history::chain;
use crate::id::{EventId, OperatorId, UserId};
use crate::page::Page;
use crate::provision::entry::Fact;
use crate::provision::event::{Event, Status};
use crate::provision::gone::{Gone, Ranges};
use crate::store::act::{StoreError, StoreResult};
use crate::store::acts::life::{self, Life};
use crate::store::acts::{ledger, reads};
use crate::store::brief::{self, Briefs};
use crate::store::group::{About, Group};
use crate::store::kv::{self, Order, Rows};
use crate::store::layout::{self, PART_BYTES_MAX};
use crate::store::query::{Aged, ErasedUser, Prune};
use crate::store::record::{FiledEvent, decode};

/// What stands where a person's values stood.
const ERASED: &str = "(erased)";

/// How many events were archived so far.
pub(crate) fn archived(rows: &dyn Rows) -> StoreResult<u64> {
    Ok(kv::read::<u64>(rows, &layout::meta("archived"))?.unwrap_or_default())
}

/// What is gone, by the entries that say so.
pub(crate) fn gone(rows: &dyn Rows) -> StoreResult<Gone> {
    let mut gone = Gone::default();
    kv::walk(rows, &layout::erasures(), Order::Ascending, &mut |key, _| {
        let sequence = layout::number_at_end(key).unwrap_or_default();
        if let Some(body) = reads::body(rows, sequence)?
            && let Ok(entry) = chain::decode(&body)
            && let Fact::Erased { events, entries, .. } = entry.fact
        {
            gone.add(&events, &entries);
        }
        Ok(true)
    })?;
    Ok(gone)
}

/// Whether an event is over, since before a time, and nothing refers to it.
fn is_aged(rows: &dyn Rows, event: &Event, before: Timestamp) -> StoreResult<bool> {
    if !event.status.kind().is_final() || event.changed_at >= before {
        return Ok(false);
    }
    let account = ledger::find(rows, &event.operation.app, event.operation.user)?;
    Ok(account.is_none_or(|account| {
        account.open_event != Some(event.id) && account.mute.is_none_or(|mute| mute.event != event.id)
    }))
}

pub(crate) fn aged(
    rows: &dyn Rows,
    before: Timestamp,
    after: Option<EventId>,
    limit: usize,
) -> StoreResult<Page<Aged, EventId>> {
    let mut page = Page::default();
    let all = layout::briefs_rows();
    let from = after.map_or(all.0.clone(), |after| layout::briefs(brief::place(after).0).0);
    kv::walk_range(rows, (from, all.end()), Order::Ascending, &mut |key, value| {
        let row = layout::number_at_end(key).unwrap_or_default();
        let briefs: Briefs = decode(value)?;
        for position in 0..briefs.events.len() {
            let id = brief::event_at(row, position);
            let over = briefs.get(position).is_some_and(|brief| brief.ended.is_some() && brief.at < before);
            if !over || after.is_some_and(|after| id <= after) {
                continue;
            }
            let Some(life) = life::load(rows, id)? else { continue };
            if !is_aged(rows, &life.event, before)? {
                continue;
            }
            if page.items.len() == limit {
                page.next = page.items.last().map(|aged: &Aged| aged.event.id);
                return Ok(false);
            }
            let entries = reads::entries(rows, id)?;
            page.items.push(Aged { event: life.event, entries });
        }
        Ok(true)
    })?;
    Ok(page)
}

/// Takes archived events out: rows, index, counters, briefs, and the bodies of their entries. Those that are gone already or have moved
/// are left alone: an interrupted run is repeated without harm.
pub(crate) fn prune(tx: &mut Group<'_>, prune: &Prune, at: Timestamp) -> StoreResult<u64> {
    let (mut events, mut entries) = (Vec::new(), Vec::new());
    for id in &prune.events {
        let Some(life) = life::load(tx, *id)? else { continue };
        if !is_aged(tx, &life.event, prune.before)? {
            continue;
        }
        let (app, status) = (&life.event.operation.app, life.event.status.kind());
        tx.remove(layout::event_filed(*id));
        tx.remove(layout::event_state(*id));
        if life::is_listed(status) {
            tx.remove(layout::listed_event(app, status, *id));
        }
        tx.uncount_event(app, status)?;
        tx.set_brief(*id, None)?;
        tx.forget(*id);
        events.push(id.0);
        entries.extend(life.trail);
    }
    if events.is_empty() {
        return Ok(0);
    }
    let pruned = events.len() as u64;
    tx.put(layout::meta("archived"), &(archived(tx)? + pruned))?;
    let what = format!("{pruned} events that ended before {} were archived to {}", prune.before, prune.file);
    let about = (About::default(), what, None);
    erased(tx, (events, entries), about, Some(prune.digest), at)?;
    Ok(pruned)
}

/// Erases the bodies, and enters that they are gone.
fn erased(
    tx: &mut Group<'_>,
    (events, entries): (Vec<u64>, Vec<u64>),
    (about, what, operator): (About<'_>, String, Option<OperatorId>),
    archived: Option<crate::digest::Digest>,
    at: Timestamp,
) -> StoreResult<()> {
    let entries: Ranges = entries.into_iter().collect();
    erase_bodies(tx, &entries)?;
    let fact = Fact::Erased { what, events: events.into_iter().collect(), entries, archived, operator };
    let sequence = tx.enter(at, about, fact);
    tx.put_key(layout::erasure(sequence));
    Ok(())
}

/// Writes zeros over bodies; a block that has no others loses its rows.
fn erase_bodies(tx: &mut Group<'_>, entries: &Ranges) -> StoreResult<()> {
    let mut blocks: BTreeMap<u64, Vec<Range<usize>>> = BTreeMap::new();
    for (first, last) in &entries.0 {
        let mut next = *first;
        while next <= *last {
            let header = reads::header_of(tx, next)?
                .ok_or_else(|| StoreError::Stale(format!("entry {next} is being written; try again")))?;
            let end = header.last().min(*last);
            let from = header.span(next).map_or(0, |span| span.start);
            let to = header.span(end).map_or(0, |span| span.end);
            blocks.entry(header.first).or_default().push(from..to);
            next = end + 1;
        }
    }
    blocks.iter().try_for_each(|(block, spans)| zero(tx, *block, spans))
}

fn zero(tx: &mut Group<'_>, block: u64, spans: &[Range<usize>]) -> StoreResult<()> {
    let bodies = layout::bodies(block);
    let mut rest = false;
    for (index, (key, mut bytes)) in kv::under(tx, &bodies, usize::from(u16::MAX))?.into_iter().enumerate() {
        let start = index * PART_BYTES_MAX;
        let mut touched = false;
        for span in spans {
            let from = span.start.saturating_sub(start).min(bytes.len());
            let to = span.end.saturating_sub(start).min(bytes.len());
            if from < to {
                bytes[from..to].fill(0);
                touched = true;
            }
        }
        rest |= !chain::is_erased(&bytes);
        if touched {
            tx.put_bytes(layout::Key(key), bytes);
        }
    }
    if rest { Ok(()) } else { tx.remove_under(&bodies) }
}

/// Takes the values of one user out of all events that are over.
pub(crate) fn erase_user(tx: &mut Group<'_>, user: UserId, by: OperatorId, at: Timestamp) -> StoreResult<ErasedUser> {
    let (mut events, mut entries) = (Vec::new(), Vec::new());
    let mut answer = ErasedUser::default();
    for app in reads::apps(tx)? {
        let mut next = ledger::find(tx, &app, user)?.and_then(|account| account.last_event);
        while let Some(life) = next.map(|id| life::load(tx, id)).transpose()?.flatten() {
            next = life.previous;
            if !life.event.status.kind().is_final() {
                answer.open.push(life.event.id);
            } else if life.event.operation.label != ERASED {
                events.push(life.event.id.0);
                entries.extend(&life.trail);
                without_values(tx, life)?;
            }
        }
    }
    if events.is_empty() {
        return Ok(answer);
    }
    answer.events = events.len() as u64;
    answer.entries = entries.len() as u64;
    let what = format!("the values of {user} were erased from {} events", answer.events);
    erased(tx, (events, entries), (About::user(user), what, Some(by)), None, at)?;
    Ok(answer)
}

/// An event as it is kept without what it says of a person: what was done, when and by whom stays.
fn without_values(tx: &mut Group<'_>, mut life: Life) -> StoreResult<()> {
    let key = layout::event_filed(life.event.id);
    let Some(mut filed) = kv::read::<FiledEvent>(tx, &key)? else { return Ok(()) };
    for event in [&mut filed.event, &mut life.event] {
        let operation = Arc::make_mut(&mut event.operation);
        ERASED.clone_into(&mut operation.label);
        ERASED.clone_into(&mut operation.user_name);
        for change in &mut operation.changes {
            (change.old, change.new) = (None, None);
        }
        for finding in &mut event.findings {
            finding.detail.clear();
        }
        for decision in &mut event.decisions {
            decision.comment.clear();
        }
        for refusal in &mut event.progress.refused {
            refusal.detail.clear();
        }
        event.progress.notes.clear();
        match &mut event.status {
            Status::Succeeded { note } => note.clear(),
            Status::Failed { failure } => ERASED.clone_into(&mut failure.detail),
            _ => {}
        }
    }
    filed.key.clear();
    tx.replace_filed(&filed)?;
    life.save(tx)
}
