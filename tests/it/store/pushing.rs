//! Claim, begin, finish, recover.

use std::collections::BTreeMap;

use usher::provision::account::{Origin, Presence};
use usher::provision::entry::Fact;
use usher::provision::event::{Status, StatusKind};
use usher::provision::operation::Kind;
use usher::provision::outcome::{Done, FailureClass, Outcome};
use usher::provision::plan::Verdict;
use usher::store::Store;
use usher::store::act::{Lane, StoreError};

use super::world::{
    app, at, block_on, bring, contract, done, failure, file_one, finished, open, pair, people, provisioned, push, row,
    user,
};

contract! {
    leavers_are_claimed_first_then_the_oldest;
    an_event_begins_once_and_only_in_its_generation;
    a_create_brings_an_account;
    an_account_has_one_owner_whatever_the_target_answers;
    a_link_takes_what_was_found;
    a_link_hands_an_account_over;
    a_rename_that_replaces_keeps_the_old_account;
    leaving_and_coming_back_change_the_presence;
    an_unknown_outcome_is_verified;
    an_outcome_reported_twice_counts_once;
    an_outcome_without_a_beginning_is_refused;
    a_void_attempt_is_planned_again;
    a_lost_account_is_planned_again;
    an_arrival_marks_the_reports;
    what_ran_in_a_crash_is_verified;
}

pub(super) fn retry_at(seconds: u64) -> Outcome {
    Outcome::Retry { failure: failure(FailureClass::Server), due: at(seconds) }
}

async fn leavers_are_claimed_first_then_the_oldest(store: &dyn Store) {
    people(store, 4).await;
    provisioned(store, 4, 1).await;
    let old = file_one(store, 5, Kind::Create, 2, Verdict::Queued).await;
    let new = file_one(store, 6, Kind::Create, 3, Verdict::Queued).await;
    let leave = file_one(store, 7, Kind::Deactivate, 1, Verdict::Queued).await;
    file_one(store, 7, Kind::Create, 4, Verdict::Pending).await;
    let ids =
        |claimed: Vec<usher::store::act::Claimed>| claimed.into_iter().map(|one| one.event.id).collect::<Vec<_>>();
    let crm = app();
    let all = |seconds| store.claim(&crm, Lane::All, at(seconds), 10);
    assert_eq!(ids(all(7).await.unwrap()), [leave, old, new]);
    assert_eq!(ids(all(5).await.unwrap()), [old]);
    assert_eq!(ids(store.claim(&app(), Lane::Fast, at(7), 10).await.unwrap()), [leave]);
    assert_eq!(ids(store.claim(&app(), Lane::All, at(7), 2).await.unwrap()), [leave, old]);
    store.begin(vec![leave, old], at(8)).await.unwrap();
    assert_eq!(ids(all(8).await.unwrap()), [new]);
    assert_eq!(store.next_due(&app()).await.unwrap(), Some(at(6)));
    store.finish(vec![finished(old, retry_at(100))], at(9)).await.unwrap();
    store.begin(vec![new], at(9)).await.unwrap();
    assert_eq!(store.next_due(&app()).await.unwrap(), Some(at(100)));
    assert_eq!(store.event(old).await.unwrap().unwrap().attempts, 1);
}

async fn an_event_begins_once_and_only_in_its_generation(store: &dyn Store) {
    people(store, 2).await;
    let event = file_one(store, 5, Kind::Create, 1, Verdict::Queued).await;
    let old = file_one(store, 5, Kind::Create, 2, Verdict::Queued).await;
    let new = file_one(store, 6, Kind::Create, 2, Verdict::Queued).await;
    assert_eq!(store.begin(vec![event, event, old, new], at(7)).await.unwrap(), [event, new]);
    assert!(store.begin(vec![event], at(8)).await.unwrap().is_empty());
    let running = store.event(event).await.unwrap().unwrap();
    assert_eq!((running.status, running.attempts), (Status::Running { since: at(7) }, 1));
    assert_eq!(store.counts(&app()).await.unwrap().events[&StatusKind::Running], 2);
}

async fn a_create_brings_an_account(store: &dyn Store) {
    people(store, 1).await;
    let event = provisioned(store, 5, 1).await;
    let account = pair(store, 1).await.account;
    assert_eq!((account.presence, account.origin), (Presence::Active, Some(Origin::Created)));
    assert_eq!((account.remote_id.as_deref(), account.user_name()), (Some("r1"), Some("person1@example.org")));
    assert_eq!((account.open_event, account.basis.is_some()), (None, true));
    let facts: Vec<_> = store.entries(event).await.unwrap().into_iter().map(|entry| entry.fact).collect();
    assert!(matches!(
        facts.as_slice(),
        [Fact::Filed { .. }, Fact::Intent { attempt: 1, .. }, Fact::Attempted { .. }, Fact::Stepped { .. }]
    ));
    let counts = store.counts(&app()).await.unwrap();
    assert_eq!(
        (counts.accounts[&Presence::Active], counts.events.clone()),
        (1, BTreeMap::from([(StatusKind::Succeeded, 1)]))
    );
}

