//! Rows in sled: one tree for the rows, so that one batch is atomic over everything, and a journal of our own in front of it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::id::EventId;
use crate::store::act::{StoreError, StoreResult};
use crate::store::kv::{self, Kv, Order, Pair, Rows, Turnover, WriteBatch};
use crate::store::layout;
use crate::store::recent::Recent;
use crate::store::record::{FiledEvent, StoredHead};
use crate::store::sled::checkpoint::Memory;
use crate::store::sled::journal::{Journal, Unopened};
use crate::store::sled::{SledSettings, files};
use crate::store::stored::contained;
use crate::store::user_index::UserIndex;

/// An open sled, and our own handle of its log for the barrier that sled's flush lacks.
#[derive(Debug)]
struct Handle {
    db: sled::Db,
    /// The number of the last journal record that the rows have.
    settled: sled::Tree,
    log: File,
}

/// Which first bytes the keys of a tree have.
#[derive(Debug)]
struct Kinds([bool; 256]);

impl Kinds {
    fn of(db: &sled::Db) -> sled::Result<Self> {
        let mut kinds = Self([false; 256]);
        let mut from = vec![0];
        while let Some(row) = db.range(from..).next() {
            let kind = row?.0.first().copied().unwrap_or_default();
            kinds.add(kind);
            let Some(next) = kind.checked_add(1) else { break };
            from = vec![next];
        }
        Ok(kinds)
    }

    fn add(&mut self, kind: u8) {
        self.0[usize::from(kind)] = true;
    }

    /// Whether there may be keys between two, which are mostly of one kind.
    fn between(&self, from: &[u8], to: &[u8]) -> bool {
        let (Some(first), Some(last)) = (from.first(), to.first()) else { return true };
        self.0[usize::from(*first)..=usize::from(*last)].contains(&true)
    }
}

/// The key of that number.
const SETTLED: &str = "last";

/// The rows of a store on disk.
#[derive(Debug)]
pub(crate) struct SledRows {
    dir: PathBuf,
    settings: SledSettings,
    /// `None` after a failure that could not be mended yet.
    handle: RwLock<Option<Handle>>,
    /// What was committed and is not in the tree yet.
    journal: RwLock<Journal>,
    /// Files beside sled's log that are durable.
    blobs: Mutex<BTreeSet<OsString>>,
    memory: Mutex<Memory>,
    /// Kinds of rows (their keys' first byte) that the tree has: of others it need not be asked.
    kinds: RwLock<Kinds>,
    recent: Recent,
    user_index: UserIndex,
    /// Held while this lives.
    _lock: File,
}

fn failed(act: &'static str) -> impl FnOnce(sled::Error) -> StoreError {
    move |error| match error {
        sled::Error::Io(source) if is_full(&source) => StoreError::DiskFull(source.to_string()),
        sled::Error::Io(source) => StoreError::Io { act, source },
        sled::Error::Corruption { .. } => {
            StoreError::Damaged("a record of its log does not match its checksum".to_owned())
        }
        other => StoreError::Io { act, source: io::Error::other(other.to_string()) },
    }
}

