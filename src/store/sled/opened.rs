//! An open store: its settings, its one writing thread, its readers.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::thread::JoinHandle;

use crate::store::act::{StoreError, StoreResult};
use crate::store::acts::deeds;
use crate::store::commit::{self, Committer, Job};
use crate::store::sled::files;
use crate::store::sled::rows::SledRows;
use crate::store::stored::{Backend, Reads, Stored, Writer, contained};

/// How a store on disk is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SledSettings {
    /// Make a new store if there is none.
    pub create: bool,
    /// What the process does, for whoever finds the store in use (`usher serve`).
    pub command: String,
    /// Memory for pages, in bytes.
    pub cache_bytes: u64,
    /// Bytes of rows that the journal holds before they are brought into the tree; the default is some ten thousand operations.
    pub journal_bytes_max: usize,
    /// Acts are refused while the disk has less than this free, in bytes.
    pub free_bytes_min: u64,
    /// Size of a file that is given up when the disk is full all the same, so that the store can be closed cleanly, in bytes.
    pub ballast_bytes: u64,
}

impl Default for SledSettings {
    fn default() -> Self {
        Self {
            create: false,
            command: "usher".to_owned(),
            cache_bytes: 64 * 1024 * 1024,
            journal_bytes_max: 32 << 20,
            free_bytes_min: 64 * 1024 * 1024,
            ballast_bytes: 8 * 1024 * 1024,
        }
    }
}

/// A store on disk, held by this process until it is dropped.
#[derive(Debug)]
pub struct SledStore {
    stored: Stored,
    queue: Arc<Queue>,
}

impl Backend for SledStore {
    fn stored(&self) -> &Stored {
        &self.stored
    }
}

impl SledStore {
    /// Opens the store in `dir`, complete or not at all. Blocks: call it before the runtime starts or on a blocking thread.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none and none may be made; [`StoreError::InUse`] if another process holds it;
    /// [`StoreError::Damaged`] if it lost or changed what it acknowledged; [`StoreError::DiskFull`]; [`StoreError::Io`].
    pub fn open(dir: &Path, settings: &SledSettings) -> StoreResult<Self> {
        contained(|| Self::open_files(dir, settings))
    }

    fn open_files(dir: &Path, settings: &SledSettings) -> StoreResult<Self> {
        let rows = Arc::new(SledRows::open(dir, settings)?);
        commit::check_format(rows.as_ref())?;
        let committer = Committer::open(rows.as_ref())?;
        rows.check(committer.head())?;
        deeds::ensure(rows.as_ref())?;
        let gate: Arc<RwLock<()>> = Arc::default();
        let queue = Arc::new(Queue::start(Arc::clone(&rows), Arc::clone(&gate), committer)?);
        let stored = Stored::new(rows, gate, Box::new(Arc::clone(&queue)), Reads::Blocking);
        Ok(Self { stored, queue })
    }

    /// Where the checkpoint of the store in `dir` is kept: beside it, so that a copy of the store does not bring its own.
    pub fn checkpoint_file(dir: &Path) -> PathBuf {
        files::beside(dir, "checkpoint")
    }
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.queue.stop();
    }
}

/// The acts that wait, and the one thread that writes.
#[derive(Debug)]
struct Queue {
    jobs: RwLock<Option<mpsc::Sender<Box<dyn Job>>>>,
    thread: RwLock<Option<JoinHandle<()>>>,
}

impl Queue {
    fn start(rows: Arc<SledRows>, gate: Arc<RwLock<()>>, mut committer: Committer) -> StoreResult<Self> {
        let (jobs, waiting) = mpsc::channel::<Box<dyn Job>>();
        let run = move || {
            while let Ok(first) = waiting.recv() {
                let mut group = std::iter::once(first).chain(waiting.try_iter());
                committer.commit(rows.as_ref(), &gate, &mut group);
            }
            // A checkpoint that can't be written leaves the one before: older, and still true.
            drop(rows.close(committer.head()));
        };
        let thread = std::thread::Builder::new()
            .name("store-committer".to_owned())
            .spawn(run)
            .map_err(|source| StoreError::Io { act: "start its committer", source })?;
        Ok(Self { jobs: RwLock::new(Some(jobs)), thread: RwLock::new(Some(thread)) })
    }

    /// Lets the acts that wait be done, then closes the files.
    fn stop(&self) {
        drop(self.jobs.write().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(thread) = self.thread.write().unwrap_or_else(PoisonError::into_inner).take() {
            drop(thread.join());
        }
    }
}

impl Writer for Arc<Queue> {
    fn submit(&self, job: Box<dyn Job>) -> StoreResult<()> {
        let closed = || StoreError::Io { act: "take an act", source: std::io::Error::other("the store is closed") };
        let jobs = self.jobs.read().unwrap_or_else(PoisonError::into_inner);
        jobs.as_ref().ok_or_else(closed)?.send(job).map_err(|_| closed())
    }
}
