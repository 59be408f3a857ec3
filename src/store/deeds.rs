//! The part of the store that tells what operators did, and what they decided about events. A trait of its own beneath
//! [`Store`](crate::store::act::Store): nobody else needs it than the desk that shows it.

use async_trait::async_trait;

use crate::clock::Timestamp;
use crate::id::OperatorId;
use crate::page::Page;
use crate::provision::entry::Entry;
use crate::store::act::StoreResult;
use crate::store::acts::deeds;
use crate::store::stored::Backend;

/// Which deeds, newest first. Absent fields do not filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeedQuery {
    /// Of this operator.
    pub operator: Option<OperatorId>,
    /// At or after.
    pub since: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Below this sequence number: the cursor to older ones.
    pub before: Option<u64>,
    /// At most this many.
    pub limit: usize,
}

/// Deeds: imports, edits, revisions, operators, tokens, passwords, secrets.
#[async_trait]
pub trait Deeds: Send + Sync {
    /// Entries of what operators did, newest first; decisions are with their events.
    async fn deeds(&self, query: DeedQuery) -> StoreResult<Page<Entry, u64>>;
    /// The newest decisions about events at or after `since`, newest first.
    async fn decisions(&self, since: Timestamp, limit: usize) -> StoreResult<Vec<Entry>>;
}

#[async_trait]
impl<B: Backend> Deeds for B {
    async fn deeds(&self, query: DeedQuery) -> StoreResult<Page<Entry, u64>> {
        self.stored().read(move |rows| deeds::deeds(rows, &query)).await
    }
    async fn decisions(&self, since: Timestamp, limit: usize) -> StoreResult<Vec<Entry>> {
        self.stored().read(move |rows| deeds::decisions(rows, since, limit)).await
    }
}