fn failed_journal(source: io::Error) -> StoreError {
    if is_full(&source) {
        StoreError::DiskFull(source.to_string())
    } else {
        StoreError::Io { act: "write its journal", source }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl SledRows {
    /// Opens or creates the files in `dir` and takes the lock.
    pub(crate) fn open(dir: &Path, settings: &SledSettings) -> StoreResult<Self> {
        let there = dir.join("db").exists();
        if !there && Memory::knows_something(dir) {
            return Err(StoreError::Damaged(format!(
                "{} is gone although there was a store; restore a backup with `usher store restore`",
                dir.display()
            )));
        }
        if !there && !settings.create {
            return Err(StoreError::NotFound(format!("a store in {}", dir.display())));
        }
        if !dir.exists() {
            files::create_dir(dir).map_err(files::naming(dir, "create its directory"))?;
        }
        let lock = files::lock(dir, &settings.command)?;
        files::remove_unfinished_snapshots(dir).map_err(files::naming(dir, "tidy up its directory"))?;
        let handle = open_handle(dir, settings)?;
        let journal = open_journal(dir, &handle)?;
        let kinds = contained(|| Kinds::of(&handle.db).map_err(failed("read")))?;
        // Every time: a crash may have come between the first creation and this.
        files::sync_created(dir).map_err(files::naming(dir, "make its directory durable"))?;
        let memory = Memory::open(dir)?;
        files::load_ballast(dir, settings.ballast_bytes);
        Ok(Self {
            dir: dir.to_owned(),
            settings: settings.clone(),
            handle: RwLock::new(Some(handle)),
            journal: RwLock::new(journal),
            blobs: Mutex::default(),
            memory: Mutex::new(memory),
            kinds: RwLock::new(kinds),
            recent: Recent::default(),
            user_index: UserIndex::default(),
            _lock: lock,
        })
    }

    /// Compares what is there with what is remembered.
    pub(crate) fn check(&self, head: &StoredHead) -> StoreResult<()> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).check(self, head)
    }

    /// Writes a last checkpoint.
    pub(crate) fn close(&self, head: &StoredHead) -> StoreResult<()> {
        self.settle(0)?;
        // Best effort: what is left in the file is not looked at.
        drop(self.journal.read().unwrap_or_else(PoisonError::into_inner).shrink());
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).write(self, head)
    }

    /// Brings the journal's rows into the tree, durably, if they are more than `bytes_max`.
    fn settle(&self, bytes_max: usize) -> StoreResult<()> {
        let mut journal = self.journal.write().unwrap_or_else(PoisonError::into_inner);
        if journal.bytes() <= bytes_max {
            return Ok(());
        }
        contained(|| self.with(|handle| self.bring_in(handle, &journal)))?;
        journal.settled();
        Ok(())
    }

    fn bring_in(&self, handle: &Handle, journal: &Journal) -> StoreResult<()> {
        {
            let mut kinds = self.kinds.write().unwrap_or_else(PoisonError::into_inner);
            journal.rows().keys().filter_map(|key| key.first()).for_each(|kind| kinds.add(*kind));
        }
        // Row by row, in order, and not as one batch of sled's: that takes three times as long, in no order, and keeps every page
        // that it replaces until its end, half a GB for 32 MB of rows. A crash in the middle costs nothing: the records are laid over
        // the tree again, whatever of them it has. The head comes last: a tree that has it has all that it speaks of.
        let head = layout::meta("head").0;
        let (heads, others): (Vec<_>, Vec<_>) = journal.rows().iter().partition(|(key, _)| **key == head);
        for (key, slot) in others.into_iter().chain(heads) {
            let before = match slot {
                Some(value) => handle.db.insert(key, value.as_slice()),
                None => handle.db.remove(key),
            };
            before.map_err(failed("write"))?;
        }
        self.flush_tree(handle)?;
        // The number after the rows: if it is missing, the records are laid over them once more and change nothing.
        handle.settled.insert(SETTLED, &journal.last().to_be_bytes()).map_err(failed("write"))?;
        self.flush_tree(handle)
    }

    fn flush_tree(&self, handle: &Handle) -> StoreResult<()> {
        handle.db.flush().map_err(failed("flush"))?;
        let mut blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
        files::sync_blobs(&self.dir, &mut blobs).map_err(files::naming(&self.dir, "make its files durable"))?;
        // sled's flush is no disk barrier on Linux.
        handle.log.sync_data().map_err(|source| StoreError::Io { act: "flush", source })
    }

    fn may_have(&self, from: &[u8], to: &[u8]) -> bool {
        self.kinds.read().unwrap_or_else(PoisonError::into_inner).between(from, to)
    }

    fn with<T>(&self, act: impl FnOnce(&Handle) -> StoreResult<T>) -> StoreResult<T> {
        let handle = self.handle.read().unwrap_or_else(PoisonError::into_inner);
        match handle.as_ref() {
            Some(handle) => act(handle),
            None => Err(StoreError::Io {
                act: "reopen its files after a failure",
                source: io::Error::other("see the failure before this one; it is tried again with the next act"),
            }),
        }
    }
}

/// Opens sled; if a snapshot is bad, once more without it: sled then replays its log.
fn open_handle(dir: &Path, settings: &SledSettings) -> StoreResult<Handle> {
    let first = contained(|| open_once(dir, settings));
    let aside = matches!(first, Err(StoreError::Damaged(_)))
        && files::set_snapshots_aside(dir).map_err(files::naming(dir, "set a damaged snapshot aside"))?;
    if aside { contained(|| open_once(dir, settings)) } else { first }
}

fn open_once(dir: &Path, settings: &SledSettings) -> StoreResult<Handle> {
    let config = sled::Config::new().path(dir).cache_capacity(settings.cache_bytes).flush_every_ms(None);
    let db = config.open().map_err(|error| match error {
        sled::Error::Io(source) if source.to_string().contains("lock") => {
            StoreError::InUse("another process".to_owned())
        }
        sled::Error::Io(source) if !is_full(&source) => files::naming(dir, "open its files")(source),
        other => failed("open its files")(other),
    })?;
    let path = dir.join("db");
    let log = File::options().read(true).write(true).open(&path).map_err(files::naming(&path, "open its log"))?;
    let settled = db.open_tree("settled").map_err(failed("open its files"))?;
    Ok(Handle { db, settled, log })
}

