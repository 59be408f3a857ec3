//! Staging, committing and applying generations.

use usher::store::Store;
use usher::store::act::StoreError;
use usher::store::query::{ImportState, Preview, Urgency};

use usher::directory::user::Standing;

use super::world::{app, at, bring, contract, import, import_id, key, open, operator, people, row, source, user};

contract! {
    rows_put_aside_change_nothing_before_the_commit;
    a_parked_generation_waits_for_a_person;
    a_generation_is_applied_in_batches_and_resumes;
    the_same_generation_again_changes_nothing;
    a_key_decides_who_it_is;
    those_who_leave_come_first;
    a_generation_broken_off_while_staging_is_dropped_by_recover;
    a_long_preview_is_kept_whole;
}

async fn state(store: &dyn Store, number: u64) -> ImportState {
    let imports = store.imports(100).await.unwrap();
    imports.into_iter().find(|import| import.id == import_id(number)).unwrap().state
}

async fn rows_put_aside_change_nothing_before_the_commit(store: &dyn Store) {
    store.open_import(import(1)).await.unwrap();
    store.stage_import(import_id(1), 0, vec![row(1, None)]).await.unwrap();
    store.stage_import(import_id(1), 0, vec![row(1, None)]).await.unwrap();
    store.stage_import(import_id(1), 1, vec![row(2, None)]).await.unwrap();
    assert!(matches!(store.stage_import(import_id(1), 9, vec![row(3, None)]).await, Err(StoreError::Stale(_))));
    assert_eq!(store.staged(import_id(1), 0, 10).await.unwrap().len(), 2);
    assert_eq!(store.head().await.unwrap().users, 0);
    assert!(store.dirty(&app(), 10).await.unwrap().is_empty());
    let early = store.apply_import(import_id(1), vec![app()], 10, at(1)).await;
    assert!(matches!(early, Err(StoreError::Conflict(_))));
}

async fn a_parked_generation_waits_for_a_person(store: &dyn Store) {
    store.open_import(import(1)).await.unwrap();
    store.stage_import(import_id(1), 0, vec![row(1, None)]).await.unwrap();
    let reasons = vec!["too many missing".to_owned()];
    store.close_import(import_id(1), Preview::default(), reasons.clone(), at(1)).await.unwrap();
    assert_eq!(state(store, 1).await, ImportState::Parked { reasons });
    store.commit_import(import_id(1), operator(), at(2)).await.unwrap();
    assert!(store.apply_import(import_id(1), vec![app()], 10, at(2)).await.unwrap());
    assert_eq!(state(store, 1).await, ImportState::Applied);
    store.open_import(import(2)).await.unwrap();
    store.drop_import(import_id(2), operator(), at(3)).await.unwrap();
    assert!(matches!(store.commit_import(import_id(2), operator(), at(3)).await, Err(StoreError::Conflict(_))));
}

async fn a_generation_is_applied_in_batches_and_resumes(store: &dyn Store) {
    store.open_import(import(1)).await.unwrap();
    store.stage_import(import_id(1), 0, (1..=25).map(|number| row(number, None)).collect()).await.unwrap();
    store.close_import(import_id(1), Preview::default(), Vec::new(), at(1)).await.unwrap();
    assert!(!store.apply_import(import_id(1), vec![app()], 10, at(1)).await.unwrap());
    assert_eq!(state(store, 1).await, ImportState::Committed { applied: 10 });
    assert!(!store.apply_import(import_id(1), vec![app()], 10, at(1)).await.unwrap());
    assert!(store.apply_import(import_id(1), vec![app()], 10, at(1)).await.unwrap());
    assert!(store.apply_import(import_id(1), vec![app()], 10, at(1)).await.unwrap());
    assert_eq!(store.head().await.unwrap().users, 25);
    assert_eq!(store.dirty(&app(), 100).await.unwrap().len(), 25);
}

async fn the_same_generation_again_changes_nothing(store: &dyn Store) {
    people(store, 3).await;
    bring(store, 2, (1..=3).map(|number| row(number, None)).collect()).await;
    assert!(store.dirty(&app(), 10).await.unwrap().is_empty());
    assert_eq!(store.user(user(1)).await.unwrap().unwrap().revision, 1);
}

