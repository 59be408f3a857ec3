//! What this account remembers of servers: the token of a sign-in, and the revision that a workspace's files come from. In a file that
//! nobody else may read, below the user's configuration folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use crate::cli::connect::environment;
use crate::id::RevisionNumber;
use crate::server::api::sign_in::SignedIn;

/// The file's name.
const FILE: &str = "servers.json";

/// What is remembered of one server.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Known {
    /// A person's token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) signed_in: Option<SignedIn>,
    /// By workspace: the revision that its files were last applied as or exported from.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) bases: BTreeMap<PathBuf, RevisionNumber>,
}

/// All servers by origin.
pub(crate) struct Servers {
    file: PathBuf,
    known: BTreeMap<String, Known>,
}

impl Servers {
    /// Reads what is remembered; nothing is no mistake.
    ///
    /// # Errors
    /// If the file can't be read.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let set = |name| environment(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let folder = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
        let folder =
            folder.context("there is no home for what is remembered of servers: set HOME or XDG_CONFIG_HOME")?;
        let file = folder.join("usher").join(FILE);
        let known = match fs::read(&file) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("{} can't be understood; remove it and sign in again", file.display()))?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", file.display())),
        };
        Ok(Self { file, known })
    }

    /// What is known of a server.
    pub(crate) fn of(&self, origin: &str) -> Option<&Known> {
        self.known.get(origin)
    }

    /// The same, to be changed.
    pub(crate) fn change(&mut self, origin: &str) -> &mut Known {
        self.known.entry(origin.to_owned()).or_default()
    }

    /// The revision that a workspace's files come from.
    pub(crate) fn base(&self, origin: &str, workspace: &Path) -> Option<RevisionNumber> {
        self.of(origin)?.bases.get(workspace).copied()
    }

    /// Puts it on disk, all of it or nothing.
    ///
    /// # Errors
    /// If it can't be written.
    pub(crate) fn write(&mut self) -> anyhow::Result<()> {
        self.known.retain(|_, known| known.signed_in.is_some() || !known.bases.is_empty());
        let text = serde_json::to_vec_pretty(&self.known).context("could not encode what is remembered of servers")?;
        let write = || {
            let folder = self.file.parent().unwrap_or(Path::new("."));
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            // For nobody else from the first moment on.
            let mut file = tempfile::NamedTempFile::new_in(folder)?;
            file.write_all(&text)?;
            file.as_file().sync_data()?;
            file.persist(&self.file).map_err(|error| error.error)
        };
        write().map(drop).with_context(|| format!("could not write {}", self.file.display()))
    }
}
