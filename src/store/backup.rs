//! Backups: a logical copy of all rows in one file, and the way back.
//!
//! The file: a header, then records (length, check, key length, key, value), then a trailer with the number of records and a digest
//! over all of them. Numbers are big-endian. A file without its trailer is no backup.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use crate::digest::{Digest, Hasher};
use crate::store::act::{StoreError, StoreResult, Verified};
use crate::store::acts::{briefs, check, deeds};
use crate::store::commit;
use crate::store::kv::{self, Kv, Order, Rows, WriteBatch};
use crate::store::sled::rows::SledRows;
use crate::store::sled::{SledSettings, files};

/// What every backup begins with; the last byte is its version.
const HEADER: &[u8; 8] = b"usherbk\x01";
/// A record of length zero ends the records.
const END: u32 = 0;
/// No record is larger: a value, its key, their lengths.
const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// Rows written at once by a restore.
const BATCH_ROWS: usize = 5_000;

fn io(act: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io { act, source }
}

/// Where the copy is written before it is whole.
fn unfinished(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".unfinished");
    PathBuf::from(name)
}

/// Writes all rows to a new file; returns their number.
pub(crate) fn write(rows: &dyn Rows, file: &Path) -> StoreResult<u64> {
    if file.exists() {
        return Err(StoreError::Conflict(format!("{} exists already; name a new file", file.display())));
    }
    let draft = unfinished(file);
    let result = write_all(rows, &draft).and_then(|number| {
        fs::rename(&draft, file).map_err(io("put the backup in place"))?;
        files::sync_parent(file).map_err(io("put the backup in place"))?;
        Ok(number)
    });
    if result.is_err() {
        drop(fs::remove_file(&draft));
    }
    result
}

fn write_all(rows: &dyn Rows, draft: &Path) -> StoreResult<u64> {
    let mut out = BufWriter::with_capacity(1 << 20, files::create_private(draft).map_err(io("create the backup"))?);
    out.write_all(HEADER).map_err(io("write the backup"))?;
    let mut hasher = Hasher::new();
    let mut number = 0;
    kv::walk_range(rows, (Vec::new(), vec![u8::MAX; 64]), Order::Ascending, &mut |key, value| {
        let record = record(key, value);
        hasher.bytes(&record);
        number += 1;
        put(&mut out, &record).map_err(io("write the backup"))?;
        Ok(true)
    })?;
    let mut trailer = END.to_be_bytes().to_vec();
    trailer.extend_from_slice(&u64::to_be_bytes(number));
    trailer.extend_from_slice(&hasher.finish().0);
    out.write_all(&trailer).and_then(|()| out.flush()).map_err(io("write the backup"))?;
    out.get_ref().sync_all().map_err(io("write the backup"))?;
    Ok(number)
}

fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut record = Vec::with_capacity(2 + key.len() + value.len());
    record.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_be_bytes());
    record.extend_from_slice(key);
    record.extend_from_slice(value);
    record
}

fn check_bytes(record: &[u8]) -> [u8; 8] {
    let digest = Hasher::new().bytes(record).finish();
    digest.0[..8].try_into().unwrap_or_default()
}

fn put(out: &mut impl Write, record: &[u8]) -> io::Result<()> {
    out.write_all(&u32::try_from(record.len()).unwrap_or(u32::MAX).to_be_bytes())?;
    out.write_all(&check_bytes(record))?;
    out.write_all(record)
}

/// Makes a new store in `dir` from a backup; returns what `verify` says of it. Nothing stays behind if it fails.
///
/// # Errors
/// [`StoreError::Conflict`] if `dir` exists and is not empty, [`StoreError::Damaged`] if the backup is incomplete or changed or
/// the chain in it does not verify, [`StoreError::Io`] for files that can't be read or written.
pub fn restore(file: &Path, dir: &Path) -> StoreResult<Verified> {
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(StoreError::Conflict(format!(
            "{} is not empty; move it away, and keep it until you have looked at what is restored",
            dir.display()
        )));
    }
    // The whole file is checked before anything is written.
    read_all(file, &mut |_, _| Ok(()))?;
    let settings = SledSettings { create: true, ..SledSettings::default() };
    files::forget_checkpoint(dir).map_err(io("remove the checkpoint of the store that was here"))?;
    let result = fill(file, dir, &settings);
    if result.is_err() {
        drop(fs::remove_dir_all(dir));
        drop(files::forget_checkpoint(dir));
    }
    result
}

fn fill(file: &Path, dir: &Path, settings: &SledSettings) -> StoreResult<Verified> {
    let rows = SledRows::open(dir, settings)?;
    let mut batch: WriteBatch = Vec::new();
    read_all(file, &mut |key, value| {
        batch.push((key.to_vec(), Some(value.to_vec())));
        if batch.len() < BATCH_ROWS {
            return Ok(());
        }
        rows.room()?;
        rows.apply(std::mem::take(&mut batch))
    })?;
    rows.room()?;
    rows.apply(batch)?;
    rows.flush()?;
    commit::check_format(&rows)?;
    briefs::ensure(&rows)?;
    deeds::ensure(&rows)?;
    let verified = check::verify(&rows)?;
    if let Some(problem) = verified.problems.first() {
        return Err(StoreError::Damaged(format!("the backup does not verify: {problem}")));
    }
    rows.close(&crate::store::acts::reads::head(&rows)?)?;
    Ok(verified)
}

/// Takes a record.
type Take<'a> = dyn FnMut(&[u8], &[u8]) -> StoreResult<()> + 'a;

/// Reads every record, checks it, and checks the trailer.
fn read_all(file: &Path, visit: &mut Take<'_>) -> StoreResult<()> {
    let broken = |why: &str| StoreError::Damaged(format!("{} is no whole backup: {why}", file.display()));
    let cut = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => broken("it ends too early"),
        _ => StoreError::Io { act: "read the backup", source: error },
    };
    let mut input = BufReader::with_capacity(1 << 20, File::open(file).map_err(io("read the backup"))?);
    if take::<8>(&mut input).map_err(cut)? != *HEADER {
        return Err(broken("its header is not that of a backup this program knows"));
    }
    let mut hasher = Hasher::new();
    let mut number = 0u64;
    loop {
        let length = u32::from_be_bytes(take::<4>(&mut input).map_err(cut)?);
        if length == END {
            break;
        }
        let length = length as usize;
        if length > RECORD_BYTES_MAX {
            return Err(broken("a record is too long"));
        }
        let check = take::<8>(&mut input).map_err(cut)?;
        let mut record = vec![0; length];
        input.read_exact(&mut record).map_err(cut)?;
        number += 1;
        let key_end = record.first_chunk::<2>().map_or(usize::MAX, |bytes| 2 + usize::from(u16::from_be_bytes(*bytes)));
        if check_bytes(&record) != check || key_end > record.len() {
            return Err(broken(&format!("record {number} was changed")));
        }
        hasher.bytes(&record);
        visit(&record[2..key_end], &record[key_end..])?;
    }
    let told = u64::from_be_bytes(take::<8>(&mut input).map_err(cut)?);
    let digest = Digest(take::<32>(&mut input).map_err(cut)?);
    if told != number || digest != hasher.finish() {
        return Err(broken("its trailer does not agree with its records"));
    }
    Ok(())
}

fn take<const N: usize>(input: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}
