//! The seam under the acts: ordered rows of bytes. A backend does nothing but keep them; all meaning is above.

use std::sync::Arc;

use crate::id::EventId;
use crate::store::act::StoreResult;
use crate::store::layout::Key;
use crate::store::record::{FiledEvent, Row, StoredHead, decode};
use crate::store::user_index::UserIndex;

/// Key and value.
pub(crate) type Pair = (Vec<u8>, Vec<u8>);

/// Which end a scan starts at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Ascending,
    Descending,
}

/// Looks at a row; false = enough.
pub(crate) type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> StoreResult<bool> + 'a;

/// Rows that can be read.
pub(crate) trait Rows: Send + Sync {
    /// One row.
    fn get(&self, key: &[u8]) -> StoreResult<Option<Vec<u8>>>;

    /// At most `limit` rows with `from <= key < to`.
    fn scan(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> StoreResult<Vec<Pair>>;

    /// The directory by name, if that is kept in memory.
    fn user_index(&self) -> Option<&UserIndex> {
        None
    }

    /// An event as it was filed, if that is remembered: a row that never changes.
    fn recent(&self, _event: EventId) -> Option<Arc<FiledEvent>> {
        None
    }
}

/// What is written together or not at all: `None` = removed.
pub(crate) type WriteBatch = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// Events that are remembered as they were filed: the new ones, and those that are not any more what they were.
#[derive(Debug, Default)]
pub(crate) struct Turnover {
    pub(crate) filed: Vec<Arc<FiledEvent>>,
    pub(crate) forgotten: Vec<EventId>,
}

/// Rows that can be written.
pub(crate) trait Kv: Rows {
    /// Fails with `DiskFull` if there is no room for another commit.
    fn room(&self) -> StoreResult<()>;
    /// Writes all of the batch, atomically.
    fn apply(&self, batch: WriteBatch) -> StoreResult<()>;
    /// When it returns, all that was applied is on disk.
    fn flush(&self) -> StoreResult<()>;
    /// Told after each flush where the chain ends now, and what became of the events that are remembered.
    fn flushed(&self, head: &StoredHead, turnover: Turnover);
    /// Told after a failed commit: brings the handle into a state that can go on, if it can.
    fn mend(&self);
}

/// Rows laid over others: what was written last wins, `None` hides what is below.
pub(crate) type Overlay = std::collections::BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Scans `from <= key < to` of `overlay` over what is `below`, which is asked for as many rows as are wanted, and again for what the
/// overlay hides of them.
pub(crate) fn scan_over(
    overlay: &Overlay,
    below: impl Fn(&[u8], &[u8], usize) -> StoreResult<Vec<Pair>>,
    (from, to): (&[u8], &[u8]),
    order: Order,
    limit: usize,
) -> StoreResult<Vec<Pair>> {
    use std::ops::Bound::{Excluded, Included};
    let (mut from, mut to) = (from.to_vec(), to.to_vec());
    let mut merged = Vec::new();
    let mut piece = limit;
    while from < to && merged.len() < limit {
        let rows = below(&from, &to, piece)?;
        // What lies behind the last of as many rows as were asked for is not known yet.
        let edge = rows.last().filter(|_| rows.len() == piece).map(|(key, _)| key.clone());
        let bounds = match (&edge, order) {
            (None, _) => (Included(&from[..]), Excluded(&to[..])),
            (Some(edge), Order::Ascending) => (Included(&from[..]), Included(&edge[..])),
            (Some(edge), Order::Descending) => (Included(&edge[..]), Excluded(&to[..])),
        };
        let range = overlay.range::<[u8], _>(bounds);
        match order {
            Order::Ascending => merge(range, rows, |a, b| a < b, (&mut merged, limit)),
            Order::Descending => merge(range.rev(), rows, |a, b| a > b, (&mut merged, limit)),
        }
        match (edge, order) {
            (None, _) => break,
            (Some(edge), Order::Ascending) => {
                from = edge;
                from.push(0);
            }
            (Some(edge), Order::Descending) => to = edge,
        }
        piece = piece.saturating_mul(2);
    }
    Ok(merged)
}

/// Lays rows of the overlay over rows below; both are in order, `before` says in which.
fn merge<'a>(
    overlay: impl Iterator<Item = (&'a Vec<u8>, &'a Option<Vec<u8>>)>,
    below: Vec<Pair>,
    before: impl Fn(&[u8], &[u8]) -> bool,
    (merged, limit): (&mut Vec<Pair>, usize),
) {
    let mut below = below.into_iter().peekable();
    for (key, slot) in overlay {
        while merged.len() < limit
            && let Some(pair) = below.next_if(|(lower, _)| before(lower, key))
        {
            merged.push(pair);
        }
        if merged.len() == limit {
            return;
        }
        below.next_if(|(lower, _)| lower == key);
        merged.extend(slot.clone().map(|value| (key.clone(), value)));
    }
    let room = limit - merged.len();
    merged.extend(below.take(room));
}

/// A row of a known type.
pub(crate) fn read<R: Row>(rows: &dyn Rows, key: &Key) -> StoreResult<Option<R>> {
    rows.get(&key.0)?.map(|bytes| decode(&bytes)).transpose()
}

/// At most `limit` rows whose key begins with `prefix`, in ascending order.
pub(crate) fn under(rows: &dyn Rows, prefix: &Key, limit: usize) -> StoreResult<Vec<Pair>> {
    rows.scan(&prefix.0, &prefix.end(), Order::Ascending, limit)
}

/// Walks all rows whose key begins with `prefix`, a chunk at a time, until `visit` returns false.
pub(crate) fn walk(rows: &dyn Rows, prefix: &Key, order: Order, visit: &mut Visit<'_>) -> StoreResult<()> {
    walk_range(rows, (prefix.0.clone(), prefix.end()), order, visit)
}

/// Walks a range of keys as [`walk`] does.
pub(crate) fn walk_range(
    rows: &dyn Rows,
    (mut from, mut to): (Vec<u8>, Vec<u8>),
    order: Order,
    visit: &mut Visit<'_>,
) -> StoreResult<()> {
    // Small at first: most walks end soon.
    let mut chunk = 32;
    loop {
        let pairs = rows.scan(&from, &to, order, chunk)?;
        for (key, value) in &pairs {
            if !visit(key, value)? {
                return Ok(());
            }
        }
        let Some((last, _)) = pairs.last().filter(|_| pairs.len() == chunk) else { return Ok(()) };
        match order {
            Order::Ascending => {
                from.clone_from(last);
                from.push(0);
            }
            Order::Descending => to.clone_from(last),
        }
        chunk = (chunk * 4).min(2_048);
    }
}

/// A value that was kept in parts; `None` if there is no part.
pub(crate) fn read_parts(rows: &dyn Rows, key: &Key) -> StoreResult<Option<Vec<u8>>> {
    let parts = under(rows, key, usize::from(u16::MAX))?;
    Ok((!parts.is_empty()).then(|| parts.into_iter().flat_map(|(_, value)| value).collect()))
}