async fn an_account_has_one_owner_whatever_the_target_answers(store: &dyn Store) {
    people(store, 3).await;
    provisioned(store, 5, 1).await;
    let second = file_one(store, 6, Kind::Create, 2, Verdict::Queued).await;
    let third = file_one(store, 6, Kind::Create, 3, Verdict::Queued).await;
    store.begin(vec![second, third], at(7)).await.unwrap();
    // Both are answered with the same new account, in one act: the second does not get it.
    store.finish(vec![finished(third, done("r3")), finished(second, done("r3"))], at(8)).await.unwrap();
    assert_eq!(store.event(second).await.unwrap().unwrap().status.kind(), StatusKind::Failed);
    assert_eq!(store.event(third).await.unwrap().unwrap().status.kind(), StatusKind::Succeeded);
    let refused = pair(store, 2).await.account;
    assert_eq!((refused.presence, refused.origin, refused.remote_id), (Presence::Conflict, None, None));
    assert!(refused.note.contains("r3"), "{}", refused.note);
    let kept = store.owners_by_remote_id(&app(), vec!["r1".into(), "r3".into()]).await.unwrap();
    assert_eq!(kept, [Some(user(1)), Some(user(3))]);
}

fn linked(remote_id: &str, found_active: bool) -> Outcome {
    let found = BTreeMap::from([("userName".to_owned(), "Old.Name".into())]);
    Outcome::Succeeded(Done {
        remote_id: Some(remote_id.into()),
        found,
        found_active,
        replaced: None,
        note: String::new(),
    })
}

async fn a_link_takes_what_was_found(store: &dyn Store) {
    people(store, 1).await;
    let event = file_one(store, 5, Kind::Link, 1, Verdict::Queued).await;
    push(store, 6, event, linked("x1", false)).await;
    let account = pair(store, 1).await.account;
    assert_eq!((account.presence, account.origin), (Presence::Deactivated, Some(Origin::Adopted)));
    assert_eq!(account.user_name(), Some("Old.Name"));
    assert_eq!(account.basis, None, "what differs is planned next");
    assert_eq!(store.dirty(&app(), 10).await.unwrap()[0].user, user(1));
}

async fn a_link_hands_an_account_over(store: &dyn Store) {
    people(store, 2).await;
    provisioned(store, 5, 1).await;
    let event = file_one(store, 6, Kind::Link, 2, Verdict::Queued).await;
    push(store, 7, event, linked("r1", true)).await;
    assert_eq!(store.owners_by_remote_id(&app(), vec!["r1".into()]).await.unwrap(), [Some(user(2))]);
    let old = pair(store, 1).await.account;
    assert_eq!((old.presence, old.remote_id, old.origin), (Presence::None, None, None));
}

async fn a_rename_that_replaces_keeps_the_old_account(store: &dyn Store) {
    people(store, 1).await;
    provisioned(store, 5, 1).await;
    let event = file_one(store, 6, Kind::Rename, 1, Verdict::Queued).await;
    let outcome = Outcome::Succeeded(Done {
        remote_id: Some("r2".into()),
        found: BTreeMap::new(),
        found_active: true,
        replaced: Some("r1".into()),
        note: String::new(),
    });
    push(store, 7, event, outcome).await;
    let account = pair(store, 1).await.account;
    assert_eq!((account.remote_id.as_deref(), account.retired[0].remote_id.as_str()), (Some("r2"), "r1"));
    let owners = store.owners_by_remote_id(&app(), vec!["r1".into(), "r2".into()]).await.unwrap();
    assert_eq!(owners, [Some(user(1)), Some(user(1))]);
    assert_eq!(store.dirty(&app(), 10).await.unwrap().len(), 1);
}

async fn leaving_and_coming_back_change_the_presence(store: &dyn Store) {
    people(store, 1).await;
    provisioned(store, 5, 1).await;
    for (seconds, kind, presence, since) in [
        (10, Kind::Deactivate, Presence::Deactivated, Some(at(10))),
        (20, Kind::Reactivate, Presence::Active, None),
        (30, Kind::Deactivate, Presence::Deactivated, Some(at(30))),
        (40, Kind::Delete, Presence::Deleted, Some(at(30))),
    ] {
        let event = file_one(store, seconds, kind, 1, Verdict::Queued).await;
        let outcome = Outcome::Succeeded(Done {
            remote_id: None,
            found: BTreeMap::new(),
            found_active: false,
            replaced: None,
            note: String::new(),
        });
        push(store, seconds, event, outcome).await;
        let account = pair(store, 1).await.account;
        assert_eq!((account.presence, account.deactivated_at), (presence, since));
    }
    assert_eq!(pair(store, 1).await.account.remote_id, None);
}

