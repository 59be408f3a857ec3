//! What was read so far, over all files of a generation.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use crate::directory::change::SourceRow;
use crate::directory::source::{Source, SourceTarget};
use crate::import::columns::{Columns, MissingColumn, target_name};
use crate::import::convert::{Cells, convert};
use crate::import::limit::PROBLEMS_MAX;
use crate::import::read::ReadError;
use crate::import::tree::Tree;
use crate::text::{FileError, printable};

/// A row and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowAt {
    /// What the source says about one user.
    pub row: SourceRow,
    /// Index into [`Read::files`].
    pub file: usize,
    /// Line of the record's start, from 1.
    pub line: usize,
    /// The state column is mapped but missing from this file: a known user stands where he stood (an absent standing in the row
    /// would bring him back).
    pub keeps_standing: bool,
}

/// A row that could not be read. The others are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The user it is about, if that much could be read: he is left as he is, and is not missing.
    pub key: Option<String>,
    /// Where and why.
    pub error: FileError,
}

/// One generation, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Read {
    /// The files, as given.
    pub files: Vec<PathBuf>,
    /// The rows, keys unique, in the order of the files.
    pub rows: Vec<RowAt>,
    /// Rows that could not be read (at most [`PROBLEMS_MAX`] with details).
    pub problems: Vec<Problem>,
    /// How many rows could not be read.
    pub problem_count: u64,
    /// How many of them hide whom they are about.
    pub unknown_count: u64,
    /// Keys of all users whose row could not be read.
    pub unread_keys: BTreeSet<String>,
    /// The entries of a directory tree: groups name their members, and people their managers by where these stand.
    pub tree: bool,
    /// Set if groups come from the group entries of an LDIF delta: rows speak only of these groups, others stay as they are.
    pub known_groups: Option<BTreeSet<String>>,
    /// Mapped columns that are missing: what they are mapped to is left unchanged (only without `full`).
    pub missing_columns: Vec<MissingColumn>,
    /// What else is worth knowing, in sentences.
    pub notes: Vec<String>,
}

/// Which columns a file has.
struct Seen {
    /// By index of [`Columns`].
    columns: Vec<bool>,
    /// A header names all columns (CSV). Without one, a column is there if any record of the generation has it.
    header: bool,
}

/// Collects rows, bad rows and what was seen.
pub(crate) struct Gather<'a> {
    pub(crate) source: &'a Source,
    pub(crate) columns: &'a Columns,
    pub(crate) tree: Tree,
    read: Read,
    seen: Vec<Seen>,
    several: BTreeMap<String, u64>,
}

impl<'a> Gather<'a> {
    pub(crate) fn new(source: &'a Source, columns: &'a Columns, files: &[PathBuf]) -> Self {
        let seen = files.iter().map(|_| Seen { columns: vec![false; columns.len()], header: false }).collect();
        Self {
            source,
            columns,
            tree: Tree::default(),
            read: Read { files: files.to_vec(), ..Read::default() },
            seen,
            several: BTreeMap::new(),
        }
    }

    /// A header names these columns of the mapping.
    pub(crate) fn header(&mut self, file: usize, columns: Vec<bool>) {
        self.seen[file] = Seen { columns, header: true };
    }

    /// A record of `file`. `place` tells line and column of a wanted column's cell.
    pub(crate) fn record(&mut self, file: usize, line: usize, cells: &Cells, place: &dyn Fn(usize) -> (usize, usize)) {
        for (index, values) in cells.values.iter().enumerate() {
            if values.is_some() {
                self.seen[file].columns[index] = true;
            }
        }
        match convert(self.source, self.columns, cells) {
            Ok(converted) => {
                for target in converted.several {
                    *self.several.entry(target).or_default() += 1;
                }
                self.read.rows.push(RowAt { row: converted.row, file, line, keeps_standing: false });
            }
            Err(wrong) => {
                let (line, column) = wrong.column.map_or((line, 1), place);
                let error = FileError { file: self.read.files[file].clone(), line, column, reason: wrong.reason };
                self.problem(wrong.key, error);
            }
        }
    }

    /// A record that could not be read.
    pub(crate) fn problem(&mut self, key: Option<String>, error: FileError) {
        self.read.problem_count += 1;
        match &key {
            Some(key) => drop(self.read.unread_keys.insert(key.clone())),
            None => self.read.unknown_count += 1,
        }
        if self.read.problems.len() < PROBLEMS_MAX {
            self.read.problems.push(Problem { key, error });
        }
    }

