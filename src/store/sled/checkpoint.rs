//! What is remembered outside sled. sled reads a bad record in the middle of its log as the log's end and opens without what
//! followed; so a small *tip* is written beside the store with every commit (not flushed: it need only outlive the process), and a
//! durable *checkpoint* now and then and at the end. A store that is behind either of them, or contradicts them, is not opened.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};
use crate::history::chain;
use crate::id::InstanceId;
use crate::store::act::{Head, StoreError, StoreResult};
use crate::store::acts::identity;
use crate::store::kv::{Order, Rows};
use crate::store::layout;
use crate::store::record::StoredHead;
use crate::store::sled::files;

/// A checkpoint is written after this many blocks …
const BLOCKS_BETWEEN: u64 = 1_024;
/// … or when the last one is this old and something was written.
const TIME_BETWEEN: Duration = Duration::from_secs(10);
/// Bytes of one of the tip's two slots: commits, sequence, hash, check.
const SLOT: usize = 56;

/// What the checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Checkpoint {
    /// Which installation.
    instance: Option<InstanceId>,
    /// Groups committed.
    commits: u64,
    /// The end of the chain, and counts.
    head: Head,
}

/// Remembers where the chain ends.
#[derive(Debug)]
pub(super) struct Memory {
    file: PathBuf,
    tip: File,
    slot: u64,
    written: Instant,
    written_blocks: u64,
    written_commits: u64,
}

/// An end of the chain that was acknowledged.
struct Known {
    commits: u64,
    sequence: u64,
    hash: Digest,
}

impl Memory {
    pub(super) fn open(dir: &Path) -> StoreResult<Self> {
        let path = files::beside(dir, "tip");
        let tip = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let tip = tip.map_err(files::naming(&path, "open its tip"))?;
        let file = files::beside(dir, "checkpoint");
        Ok(Self { file, tip, slot: 0, written: Instant::now(), written_blocks: 0, written_commits: 0 })
    }

    /// Whether anything is remembered of a store here.
    pub(super) fn knows_something(dir: &Path) -> bool {
        files::beside(dir, "checkpoint").exists()
            || File::open(files::beside(dir, "tip")).is_ok_and(|tip| read_tip(&tip).is_some())
    }

    /// Compares the store with what is remembered.
    pub(super) fn check(&mut self, rows: &dyn Rows, head: &StoredHead) -> StoreResult<()> {
        check_tail(rows, head)?;
        if let Some(checkpoint) = self.read()? {
            let hash = checkpoint.head.hash.parse().unwrap_or_default();
            let known = Known { commits: checkpoint.commits, sequence: checkpoint.head.sequence, hash };
            compare(rows, head, &known)?;
            compare_counts(rows, head, &checkpoint)?;
        }
        if let Some(tip) = read_tip(&self.tip) {
            compare(rows, head, &tip)?;
        }
        self.written_blocks = head.blocks;
        self.written_commits = head.commits;
        Ok(())
    }

    fn read(&self) -> StoreResult<Option<Checkpoint>> {
        let bytes = match std::fs::read(&self.file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(files::naming(&self.file, "read its checkpoint")(error)),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|error| {
            StoreError::Damaged(format!(
                "its checkpoint {} can't be read ({error}); if the store is known to be whole, remove that file",
                self.file.display()
            ))
        })
    }

    /// After a commit: the tip, and the checkpoint if it is time.
    pub(super) fn note(&mut self, rows: &dyn Rows, head: &StoredHead) {
        let mut slot = Vec::with_capacity(SLOT);
        slot.extend_from_slice(&head.commits.to_be_bytes());
        slot.extend_from_slice(&head.sequence.to_be_bytes());
        slot.extend_from_slice(&head.hash);
        let check = Hasher::new().bytes(&slot).finish();
        slot.extend_from_slice(&check.0[..8]);
        self.slot = 1 - self.slot;
        // Best effort: without it only the checkpoint guards.
        drop(self.tip.write_all_at(&slot, self.slot * SLOT as u64));
        if head.blocks >= self.written_blocks + BLOCKS_BETWEEN || self.written.elapsed() >= TIME_BETWEEN {
            drop(self.write(rows, head));
        }
    }

