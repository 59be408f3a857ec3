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
use crate::server::socket;
use crate::server::upload::Uploads;
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
        let store = open_store(workspace, false).await?;
        let uploads = Uploads::beside(Some(&workspace.store_dir()));
        if let Err(error) = uploads.sweep() {
            tracing::error!(%error, "uploads of an earlier process could not be removed");
        }
        let parts = Parts {
            store,
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
        let (uid, account) = own_account();
        if claimed.is_some() && uid != self.owner {
            bail!("--as is for the owner of the workspace; leave it out to act as yourself");
        }
        let actor = self.engine.actor(&account, claimed).await?;
        Ok(self.engine.answer(&actor, command, watcher).await?)
    }
}

/// How often a store that is in use is looked at again, ...
const LOOKS_MAX: u32 = 40;
/// ... and how soon.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(50);

/// Opens the workspace's store (`create`: makes it if there is none); the lock must be held.
///
/// # Errors
/// If it is damaged, in use or can't be read.
pub(crate) async fn open_store(workspace: &Workspace, create: bool) -> StoreResult<Arc<dyn Store>> {
    let dir = data_dir(workspace);
    let settings = SledSettings { create, command: command_line(), ..SledSettings::default() };
    let mut looks = 0;
    let opened = loop {
        let (dir, settings) = (dir.clone(), settings.clone());
        let opening = tokio::task::spawn_blocking(move || SledStore::open(&dir, &settings));
        let opened =
            opening.await.map_err(|error| StoreError::Io { act: "open", source: std::io::Error::other(error) })?;
        // The workspace's lock is ours: whoever had the store is on his way out, and sled's own threads may take a moment to let go.
        if matches!(opened, Err(StoreError::InUse(_))) && looks < LOOKS_MAX {
            looks += 1;
            tokio::time::sleep(LOOK_AGAIN).await;
            continue;
        }
        break opened;
    };
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
    // Not every name of a file is text.
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
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

/// The OS account of a uid; the number itself if it has no name.
pub(crate) fn account_name(uid: u32) -> String {
    let user = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}

/// The OS account behind this process.
pub(crate) fn own_account() -> (u32, String) {
    let uid = nix::unistd::Uid::effective().as_raw();
    (uid, account_name(uid))
}

/// How the workspace's socket knows its visitors.
pub(crate) fn socket_settings(workspace: &Workspace) -> socket::Settings {
    socket::Settings { owner: owner(workspace), account_name }
}

/// The uid that owns the workspace: who may use `--as`.
fn owner(workspace: &Workspace) -> u32 {
    std::fs::metadata(&workspace.root).map_or(u32::MAX, |meta| meta.uid())
}