/// The journal of the store in `dir`, from the record on that the tree does not have.
fn open_journal(dir: &Path, handle: &Handle) -> StoreResult<Journal> {
    let settled = handle.settled.get(SETTLED).map_err(failed("read"))?;
    let settled = settled.and_then(|bytes| Some(u64::from_be_bytes(bytes.as_ref().try_into().ok()?)));
    let path = dir.join("journal");
    Journal::open(&path, settled.unwrap_or(0)).map_err(|why| match why {
        Unopened::Io(error) => files::naming(&path, "open its journal")(error),
        Unopened::Damaged(what) => StoreError::Damaged(format!("{what}; restore a backup with `usher store restore`")),
    })
}

impl Rows for SledRows {
    fn get(&self, key: &[u8]) -> StoreResult<Option<Vec<u8>>> {
        let journal = self.journal.read().unwrap_or_else(PoisonError::into_inner);
        match journal.rows().get(key) {
            Some(slot) => Ok(slot.clone()),
            None if !self.may_have(key, key) => Ok(None),
            None => self.with(|handle| Ok(handle.db.get(key).map_err(failed("read"))?.map(|value| value.to_vec()))),
        }
    }

    fn scan(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> StoreResult<Vec<Pair>> {
        let journal = self.journal.read().unwrap_or_else(PoisonError::into_inner);
        let below = |from: &[u8], to: &[u8], limit: usize| {
            if !self.may_have(from, to) {
                return Ok(Vec::new());
            }
            self.with(|handle| {
                let rows = handle.db.range::<&[u8], _>(from..to);
                let pair = |row: sled::Result<(sled::IVec, sled::IVec)>| {
                    row.map(|(key, value)| (key.to_vec(), value.to_vec())).map_err(failed("read"))
                };
                match order {
                    Order::Ascending => rows.take(limit).map(pair).collect(),
                    Order::Descending => rows.rev().take(limit).map(pair).collect(),
                }
            })
        };
        kv::scan_over(journal.rows(), below, (from, to), order, limit)
    }

    fn user_index(&self) -> Option<&UserIndex> {
        Some(&self.user_index)
    }

    fn recent(&self, event: EventId) -> Option<Arc<FiledEvent>> {
        self.recent.get(event)
    }
}

impl Kv for SledRows {
    fn room(&self) -> StoreResult<()> {
        let closed = self.handle.read().unwrap_or_else(PoisonError::into_inner).is_none();
        if closed {
            self.mend();
        }
        let free = files::free_bytes(&self.dir).map_err(files::naming(&self.dir, "ask for free space"))?;
        if free < self.settings.free_bytes_min {
            return Err(StoreError::DiskFull(format!(
                "{} MiB are free at {}, {} are needed; nothing was written: free space, it goes on by itself",
                free >> 20,
                self.dir.display(),
                self.settings.free_bytes_min >> 20
            )));
        }
        Ok(())
    }

    fn apply(&self, rows: WriteBatch) -> StoreResult<()> {
        self.settle(self.settings.journal_bytes_max)?;
        let mut journal = self.journal.write().unwrap_or_else(PoisonError::into_inner);
        journal.add(rows).map_err(failed_journal)
    }

    fn flush(&self) -> StoreResult<()> {
        self.journal.read().unwrap_or_else(PoisonError::into_inner).sync().map_err(failed_journal)
    }

    fn flushed(&self, head: &StoredHead, turnover: Turnover) {
        self.recent.turn(turnover);
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).note(self, head);
    }

    /// sled keeps failing after a full disk or an I/O error until it is opened again.
    fn mend(&self) {
        files::drop_ballast(&self.dir);
        // In the order in which reads take them.
        let mut journal = self.journal.write().unwrap_or_else(PoisonError::into_inner);
        let mut handle = self.handle.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = handle.take() {
            drop(contained(|| {
                drop(old);
                Ok(())
            }));
        }
        *handle = open_handle(&self.dir, &self.settings).ok();
        // What was added may or may not have reached the disk: go on from what is there.
        if let Some(there) = handle.as_ref().and_then(|handle| open_journal(&self.dir, handle).ok()) {
            *journal = there;
        }
        let free = files::free_bytes(&self.dir).unwrap_or(0);
        if free > self.settings.free_bytes_min.saturating_add(2 * self.settings.ballast_bytes) {
            files::load_ballast(&self.dir, self.settings.ballast_bytes);
        }
    }
}
