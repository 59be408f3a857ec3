//! Files people write: TOML with line and column in every error, and text made safe for a terminal.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use unicode_normalization::UnicodeNormalization;

/// A mistake in a file somebody wrote: where it is and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct FileError {
    /// The file.
    pub file: PathBuf,
    /// Line and column, from 1; both 0 when the whole file is meant.
    pub line: usize,
    /// Column, from 1.
    pub column: usize,
    /// What is wrong, with the offending value and what was expected.
    pub reason: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}", self.file.display(), self.reason)
        } else {
            write!(f, "{}:{}:{}: {}", self.file.display(), self.line, self.column, self.reason)
        }
    }
}

impl FileError {
    /// An error about the whole of `file`.
    pub fn whole(file: &Path, reason: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: 0, column: 0, reason: reason.into() }
    }

    /// An error at a byte offset of `source`.
    pub fn at(file: &Path, source: &str, offset: usize, reason: impl Into<String>) -> Self {
        let (line, column) = position(source, offset);
        Self { file: file.to_owned(), line, column, reason: reason.into() }
    }
}

/// Something in a file that can be read and can't be meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    about: String,
    reason: String,
}

impl Mistake {
    /// One about a key.
    pub fn new(key: &str, reason: impl Into<String>) -> Self {
        Self { about: key.to_owned(), reason: reason.into() }
    }

    /// One about a text among others.
    pub fn of_value(value: &str, reason: impl Into<String>) -> Self {
        Self { about: format!("\"{value}\""), reason: reason.into() }
    }

    /// Where it stands in `source`, the text of `file`: the first place that it can be about.
    pub fn place(self, file: &Path, source: &str) -> FileError {
        match source.find(&self.about) {
            Some(at) => FileError::at(file, source, at, self.reason),
            None => FileError::whole(file, self.reason),
        }
    }
}

/// A name as names are compared: compatible forms are one (NFKC), and so are upper and lower case. For finding collisions, never for
/// authority.
pub fn folded(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    // Upper case first: `ß` and `SS`, `ς` and `σ` come out alike.
    let plain: String = name.nfkc().flat_map(char::to_uppercase).collect();
    plain.chars().flat_map(char::to_lowercase).nfkc().collect()
}

/// Line and column (both from 1, columns in characters) of a byte offset.
pub fn position(source: &str, offset: usize) -> (usize, usize) {
    let mut end = offset.min(source.len());
    while !source.is_char_boundary(end) {
        end -= 1;
    }
    let before = &source[..end];
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
    (line, column)
}

/// Parses TOML into `T`; unknown keys (with `deny_unknown_fields`) and wrong values are reported with line and column.
pub fn from_toml<T: DeserializeOwned>(file: &Path, source: &str) -> Result<T, FileError> {
    toml::from_str(source).map_err(|error| {
        let reason = error.message().trim().to_owned();
        match error.span() {
            Some(span) => FileError::at(file, source, span.start, reason),
            None => FileError::whole(file, reason),
        }
    })
}

/// `value` as TOML.
///
/// # Panics
/// If `value` has parts that TOML cannot say (null, maps without text keys): our file types have none.
pub fn to_toml<T: serde::Serialize>(value: &T) -> String {
    toml::to_string(value).expect("file types are plain TOML")
}

/// Whether `text` looks like a cron expression of five fields; empty text does, too. Its meaning is the scheduler's.
///
/// # Errors
/// What was expected, in words.
pub fn cron_shape(text: &str) -> Result<(), &'static str> {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '*' | '/' | ',' | '-' | '?' | '#');
    let fields: Vec<&str> = text.split_whitespace().collect();
    match fields.len() {
        0 => Ok(()),
        5 if fields.iter().all(|field| field.chars().all(known)) => Ok(()),
        _ => Err("expected a cron expression of five fields (minute hour day month weekday)"),
    }
}

/// A value that remembers where it stood in its file, by byte offset.
pub type Spanned<T> = toml::Spanned<T>;

/// Characters that turn text around or break its lines, without being controls.
fn is_format(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{206f}')
}

/// JSON, as a program reads it, without characters that drive a terminal: they can only stand in texts, where an escape means the same.
pub fn json_printable(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && (c.is_control() || is_format(c)) {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// `text` with control, escape and bidirectional-override characters made visible, so that a name cannot drive a terminal or a log.
pub fn printable(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let hidden = c.is_control() || is_format(c);
            if hidden { c.escape_unicode().collect::<Vec<_>>() } else { vec![c] }
        })
        .collect()
}
