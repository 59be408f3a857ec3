//! Drafts: files that somebody is writing, until they are activated or dropped. A draft is a whole set of files and names the revision
//! that it was taken from; nothing runs on it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::connector::revision::Bundle;
use crate::digest::{Digest, Hasher};
use crate::id::{Name, RevisionNumber};

/// The longest file, in bytes: a script may have 64 KiB, its examples more.
pub const FILE_BYTES_MAX: usize = 256 << 10;
/// The most files.
pub const FILES_MAX: usize = 500;

/// What somebody is writing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The revision that it was taken from; `None` = there was none.
    pub parent: Option<RevisionNumber>,
    /// All files as they are by now.
    pub bundle: Bundle,
    /// When it was last written.
    pub at: Timestamp,
}

/// A step of writing a draft. The first one takes it from the active revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DraftEdit {
    /// Write a file.
    Write {
        /// Its path.
        file: String,
        /// Its text.
        text: String,
        /// Of what it said when the operator began: refused if it says something else by now.
        over: Option<Digest>,
    },
    /// Take a file out.
    Remove {
        /// Its path.
        file: String,
    },
    /// Back to what the parent says.
    Restore {
        /// Its path.
        file: String,
    },
    /// Take over what was activated meanwhile, where the draft changed nothing.
    Rebase,
    /// Forget it.
    Drop,
}

/// How a file differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    /// It is new.
    Added,
    /// It says something else.
    Changed,
    /// It is gone.
    Removed,
}

impl FileChange {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

/// The files that differ, by path.
pub fn compare(before: &Bundle, after: &Bundle) -> BTreeMap<String, FileChange> {
    let paths: BTreeSet<&String> = before.files.keys().chain(after.files.keys()).collect();
    let change = |path: &String| match (before.files.get(path), after.files.get(path)) {
        (None, Some(_)) => Some(FileChange::Added),
        (Some(_), None) => Some(FileChange::Removed),
        (Some(old), Some(new)) if old != new => Some(FileChange::Changed),
        _ => None,
    };
    paths.into_iter().filter_map(|path| Some((path.clone(), change(path)?))).collect()
}

/// Of a file's text; one that is not there says nothing.
pub fn digest_of(text: Option<&str>) -> Digest {
    Hasher::new().text(text.unwrap_or_default()).finish()
}

impl Draft {
    /// Writes a file, or removes it. Lines end as on our systems, whatever a browser sends.
    ///
    /// # Errors
    /// If the path is none that a revision has, or the text is too long; in words.
    pub fn write(&mut self, path: &str, text: Option<&str>) -> Result<(), String> {
        if !self.bundle.files.contains_key(path) {
            check_path(path)?;
        }
        let Some(text) = text else {
            self.bundle.files.remove(path);
            return Ok(());
        };
        let text = text.replace("\r\n", "\n");
        if text.len() > FILE_BYTES_MAX {
            return Err(format!("{path} has {} bytes; the most is {} KiB", text.len(), FILE_BYTES_MAX >> 10));
        }
        if !self.bundle.files.contains_key(path) && self.bundle.files.len() >= FILES_MAX {
            return Err(format!("there are {FILES_MAX} files, which is the most"));
        }
        self.bundle.files.insert(path.to_owned(), text);
        Ok(())
    }

    /// Takes over what moved from `base`, the draft's parent, to `active`: files that the draft left alone. Returns the files that both
    /// changed, each in its own way: there the draft stays as it is.
    pub fn rebase(&mut self, base: &Bundle, (number, active): (RevisionNumber, &Bundle)) -> Vec<String> {
        let mine = compare(base, &self.bundle);
        let mut both = Vec::new();
        for path in compare(base, active).into_keys() {
            let theirs = active.files.get(&path);
            if mine.contains_key(&path) {
                if self.bundle.files.get(&path) != theirs {
                    both.push(path);
                }
                continue;
            }
            match theirs {
                Some(text) => drop(self.bundle.files.insert(path, text.clone())),
                None => drop(self.bundle.files.remove(&path)),
            }
        }
        self.parent = Some(number);
        both
    }
}

/// Whether a revision has files like this: `rules/NAME.rhai`, `rules/NAME.examples.toml`, `apps/NAME.toml`, `connectors/NAME.toml`,
/// `roles.toml`.
///
/// # Errors
/// What was expected, in words.
pub fn check_path(path: &str) -> Result<(), String> {
    let kinds = [("rules/", ".examples.toml"), ("rules/", ".rhai"), ("apps/", ".toml"), ("connectors/", ".toml")];
    let stem = kinds.iter().find_map(|(folder, ending)| path.strip_prefix(folder)?.strip_suffix(ending));
    if path == "roles.toml" || stem.is_some_and(|stem| Name::new(stem).is_ok()) {
        return Ok(());
    }
    Err(format!(
        "`{}` is no file of a revision; expected rules/NAME.rhai, rules/NAME.examples.toml, apps/NAME.toml, connectors/NAME.toml or \
         roles.toml, with a NAME of small letters, digits, `-` and `_`",
        crate::text::printable(path)
    ))
}
