//! What operators did beside deciding about events.

use crate::history::chain::{self, Header};
use crate::page::Page;
use crate::provision::entry::Entry;
use crate::store::act::{StoreError, StoreResult};
use crate::store::deeds::DeedQuery;
use crate::store::kv::{self, Order, Rows};
use crate::store::layout;

/// Blocks of the chain are skimmed by their headers: only those that operators had a part in are opened.
pub(crate) fn deeds(rows: &dyn Rows, query: &DeedQuery) -> StoreResult<Page<Entry, u64>> {
    let mut found: Vec<Entry> = Vec::new();
    let from = layout::headers().0;
    let to = query.before.map_or_else(|| layout::headers().end(), |before| layout::header(before).0);
    kv::walk_range(rows, (from, to), Order::Descending, &mut |_, value| {
        let header = Header::decode(value).map_err(|error| StoreError::Damaged(error.to_string()))?;
        if query.since.is_some_and(|since| header.times.1 < since) {
            return Ok(true);
        }
        let concerned = match query.operator {
            Some(operator) => header.operators.contains(&operator),
            None => !header.operators.is_empty(),
        };
        if concerned && query.until.is_none_or(|until| header.times.0 < until) {
            open(rows, &header, query, &mut found)?;
        }
        Ok(found.len() <= query.limit)
    })?;
    let more = found.len() > query.limit;
    found.truncate(query.limit);
    Ok(Page { next: found.last().filter(|_| more).map(|last| last.sequence), items: found })
}

/// Adds the deeds of one block, newest first.
fn open(rows: &dyn Rows, header: &Header, query: &DeedQuery, found: &mut Vec<Entry>) -> StoreResult<()> {
    let Some(all) = kv::read_parts(rows, &layout::bodies(header.first))? else { return Ok(()) };
    for sequence in (header.first..=header.last()).rev() {
        if query.before.is_some_and(|before| sequence >= before) || found.len() > query.limit {
            continue;
        }
        let body = header.span(sequence).and_then(|span| all.get(span));
        let body = body.ok_or_else(|| StoreError::Damaged(format!("entry {sequence} is missing")))?;
        if chain::is_erased(body) {
            continue;
        }
        let entry = chain::decode(body).map_err(|error| StoreError::Damaged(error.to_string()))?;
        let by = entry.fact.deed_of();
        if by.is_some_and(|by| query.operator.is_none_or(|wanted| by == wanted))
            && query.since.is_none_or(|since| entry.at >= since)
            && query.until.is_none_or(|until| entry.at < until)
        {
            found.push(entry);
        }
    }
    Ok(())
}
