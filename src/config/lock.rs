//! One process holds a workspace; another one is told which.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Who holds a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// What it runs, for example `usher serve`.
    pub command: String,
}

/// Why a workspace could not be held.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("the workspace is in use by {}", holder.as_ref().map_or_else(|| "another process".to_owned(), |h| format!("`{}` (process {})", h.command, h.pid)))]
    Held {
        /// Which, if it has said so.
        holder: Option<Holder>,
    },
    /// The lock file could not be used.
    #[error("cannot lock {}; the store's folder (`store` in usher.toml) must be a folder that can be written", path.display())]
    Io {
        /// The lock file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A held workspace; released when dropped, and by the system when the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Holds the workspace whose lock file is `path` (its folder is created), for `holder`.
    ///
    /// # Errors
    /// [`LockError::Held`] at once if another process holds it; never waits.
    pub fn take(path: &Path, holder: &Holder) -> Result<Self, LockError> {
        let fail = |source| LockError::Io { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            // The store is for its owner alone.
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fail)?;
        }
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held { holder: read(&mut file) }),
            Err(TryLockError::Error(source)) => return Err(fail(source)),
        }
        let text = serde_json::to_vec(holder).map_err(|error| fail(error.into()))?;
        file.set_len(0).map_err(fail)?;
        file.seek(SeekFrom::Start(0)).map_err(fail)?;
        file.write_all(&text).map_err(fail)?;
        Ok(Self { _file: file })
    }
}

/// What the holder wrote; `None` if it has not written yet.
fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
