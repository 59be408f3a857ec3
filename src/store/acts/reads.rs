//! Reads for people: events, entries, accounts, counters.

use std::collections::BTreeSet;

use crate::digest::Digest;
use crate::history::chain::{self, Header};
use crate::id::{AppName, BatchId, EventId, UserId};
use crate::page::Page;
use crate::provision::account::Account;
use crate::provision::entry::Entry;
use crate::provision::event::{Event, StatusKind};
use crate::store::act::{StoreError, StoreResult};
use crate::store::acts::life::{self, Running};
use crate::store::acts::{briefs, ledger};
use crate::store::kv::{self, Order, Rows};
use crate::store::layout::{self, PART_BYTES_MAX};
use crate::store::query::{AccountQuery, Counts, EventQuery};
use crate::store::record::{StoredHead, decode};

/// The end of the chain.
pub(crate) fn head(rows: &dyn Rows) -> StoreResult<StoredHead> {
    Ok(kv::read(rows, &layout::meta("head"))?.unwrap_or_default())
}

pub(crate) fn counts(rows: &dyn Rows, app: &AppName) -> StoreResult<Counts> {
    Ok(kv::read(rows, &layout::counts(app))?.unwrap_or_default())
}

/// The apps that have accounts, events or marks.
pub(crate) fn apps(rows: &dyn Rows) -> StoreResult<Vec<AppName>> {
    let pairs = kv::under(rows, &layout::all_counts(), usize::MAX)?;
    Ok(pairs.iter().filter_map(|(key, _)| layout::app_of_counts(key)).collect())
}

// --- events ---------------------------------------------------------------------------------------------------------

pub(crate) fn event(rows: &dyn Rows, id: EventId) -> StoreResult<Option<Event>> {
    Ok(life::load_shown(rows, id, &Running::read(rows, None)?)?.map(|life| life.event))
}

/// Whether an event is asked for.
pub(crate) fn fits(rows: &dyn Rows, event: &Event, query: &EventQuery) -> StoreResult<bool> {
    let status = event.status.kind();
    let fits = query.user.is_none_or(|user| event.operation.user == user)
        && query.app.as_ref().is_none_or(|app| event.operation.app == *app)
        && (query.statuses.is_empty() || query.statuses.contains(&status))
        && (!query.open || !status.is_final())
        && query.kind.is_none_or(|kind| event.operation.kind == kind)
        && query.since.is_none_or(|since| event.filed_at >= since)
        && query.until.is_none_or(|until| event.filed_at < until)
        && query.reaches(event.id);
    Ok(match query.operator.filter(|_| fits) {
        Some(operator) => {
            briefs::operators(briefs::causer(rows, &event.cause, event.filed_at)?, event).contains(&operator)
        }
        None => fits,
    })
}

pub(crate) fn events(rows: &dyn Rows, query: &EventQuery) -> StoreResult<Page<Event, EventId>> {
    if query.limit == 0 {
        return Ok(Page::default());
    }
    let running = Running::read(rows, None)?;
    let mut items = match (query.user, listed(query)) {
        (Some(user), _) => of_user(rows, query, user, &running)?,
        (None, Some(statuses)) => of_status(rows, query, &statuses, &running)?,
        (None, None) => briefs::search(rows, query, &running)?,
    };
    // One more than asked for says that there is a next page.
    let next = items.get(query.limit).map(|_| items[query.limit - 1].id);
    items.truncate(query.limit);
    if query.after.is_some() {
        items.reverse();
    }
    Ok(Page { items, next })
}

/// The statuses asked for, if they are those of open events, which are few and listed by indexes.
fn listed(query: &EventQuery) -> Option<Vec<StatusKind>> {
    let wanted: Vec<StatusKind> = StatusKind::ALL
        .into_iter()
        .filter(|status| query.statuses.is_empty() || query.statuses.contains(status))
        .collect();
    let wanted: Vec<StatusKind> = wanted.into_iter().filter(|status| !query.open || !status.is_final()).collect();
    (!wanted.iter().any(|status| status.is_final())).then_some(wanted)
}

/// By the indexes of open events.
fn of_status(
    rows: &dyn Rows,
    query: &EventQuery,
    statuses: &[StatusKind],
    running: &Running,
) -> StoreResult<Vec<Event>> {
    let mut ids: BTreeSet<EventId> = BTreeSet::new();
    for app in query.app.clone().map_or_else(|| apps(rows), |app| Ok(vec![app]))? {
        for status in statuses {
            ids.extend(ids_of_status(rows, &app, *status)?);
        }
    }
    ids.extend(running.ids());
    let mut events = Vec::new();
    let mut ids: Vec<EventId> = ids.into_iter().filter(|id| query.reaches(*id)).collect();
    if query.after.is_none() {
        ids.reverse();
    }
    for id in ids {
        let Some(life) = life::load_shown(rows, id, running)? else { continue };
        if fits(rows, &life.event, query)? {
            events.push(life.event);
        }
        if events.len() > query.limit {
            break;
        }
    }
    Ok(events)
}

