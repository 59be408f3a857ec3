//! Reading exports, the workspace's files, and taking generations in.

mod config;
mod csv;
mod intake;
mod json;
mod ldif;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use usher::directory::source::{Missing, Source, SourceTarget};
use usher::id::SourceName;
use usher::import::{Read, ReadError, read};

/// A source `hr` with key `id` and this mapping.
pub(crate) fn source(mapping: &[(&str, &str)]) -> Source {
    let mut targets: BTreeMap<SourceTarget, Vec<String>> = BTreeMap::new();
    for (target, columns) in mapping {
        let columns = columns.split(' ').map(str::to_owned).collect();
        targets.insert(SourceTarget::parse(target).unwrap(), columns);
    }
    Source {
        name: SourceName::new("hr").unwrap(),
        key: "id".to_owned(),
        mapping: targets,
        multi_valued: BTreeSet::new(),
        separator: ';',
        missing: Missing::Suspend,
        group_members: Vec::new(),
        group_name: "cn".to_owned(),
        states: Source::default_states(),
    }
}

/// Writes `files` (name, bytes) into a folder of their own and reads them as one generation.
pub(crate) fn read_files(source: &Source, files: &[(&str, &[u8])], full: bool) -> Result<Read, ReadError> {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<PathBuf> = files
        .iter()
        .map(|(name, bytes)| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        })
        .collect();
    read(source, &paths, full)
}

/// Reads one text.
pub(crate) fn read_text(source: &Source, name: &str, text: &str, full: bool) -> Result<Read, ReadError> {
    read_files(source, &[(name, text.as_bytes())], full)
}

/// The place and reason of every bad row, without the folder.
pub(crate) fn problems(read: &Read) -> Vec<String> {
    let name = |file: &Path| file.file_name().unwrap().to_string_lossy().into_owned();
    read.problems
        .iter()
        .map(|p| format!("{}:{}:{}: {}", name(&p.error.file), p.error.line, p.error.column, p.error.reason))
        .collect()
}
