//! One import call: all its files are one generation, read or refused together.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use crate::directory::source::Source;
use crate::import::columns::{Columns, MissingColumn};
use crate::import::gather::{Gather, Problem, Read};
use crate::import::limit::{FILE_BYTES_MAX, FILES_MAX};
use crate::import::{csv, json, ldif};
use crate::text::FileError;

/// Why a generation was refused. Nothing of it was imported.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file could not be read.
    #[error("cannot read {}", file.display())]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No file, or too many.
    #[error("{count} files were given, expected 1 to {FILES_MAX}")]
    FileCount {
        /// How many.
        count: usize,
    },
    /// The extension names no known format.
    #[error(
        "{}: the format is told by the file's extension; expected .csv, .jsonl, .ndjson, .json or .ldif: rename the file",
        file.display()
    )]
    UnknownFormat {
        /// The file.
        file: PathBuf,
    },
    /// A password column is mapped.
    #[error(
        "source `{source_name}`: `{column}` is mapped to {target}, but passwords and their hashes are never imported; \
         remove that line from the mapping"
    )]
    PasswordMapped {
        /// The source.
        source_name: String,
        /// What it is mapped to.
        target: String,
        /// The column.
        column: String,
    },
    /// The file as a whole is broken or cut off.
    #[error(transparent)]
    Broken(#[from] FileError),
    /// A full import lacks mapped columns.
    #[error(
        "a full import needs every mapped column, missing: {}; export the column, import without --full, or remove it from the mapping",
        list(columns)
    )]
    MissingColumns {
        /// Which.
        columns: Vec<MissingColumn>,
    },
    /// One key appears more than once.
    #[error("the same key appears more than once: {}; the key must name one person", keys.join("; "))]
    DuplicateKeys {
        /// Key and places, in words (the first few).
        keys: Vec<String>,
    },
    /// There is nobody in it.
    #[error("no user was found in {}: {hint}", files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", "))]
    NoRows {
        /// The files.
        files: Vec<PathBuf>,
        /// What to look at.
        hint: String,
        /// Rows that could not be read.
        problems: Vec<Problem>,
    },
}

fn list(columns: &[MissingColumn]) -> String {
    columns.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Reads all `files` as one generation of `source`. With `full`, absence means something: every mapped column must be there.
///
/// Bad rows do not stop the others: they are in [`Read::problems`].
///
/// # Errors
/// See [`ReadError`]: the generation as a whole is refused.
pub fn read(source: &Source, files: &[PathBuf], full: bool) -> Result<Read, ReadError> {
    let columns = Columns::of(source)?;
    if files.is_empty() || files.len() > FILES_MAX {
        return Err(ReadError::FileCount { count: files.len() });
    }
    let mut gather = Gather::new(source, &columns, files);
    for (index, file) in files.iter().enumerate() {
        let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "csv" => csv::read(file, &text_of(file, load(file)?)?, index, &mut gather)?,
            "json" | "jsonl" | "ndjson" => json::read(file, &text_of(file, load(file)?)?, index, &mut gather)?,
            "ldif" | "ldf" => ldif::read(file, &load(file)?, index, &mut gather)?,
            _ => return Err(ReadError::UnknownFormat { file: file.clone() }),
        }
    }
    gather.finish(full)
}

/// The bytes of a file, without a UTF-8 byte order mark.
fn load(file: &Path) -> Result<Vec<u8>, ReadError> {
    let fail = |source| ReadError::Io { file: file.to_owned(), source };
    let mut bytes = Vec::new();
    let handle = std::fs::File::open(file).map_err(fail)?;
    handle.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(fail)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let reason = format!("the file is larger than {} MiB; split the export", FILE_BYTES_MAX / (1024 * 1024));
        return Err(FileError::whole(file, reason).into());
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(FileError::whole(file, "the file is UTF-16, expected UTF-8; export or save it as UTF-8").into());
    }
    if bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
        bytes.drain(..3);
    }
    Ok(bytes)
}

/// The bytes as text, or where they stop being UTF-8.
fn text_of(file: &Path, bytes: Vec<u8>) -> Result<String, FileError> {
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let before = String::from_utf8_lossy(&bytes[..valid]);
        let byte = bytes.get(valid).copied().unwrap_or_default();
        let reason = format!("the byte 0x{byte:02X} is not UTF-8; export or save the file as UTF-8");
        FileError::at(file, &before, valid, reason)
    })
}