async fn a_key_decides_who_it_is(store: &dyn Store) {
    people(store, 1).await;
    let mut again = row(1, None);
    again.user = user(99);
    again.row.attributes.insert("title".into(), Some("new".into()));
    bring(store, 2, vec![again]).await;
    assert!(store.user(user(99)).await.unwrap().is_none());
    assert_eq!(store.user(user(1)).await.unwrap().unwrap().text("title"), Some("new"));
    assert_eq!(store.users_by_key(&source(), vec![key(1)]).await.unwrap()[0].as_ref().unwrap().id, user(1));
}

async fn those_who_leave_come_first(store: &dyn Store) {
    people(store, 3).await;
    let mut leaver = row(3, None);
    leaver.row.standing = Some(Standing::Suspended);
    let mut other = row(1, None);
    other.row.attributes.insert("title".into(), Some("new".into()));
    bring(store, 2, vec![other, leaver]).await;
    let marks = store.dirty(&app(), 10).await.unwrap();
    assert_eq!((marks[0].user, marks[0].urgency), (user(3), Urgency::Leaver));
    assert_eq!(store.dirty(&app(), 1).await.unwrap().len(), 1);
}

async fn a_generation_broken_off_while_staging_is_dropped_by_recover(store: &dyn Store) {
    store.open_import(import(1)).await.unwrap();
    store.stage_import(import_id(1), 0, vec![row(1, None)]).await.unwrap();
    store.recover(at(5)).await.unwrap();
    assert_eq!(state(store, 1).await, ImportState::Dropped);
    assert!(store.staged(import_id(1), 0, 10).await.unwrap().is_empty());
}

async fn a_long_preview_is_kept_whole(store: &dyn Store) {
    store.open_import(import(1)).await.unwrap();
    let findings: Vec<String> =
        (0..4_000).map(|number| format!("key k{number} has the e-mail of another user")).collect();
    let preview = Preview { findings, ..Preview::default() };
    store.close_import(import_id(1), preview.clone(), Vec::new(), at(1)).await.unwrap();
    assert_eq!(store.imports(1).await.unwrap()[0].preview, preview);
    assert!(store.apply_import(import_id(1), vec![app()], 10, at(1)).await.unwrap());
    assert_eq!(store.imports(1).await.unwrap()[0].preview, preview);
}

#[test]
fn a_committed_generation_is_resumed_by_the_next_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = open(&path);
    super::world::block_on(async {
        store.open_import(import(1)).await.unwrap();
        store.stage_import(import_id(1), 0, (1..=20).map(|number| row(number, None)).collect()).await.unwrap();
        store.close_import(import_id(1), Preview::default(), Vec::new(), at(1)).await.unwrap();
        store.apply_import(import_id(1), vec![app()], 5, at(1)).await.unwrap();
    });
    drop(store);
    let store = open(&path);
    super::world::block_on(async {
        store.recover(at(2)).await.unwrap();
        assert_eq!(state(&store, 1).await, ImportState::Committed { applied: 5 });
        while !store.apply_import(import_id(1), vec![app()], 5, at(2)).await.unwrap() {}
        assert_eq!(store.head().await.unwrap().users, 20);
        super::world::all_is_well(&store).await;
    });
}

#[test]
fn a_generation_of_version_1_is_read_without_what_it_did_not_know() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = open(&path);
    let preview = Preview { missing: 3, findings: vec!["look".into()], ..Preview::default() };
    let before = super::world::block_on(async {
        store.open_import(import(1)).await.unwrap();
        store.close_import(import_id(1), preview, vec!["too many".into()], at(1)).await.unwrap();
        store.imports(1).await.unwrap()
    });
    drop(store);
    let database = ::sled::Config::new().path(&path).open().unwrap();
    let key = [[b'i'].as_slice(), import_id(1).0.as_bytes(), &[0, 0]].concat();
    let mut row = database.get(&key).unwrap().unwrap().to_vec();
    assert_eq!((row[0], row.pop()), (2, Some(0)), "the list of what shrinks is last, and empty");
    row[0] = 1;
    database.insert(key, row).unwrap();
    database.flush().unwrap();
    drop(database);
    let store = open(&path);
    super::world::block_on(async {
        assert_eq!(store.imports(1).await.unwrap(), before);
        store.commit_import(import_id(1), operator(), at(2)).await.unwrap();
    });
}
