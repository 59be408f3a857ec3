//! `usher store exercise`: how fast does this disk acknowledge, and does what was acknowledged survive `kill -9`?

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::clock::Timestamp;
use crate::provision::entry::Fact;
use crate::store::act::{Store, StoreError, StoreResult};
use crate::store::sled::{SledSettings, SledStore};

/// Acts that wait at the same time.
const TOGETHER: u64 = 64;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exercise {
    /// Acts acknowledged.
    pub acts: u64,
    /// In this time.
    pub elapsed: Duration,
}

/// What the entry of act `number` says.
pub fn words(number: u64) -> String {
    format!("exercise {number}")
}

/// Opens (or creates) the store in `dir` and writes `acts` acts as fast as it can, `at` as their time. Writes a line
/// `acknowledged NUMBER` to `out` as soon as an act is on disk. Numbers go on where the store's entries end.
///
/// # Errors
/// Those of [`SledStore::open`] and of the acts; [`StoreError::Io`] if `out` can't be written.
pub fn exercise(dir: &Path, acts: u64, at: Timestamp, out: &mut dyn Write) -> StoreResult<Exercise> {
    // A small journal, so that a run that is killed is killed while it settles, too.
    let settings = SledSettings {
        create: true,
        command: "usher store exercise".to_owned(),
        journal_bytes_max: 64 << 10,
        ..SledSettings::default()
    };
    let store = Arc::new(SledStore::open(dir, &settings)?);
    let io = |source| StoreError::Io { act: "run its exercise", source };
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(io)?;
    runtime.block_on(async {
        let first = store.head().await?.sequence + 1;
        let started = Instant::now();
        let mut waiting = JoinSet::new();
        let (mut next, end) = (first, first + acts);
        while next < end || !waiting.is_empty() {
            while next < end && (waiting.len() as u64) < TOGETHER {
                let (store, number) = (Arc::clone(&store), next);
                waiting.spawn(async move {
                    let fact = Fact::Store { what: words(number) };
                    store.note(fact, None, at).await.map(|()| number)
                });
                next += 1;
            }
            if let Some(done) = waiting.join_next().await {
                let number = done.map_err(|error| io(std::io::Error::other(error)))??;
                writeln!(out, "acknowledged {number}").and_then(|()| out.flush()).map_err(io)?;
            }
        }
        Ok(Exercise { acts, elapsed: started.elapsed() })
    })
}