    /// Something worth knowing.
    pub(crate) fn note(&mut self, note: String) {
        self.read.notes.push(note);
    }

    /// The generation, or why it is refused.
    pub(crate) fn finish(mut self, full: bool) -> Result<Read, ReadError> {
        self.refuse_empty()?;
        self.refuse_duplicates()?;
        self.merge_seen();
        let missing = self.missing_columns();
        if full && !missing.is_empty() {
            return Err(ReadError::MissingColumns { columns: missing });
        }
        self.forget_unseen();
        self.tree.resolve(self.source, full, &mut self.read)?;
        for (target, count) in &self.several {
            self.read.notes.push(format!("{count} records have several values for {target}; the first is taken"));
        }
        self.read.missing_columns = missing;
        Ok(self.read)
    }

    fn refuse_empty(&mut self) -> Result<(), ReadError> {
        if !self.read.rows.is_empty() {
            return Ok(());
        }
        let hint = match self.read.problems.first() {
            Some(problem) => {
                format!("{} rows could not be read, the first: {}", self.read.problem_count, problem.error)
            }
            None => format!("no record has the key `{}`; an empty import is refused", self.source.key),
        };
        let problems = std::mem::take(&mut self.read.problems);
        Err(ReadError::NoRows { files: self.read.files.clone(), hint, problems })
    }

    fn refuse_duplicates(&self) -> Result<(), ReadError> {
        const SHOWN_MAX: usize = 5;
        let mut first: HashMap<&str, &RowAt> = HashMap::with_capacity(self.read.rows.len());
        let mut keys = Vec::new();
        for row in &self.read.rows {
            if let Some(before) = first.insert(&row.row.key, row) {
                let place = |at: &RowAt| format!("{}:{}", file_of(&self.read.files, at.file).display(), at.line);
                keys.push(format!("`{}` at {} and {}", printable(&row.row.key), place(before), place(row)));
            }
            if keys.len() == SHOWN_MAX {
                break;
            }
        }
        if keys.is_empty() { Ok(()) } else { Err(ReadError::DuplicateKeys { keys }) }
    }

    /// Without a header, a column that any record of the generation has is there: one LDIF file a person is common.
    fn merge_seen(&mut self) {
        let mut union = vec![false; self.columns.len()];
        for seen in self.seen.iter().filter(|seen| !seen.header) {
            for (all, one) in union.iter_mut().zip(&seen.columns) {
                *all |= one;
            }
        }
        for seen in self.seen.iter_mut().filter(|seen| !seen.header) {
            seen.columns.clone_from(&union);
        }
    }

    fn missing_columns(&self) -> Vec<MissingColumn> {
        let mut missing = BTreeSet::new();
        for (file, seen) in self.seen.iter().enumerate() {
            for (target, columns) in &self.source.mapping {
                for column in columns {
                    if self.columns.index(column).is_some_and(|index| !seen.columns[index]) {
                        missing.insert(MissingColumn {
                            file: seen.header.then(|| self.read.files[file].clone()),
                            column: column.clone(),
                            target: target_name(target),
                        });
                    }
                }
            }
        }
        missing.into_iter().collect()
    }

    /// Rows say nothing about what their file has no column for.
    fn forget_unseen(&mut self) {
        let unseen: Vec<Vec<&SourceTarget>> = self.seen.iter().map(|seen| self.unseen_targets(seen)).collect();
        for at in &mut self.read.rows {
            for target in &unseen[at.file] {
                match target {
                    SourceTarget::Attribute(name) => drop(at.row.attributes.remove(name)),
                    SourceTarget::State => at.keeps_standing = true,
                    SourceTarget::Roles => at.row.roles = None,
                    SourceTarget::Groups => at.row.groups = None,
                    SourceTarget::Manager => at.row.manager = None,
                    SourceTarget::AppRole(app) => drop(at.row.app_roles.remove(app)),
                }
            }
        }
    }

    /// With a header, one missing column of several makes the target unknown; without, one that is there speaks for it.
    fn unseen_targets(&self, seen: &Seen) -> Vec<&'a SourceTarget> {
        let has = |column: &String| self.columns.index(column).is_some_and(|index| seen.columns[index]);
        let known = |columns: &Vec<String>| if seen.header { columns.iter().all(has) } else { columns.iter().any(has) };
        self.source.mapping.iter().filter(|(_, columns)| !known(columns)).map(|(target, _)| target).collect()
    }
}

fn file_of(files: &[PathBuf], index: usize) -> &Path {
    files.get(index).map_or(Path::new("?"), PathBuf::as_path)
}
