//! What operators did and decided: found by an index of its own, because the chain is long and people's part in it is small.

use serde::{Deserialize, Serialize};

use crate::clock::{Span, Timestamp};
use crate::history::chain::{self, Header};
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

/// The order is that of the entries; a clock that was turned back by less than this hides nothing.
const TURNED_BACK_MAX: Span = Span::from_hours(1);
/// Rows written at once while the index is made.
const ROWS_AT_ONCE: usize = 512;
/// The row that says that the index is whole.
const WHOLE: &str = "deeds";

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
    let mut found = Vec::new();
    kv::walk_range(rows, (from, to), Order::Descending, &mut |key, value| {
        let told: Told = decode(value)?;
        let sequence = layout::number_at_end(key).filter(|_| wanted(&told));
        if let Some(body) = sequence.map(|sequence| reads::body(rows, sequence)).transpose()?.flatten() {
            found.push(chain::decode(&body).map_err(|error| reads::unreadable(&error))?);
        }
        let over = since.is_some_and(|since| told.at.plus(TURNED_BACK_MAX) < since);
        Ok(found.len() < limit && !over)
    })?;
    Ok(found)
}

/// Makes the index of a store that was written before there was one. Begins again if it was interrupted: the row that says that it is
/// whole comes last.
pub(crate) fn ensure(kv: &dyn Kv) -> StoreResult<()> {
    if kv.get(&layout::meta(WHOLE).0)?.is_some() {
        return Ok(());
    }
    kv.room()?;
    let mut made: WriteBatch = Vec::new();
    told(kv, &mut |entry| {
        made.extend(row(entry).map(|(key, value)| (key.0, Some(value))));
        if made.len() < ROWS_AT_ONCE { Ok(()) } else { kv.apply(std::mem::take(&mut made)) }
    })?;
    kv.apply(made)?;
    kv.apply(vec![(layout::meta(WHOLE).0, Some(Vec::new()))])?;
    kv.flush()
}

/// What is wrong with the index, in words.
pub(crate) fn problems(rows: &dyn Rows) -> StoreResult<Vec<String>> {
    let mut problems = Vec::new();
    told(rows, &mut |entry| {
        if let Some((key, value)) = row(entry)
            && rows.get(&key.0)?.as_ref() != Some(&value)
        {
            problems.push(format!("what operators did is told without entry {}", entry.sequence));
        }
        Ok(())
    })?;
    Ok(problems)
}

/// Looks at an entry.
type Visit<'a> = dyn FnMut(&Entry) -> StoreResult<()> + 'a;

/// Visits the entries of all blocks that operators had a part in, oldest first.
fn told(rows: &dyn Rows, visit: &mut Visit<'_>) -> StoreResult<()> {
    kv::walk(rows, &layout::headers(), Order::Ascending, &mut |_, value| {
        let header = Header::decode(value).map_err(|error| reads::unreadable(&error))?;
        if !header.operators.is_empty() {
            let entries = reads::entries_after(rows, header.first - 1, header.bodies.len())?;
            entries.iter().filter(|entry| entry.sequence <= header.last()).try_for_each(&mut *visit)?;
        }
        Ok(true)
    })
}
