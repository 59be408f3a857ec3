//! Who can write the store's files and rewrites what an event says is found out, although every checksum fits: a backup is taken apart,
//! changed, and put together again.

use std::path::Path;

use usher::digest::{Digest, Hasher};
use usher::id::OperatorId;
use usher::provision::approval::Ruling;
use usher::provision::operation::Kind;
use usher::provision::plan::Verdict;
use usher::store::act::{Decide, StoreError};
use usher::store::deeds::DeedQuery;
use usher::store::memory::MemoryStore;
use usher::store::sled::{SledSettings, SledStore};
use usher::store::{Store, backup};

use super::world::{at, block_on, decision, done, file_one, people, push};

/// A backup of a store with one event that was approved and pushed.
fn backed_up(file: &Path) {
    let store = MemoryStore::new();
    block_on(async {
        people(&store, 1).await;
        let event = file_one(&store, 5, Kind::Create, 1, Verdict::Pending).await;
        let payload = store.event(event).await.unwrap().unwrap().payload;
        let mut decision = decision(Ruling::Approve, 6);
        decision.comment = "looked at".into();
        store.decide(Decide { events: vec![(event, payload)], decision, approvers: 1 }).await.unwrap();
        push(&store, 7, event, done("r1")).await;
        store.note(usher::provision::Fact::Store { what: "an end".into() }, None, at(8)).await.unwrap();
        store.backup(file.to_owned()).await.unwrap();
    });
}

/// The value of a row that is to be left out.
const AWAY: &[u8] = b"not there";

/// Writes the backup again with `change` applied to each value; all checks fit. Says how many it changed.
fn rewrite(file: &Path, change: impl Fn(&[u8], &mut Vec<u8>) -> bool) -> usize {
    let bytes = std::fs::read(file).unwrap();
    let (mut out, mut rest) = (bytes[..8].to_vec(), &bytes[8..]);
    let (mut hasher, mut number, mut changed) = (Hasher::new(), 0u64, 0);
    loop {
        let length = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        if length == 0 {
            break;
        }
        let record = &rest[12..12 + length];
        let key_end = 2 + usize::from(u16::from_be_bytes([record[0], record[1]]));
        let mut value = record[key_end..].to_vec();
        changed += usize::from(change(&record[2..key_end], &mut value));
        rest = &rest[12 + length..];
        if value == AWAY {
            continue;
        }
        let record = [&record[..key_end], &value].concat();
        hasher.bytes(&record);
        number += 1;
        out.extend(u32::try_from(record.len()).unwrap().to_be_bytes());
        out.extend(&Hasher::new().bytes(&record).finish().0[..8]);
        out.extend(&record);
    }
    out.extend(0u32.to_be_bytes());
    out.extend(number.to_be_bytes());
    out.extend(hasher.finish().0);
    std::fs::write(file, out).unwrap();
    changed
}

/// Replaces a text of the same length in rows of a kind.
fn put_in_place_of(old: &'static str, new: &'static str, kind: u8, end: u8) -> impl Fn(&[u8], &mut Vec<u8>) -> bool {
    assert_eq!(old.len(), new.len());
    move |key, value| {
        let place = value.windows(old.len()).position(|window| window == old.as_bytes());
        let ours = key[0] == kind && key.last() == Some(&end);
        if let Some(place) = place.filter(|_| ours) {
            value[place..place + old.len()].copy_from_slice(new.as_bytes());
        }
        ours && place.is_some()
    }
}

fn restored(file: &Path) -> Result<(), StoreError> {
    backup::restore(file, &file.with_extension("restored")).map(drop)
}

#[test]
fn a_backup_that_is_only_taken_apart_and_put_together_is_restored() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    backed_up(&file);
    assert_eq!(rewrite(&file, |_, _| false), 0);
    restored(&file).unwrap();
}

