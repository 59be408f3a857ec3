//! What every store is made of: rows, one writer, readers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::oneshot;

use crate::store::act::{StoreError, StoreResult};
use crate::store::commit::Job;
use crate::store::group::Group;
use crate::store::kv::{Kv, Rows};

/// A store: something that keeps rows. Everything else is the same for all.
pub trait Backend: Send + Sync {
    /// What it is made of.
    fn stored(&self) -> &Stored;
}

/// Takes acts to the one place that writes.
pub(crate) trait Writer: Send + Sync {
    /// Has `job` run and answered; returns at once or when it is.
    fn submit(&self, job: Box<dyn Job>) -> StoreResult<()>;
}

/// Where reads run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// Where they are asked for: they never wait for a disk.
    Inline,
    /// On tokio's blocking threads.
    Blocking,
}

/// Rows, one writer, readers.
pub struct Stored {
    kv: Arc<dyn Kv>,
    gate: Arc<RwLock<()>>,
    writer: Box<dyn Writer>,
    reads: Reads,
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stored").field("reads", &self.reads).finish_non_exhaustive()
    }
}

impl Stored {
    pub(crate) fn new(kv: Arc<dyn Kv>, gate: Arc<RwLock<()>>, writer: Box<dyn Writer>, reads: Reads) -> Self {
        Self { kv, gate, writer, reads }
    }

    /// Runs a writing act; returns when it is on disk.
    pub(crate) async fn write<T, F>(&self, act: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Group<'_>) -> StoreResult<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Act { act: Some(act), result: None, reply };
        self.writer.submit(Box::new(job))?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Runs a reading act over one state of the rows.
    pub(crate) async fn read<T, F>(&self, act: F) -> StoreResult<T>
    where
        T: Send + 'static,
        F: FnOnce(&dyn Rows) -> StoreResult<T> + Send + 'static,
    {
        let (kv, gate) = (Arc::clone(&self.kv), Arc::clone(&self.gate));
        let run = move || {
            let _reading = gate.read().unwrap_or_else(PoisonError::into_inner);
            contained(|| act(kv.as_ref()))
        };
        match self.reads {
            Reads::Inline => run(),
            Reads::Blocking => tokio::task::spawn_blocking(run).await.unwrap_or_else(|_| Err(gone())),
        }
    }
}

fn gone() -> StoreError {
    StoreError::Io { act: "answer", source: std::io::Error::other("the store is closed") }
}

/// A panic beneath an act (sled has some, on damaged files) is an error like any other.
pub(crate) fn contained<T>(act: impl FnOnce() -> StoreResult<T>) -> StoreResult<T> {
    catch_unwind(AssertUnwindSafe(act)).unwrap_or_else(|panic| {
        let words = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("for a reason it did not say");
        let words: String = words.lines().next().unwrap_or_default().chars().take(300).collect();
        Err(StoreError::Damaged(format!("its files can't be read: {words}")))
    })
}

/// One writing act that waits for its turn.
struct Act<T, F> {
    act: Option<F>,
    result: Option<StoreResult<T>>,
    reply: oneshot::Sender<StoreResult<T>>,
}

impl<T, F> Job for Act<T, F>
where
    T: Send + 'static,
    F: FnOnce(&mut Group<'_>) -> StoreResult<T> + Send + 'static,
{
    fn run(&mut self, group: &mut Group<'_>) {
        let Some(act) = self.act.take() else { return };
        let result = contained(|| group.run(act));
        if matches!(result, Err(StoreError::Damaged(_))) {
            group.take_back();
        }
        self.result = Some(result);
    }

    fn answer(self: Box<Self>, written: Result<(), &StoreError>) {
        let result = match (self.result, written) {
            (Some(Ok(_)), Err(error)) => Err(again(error)),
            (Some(result), _) => result,
            (None, _) => Err(gone()),
        };
        // Whoever asked may have gone: the act is done all the same.
        drop(self.reply.send(result));
    }
}

/// The same error for everyone in the group.
fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::NotFound(what) => StoreError::NotFound(what.clone()),
        StoreError::Stale(what) => StoreError::Stale(what.clone()),
        StoreError::Conflict(what) => StoreError::Conflict(what.clone()),
        StoreError::InUse(who) => StoreError::InUse(who.clone()),
        StoreError::DiskFull(what) => StoreError::DiskFull(what.clone()),
        StoreError::Damaged(what) => StoreError::Damaged(what.clone()),
        StoreError::Io { act, source } => {
            StoreError::Io { act, source: std::io::Error::new(source.kind(), source.to_string()) }
        }
    }
}
