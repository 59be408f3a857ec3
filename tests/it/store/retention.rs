//! What leaves the history: the chain stays whole, counters are right, and a run that was interrupted is repeated without harm.

use usher::digest::Digest;
use usher::id::EventId;
use usher::provision::approval::Ruling;
use usher::provision::entry::Fact;
use usher::provision::event::{Status, StatusKind};
use usher::provision::operation::Kind;
use usher::provision::outcome::{FailureClass, Outcome};
use usher::provision::plan::Verdict;
use usher::store::Store;
use usher::store::act::Decide;
use usher::store::query::{EventQuery, Prune};

use super::world::{
    all_is_well, app, at, contract, decision, done, failure, file_one, finished, pair, people, provisioned, push, user,
};

contract! {
    what_ended_long_ago_leaves_and_the_chain_stays_whole;
    what_is_open_or_named_by_a_mute_stays;
    a_prune_that_is_repeated_changes_nothing;
    one_users_values_are_erased_and_the_chain_stays_whole;
    old_ends_of_the_chain_are_found_in_it;
}

fn prune(events: Vec<EventId>, before: u64) -> Prune {
    Prune { events, before: at(before), file: "2023-11.jsonl".into(), digest: Digest::of("lines") }
}

async fn aged(store: &dyn Store, before: u64) -> Vec<EventId> {
    let page = store.aged(at(before), None, 100).await.unwrap();
    page.items.iter().map(|aged| aged.event.id).collect()
}

async fn what_ended_long_ago_leaves_and_the_chain_stays_whole(store: &dyn Store) {
    people(store, 3).await;
    let old = provisioned(store, 10, 1).await;
    let other = provisioned(store, 20, 2).await;
    let update = file_one(store, 100, Kind::Update, 1, Verdict::Queued).await;
    push(store, 101, update, done("r1")).await;
    assert_eq!(aged(store, 50).await, [old, other]);
    let first = store.aged(at(50), None, 1).await.unwrap();
    assert_eq!((first.items.len(), first.next), (1, Some(old)));
    assert_eq!(first.items[0].entries.len(), store.entries(old).await.unwrap().len());
    assert_eq!(store.aged(at(50), Some(old), 1).await.unwrap().items[0].event.id, other);

    assert_eq!(store.prune(prune(vec![old, other], 50), at(200)).await.unwrap(), 2);
    all_is_well(store).await;
    assert!(store.event(old).await.unwrap().is_none());
    assert!(store.entries(old).await.unwrap().is_empty());
    assert_eq!(store.counts(&app()).await.unwrap().events[&StatusKind::Succeeded], 1);
    let of_user = EventQuery { user: Some(user(1)), limit: 10, ..EventQuery::default() };
    let events: Vec<_> = store.events(of_user).await.unwrap().items.iter().map(|event| event.id).collect();
    assert_eq!(events, [update], "the walk ends where the archive begins");
    assert_eq!(store.events(EventQuery { limit: 10, ..EventQuery::default() }).await.unwrap().items.len(), 1);
    assert_eq!(pair(store, 2).await.account.remote_id.as_deref(), Some("r2"), "the ledger is no history");
    let said = store.entries_after(0, 1_000).await.unwrap();
    assert!(!said.iter().any(|entry| entry.event == Some(old)), "its bodies are gone");
    let Fact::Erased { events, archived, .. } = &said.last().unwrap().fact else { panic!("{said:?}") };
    assert_eq!((events.len(), archived.is_some()), (2, true));
    // The pair goes on.
    let next = file_one(store, 300, Kind::Deactivate, 2, Verdict::Queued).await;
    push(store, 301, next, done("r2")).await;
    assert_eq!(store.event(next).await.unwrap().unwrap().status.kind(), StatusKind::Succeeded);
}

