//! The journal: a commit group is written as one sequential record, and its rows are held in memory over the tree until there are
//! enough of them to be brought in together. Rows that are soon rewritten or removed (due times, running batches, accounts under
//! way) never reach the tree, whose random writes cost most.
//!
//! What is on disk if the power goes: the tree as it was when last settled, and every acknowledged record after that; opening lays
//! the records over the tree again, in order. Settling writes the tree first and removes the records after it, in the order of one
//! log: a record that is still there says what the tree says already.

use crate::store::kv::{Overlay, WriteBatch};
use crate::store::layout::PART_BYTES_MAX;

/// Marks a removed row.
const REMOVED: u32 = u32::MAX;

/// Rows that are committed and not in the tree yet.
#[derive(Debug, Default)]
pub(super) struct Journal {
    rows: Overlay,
    bytes: usize,
    /// Records first..next are on disk.
    first: u64,
    next: u64,
}

impl Journal {
    /// Reads all records back, in order.
    ///
    /// # Errors
    /// If sled can't read.
    pub(super) fn load(tree: &sled::Tree) -> sled::Result<Self> {
        let mut journal = Self::default();
        let (mut number, mut record) = (None, Vec::new());
        for part in tree {
            let (key, value) = part?;
            let at = number_of(&key);
            if number != at {
                journal.replay(&record);
                record.clear();
                journal.first = if number.is_none() { at.unwrap_or_default() } else { journal.first };
                number = at;
            }
            record.extend_from_slice(&value);
        }
        journal.replay(&record);
        journal.next = number.map_or(0, |last| last + 1);
        Ok(journal)
    }

    /// The rows, to be laid over the tree.
    pub(super) fn rows(&self) -> &Overlay {
        &self.rows
    }

    /// Bytes of rows held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Writes one record and holds its rows.
    ///
    /// # Errors
    /// If sled can't write; nothing is held then.
    pub(super) fn add(&mut self, tree: &sled::Tree, rows: WriteBatch) -> sled::Result<()> {
        let record = encode(&rows);
        let mut batch = sled::Batch::default();
        for (part, bytes) in (0_u32..).zip(record.chunks(PART_BYTES_MAX)) {
            batch.insert(key(self.next, part).as_slice(), bytes);
        }
        tree.apply_batch(batch)?;
        self.next += 1;
        for (key, slot) in rows {
            self.hold(key, slot);
        }
        Ok(())
    }

    /// Brings all rows into the tree and removes the records.
    ///
    /// # Errors
    /// If sled can't write; the rows are still held then.
    pub(super) fn settle(&mut self, rows: &sled::Tree, records: &sled::Tree) -> sled::Result<()> {
        let mut batch = sled::Batch::default();
        for (key, slot) in &self.rows {
            match slot {
                Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                None => batch.remove(key.as_slice()),
            }
        }
        rows.apply_batch(batch)?;
        let mut done = sled::Batch::default();
        for part in records.range(key(self.first, 0)..key(self.next, 0)) {
            done.remove(part?.0);
        }
        records.apply_batch(done)?;
        self.first = self.next;
        self.bytes = 0;
        self.rows.clear();
        Ok(())
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

fn key(number: u64, part: u32) -> Vec<u8> {
    let mut key = number.to_be_bytes().to_vec();
    key.extend_from_slice(&part.to_be_bytes());
    key
}

fn number_of(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(..8)?.try_into().ok()?))
}

/// Key and value, each with its length before it.
fn encode(rows: &WriteBatch) -> Vec<u8> {
    let size = rows.iter().map(|(key, slot)| key.len() + slot.as_ref().map_or(0, Vec::len) + 8).sum();
    let mut record = Vec::with_capacity(size);
    // Keys and values are far below 4 GiB: values have at most 60 KiB.
    let mut put = |bytes: &[u8]| {
        record.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(REMOVED - 1).to_le_bytes());
        record.extend_from_slice(bytes);
    };
    let mut removed = Vec::new();
    for (key, slot) in rows {
        match slot {
            Some(value) => {
                put(key);
                put(value);
            }
            None => removed.push(key),
        }
    }
    for key in removed {
        record.extend_from_slice(&u32::try_from(key.len()).unwrap_or(REMOVED - 1).to_le_bytes());
        record.extend_from_slice(key);
        record.extend_from_slice(&REMOVED.to_le_bytes());
    }
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
