//! Heads of the chain outside the store: one line each in a file of its own. Whoever has an old line can prove later that nobody rewrote
//! what was before it.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::clock::{Span, Timestamp};
use crate::engine::context::{Engine, EngineError};
use crate::id::InstanceId;

/// The end of the chain at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainHead {
    /// When it was read.
    pub time: Timestamp,
    /// The installation.
    pub instance: InstanceId,
    /// Number of the last entry.
    pub sequence: u64,
    /// SHA-256 of the last block's header, hexadecimal.
    pub hash: String,
}

/// A line is due after this long, also if nothing happened.
const DAY: Span = Span::from_days(1);
/// The longest line.
const LINE_BYTES_MAX: u64 = 4_096;

impl Engine {
    /// The end of the chain now.
    ///
    /// # Errors
    /// If the store can't be read.
    pub async fn chain_head(&self) -> Result<ChainHead, EngineError> {
        let head = self.parts.store.head().await?;
        let time = self.parts.clock.now();
        Ok(ChainHead { time, instance: self.instance, sequence: head.sequence, hash: head.hash })
    }

    /// Appends the end of the chain to `file`: once a day, and with `now` whenever it moved.
    ///
    /// # Errors
    /// If the store can't be read or the file can't be written.
    pub async fn keep_head(&self, file: &Path, now: bool) -> Result<bool, EngineError> {
        let head = self.chain_head().await?;
        let last = last_line(file).map_err(|error| trouble(file, &error))?;
        let due = last.is_none_or(|last| {
            let moved = last.sequence != head.sequence || last.hash != head.hash;
            (now && moved) || head.time.millis_since(last.time) >= DAY.as_millis()
        });
        if due {
            append(file, &head).map_err(|error| trouble(file, &error))?;
        }
        Ok(due)
    }

    /// What is wrong with heads that were kept elsewhere, in words.
    pub(crate) async fn check_heads(&self, heads: &[ChainHead]) -> Result<Vec<String>, EngineError> {
        let foreign = heads.iter().filter(|head| head.instance != self.instance);
        let mut problems: Vec<String> = foreign
            .map(|head| format!("the head of {} is of another installation, {}", head.time, head.instance))
            .collect();
        // Before the first entry there is nothing to contain.
        let ours = heads.iter().filter(|head| head.instance == self.instance && head.sequence > 0);
        let asked = ours.map(|head| (head.sequence, head.hash.clone())).collect();
        problems.extend(self.parts.store.missing_heads(asked).await?);
        Ok(problems)
    }
}

fn trouble(file: &Path, error: &io::Error) -> EngineError {
    EngineError::Invalid(format!("{} can't be used for heads of the history: {error}", file.display()))
}

/// Appends one line, durably. A line that was cut short by a crash is ended first: readers skip it.
fn append(file: &Path, head: &ChainHead) -> io::Result<()> {
    let mut out = OpenOptions::new().create(true).append(true).read(true).open(file)?;
    let mut line = if ends_with_newline(&mut out)? { String::new() } else { "\n".to_owned() };
    line.push_str(&serde_json::to_string(head)?);
    line.push('\n');
    out.write_all(line.as_bytes())?;
    out.sync_data()
}

/// Whether what is appended begins a line.
pub(crate) fn ends_with_newline(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0; 1];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

fn last_line(file: &Path) -> io::Result<Option<ChainHead>> {
    let mut file = match File::open(file) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(2 * LINE_BYTES_MAX)))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text.lines().rev().find_map(|line| serde_json::from_str(line).ok()))
}

/// All heads of a file; lines that a crash cut short are left out.
///
/// # Errors
/// If it can't be read, or a line is something else.
pub fn read(file: &Path) -> io::Result<Vec<ChainHead>> {
    let mut heads = Vec::new();
    for (number, line) in BufReader::new(File::open(file)?).lines().enumerate() {
        let line = line?;
        match serde_json::from_str(&line) {
            Ok(head) => heads.push(head),
            Err(error) if error.is_eof() => {}
            Err(error) => return Err(io::Error::other(format!("line {} is no head: {error}", number + 1))),
        }
    }
    Ok(heads)
}
