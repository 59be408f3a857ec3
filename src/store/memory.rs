//! The store in memory: for tests and simulation. The same acts as on disk; a crash drops what was not flushed.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::id::EventId;
use crate::store::act::StoreResult;
use crate::store::commit::{self, Committer, Job};
use crate::store::kv::{Kv, Order, Pair, Rows, Turnover, WriteBatch};
use crate::store::recent::Recent;
use crate::store::record::{FiledEvent, StoredHead};
use crate::store::stored::{Backend, Reads, Stored, Writer};
use crate::store::user_index::UserIndex;

/// Rows in memory, and what a crash would take back.
#[derive(Debug, Default)]
struct MemoryRows {
    state: Mutex<State>,
    manual: AtomicBool,
    recent: Recent,
    user_index: UserIndex,
}

#[derive(Debug, Default)]
struct State {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    /// What was there before, of all that is not flushed; oldest first.
    unflushed: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl MemoryRows {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rows for MemoryRows {
    fn get(&self, key: &[u8]) -> StoreResult<Option<Vec<u8>>> {
        Ok(self.state().rows.get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> StoreResult<Vec<Pair>> {
        if from >= to {
            return Ok(Vec::new());
        }
        let state = self.state();
        let range = state.rows.range::<[u8], _>((std::ops::Bound::Included(from), std::ops::Bound::Excluded(to)));
        let owned = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        Ok(match order {
            Order::Ascending => range.take(limit).map(owned).collect(),
            Order::Descending => range.rev().take(limit).map(owned).collect(),
        })
    }

    fn user_index(&self) -> Option<&UserIndex> {
        Some(&self.user_index)
    }

    fn recent(&self, event: EventId) -> Option<Arc<FiledEvent>> {
        self.recent.get(event)
    }
}

impl Kv for MemoryRows {
    fn room(&self) -> StoreResult<()> {
        Ok(())
    }

    fn apply(&self, batch: WriteBatch) -> StoreResult<()> {
        let mut state = self.state();
        for (key, value) in batch {
            let before = match value {
                Some(value) => state.rows.insert(key.clone(), value),
                None => state.rows.remove(&key),
            };
            state.unflushed.push((key, before));
        }
        Ok(())
    }

    fn flush(&self) -> StoreResult<()> {
        if !self.manual.load(Ordering::SeqCst) {
            self.state().unflushed.clear();
        }
        Ok(())
    }

    fn flushed(&self, _head: &StoredHead, turnover: Turnover) {
        self.recent.turn(turnover);
    }

    fn mend(&self) {}
}

/// Acts run where they are called: simulations stay deterministic.
struct Inline {
    rows: Arc<MemoryRows>,
    gate: Arc<RwLock<()>>,
    committer: Mutex<Committer>,
}

impl Writer for Inline {
    fn submit(&self, job: Box<dyn Job>) -> StoreResult<()> {
        let mut committer = self.committer.lock().unwrap_or_else(PoisonError::into_inner);
        committer.commit(self.rows.as_ref(), &self.gate, &mut std::iter::once(job));
        Ok(())
    }
}

/// A store in memory.
#[derive(Debug)]
pub struct MemoryStore {
    rows: Arc<MemoryRows>,
    stored: Stored,
}

impl Backend for MemoryStore {
    fn stored(&self) -> &Stored {
        &self.stored
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store that flushes after every act.
    pub fn new() -> Self {
        Self::over(MemoryRows::default())
    }

    fn over(rows: MemoryRows) -> Self {
        let rows = Arc::new(rows);
        commit::check_format(rows.as_ref()).expect("memory can be read and written");
        rows.state().unflushed.clear();
        let committer = Committer::open(rows.as_ref()).expect("memory can be read");
        let gate: Arc<RwLock<()>> = Arc::default();
        let writer = Inline { rows: Arc::clone(&rows), gate: Arc::clone(&gate), committer: Mutex::new(committer) };
        Self { rows: Arc::clone(&rows), stored: Stored::new(rows, gate, Box::new(writer), Reads::Inline) }
    }

    /// From now on acts are flushed only by [`MemoryStore::flush`]: what a crash takes is up to the test.
    pub fn flush_manually(&self) {
        self.rows.manual.store(true, Ordering::SeqCst);
    }

    /// Makes everything so far durable.
    pub fn flush(&self) {
        self.rows.state().unflushed.clear();
    }

    /// What a new process finds after a crash now: everything that was flushed, nothing else. Writes of the old store
    /// do not reach the new one.
    #[must_use]
    pub fn crash(&self) -> Self {
        let state = self.rows.state();
        let mut rows = state.rows.clone();
        for (key, before) in state.unflushed.iter().rev().cloned() {
            match before {
                Some(value) => drop(rows.insert(key, value)),
                None => drop(rows.remove(&key)),
            }
        }
        drop(state);
        let manual = AtomicBool::new(self.rows.manual.load(Ordering::SeqCst));
        let state = Mutex::new(State { rows, unflushed: Vec::new() });
        Self::over(MemoryRows { state, manual, recent: Recent::default(), user_index: UserIndex::default() })
    }
}