#[test]
fn other_values_in_an_events_row_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    backed_up(&file);
    assert_eq!(rewrite(&file, put_in_place_of("a role grants it", "someone asked it", b'e', 0)), 1);
    let error = restored(&file).unwrap_err().to_string();
    assert!(error.contains("evt_1 is not as it was filed"), "{error}");
}

#[test]
fn another_decision_in_an_events_state_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    backed_up(&file);
    assert_eq!(rewrite(&file, put_in_place_of("looked at", "never did", b'e', 1)), 1);
    let error = restored(&file).unwrap_err().to_string();
    assert!(error.contains("evt_1 has a decision that no entry says"), "{error}");
}

#[test]
fn a_body_that_was_erased_without_an_entry_that_says_so_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    backed_up(&file);
    let zero = |key: &[u8], value: &mut Vec<u8>| {
        let body = key[0] == b'B';
        if body {
            value.fill(0);
        }
        body
    };
    assert!(rewrite(&file, zero) > 0);
    let error = restored(&file).unwrap_err().to_string();
    assert!(error.contains("was changed"), "{error}");
}

#[test]
fn briefs_that_do_not_fit_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    backed_up(&file);
    let empty = |key: &[u8], value: &mut Vec<u8>| {
        let brief = key[0] == b'I';
        if brief {
            *value = vec![1, 0, 0];
        }
        brief
    };
    assert_eq!(rewrite(&file, empty), 1);
    let error = restored(&file).unwrap_err().to_string();
    assert!(error.contains("the history does not find evt_1"), "{error}");
}

#[test]
fn a_store_that_has_no_briefs_gets_them() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    backed_up(&file);
    let away = |key: &[u8], value: &mut Vec<u8>| {
        let brief = key[0] == b'I';
        if brief {
            *value = AWAY.to_vec();
        }
        brief
    };
    assert_eq!(rewrite(&file, away), 1);
    restored(&file).unwrap();
}

/// Changes the rows of the index of deeds.
fn rewrite_deeds(file: &Path, to: impl Fn(&[u8]) -> Vec<u8>) -> usize {
    rewrite(file, |key, value| {
        let deed = key[0] == b'L';
        if deed {
            *value = to(value);
        }
        deed
    })
}

#[test]
fn a_deed_that_the_index_tells_otherwise_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    backed_up(&file);
    // Another operator's: the id comes first, after the version.
    let another = |value: &[u8]| value.iter().enumerate().map(|(at, byte)| byte ^ u8::from(at == 5)).collect();
    assert!(rewrite_deeds(&file, another) > 0);
    let error = restored(&file).unwrap_err().to_string();
    assert!(error.contains("what operators did is told otherwise than entry"), "{error}");
}

#[test]
fn deeds_that_the_index_does_not_have_are_put_into_it() {
    const TOKENS: u64 = 1_200;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("backup");
    let store: &dyn Store = &MemoryStore::new();
    block_on(async {
        people(store, 1).await;
        let event = file_one(store, 5, Kind::Create, 1, Verdict::Pending).await;
        let payload = store.event(event).await.unwrap().unwrap().payload;
        store
            .decide(Decide { events: vec![(event, payload)], decision: decision(Ruling::Approve, 6), approvers: 1 })
            .await
            .unwrap();
        for second in 0..TOKENS {
            store.put_bootstrap(Digest::of(&second), OperatorId::of_number(1), at(second + 7)).await.unwrap();
        }
        store.backup(file.clone()).await.unwrap();
    });
    assert!(rewrite_deeds(&file, |_| AWAY.to_vec()) > 1_200);
    restored(&file).unwrap();
    let store = SledStore::open(&file.with_extension("restored"), &SledSettings::default()).unwrap();
    let store: &dyn Store = &store;
    let query = DeedQuery { limit: 5_000, operator: Some(OperatorId::of_number(1)), ..DeedQuery::default() };
    assert!(block_on(store.deeds(query)).unwrap().items.len() as u64 >= TOKENS);
    assert_eq!(block_on(store.decisions(at(0), 9)).unwrap().len(), 1);
}