    /// Writes the checkpoint durably.
    pub(super) fn write(&mut self, rows: &dyn Rows, head: &StoredHead) -> StoreResult<()> {
        if self.written_commits == head.commits && self.file.exists() {
            return Ok(());
        }
        let instance = identity::identity(rows)?.map(|identity| identity.instance);
        let checkpoint = Checkpoint { instance, commits: head.commits, head: head.shown() };
        let bytes = serde_json::to_vec_pretty(&checkpoint).unwrap_or_default();
        files::write_whole(&self.file, &bytes).map_err(files::naming(&self.file, "write its checkpoint"))?;
        self.written = Instant::now();
        self.written_blocks = head.blocks;
        self.written_commits = head.commits;
        Ok(())
    }
}

fn read_tip(tip: &File) -> Option<Known> {
    let slots = (0..2u64).filter_map(|slot| {
        let mut bytes = [0; SLOT];
        tip.read_exact_at(&mut bytes, slot * SLOT as u64).ok()?;
        let (body, check) = bytes.split_at(SLOT - 8);
        (Hasher::new().bytes(body).finish().0[..8] == *check).then_some(())?;
        Some(Known {
            commits: u64::from_be_bytes(body[..8].try_into().ok()?),
            sequence: u64::from_be_bytes(body[8..16].try_into().ok()?),
            hash: Digest(body[16..48].try_into().ok()?),
        })
    });
    slots.max_by_key(|known| known.commits)
}

const REMEDY: &str = "restore a backup with `usher store restore`";

/// The store must have everything that is known to have been acknowledged.
fn compare(rows: &dyn Rows, head: &StoredHead, known: &Known) -> StoreResult<()> {
    if head.sequence < known.sequence {
        return Err(StoreError::Damaged(format!(
            "entries {} to {} are missing (it was written to after this copy was made, or its files were cut); {REMEDY}",
            head.sequence + 1,
            known.sequence
        )));
    }
    if head.commits < known.commits {
        return Err(StoreError::Damaged(format!(
            "its last {} commits are missing; {REMEDY}",
            known.commits - head.commits
        )));
    }
    if known.sequence > 0 && hash_at(rows, known.sequence)? != Some(known.hash) {
        return Err(StoreError::Damaged(format!(
            "its history up to entry {} is not the one that was acknowledged; {REMEDY}",
            known.sequence
        )));
    }
    Ok(())
}

fn compare_counts(rows: &dyn Rows, head: &StoredHead, checkpoint: &Checkpoint) -> StoreResult<()> {
    let instance = identity::identity(rows)?.map(|identity| identity.instance);
    if let (Some(remembered), Some(found)) = (checkpoint.instance, instance)
        && remembered != found
    {
        return Err(StoreError::Damaged(format!(
            "it belongs to {found}, its checkpoint to {remembered}: it is another store's; {REMEDY}"
        )));
    }
    let known = &checkpoint.head;
    for (what, found, remembered) in [
        ("users", head.users, known.users),
        ("accounts", head.accounts, known.accounts),
        ("events", head.events, known.events),
    ] {
        if found < remembered {
            return Err(StoreError::Damaged(format!("it has {found} {what}, there were {remembered}; {REMEDY}")));
        }
    }
    Ok(())
}

/// The hash of the block that ends with an entry.
fn hash_at(rows: &dyn Rows, sequence: u64) -> StoreResult<Option<Digest>> {
    let mut to = layout::header(sequence).0;
    to.push(0);
    let found = rows.scan(&layout::headers().0, &to, Order::Descending, 1)?;
    let Some((_, encoded)) = found.first() else { return Ok(None) };
    let header = chain::Header::decode(encoded).map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok((header.last() == sequence).then(|| Digest(chain::hash(encoded))))
}

/// The chain must end as the head says.
fn check_tail(rows: &dyn Rows, head: &StoredHead) -> StoreResult<()> {
    if head.sequence > 0 && hash_at(rows, head.sequence)? != Some(Digest(head.hash)) {
        return Err(StoreError::Damaged(format!(
            "the end of its history, entry {}, is missing; {REMEDY}",
            head.sequence
        )));
    }
    Ok(())
}
