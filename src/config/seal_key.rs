//! The key under which secrets of apps are sealed. It lies outside the store, in a file that nobody else may read or in the environment:
//! a copy of the store alone opens nothing.

use std::io::Write;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::config::workspace::Workspace;
use crate::connector::app::CredentialRef;
use crate::entropy::SystemEntropy;
use crate::seal::{SealError, SealKey};
use crate::secret::Secret;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum SealKeyError {
    /// The variable is not set.
    #[error("the environment variable {0} is not set; it holds the key of sealed secrets, 32 bytes in base64")]
    Unset(String),
    /// There was one.
    #[error(
        "the key file {} is missing; what is sealed opens with it alone: bring it back, or enter the secrets again",
        .0.display()
    )]
    Missing(PathBuf),
    /// Others may read it.
    #[error("the key file {} can be read by others (mode {mode:03o}); run `chmod 600` on it", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The file could not be read or made.
    #[error("cannot {act} the key file {}", path.display())]
    Io {
        /// What was tried.
        act: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is no key.
    #[error("the key in {0}: {1}")]
    Unusable(String, SealError),
}

impl Workspace {
    /// The key under which secrets are sealed. `make`: if its file is not there, one is made.
    ///
    /// # Errors
    /// See [`SealKeyError`]; no message holds the key.
    pub fn seal_key(&self, env: &dyn Fn(&str) -> Option<String>, make: bool) -> Result<SealKey, SealKeyError> {
        let reference = &self.config.seal_key;
        let text = match reference {
            CredentialRef::Env(name) => env(name).ok_or_else(|| SealKeyError::Unset(name.clone()))?,
            CredentialRef::File(path) => {
                let path = self.root.join(path);
                match read(&path) {
                    Err(SealKeyError::Missing(_)) if make => return made(&path),
                    read => read?,
                }
            }
            CredentialRef::Sealed => return Err(SealKeyError::Unusable(reference.to_string(), SealError::Key)),
        };
        SealKey::parse(&Secret::new(text)).map_err(|error| SealKeyError::Unusable(reference.to_string(), error))
    }
}

fn read(path: &Path) -> Result<String, SealKeyError> {
    let failed = |source: std::io::Error| match source.kind() {
        std::io::ErrorKind::NotFound => SealKeyError::Missing(path.to_owned()),
        _ => SealKeyError::Io { act: "read", path: path.to_owned(), source },
    };
    let mode = std::fs::metadata(path).map_err(failed)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SealKeyError::Open { path: path.to_owned(), mode });
    }
    std::fs::read_to_string(path).map_err(failed)
}

/// A new key, on disk before anything is sealed with it.
fn made(path: &Path) -> Result<SealKey, SealKeyError> {
    let failed = |source| SealKeyError::Io { act: "make", path: path.to_owned(), source };
    let key = SealKey::mint(&SystemEntropy);
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(key.written().expose().as_bytes()).map_err(failed)?;
    file.write_all(b"\n").map_err(failed)?;
    file.sync_all().map_err(failed)?;
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(key)
}