async fn an_unknown_outcome_is_verified(store: &dyn Store) {
    people(store, 1).await;
    let event = file_one(store, 5, Kind::Create, 1, Verdict::Queued).await;
    let unknown = Outcome::Unknown { failure: failure(FailureClass::Endpoint), due: at(9) };
    push(store, 6, event, unknown).await;
    assert_eq!(pair(store, 1).await.account.presence, Presence::Unknown);
    let claimed = store.claim(&app(), Lane::All, at(9), 10).await.unwrap();
    assert_eq!(claimed[0].event.status, Status::Verifying { since: at(6), due: at(9) });
    assert!(store.begin(vec![event], at(9)).await.unwrap().is_empty(), "nothing is sent again before it is known");
    store.finish(vec![finished(event, done("r1"))], at(10)).await.unwrap();
    assert_eq!(pair(store, 1).await.account.presence, Presence::Active);
}

async fn an_outcome_reported_twice_counts_once(store: &dyn Store) {
    people(store, 1).await;
    let event = provisioned(store, 5, 1).await;
    let head = store.head().await.unwrap();
    store.finish(vec![finished(event, done("r1"))], at(7)).await.unwrap();
    assert_eq!(store.head().await.unwrap(), head);
}

async fn an_outcome_without_a_beginning_is_refused(store: &dyn Store) {
    people(store, 2).await;
    let begun = file_one(store, 5, Kind::Create, 1, Verdict::Queued).await;
    let waiting = file_one(store, 5, Kind::Create, 2, Verdict::Queued).await;
    store.begin(vec![begun], at(6)).await.unwrap();
    let head = store.head().await.unwrap();
    let outcomes = vec![finished(begun, done("r1")), finished(waiting, done("r2"))];
    assert!(matches!(store.finish(outcomes, at(7)).await, Err(StoreError::Conflict(_))));
    assert_eq!(store.head().await.unwrap(), head, "an act is done whole or not at all");
    assert_eq!(store.event(begun).await.unwrap().unwrap().status.kind(), StatusKind::Running);
}

async fn a_void_attempt_is_planned_again(store: &dyn Store) {
    people(store, 1).await;
    let event = file_one(store, 5, Kind::Create, 1, Verdict::Queued).await;
    store.finish(vec![finished(event, Outcome::Void { why: "the base URL changed".into() })], at(6)).await.unwrap();
    assert_eq!(store.event(event).await.unwrap().unwrap().status, Status::Superseded { by: None });
    let row = pair(store, 1).await;
    assert_eq!((row.account.open_event, row.open), (None, None));
    assert_eq!(store.dirty(&app(), 10).await.unwrap().len(), 1);
}

async fn a_lost_account_is_planned_again(store: &dyn Store) {
    people(store, 1).await;
    provisioned(store, 5, 1).await;
    let event = file_one(store, 6, Kind::Update, 1, Verdict::Queued).await;
    push(store, 7, event, Outcome::Lost(failure(FailureClass::Missing))).await;
    let account = pair(store, 1).await.account;
    assert_eq!((account.presence, account.basis, account.mute), (Presence::Lost, None, None));
    assert_eq!(store.event(event).await.unwrap().unwrap().status.kind(), StatusKind::Failed);
    assert_eq!(store.dirty(&app(), 10).await.unwrap().len(), 1);
}

async fn an_arrival_marks_the_reports(store: &dyn Store) {
    bring(store, 1, vec![row(1, None), row(2, Some(1)), row(3, Some(1))]).await;
    super::filing::clear_marks(store, 3, 2).await;
    provisioned(store, 5, 2).await;
    provisioned(store, 6, 1).await;
    let marked: Vec<_> = store.dirty(&app(), 10).await.unwrap().into_iter().map(|mark| mark.user).collect();
    assert_eq!(marked, [user(2)], "the other one was never planned and sees it anyway");
}

async fn what_ran_in_a_crash_is_verified(store: &dyn Store) {
    people(store, 3).await;
    let mut events = Vec::new();
    for number in 1..=3 {
        events.push(file_one(store, 5, Kind::Create, number, Verdict::Queued).await);
    }
    store.begin(events.clone(), at(6)).await.unwrap();
    store.finish(vec![finished(events[1], done("r2"))], at(7)).await.unwrap();
    assert_eq!(store.recover(at(8)).await.unwrap(), 2);
    assert_eq!(store.recover(at(9)).await.unwrap(), 0);
    let event = store.event(events[0]).await.unwrap().unwrap();
    assert_eq!((event.status, event.attempts), (Status::Verifying { since: at(6), due: at(8) }, 1));
    assert_eq!(store.claim(&app(), Lane::All, at(8), 10).await.unwrap().len(), 2);
}

#[test]
fn intents_survive_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let store = open(&path);
    let event = block_on(async {
        people(&store, 1).await;
        let event = file_one(&store, 5, Kind::Create, 1, Verdict::Queued).await;
        store.begin(vec![event], at(6)).await.unwrap();
        event
    });
    drop(store);
    let store = open(&path);
    block_on(async {
        assert_eq!(store.event(event).await.unwrap().unwrap().status.kind(), StatusKind::Running);
        assert_eq!(store.recover(at(8)).await.unwrap(), 1);
        super::world::all_is_well(&store).await;
    });
}
