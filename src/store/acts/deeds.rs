//! What operators did and decided: found by an index of its own, because the chain is long and people's part in it is small.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::history::chain::{self, Header, Walk};
use crate::id::OperatorId;
use crate::page::Page;
use crate::provision::entry::{Entry, Fact};
use crate::store::act::StoreResult;
use crate::store::acts::reads;
use crate::store::deeds::DeedQuery;
use crate::store::kv::{self, Kv, Order, Rows, WriteBatch};
use crate::store::layout;
use crate::store::record::{Row, decode, encode};

/// Whose act an entry tells: its row in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    operator: OperatorId,
    at: Timestamp,
    /// A decision about an event.
    decision: bool,
}

impl Row for Told {
    const NAME: &'static str = "whose act it was";
}

/// The order is that of the entries, and a clock may have been wrong for a while: so many rows in a row must be too old before all are.
const TOO_OLD_MAX: usize = 1_000;
/// Rows written at once while the index is made.
const ROWS_AT_ONCE: usize = 512;
/// The row that says up to which entry the index is known to be whole, ...
const WHOLE: &str = "deeds";
/// ... written when it is so many entries behind: until then opening looks through them again.
const BEHIND_MAX: u64 = 50_000;

/// The index's row for an entry, if it tells what an operator did.
pub(crate) fn row(entry: &Entry) -> Option<(layout::Key, Vec<u8>)> {
    let (operator, decision) = match &entry.fact {
        Fact::Decided(decision) => (decision.operator, true),
        fact => (fact.deed_of()?, false),
    };
    Some((layout::deed(entry.sequence), encode(&Told { operator, at: entry.at, decision })))
}

pub(crate) fn deeds(rows: &dyn Rows, query: &DeedQuery) -> StoreResult<Page<Entry, u64>> {
    let wanted = |told: &Told| {
        !told.decision
            && query.operator.is_none_or(|wanted| wanted == told.operator)
            && query.since.is_none_or(|since| told.at >= since)
            && query.until.is_none_or(|until| told.at < until)
    };
    let mut found = newest(rows, (query.since, query.before), query.limit.saturating_add(1), wanted)?;
    let more = found.len() > query.limit;
    found.truncate(query.limit);
    Ok(Page { next: found.last().filter(|_| more).map(|last| last.sequence), items: found })
}

pub(crate) fn decisions(rows: &dyn Rows, since: Timestamp, limit: usize) -> StoreResult<Vec<Entry>> {
    newest(rows, (Some(since), None), limit, |told| told.decision && told.at >= since)
}

/// The newest entries since a time and below a sequence number that are wanted, at most so many.
fn newest(
    rows: &dyn Rows,
    (since, before): (Option<Timestamp>, Option<u64>),
    limit: usize,
    wanted: impl Fn(&Told) -> bool,
) -> StoreResult<Vec<Entry>> {
    let from = layout::deeds().0;
    let to = before.map_or_else(|| layout::deeds().end(), |before| layout::deed(before).0);
    let (mut found, mut too_old) = (Vec::new(), 0);
    kv::walk_range(rows, (from, to), Order::Descending, &mut |key, value| {
        let told: Told = decode(value)?;
        too_old = if since.is_some_and(|since| told.at < since) { too_old + 1 } else { 0 };
        let sequence = layout::number_at_end(key).filter(|_| wanted(&told));
        if let Some(body) = sequence.map(|sequence| reads::body(rows, sequence)).transpose()?.flatten() {
            found.push(chain::decode(&body).map_err(|error| reads::unreadable(&error))?);
        }
        Ok(found.len() < limit && too_old < TOO_OLD_MAX)
    })?;
    Ok(found)
}

/// Makes the rows that are missing: a store may have been written by a program that did not know the index. Begins again if it was
/// interrupted. Where there is no room for them, the next opening makes them.
pub(crate) fn ensure(kv: &dyn Kv) -> StoreResult<()> {
    let head = reads::head(kv)?.sequence;
    let whole = whole(kv)?;
    if whole >= head || kv.room().is_err() {
        return Ok(());
    }
    let mut made: WriteBatch = Vec::new();
    let mut some = false;
    told(kv, whole, &mut |entry| {
        let Some((key, value)) = row(entry) else { return Ok(()) };
        if kv.get(&key.0)?.is_none() {
            some = true;
            made.push((key.0, Some(value)));
        }
        if made.len() < ROWS_AT_ONCE { Ok(()) } else { kv.apply(std::mem::take(&mut made)) }
    })?;
    if !some && head - whole < BEHIND_MAX {
        return Ok(());
    }
    kv.apply(made)?;
    kv.apply(vec![(layout::meta(WHOLE).0, Some(encode(&head)))])?;
    kv.flush()
}

/// Up to which entry the index is known to be whole.
fn whole(rows: &dyn Rows) -> StoreResult<u64> {
    Ok(kv::read::<u64>(rows, &layout::meta(WHOLE))?.unwrap_or(0))
}

/// Compares the index with the chain, both ways. Entries that were erased keep their rows, which find nothing.
pub(crate) fn check(rows: &dyn Rows, walk: &mut Walk) -> StoreResult<()> {
    let mut there: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    kv::walk(rows, &layout::deeds(), Order::Ascending, &mut |key, value| {
        there.insert(layout::number_at_end(key).unwrap_or_default(), value.to_vec());
        Ok(true)
    })?;
    told(rows, 0, &mut |entry| {
        let wanted = row(entry).map(|(_, value)| value);
        match (there.remove(&entry.sequence), wanted) {
            (None, Some(_)) => walk.problem(format!("what operators did is told without entry {}", entry.sequence)),
            (found, wanted) if found != wanted => {
                walk.problem(format!("what operators did is told otherwise than entry {} says", entry.sequence));
            }
            _ => {}
        }
        Ok(())
    })?;
    for sequence in there.into_keys() {
        if reads::body(rows, sequence)?.is_some() || sequence > walk.sequence {
            walk.problem(format!("what operators did is told of entry {sequence}, which tells nothing of the kind"));
        }
    }
    Ok(())
}

/// Looks at an entry.
type Visit<'a> = dyn FnMut(&Entry) -> StoreResult<()> + 'a;

/// Visits the entries after `after`, the last one of a block, in blocks that operators had a part in, oldest first. What can't be read is
/// left out: the walk along the chain says what is wrong with it.
fn told(rows: &dyn Rows, after: u64, visit: &mut Visit<'_>) -> StoreResult<()> {
    let (from, to) = (layout::header(after + 1).0, layout::headers().end());
    kv::walk_range(rows, (from, to), Order::Ascending, &mut |_, value| {
        let Some(header) = Header::decode(value).ok().filter(|header| !header.operators.is_empty()) else {
            return Ok(true);
        };
        let bodies = kv::read_parts(rows, &layout::bodies(header.first))?.unwrap_or_default();
        let mut start = 0;
        for body in &header.bodies {
            let end = start + body.bytes as usize;
            let entry = bodies.get(start..end).filter(|body| !chain::is_erased(body));
            entry.and_then(|body| chain::decode(body).ok()).map_or(Ok(()), |entry| visit(&entry))?;
            start = end;
        }
        Ok(true)
    })
}
