//! Events as an earlier version wrote them are read as they were.

use std::path::Path;

use usher::store::Store;

use usher::provision::operation::Kind;
use usher::provision::plan::Verdict;

use super::world::{block_on, file_one, open, people};

/// Digest of the app in the world's plans: the first thing behind the event in a row of version 2, the last but one in the event now.
fn app_digest() -> [u8; 32] {
    usher::digest::Digest::of("app").0
}

/// Rewrites the row of event 1 as version 2 had it: without since when it is escalated.
fn make_older(path: &Path) {
    let db = sled::open(path).unwrap();
    let key = [&b"e"[..], &1_u64.to_be_bytes(), &[0]].concat();
    let row = db.get(&key).unwrap().unwrap();
    let (digest, version) = (app_digest(), 3);
    assert_eq!(row[0], version);
    let at = row.windows(32).rposition(|bytes| bytes == digest).unwrap() + 32;
    assert_eq!(row[at], 0, "not escalated");
    let older = [&[version - 1], &row[1..at], &row[at + 1..]].concat();
    db.insert(&key, older).unwrap();
    db.flush().unwrap();
}

#[test]
fn an_event_of_version_two_has_its_app_and_is_not_escalated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = open(&path);
    let event = block_on(async {
        people(&store, 1).await;
        let id = file_one(&store, 5, Kind::Create, 1, Verdict::Pending).await;
        store.event(id).await.unwrap().unwrap()
    });
    drop(store);
    make_older(&path);
    let store = open(&path);
    block_on(async {
        assert_eq!(store.event(event.id).await.unwrap().unwrap(), event);
        assert_eq!(event.app_digest.0, app_digest());
        // Its entry is of today and vouches for the row byte for byte; one of that time did not.
        assert_eq!(store.verify().await.unwrap().problems, ["evt_1 is not as it was filed"]);
    });
}
