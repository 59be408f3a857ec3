//! Damaged files: the store opens complete or refuses and says why. Never a panic, never silently less.

use std::fs;
use std::path::{Path, PathBuf};

use usher::provision::entry::Fact;
use usher::store::Store;
use usher::store::act::{Head, StoreError};
use usher::store::sled::{SledSettings, SledStore};

use super::world::{all_is_well, at, block_on, open, people, provisioned, settings};

/// A store with some history, closed; with the end of its chain.
fn history(path: &Path) -> Head {
    let store = open(path);
    block_on(async {
        people(&store, 30).await;
        for number in 1..=10 {
            provisioned(&store, 5 + number, number).await;
        }
        store.head().await.unwrap()
    })
}

/// A copy of a store as the power would leave it: nothing settled, all of it in the journal. With the end of its chain.
fn unsettled(path: &Path) -> Head {
    let open_at = path.with_extension("open");
    let settings = SledSettings { create: true, journal_bytes_max: 1 << 20, ..settings() };
    let store = SledStore::open(&open_at, &settings).unwrap();
    let head = block_on(async {
        people(&store, 30).await;
        for number in 1..=10 {
            provisioned(&store, 5 + number, number).await;
        }
        store.head().await.unwrap()
    });
    copy(&open_at, path);
    head
}

/// Copies a store with what lies beside it.
fn copy(from: &Path, to: &Path) {
    copy_dir(from, to);
    for what in ["checkpoint", "tip"] {
        let name = |path: &Path| PathBuf::from(format!("{}.{what}", path.display()));
        if name(from).exists() {
            fs::copy(name(from), name(to)).unwrap();
        }
    }
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Opens complete, or refuses with a reason.
fn complete_or_refused(path: &Path, head: &Head, what: &str) -> bool {
    match SledStore::open(path, &settings()) {
        Ok(store) => block_on(async {
            assert_eq!(store.head().await.unwrap(), *head, "{what}: opened with less");
            match store.verify().await {
                Ok(_) | Err(StoreError::Damaged(_) | StoreError::Io { .. }) => true,
                Err(other) => panic!("{what}: {other}"),
            }
        }),
        Err(StoreError::Damaged(why)) => {
            assert!(!why.is_empty());
            false
        }
        Err(StoreError::Io { act, source }) => {
            assert!(!act.is_empty() && !source.to_string().is_empty());
            false
        }
        Err(other) => panic!("{what}: {other}"),
    }
}

#[test]
fn a_cut_log_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let head = history(&path);
    let whole = fs::metadata(path.join("db")).unwrap().len();
    let mut refused = 0;
    for (number, length) in [0, 1, 4_096, whole / 4, whole / 2].into_iter().enumerate() {
        let cut = dir.path().join(format!("cut{number}"));
        copy(&path, &cut);
        for snapshot in snapshots(&cut) {
            fs::remove_file(snapshot).unwrap();
        }
        fs::File::options().write(true).open(cut.join("db")).unwrap().set_len(length).unwrap();
        refused += u32::from(!complete_or_refused(&cut, &head, &format!("cut to {length} bytes")));
    }
    assert!(refused >= 2, "an empty log can't be complete");
}

fn snapshots(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|file| file.file_name().unwrap().to_string_lossy().starts_with("snap.")).collect()
}

#[test]
fn flipped_bytes_are_found_or_do_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let head = history(&path);
    let whole = fs::read(path.join("db")).unwrap();
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
    for number in 0..24 {
        let flipped = dir.path().join(format!("flipped{number}"));
        copy(&path, &flipped);
        let place = used * number / 24;
        let mut bytes = whole.clone();
        bytes[place] ^= 0xFF;
        bytes[(place + 1).min(used)] ^= 0x0F;
        fs::write(flipped.join("db"), bytes).unwrap();
        complete_or_refused(&flipped, &head, &format!("byte {place}"));
    }
}

#[test]
fn what_was_not_settled_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let head = unsettled(&path);
    for _ in 0..2 {
        let store = open(&path);
        block_on(async {
            assert_eq!(store.head().await.unwrap(), head);
            all_is_well(&store).await;
        });
    }
}

#[test]
fn a_settling_that_was_cut_short_changes_nothing() {
    const CUTS: usize = 6;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let head = unsettled(&path);
    let whole = dir.path().join("settled");
    copy(&path, &whole);
    drop(open(&whole));
    // In the order in which they are brought in: the head comes last.
    let mut rows: Vec<_> = tree(&whole).iter().map(Result::unwrap).collect();
    rows.sort_by_key(|(key, _)| (key.starts_with(b"m") && key.ends_with(b"head"), key.clone()));
    for cut in 0..CUTS {
        let name = |what: &str| dir.path().join(format!("{what}{cut}"));
        let (short, bare) = (name("short"), name("bare"));
        copy(&path, &short);
        {
            let tree = tree(&short);
            for (key, value) in &rows[..rows.len() * cut / CUTS] {
                tree.insert(key, value).unwrap();
            }
            tree.flush().unwrap();
        }
        copy(&short, &bare);
        let store = open(&short);
        block_on(async {
            assert_eq!(store.head().await.unwrap(), head, "cut {cut}");
            all_is_well(&store).await;
        });
        // Without the journal, part of it in the tree must not be taken for all.
        fs::write(bare.join("journal"), []).unwrap();
        assert!(!complete_or_refused(&bare, &head, "half settled"), "cut {cut}: opened without its journal");
    }
}

