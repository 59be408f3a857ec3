//! The columns a source asks for.

use std::fmt;
use std::path::PathBuf;

use crate::directory::source::{Source, SourceTarget};
use crate::import::read::ReadError;

/// A mapped column that a file does not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingColumn {
    /// The file; `None` = none of the LDIF or JSON files of the import has it in any record.
    pub file: Option<PathBuf>,
    /// The column, as the mapping names it.
    pub column: String,
    /// What it is mapped to, in the words of the mapping.
    pub target: String,
}

impl fmt::Display for MissingColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (mapped to {})", self.column, self.target)?;
        match &self.file {
            Some(file) => write!(f, " in {}", file.display()),
            None => Ok(()),
        }
    }
}

/// The wanted columns by index: the key first, then every mapped column once.
#[derive(Debug)]
pub(crate) struct Columns {
    names: Vec<String>,
}

impl Columns {
    /// The columns of `source`. Password columns are refused here, before any file is opened.
    pub(crate) fn of(source: &Source) -> Result<Self, ReadError> {
        let refuse = |target: &str, column: &str| ReadError::PasswordMapped {
            source_name: source.name.to_string(),
            target: target.to_owned(),
            column: column.to_owned(),
        };
        if Source::refuses_column(&source.key) {
            return Err(refuse("key", &source.key));
        }
        let mut names = vec![source.key.clone()];
        for (target, columns) in &source.mapping {
            for column in columns {
                if Source::refuses_column(column) {
                    return Err(refuse(&target_name(target), column));
                }
                if !names.contains(column) {
                    names.push(column.clone());
                }
            }
        }
        Ok(Self { names })
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// All, in order.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The index of a column of the mapping.
    pub(crate) fn index(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }
}

/// What a mapping's left-hand side is called.
pub(crate) fn target_name(target: &SourceTarget) -> String {
    match target {
        SourceTarget::Attribute(name) => name.clone(),
        SourceTarget::State => "state".to_owned(),
        SourceTarget::Roles => "roles".to_owned(),
        SourceTarget::Groups => "groups".to_owned(),
        SourceTarget::Manager => "manager".to_owned(),
        SourceTarget::AppRole(app) => format!("app_role.{app}"),
    }
}
