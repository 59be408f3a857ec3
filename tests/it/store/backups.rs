//! Backup and restore.

use std::collections::BTreeSet;

use usher::provision::entitlement::EntitlementKey;
use usher::store::act::StoreError;
use usher::store::backup::restore;
use usher::store::{EventQuery, Store};

use super::world::{all_is_well, app, at, block_on, open, pair, people, provisioned};

async fn everything(store: &dyn Store) -> String {
    let events = store.events(EventQuery { limit: 1_000, ..EventQuery::default() }).await.unwrap();
    let users = store.users(None, 1_000).await.unwrap();
    let entries = store.entries_after(0, 1_000).await.unwrap();
    let counts = store.counts(&app()).await.unwrap();
    let catalogue = store.catalogue(&app()).await.unwrap();
    format!("{users:?} {events:?} {entries:?} {counts:?} {catalogue:?} {:?}", pair(store, 1).await)
}

#[test]
fn a_backup_brings_everything_back() {
    let dir = tempfile::tempdir().unwrap();
    let (path, file, other) = (dir.path().join("store"), dir.path().join("copy"), dir.path().join("restored"));
    let store = open(&path);
    let before = block_on(async {
        people(&store, 20).await;
        for number in 1..=5 {
            provisioned(&store, 5 + number, number).await;
        }
        let group = EntitlementKey { kind: "group".into(), remote_id: "g1".into() };
        store.put_catalogue(&app(), vec![(group, "Sales".into())], BTreeSet::new(), at(60)).await.unwrap();
        assert!(store.backup(file.clone()).await.unwrap() > 100);
        assert!(matches!(store.backup(file.clone()).await, Err(StoreError::Conflict(_))));
        everything(&store).await
    });
    let verified = restore(&file, &other).unwrap();
    assert_eq!(verified.problems, Vec::<String>::new());
    let restored = open(&other);
    block_on(async {
        assert_eq!(everything(&restored).await, before);
        provisioned(&restored, 50, 6).await;
        all_is_well(&restored).await;
    });
    let full = restore(&file, &other).unwrap_err();
    assert!(matches!(full, StoreError::Conflict(_)), "{full}");
}

#[test]
fn a_backup_that_was_cut_or_changed_restores_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (path, file) = (dir.path().join("store"), dir.path().join("copy"));
    let store = open(&path);
    block_on(async {
        people(&store, 10).await;
        store.backup(file.clone()).await.unwrap();
    });
    let whole = std::fs::read(&file).unwrap();
    let mut cases = vec![whole[..whole.len() - 1].to_vec(), whole[..whole.len() / 2].to_vec(), Vec::new()];
    for place in [0, 9, 20, whole.len() / 3, whole.len() / 2, whole.len() - 40, whole.len() - 1] {
        let mut changed = whole.clone();
        changed[place] ^= 0x10;
        cases.push(changed);
    }
    for (number, bytes) in cases.into_iter().enumerate() {
        let broken = dir.path().join(format!("broken{number}"));
        std::fs::write(&broken, bytes).unwrap();
        let target = dir.path().join(format!("target{number}"));
        let refused = restore(&broken, &target).unwrap_err();
        assert!(matches!(refused, StoreError::Damaged(_)), "case {number}: {refused}");
        assert!(!target.exists(), "case {number} left something behind");
    }
}
