//! The journal: a commit group is appended to a file of our own as one record, and its rows are held in memory over sled's tree until
//! there are enough of them to be brought in together. Rows that are soon rewritten or removed (due times, running batches,
//! accounts under way) never reach the tree, whose random writes cost most; and an acknowledgement waits for one sequential write.
//!
//! What is on disk if the power goes: the tree as it was when last settled, and every acknowledged record after that; opening lays
//! the records over the tree again, in order. Settling makes the tree durable first, with the number of the last record in it; only
//! then is the file written from its start again. A record that is older than that number is not looked at.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::digest::{Digest, Hasher};
use crate::store::kv::{Overlay, WriteBatch};

/// How a record starts.
const MAGIC: [u8; 4] = *b"UJ1\n";
/// Magic, length, number, check.
const HEADER: usize = 32;
/// Marks a removed row.
const REMOVED: u32 = u32::MAX;

/// Rows that are committed and not in the tree yet.
#[derive(Debug)]
pub(super) struct Journal {
    file: File,
    rows: Overlay,
    bytes: usize,
    /// Where the next record goes.
    end: u64,
    /// Its number.
    next: u64,
}

/// Why a journal can't be opened.
#[derive(Debug)]
pub(super) enum Unopened {
    /// The file could not be read.
    Io(io::Error),
    /// It lost or changed records that were acknowledged.
    Damaged(String),
}

impl From<io::Error> for Unopened {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Journal {
    /// Opens or creates the file and reads every record after number `settled` back, in order. A last record that was cut short was
    /// never acknowledged, and is overwritten by the next.
    ///
    /// # Errors
    /// [`Unopened`] if the file can't be read, or records are missing in its middle.
    pub(super) fn open(path: &Path, settled: u64) -> Result<Self, Unopened> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
        let bytes = std::fs::read(path)?;
        let mut journal = Self { file, rows: Overlay::new(), bytes: 0, end: 0, next: settled + 1 };
        let mut at = 0;
        while let Some((number, body)) = record_at(&bytes, at) {
            if at == 0 && number <= settled {
                break;
            }
            if number != journal.next {
                return Err(missing(journal.next, number));
            }
            journal.replay(body);
            at += HEADER + body.len();
            journal.next = number + 1;
        }
        journal.end = at as u64;
        match later_record(&bytes, at, journal.next) {
            Some(number) => Err(missing(journal.next, number)),
            None => Ok(journal),
        }
    }

    /// The rows, to be laid over the tree.
    pub(super) fn rows(&self) -> &Overlay {
        &self.rows
    }

    /// Bytes of rows held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The number of the last record.
    pub(super) fn last(&self) -> u64 {
        self.next - 1
    }

    /// Appends one record and holds its rows. It is durable after [`Journal::sync`].
    ///
    /// # Errors
    /// If the file can't be written; nothing is held then.
    pub(super) fn add(&mut self, rows: WriteBatch) -> io::Result<()> {
        let record = encode(self.next, &rows);
        self.file.write_all_at(&record, self.end)?;
        self.end += record.len() as u64;
        self.next += 1;
        for (key, slot) in rows {
            self.hold(key, slot);
        }
        Ok(())
    }

    /// Makes all records durable.
    ///
    /// # Errors
    /// If the disk fails.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Forgets everything: the tree has it, durably, and says so.
    pub(super) fn settled(&mut self) {
        self.end = 0;
        self.bytes = 0;
        self.rows.clear();
    }

    /// Gives the file's space back; for a journal that is settled.
    ///
    /// # Errors
    /// If the file can't be cut.
    pub(super) fn shrink(&self) -> io::Result<()> {
        if self.end == 0 { self.file.set_len(0) } else { Ok(()) }
    }

    fn hold(&mut self, key: Vec<u8>, slot: Option<Vec<u8>>) {
        let key_bytes = key.len();
        self.bytes += slot.as_ref().map_or(0, Vec::len);
        match self.rows.insert(key, slot) {
            Some(before) => self.bytes -= before.as_ref().map_or(0, Vec::len),
            None => self.bytes += key_bytes,
        }
    }

    fn replay(&mut self, mut record: &[u8]) {
        while let Some((key, rest)) = take(record) {
            let Some((slot, rest)) = take_slot(rest) else { return };
            self.hold(key.to_vec(), slot.map(<[u8]>::to_vec));
            record = rest;
        }
    }
}

fn missing(from: u64, to: u64) -> Unopened {
    Unopened::Damaged(format!("records {from} to {} of its journal are missing or were changed", to - 1))
}

fn check(number: u64, body: &[u8]) -> Digest {
    Hasher::new().number(number).bytes(body).finish()
}

/// The whole record that starts at `at`: its number and its body.
fn record_at(bytes: &[u8], at: usize) -> Option<(u64, &[u8])> {
    let (header, rest) = bytes.get(at..)?.split_at_checked(HEADER)?;
    let length = u32::from_le_bytes(header[4..8].try_into().ok()?) as usize;
    let number = u64::from_le_bytes(header[8..16].try_into().ok()?);
    let body = rest.get(..length)?;
    (header[..4] == MAGIC && header[16..] == check(number, body).0[..16]).then_some((number, body))
}

/// The first whole record after `at` whose number is `next` or more: what stands before it was acknowledged and is gone. Records of
/// an earlier round, which have lower numbers, may lie there too.
fn later_record(bytes: &[u8], at: usize, next: u64) -> Option<u64> {
    let starts = (at..bytes.len()).filter(|start| bytes[*start..].starts_with(&MAGIC));
    starts.filter_map(|start| record_at(bytes, start)).map(|(number, _)| number).find(|number| *number >= next)
}

/// A record: its header, then key and value of each row, each with its length before it.
fn encode(number: u64, rows: &WriteBatch) -> Vec<u8> {
    let size: usize = rows.iter().map(|(key, slot)| key.len() + slot.as_ref().map_or(0, Vec::len) + 8).sum();
    let mut record = Vec::with_capacity(HEADER + size);
    record.resize(HEADER, 0);
    // Keys and values are far below 4 GiB: values have at most 60 KiB.
    let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(REMOVED - 1).to_le_bytes();
    for (key, slot) in rows {
        record.extend_from_slice(&length(key));
        record.extend_from_slice(key);
        match slot {
            Some(value) => {
                record.extend_from_slice(&length(value));
                record.extend_from_slice(value);
            }
            None => record.extend_from_slice(&REMOVED.to_le_bytes()),
        }
    }
    let body = length(&record[HEADER..]);
    let check = check(number, &record[HEADER..]);
    record[..4].copy_from_slice(&MAGIC);
    record[4..8].copy_from_slice(&body);
    record[8..16].copy_from_slice(&number.to_le_bytes());
    record[16..HEADER].copy_from_slice(&check.0[..16]);
    record
}

fn take(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

fn take_slot(bytes: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    match u32::from_le_bytes(*length) {
        REMOVED => Some((None, rest)),
        length => rest.split_at_checked(length as usize).map(|(value, rest)| (Some(value), rest)),
    }
}