fn ids_of_status(rows: &dyn Rows, app: &AppName, status: StatusKind) -> StoreResult<Vec<EventId>> {
    let prefixes = match status {
        StatusKind::Queued | StatusKind::Verifying => vec![layout::queue(app, true), layout::queue(app, false)],
        status if life::is_listed(status) => vec![layout::listed(app, status)],
        _ => Vec::new(),
    };
    let mut ids = Vec::new();
    for prefix in prefixes {
        kv::walk(rows, &prefix, Order::Ascending, &mut |key, _| {
            ids.extend(layout::number_at_end(key).map(EventId));
            Ok(true)
        })?;
    }
    Ok(ids)
}

/// Along the events of the user's pairs, newest first, or those above the cursor from the oldest up.
fn of_user(rows: &dyn Rows, query: &EventQuery, user: UserId, running: &Running) -> StoreResult<Vec<Event>> {
    let mut events: Vec<Event> = Vec::new();
    for app in query.app.clone().map_or_else(|| apps(rows), |app| Ok(vec![app]))? {
        let mut next = ledger::find(rows, &app, user)?.and_then(|account| account.last_event);
        let mut taken = 0;
        while let Some(id) = next.filter(|id| query.after.is_none_or(|after| *id > after))
            && (taken <= query.limit || query.after.is_some())
        {
            let Some(life) = life::load_shown(rows, id, running)? else { break };
            next = life.previous;
            if fits(rows, &life.event, query)? {
                events.push(life.event);
                taken += 1;
            }
        }
    }
    events.sort_by_key(|event| event.id);
    if query.after.is_none() {
        events.reverse();
    }
    events.truncate(query.limit + 1);
    Ok(events)
}

pub(crate) fn batch(rows: &dyn Rows, app: &AppName, batch: BatchId) -> StoreResult<Vec<Event>> {
    let mut events = Vec::new();
    for (key, _) in kv::under(rows, &layout::batch(batch), usize::MAX)? {
        let Some(id) = layout::number_at_end(&key).map(EventId) else { continue };
        events.extend(life::load(rows, id)?.map(|life| life.event).filter(|event| event.operation.app == *app));
    }
    Ok(events)
}

// --- entries --------------------------------------------------------------------------------------------------------

/// The header of the block that has an entry.
pub(crate) fn header_of(rows: &dyn Rows, sequence: u64) -> StoreResult<Option<Header>> {
    let mut to = layout::header(sequence).0;
    to.push(0);
    let found = rows.scan(&layout::headers().0, &to, Order::Descending, 1)?;
    let header =
        found.first().map(|(_, value)| Header::decode(value)).transpose().map_err(|error| unreadable(&error))?;
    Ok(header.filter(|header| header.last() >= sequence))
}

pub(crate) fn unreadable(error: &chain::Unreadable) -> StoreError {
    StoreError::Damaged(error.to_string())
}

/// A part of a block's bodies; `None` if it was erased with all others.
fn bytes(rows: &dyn Rows, first: u64, span: std::ops::Range<usize>) -> StoreResult<Option<Vec<u8>>> {
    let missing = || StoreError::Damaged(format!("the bodies of the block of entry {first} are incomplete"));
    let (start, end) = (span.start / PART_BYTES_MAX, span.end.saturating_sub(1) / PART_BYTES_MAX);
    let mut bytes = Vec::new();
    for part in start..=end {
        let key = layout::part(&layout::bodies(first), u16::try_from(part).map_err(|_| missing())?);
        match rows.get(&key.0)? {
            Some(found) => bytes.extend(found),
            None if kv::under(rows, &layout::bodies(first), 1)?.is_empty() => return Ok(None),
            None => return Err(missing()),
        }
    }
    let offset = start * PART_BYTES_MAX;
    bytes.get(span.start - offset..span.end - offset).map(<[u8]>::to_vec).ok_or_else(missing).map(Some)
}

