//! The workspace's files as a bundle, and back.

use std::path::{Path, PathBuf};

use crate::config::file::Config;
use crate::config::workspace::{CONFIG_FILE, Workspace, WorkspaceError, io};
use crate::connector::revision::Bundle;
use crate::directory::role::RoleDefinition;
use crate::id::Name;
use crate::text::FileError;

/// Folders that make a bundle, with the endings that count in each (the longer first).
const FOLDERS: [(&str, &[&str]); 3] =
    [("connectors", &[".toml"]), ("apps", &[".toml"]), ("rules", &[".examples.toml", ".rhai"])];
/// Largest file of a bundle in bytes: what the store holds in one value.
const FILE_BYTES_MAX: usize = 60 * 1024;
/// Most files of a bundle.
const FILES_MAX: usize = 2_000;
/// Where a bundle keeps the roles of `usher.toml`.
const ROLES: &str = "roles.toml";

/// What an export did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Files written, by path below the workspace.
    pub written: Vec<String>,
    /// Files that said so already.
    pub unchanged: usize,
    /// Files of the workspace that the bundle does not have: left where they are, and part of the next draft unless removed.
    pub extra: Vec<String>,
    /// Set if the roles of `usher.toml` had to be replaced or could not be.
    pub roles: Option<Conflict>,
}

/// What became of roles that differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// The `[[roles]]` of `usher.toml` were replaced.
    Replaced,
    /// `usher.toml` could not be changed safely: this text has to replace its `[[roles]]`.
    ByHand(String),
}

impl Workspace {
    /// The files that decide what is provisioned: `connectors/*.toml`, `apps/*.toml`, `rules/*.rhai`, `rules/*.examples.toml` and the
    /// roles of `usher.toml`. Other files (`apps/x.toml.disabled`, notes) do not count.
    ///
    /// # Errors
    /// A folder that cannot be read; a file that is too large, not UTF-8, or whose name is no name.
    pub fn load_bundle(&self) -> Result<Bundle, WorkspaceError> {
        let mut bundle = Bundle::default();
        for path in self.bundle_paths()? {
            let file = self.root.join(&path);
            let bytes = std::fs::read(&file).map_err(|source| io("read", &file, source))?;
            if bytes.len() > FILE_BYTES_MAX {
                let reason = format!("{} bytes, the most is {FILE_BYTES_MAX}", bytes.len());
                return Err(FileError::whole(&file, reason).into());
            }
            let text = String::from_utf8(bytes).map_err(|_| FileError::whole(&file, "not UTF-8; save it as UTF-8"))?;
            bundle.files.insert(path, text);
        }
        bundle.set_roles(&self.config.roles);
        Ok(bundle)
    }

    /// Writes a bundle's files into the workspace: changed ones only, each in one step; deletes nothing.
    ///
    /// # Errors
    /// A path that is no file of a workspace (checked before anything is written), or a file that cannot be written.
    pub fn write_bundle(&self, bundle: &Bundle) -> Result<Written, WorkspaceError> {
        let roles = bundle.roles()?;
        let files: Vec<(&String, &String)> = bundle.files.iter().filter(|(path, _)| *path != ROLES).collect();
        if let Some((path, _)) = files.iter().find(|(path, _)| !is_bundle_path(path)) {
            return Err(WorkspaceError::ForeignPath { path: (*path).clone() });
        }
        let mut written = Written::default();
        for (path, text) in files {
            let file = self.root.join(path);
            if std::fs::read(&file).is_ok_and(|old| old == text.as_bytes()) {
                written.unchanged += 1;
                continue;
            }
            replace(&file, text)?;
            written.written.push(path.clone());
        }
        written.extra = self.bundle_paths()?.into_iter().filter(|path| !bundle.files.contains_key(path)).collect();
        if roles != self.config.roles {
            written.roles = Some(self.write_roles(&roles)?);
        }
        Ok(written)
    }

    /// Paths below the workspace of all files that count, sorted.
    fn bundle_paths(&self) -> Result<Vec<String>, WorkspaceError> {
        let mut paths = Vec::new();
        for (folder, endings) in FOLDERS {
            let dir = self.root.join(folder);
            if !dir.is_dir() {
                continue;
            }
            for entry in std::fs::read_dir(&dir).map_err(|source| io("read", &dir, source))? {
                let entry = entry.map_err(|source| io("read", &dir, source))?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let counts = !name.starts_with('.') && endings.iter().any(|ending| name.ends_with(ending));
                if !counts || !entry.path().is_file() {
                    continue;
                }
                let path = format!("{folder}/{name}");
                if !is_bundle_path(&path) {
                    let reason =
                        "the name of this file is no name: use lower-case letters, digits, `-` and `_`, at most 64";
                    return Err(FileError::whole(&entry.path(), reason).into());
                }
                paths.push(path);
            }
        }
        if paths.len() > FILES_MAX {
            let reason = format!("{} connectors, apps and rules, the most is {FILES_MAX}", paths.len());
            return Err(FileError::whole(&self.root, reason).into());
        }
        paths.sort();
        Ok(paths)
    }

    /// Replaces the `[[roles]]` of `usher.toml`, and nothing else in it.
    fn write_roles(&self, roles: &[RoleDefinition]) -> Result<Conflict, WorkspaceError> {
        let file = self.root.join(CONFIG_FILE);
        let old = std::fs::read_to_string(&file).map_err(|source| io("read", &file, source))?;
        let blocks = roles_text(roles);
        let mut new = without_roles(&old);
        if !blocks.is_empty() {
            new = format!("{}\n\n{blocks}", new.trim_end());
        }
        let before = Config::parse(&file, &old, &|_| None);
        let after = Config::parse(&file, &new, &|_| None);
        match (before, after) {
            (Ok(before), Ok(after)) if after == (Config { roles: roles.to_vec(), ..before.clone() }) => {
                replace(&file, &new)?;
                Ok(Conflict::Replaced)
            }
            _ => Ok(Conflict::ByHand(blocks)),
        }
    }
}

/// `connectors/NAME.toml`, `apps/NAME.toml`, `rules/NAME.rhai`, `rules/NAME.examples.toml`.
fn is_bundle_path(path: &str) -> bool {
    let Some((folder, file)) = path.split_once('/') else { return false };
    FOLDERS.iter().any(|(known, endings)| {
        *known == folder
            && endings.iter().find_map(|ending| file.strip_suffix(ending)).is_some_and(|stem| Name::new(stem).is_ok())
    })
}

fn roles_text(roles: &[RoleDefinition]) -> String {
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let block =
        |role: &RoleDefinition| format!("[[roles]]\nname = {}\nwhen = {}\n", quoted(&role.name), quoted(&role.when));
    roles.iter().map(block).collect::<Vec<_>>().join("\n")
}

/// The text without its `[[roles]]` tables.
fn without_roles(text: &str) -> String {
    let mut inside = false;
    text.split_inclusive('\n')
        .filter(|line| {
            let line = line.trim();
            if line.starts_with('[') {
                inside = line.starts_with("[[roles]]");
            }
            !inside
        })
        .collect()
}

/// Writes a file in one step: a reader sees the old text or the new one.
pub(crate) fn replace(file: &Path, text: &str) -> Result<(), WorkspaceError> {
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|source| io("create", folder, source))?;
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    std::fs::write(&beside, text).map_err(|source| io("write", &beside, source))?;
    std::fs::rename(&beside, file).map_err(|source| io("write", file, source))
}