/// The tree of a closed store.
fn tree(path: &Path) -> sled::Db {
    sled::Config::new().path(path).open().unwrap()
}

#[test]
fn a_damaged_journal_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let head = unsettled(&path);
    let whole = fs::read(path.join("journal")).unwrap();
    for number in 0..24 {
        let place = whole.len() * number / 24;
        let mut flipped = whole.clone();
        flipped[place] ^= 0xFF;
        for (what, bytes) in [("flipped", flipped), ("cut", whole[..place].to_vec())] {
            let damaged = dir.path().join(format!("{what}{number}"));
            copy(&path, &damaged);
            fs::write(damaged.join("journal"), bytes).unwrap();
            let what = format!("{what} at byte {place}");
            assert!(!complete_or_refused(&damaged, &head, &what), "{what}: opened without what was acknowledged");
        }
    }
}

#[test]
fn a_damaged_snapshot_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let head = history(&path);
    for snapshot in snapshots(&path) {
        let mut bytes = fs::read(&snapshot).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xFF;
        fs::write(&snapshot, bytes).unwrap();
    }
    let store = open(&path);
    block_on(async {
        assert_eq!(store.head().await.unwrap(), head);
        all_is_well(&store).await;
    });
}

#[test]
fn a_snapshot_that_was_being_written_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let head = history(&path);
    fs::write(path.join("snap.0000000000000001.generating"), b"half").unwrap();
    let store = open(&path);
    block_on(async {
        assert_eq!(store.head().await.unwrap(), head);
        all_is_well(&store).await;
    });
}

#[test]
fn a_store_copied_back_by_a_day_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let yesterday = dir.path().join("yesterday");
    history(&path);
    copy_dir(&path, &yesterday);
    let store = open(&path);
    block_on(async {
        store.note(Fact::Store { what: "today".into() }, None, at(100)).await.unwrap();
    });
    drop(store);
    fs::remove_dir_all(&path).unwrap();
    let gone = SledStore::open(&path, &settings()).unwrap_err().to_string();
    assert!(gone.contains("is gone") && gone.contains("usher store restore"), "{gone}");
    fs::rename(&yesterday, &path).unwrap();
    let behind = SledStore::open(&path, &settings()).unwrap_err().to_string();
    assert!(
        behind.contains("entries") && behind.contains("missing") && behind.contains("usher store restore"),
        "{behind}"
    );
}

#[test]
fn another_history_of_the_same_length_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (path, other) = (dir.path().join("store"), dir.path().join("other"));
    for (path, words) in [(&path, "one"), (&other, "two")] {
        let store = open(path);
        block_on(async { store.note(Fact::Store { what: words.into() }, None, at(1)).await.unwrap() });
    }
    fs::remove_dir_all(&path).unwrap();
    fs::rename(&other, &path).unwrap();
    let wrong = SledStore::open(&path, &settings()).unwrap_err().to_string();
    assert!(wrong.contains("is not the one that was acknowledged"), "{wrong}");
}

#[test]
fn commits_without_entries_are_missed_too() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let yesterday = dir.path().join("yesterday");
    history(&path);
    copy_dir(&path, &yesterday);
    let store = open(&path);
    block_on(async { store.open_sweep(&super::world::app(), usher::directory::change::Cause::Cycle).await.unwrap() });
    drop(store);
    fs::remove_dir_all(&path).unwrap();
    fs::rename(&yesterday, &path).unwrap();
    let behind = SledStore::open(&path, &settings()).unwrap_err().to_string();
    assert!(behind.contains("commits are missing"), "{behind}");
}

#[test]
fn a_second_opener_is_told_who_holds_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let first = SledStore::open(&path, &SledSettings { command: "usher serve".into(), ..settings() }).unwrap();
    let second = SledStore::open(&path, &settings()).unwrap_err();
    let expected = format!("the store is in use by process {} (usher serve)", std::process::id());
    assert_eq!(second.to_string(), expected);
    drop(first);
    drop(open(&path));
}

#[test]
fn a_store_that_is_not_there_is_made_only_when_asked() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let missing = SledStore::open(&path, &SledSettings { create: false, ..settings() }).unwrap_err();
    assert!(matches!(missing, StoreError::NotFound(_)), "{missing}");
    assert!(!path.exists());
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    // Nobody can make a directory there, root neither.
    let path = Path::new("/proc/usher-store");
    let refused = SledStore::open(path, &settings()).unwrap_err();
    let StoreError::Io { source, .. } = &refused else { panic!("{refused}") };
    assert!(source.to_string().contains("/proc/usher-store"), "{source}");
}

#[test]
fn a_full_disk_refuses_acts_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let head = history(&path);
    let full = SledStore::open(&path, &SledSettings { free_bytes_min: u64::MAX, ..settings() }).unwrap();
    block_on(async {
        let refused = full.note(Fact::Store { what: "more".into() }, None, at(1)).await.unwrap_err();
        assert!(matches!(refused, StoreError::DiskFull(_)), "{refused}");
        assert_eq!(full.head().await.unwrap(), head, "reads go on");
    });
    drop(full);
    let store = open(&path);
    block_on(async {
        assert_eq!(store.head().await.unwrap(), head);
        store.note(Fact::Store { what: "more".into() }, None, at(1)).await.unwrap();
    });
}