/// The body of one entry; `None` if there is no such entry, or its body was erased.
pub(crate) fn body(rows: &dyn Rows, sequence: u64) -> StoreResult<Option<Vec<u8>>> {
    let Some(header) = header_of(rows, sequence)? else { return Ok(None) };
    let Some(span) = header.span(sequence) else { return Ok(None) };
    Ok(bytes(rows, header.first, span)?.filter(|body| !chain::is_erased(body)))
}

pub(crate) fn entries(rows: &dyn Rows, event: EventId) -> StoreResult<Vec<Entry>> {
    let Some(life) = life::load_shown(rows, event, &Running::read(rows, None)?)? else { return Ok(Vec::new()) };
    let mut entries = Vec::with_capacity(life.trail.len());
    let mut header: Option<Header> = None;
    for sequence in life.trail {
        if header.as_ref().is_none_or(|header| header.span(sequence).is_none()) {
            header = header_of(rows, sequence)?;
        }
        let found = header.as_ref().and_then(|header| Some((header.first, header.span(sequence)?)));
        let (first, span) = found.ok_or_else(|| StoreError::Damaged(format!("entry {sequence} is missing")))?;
        if let Some(body) = bytes(rows, first, span)?.filter(|body| !chain::is_erased(body)) {
            entries.push(chain::decode(&body).map_err(|error| unreadable(&error))?);
        }
    }
    Ok(entries)
}

pub(crate) fn entries_after(rows: &dyn Rows, sequence: u64, limit: usize) -> StoreResult<Vec<Entry>> {
    let mut entries = Vec::new();
    let mut next = sequence + 1;
    while entries.len() < limit {
        let Some(header) = header_of(rows, next)? else { break };
        let Some(all) = kv::read_parts(rows, &layout::bodies(header.first))? else {
            next = header.last() + 1;
            continue;
        };
        while entries.len() < limit
            && let Some(span) = header.span(next)
        {
            let body = all.get(span).ok_or_else(|| StoreError::Damaged(format!("entry {next} is missing")))?;
            if !chain::is_erased(body) {
                entries.push(chain::decode(body).map_err(|error| unreadable(&error))?);
            }
            next += 1;
        }
    }
    Ok(entries)
}

/// Which of these ends of the chain it does not contain any more, in words.
pub(crate) fn missing_heads(rows: &dyn Rows, heads: &[(u64, String)]) -> StoreResult<Vec<String>> {
    let mut missing = Vec::new();
    for (sequence, hash) in heads {
        let mut to = layout::header(*sequence).0;
        to.push(0);
        let found = rows.scan(&layout::headers().0, &to, Order::Descending, 1)?;
        let block = found.first().map(|(_, value)| (Header::decode(value), Digest(chain::hash(value)).to_string()));
        match block {
            Some((Ok(header), known)) if header.last() == *sequence && known == *hash => {}
            Some((Ok(header), _)) if header.last() == *sequence => {
                missing.push(format!("entry {sequence} ended with another hash: the history was rewritten since"));
            }
            _ => missing.push(format!("the chain does not end at entry {sequence} anywhere: entries are missing")),
        }
    }
    Ok(missing)
}

// --- accounts -------------------------------------------------------------------------------------------------------

pub(crate) fn accounts(rows: &dyn Rows, query: &AccountQuery) -> StoreResult<Page<Account, (AppName, UserId)>> {
    let mut items: Vec<Account> = Vec::new();
    let apps = query.app.clone().map_or_else(|| apps(rows), |app| Ok(vec![app]))?;
    let fits = |account: &Account| query.presences.is_empty() || query.presences.contains(&account.presence);
    for app in apps {
        let after = query.after.as_ref().filter(|(of, _)| *of >= app);
        if after.is_some_and(|(of, _)| *of > app) {
            continue;
        }
        if let Some(user) = query.user {
            items.extend(
                ledger::find(rows, &app, user)?
                    .filter(|account| fits(account) && after.is_none_or(|(_, after)| user > *after)),
            );
            continue;
        }
        let prefix = layout::accounts(&app);
        let mut from = after.map_or_else(|| prefix.0.clone(), |(_, user)| layout::account(&app, *user).0);
        if after.is_some() {
            from.push(0);
        }
        kv::walk_range(rows, (from, prefix.end()), Order::Ascending, &mut |_, value| {
            let account: Account = decode(value)?;
            if fits(&account) {
                items.push(account);
            }
            Ok(items.len() <= query.limit)
        })?;
        if items.len() > query.limit {
            break;
        }
    }
    let next = (items.len() > query.limit && query.limit > 0)
        .then(|| &items[query.limit - 1])
        .map(|last| (last.app.clone(), last.user));
    items.truncate(query.limit);
    Ok(Page { items, next })
}
