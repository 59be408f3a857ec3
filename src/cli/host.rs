//! This process as the one that holds the workspace: lock, store, engine.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::bail;

use crate::cli::connect::Ways;
use crate::clock::SystemClock;
use crate::config::{Holder, Lock, LockError, Workspace};
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::context::{Engine, EngineError, Parts, Watcher};
use crate::entropy::SystemEntropy;
use crate::server::socket::account_name;
use crate::store::act::{Store, StoreError, StoreResult};
use crate::store::sled::{SledSettings, SledStore};

/// Why the workspace can't be held.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HostError {
    /// Another process holds it, or the lock can't be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The store would not open.
    #[error("could not open the store")]
    Store(#[from] StoreError),
    /// The engine would not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A held workspace.
pub(crate) struct Host {
    /// The engine.
    pub(crate) engine: Arc<Engine>,
    owner: u32,
    // Released last: fields drop in order.
    _lock: Lock,
}

impl Host {
    /// Takes the lock, opens store and engine.
    ///
    /// # Errors
    /// [`HostError`]; [`LockError::Held`] at once if another process holds the workspace.
    pub(crate) async fn open(workspace: &Workspace) -> Result<Self, HostError> {
        let lock = hold(workspace)?;
        let parts = Parts {
            store: open_store(workspace, false).await?,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            connect: Arc::new(Ways::new(workspace.clone())),
        };
        let engine = Engine::open(parts).await?;
        Ok(Self { engine, owner: owner(workspace), _lock: lock })
    }

    /// Answers a command for the person behind this process.
    pub(crate) async fn answer(
        &self,
        claimed: Option<&str>,
        command: Command,
        watcher: &dyn Watcher,
    ) -> anyhow::Result<Answer> {
        let uid = nix::unistd::Uid::effective().as_raw();
        if claimed.is_some() && uid != self.owner {
            bail!("--as is for the owner of the workspace; leave it out to act as yourself");
        }
        let actor = self.engine.actor(&account_name(uid), claimed).await?;
        Ok(self.engine.answer(&actor, command, watcher).await?)
    }
}

/// Opens the workspace's store (`create`: makes it if there is none); the lock must be held.
///
/// # Errors
/// If it is damaged, in use or can't be read.
pub(crate) async fn open_store(workspace: &Workspace, create: bool) -> StoreResult<Arc<dyn Store>> {
    let dir = data_dir(workspace);
    let settings = SledSettings { create, command: command_line(), ..SledSettings::default() };
    let opening = tokio::task::spawn_blocking(move || SledStore::open(&dir, &settings));
    let opened = opening.await.map_err(|error| StoreError::Io { act: "open", source: std::io::Error::other(error) })?;
    match opened {
        Err(StoreError::NotFound(_)) => Err(StoreError::NotFound(format!(
            "a store in {} (`usher init` makes one)",
            workspace.store_dir().display()
        ))),
        opened => Ok(Arc::new(opened?)),
    }
}

/// Where the rows are: below the store's folder, beside lock, socket and checkpoint.
pub(crate) fn data_dir(workspace: &Workspace) -> PathBuf {
    workspace.store_dir().join("sled")
}

/// What this process does, for whoever finds the workspace in use.
fn command_line() -> String {
    let words: Vec<String> = std::env::args().collect();
    let program = words.first().and_then(|path| path.rsplit('/').next()).unwrap_or("usher");
    let line = std::iter::once(program).chain(words.iter().skip(1).map(String::as_str)).collect::<Vec<_>>().join(" ");
    crate::text::printable(&line)
}

/// Locks the workspace in the name of this process.
///
/// # Errors
/// [`LockError::Held`] names the process that has it.
pub(crate) fn hold(workspace: &Workspace) -> Result<Lock, LockError> {
    Lock::take(&workspace.lock_path(), &Holder { pid: std::process::id(), command: command_line() })
}

/// The uid that owns the workspace: who may use `--as`.
pub(crate) fn owner(workspace: &Workspace) -> u32 {
    std::fs::metadata(&workspace.root).map_or(u32::MAX, |meta| meta.uid())
}