async fn what_is_open_or_named_by_a_mute_stays(store: &dyn Store) {
    people(store, 3).await;
    let pending = file_one(store, 5, Kind::Create, 1, Verdict::Pending).await;
    let failed = file_one(store, 6, Kind::Create, 2, Verdict::Queued).await;
    push(store, 7, failed, Outcome::Failed(failure(FailureClass::Refused))).await;
    let gone = file_one(store, 8, Kind::Create, 3, Verdict::Refused).await;
    assert_eq!(aged(store, 1_000).await, Vec::new());
    // A newer event takes the mute's place.
    let newer = file_one(store, 9, Kind::Create, 3, Verdict::Pending).await;
    push_away(store, newer).await;
    assert_eq!(aged(store, 1_000).await, [gone]);
    assert_eq!(store.prune(prune(vec![pending, failed, gone], 1_000), at(2_000)).await.unwrap(), 1);
    assert!(store.event(pending).await.unwrap().is_some());
    assert!(store.event(failed).await.unwrap().is_some());
    assert_eq!(store.counts(&app()).await.unwrap().events.get(&StatusKind::Refused), None);
}

/// Rejects a pending event.
async fn push_away(store: &dyn Store, event: EventId) {
    let payload = store.event(event).await.unwrap().unwrap().payload;
    let decided = store
        .decide(Decide { events: vec![(event, payload)], decision: decision(Ruling::Reject, 10), approvers: 1 })
        .await;
    assert_eq!(decided.unwrap()[0].refused, None);
}

async fn a_prune_that_is_repeated_changes_nothing(store: &dyn Store) {
    people(store, 2).await;
    let old = provisioned(store, 10, 1).await;
    let young = provisioned(store, 90, 2).await;
    let both = vec![old, young];
    assert_eq!(store.prune(prune(both.clone(), 50), at(200)).await.unwrap(), 1, "only what is old enough");
    let head = store.head().await.unwrap();
    assert_eq!(store.prune(prune(both, 50), at(201)).await.unwrap(), 0);
    assert_eq!(store.head().await.unwrap(), head);
    assert!(store.event(young).await.unwrap().is_some());
    // An outcome that is reported again finds nobody.
    store.finish(vec![finished(old, done("r1"))], at(202)).await.unwrap_err();
    all_is_well(store).await;
}

async fn one_users_values_are_erased_and_the_chain_stays_whole(store: &dyn Store) {
    people(store, 2).await;
    let mine = provisioned(store, 10, 1).await;
    let other = provisioned(store, 11, 2).await;
    let open = file_one(store, 20, Kind::Update, 1, Verdict::Pending).await;
    let by = super::world::operator();
    let erased = store.erase_user(user(1), by, at(30)).await.unwrap();
    assert_eq!((erased.events, erased.open), (1, vec![open]));
    let event = store.event(mine).await.unwrap().unwrap();
    assert_eq!((event.operation.label.as_str(), event.operation.user_name.as_str()), ("(erased)", "(erased)"));
    assert!(event.operation.changes.iter().all(|change| change.old.is_none() && change.new.is_none()));
    assert_eq!(event.status, Status::Succeeded { note: String::new() });
    assert!(store.entries(mine).await.unwrap().is_empty());
    assert!(!store.entries(open).await.unwrap().is_empty());
    assert_eq!(store.entries(other).await.unwrap().len(), 4);
    all_is_well(store).await;
    let head = store.head().await.unwrap();
    assert_eq!(store.erase_user(user(1), by, at(31)).await.unwrap().events, 0);
    assert_eq!(store.head().await.unwrap(), head);
    let of_user = EventQuery { operator: Some(by), limit: 10, ..EventQuery::default() };
    assert!(store.events(of_user).await.unwrap().items.is_empty(), "erasing is not causing");
}

async fn old_ends_of_the_chain_are_found_in_it(store: &dyn Store) {
    people(store, 2).await;
    let old = provisioned(store, 10, 1).await;
    let first = store.head().await.unwrap();
    provisioned(store, 20, 2).await;
    let second = store.head().await.unwrap();
    store.prune(prune(vec![old], 15), at(100)).await.unwrap();
    let kept = vec![(first.sequence, first.hash.clone()), (second.sequence, second.hash.clone())];
    assert_eq!(store.missing_heads(kept).await.unwrap(), Vec::<String>::new(), "erasing keeps them");
    let wrong = store.missing_heads(vec![(first.sequence, second.hash)]).await.unwrap();
    assert!(wrong[0].contains("another hash"), "{wrong:?}");
    let ahead = store.missing_heads(vec![(1_000, first.hash)]).await.unwrap();
    assert!(ahead[0].contains("entries are missing"), "{ahead:?}");
}
