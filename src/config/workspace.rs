//! Finding and opening a workspace.

use std::path::{Path, PathBuf};

use crate::config::file::Config;
use crate::digest::Hasher;
use crate::directory::source::Source;
use crate::engine::retention::Keeping;
use crate::text::FileError;

/// The file that makes a folder a workspace.
pub const CONFIG_FILE: &str = "usher.toml";
/// Longest path a Unix socket can have on every system we run on (`sun_path` is 104 bytes on the BSDs, 108 on Linux).
const SOCKET_PATH_BYTES_MAX: usize = 100;

/// Why a workspace could not be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// There is none.
    #[error("no workspace: neither {} nor a folder above it has a usher.toml; make one with `usher init`", start.display())]
    NotFound {
        /// Where the search began.
        start: PathBuf,
    },
    /// A file or folder could not be read or written.
    #[error("cannot {act} {}", path.display())]
    Io {
        /// What was tried: `read`, `write`, `create`.
        act: &'static str,
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file has a mistake in it.
    #[error(transparent)]
    File(#[from] FileError),
    /// No source of that name.
    #[error("no source `{wanted}` in usher.toml; {known}")]
    UnknownSource {
        /// What was asked for.
        wanted: String,
        /// What there is, in words.
        known: String,
    },
    /// Which source is meant is not clear.
    #[error("usher.toml defines {count} sources; say which with --source ({known})")]
    WhichSource {
        /// How many.
        count: usize,
        /// Their names.
        known: String,
    },
    /// `init` would overwrite something.
    #[error("{} exists already; `usher init` overwrites nothing, choose an empty folder", path.display())]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// A bundle names a file outside the workspace's folders.
    #[error(
        "`{path}` is no file of a workspace, expected connectors/NAME.toml, apps/NAME.toml, rules/NAME.rhai or rules/NAME.examples.toml"
    )]
    ForeignPath {
        /// The path.
        path: String,
    },
}

/// An opened workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    /// Its folder, absolute.
    pub root: PathBuf,
    /// What `usher.toml` says, environment overlay included.
    pub config: Config,
}

impl Workspace {
    /// The nearest folder with a `usher.toml`: `start` or one above it.
    ///
    /// # Errors
    /// [`WorkspaceError::NotFound`], or `start` cannot be resolved.
    pub fn find(start: &Path) -> Result<PathBuf, WorkspaceError> {
        let full = std::fs::canonicalize(start).map_err(|source| io("read", start, source))?;
        full.ancestors()
            .find(|folder| folder.join(CONFIG_FILE).is_file())
            .map(Path::to_owned)
            .ok_or_else(|| WorkspaceError::NotFound { start: start.to_owned() })
    }

    /// Finds the workspace of `start` and reads its `usher.toml`; `env` looks up environment variables.
    ///
    /// # Errors
    /// No workspace, or a mistake in `usher.toml` with line and column.
    pub fn open(start: &Path, env: &dyn Fn(&str) -> Option<String>) -> Result<Self, WorkspaceError> {
        let root = Self::find(start)?;
        let file = root.join(CONFIG_FILE);
        let text = std::fs::read_to_string(&file).map_err(|source| io("read", &file, source))?;
        let config = Config::parse(&file, &text, env)?;
        Ok(Self { root, config })
    }

    /// The store's folder, absolute.
    pub fn store_dir(&self) -> PathBuf {
        self.root.join(&self.config.store)
    }

    /// How long the history is kept, and where what leaves it goes.
    pub fn keeping(&self) -> Keeping {
        let history = &self.config.history;
        Keeping {
            keep: history.keep,
            archive: self.root.join(&history.archive),
            heads: self.root.join(&history.head_file),
        }
    }

    /// Where the process that holds the workspace answers the others. Beside the store; a workspace too deep for a socket's path gets one
    /// in `runtime_dir` (`XDG_RUNTIME_DIR`, a private folder), named by a digest of the workspace.
    pub fn socket_path(&self, runtime_dir: Option<&Path>) -> PathBuf {
        let beside = self.store_dir().join("usher.sock");
        if beside.as_os_str().len() <= SOCKET_PATH_BYTES_MAX {
            return beside;
        }
        let digest = Hasher::new().text(&self.root.to_string_lossy()).finish().short();
        runtime_dir.map_or(beside, |folder| folder.join(format!("usher-{digest}.sock")))
    }

    /// The file that a process locks while it holds the workspace.
    pub fn lock_path(&self) -> PathBuf {
        self.store_dir().join("usher.lock")
    }

    /// The source of that name; without a name the only one.
    ///
    /// # Errors
    /// None of that name, or several and no name.
    pub fn source(&self, name: Option<&str>) -> Result<&Source, WorkspaceError> {
        let sources = &self.config.sources;
        let names: Vec<&str> = sources.iter().map(|source| source.name.as_str()).collect();
        let known = names.join(", ");
        let unknown = |wanted: &str| WorkspaceError::UnknownSource {
            wanted: wanted.to_owned(),
            known: if known.is_empty() {
                "it defines none: add a [[sources]]".into()
            } else {
                format!("it has {known}")
            },
        };
        match (name, sources.as_slice()) {
            (None, [only]) => Ok(only),
            (None, []) => Err(unknown("any")),
            (None, _) => Err(WorkspaceError::WhichSource { count: sources.len(), known }),
            (Some(name), _) => sources.iter().find(|source| source.name.as_str() == name).ok_or_else(|| unknown(name)),
        }
    }
}

/// An I/O error with what was tried.
pub(crate) fn io(act: &'static str, path: &Path, source: std::io::Error) -> WorkspaceError {
    WorkspaceError::Io { act, path: path.to_owned(), source }
}
