//! Approvals, rejections, remedies.

use usher::digest::Digest;
use usher::provision::account::{MuteReason, Presence};
use usher::provision::approval::Ruling;
use usher::provision::entry::Fact;
use usher::provision::event::{Event, StatusKind};
use usher::provision::operation::Kind;
use usher::provision::outcome::{FailureClass, Outcome};
use usher::provision::plan::Verdict;
use usher::store::Store;
use usher::store::act::{Decide, StoreError};

use super::world::{
    app, at, contract, decision, done, failure, file_one, operator, pair, people, provisioned, push, user,
};

contract! {
    an_approval_releases_exactly_what_was_shown;
    a_rejection_wins_and_mutes;
    what_was_decided_is_not_decided_again;
    a_failed_event_is_retried;
    failed_mutes_are_lifted_by_time;
    a_disassociated_pair_is_forgotten_until_it_is_matched_again;
    a_request_that_may_be_out_holds_remedies_back;
}

fn about(ruling: Ruling, event: &Event, seconds: u64) -> Decide {
    Decide { events: vec![(event.id, event.payload)], decision: decision(ruling, seconds), approvers: 1 }
}

pub(super) fn reject(event: &Event, seconds: u64) -> Decide {
    about(Ruling::Reject, event, seconds)
}

async fn pending(store: &dyn Store) -> Event {
    people(store, 1).await;
    let id = file_one(store, 5, Kind::Create, 1, Verdict::Pending).await;
    store.event(id).await.unwrap().unwrap()
}

async fn an_approval_releases_exactly_what_was_shown(store: &dyn Store) {
    let event = pending(store).await;
    let mut other = about(Ruling::Approve, &event, 6);
    other.events[0].1 = Digest::of("something else");
    assert!(store.decide(other).await.unwrap()[0].refused.is_some());
    assert!(store.window(&app(), at(6)).await.unwrap().used.is_empty(), "nothing is sent without an approval");
    assert_eq!(store.decide(about(Ruling::Approve, &event, 7)).await.unwrap()[0].refused, None);
    let released = store.event(event.id).await.unwrap().unwrap();
    assert_eq!((released.status.kind(), released.decisions.len()), (StatusKind::Queued, 1));
    assert_eq!(released.decisions[0].payload, event.payload);
    assert!(store.window(&app(), at(8)).await.unwrap().used.is_empty(), "what an approver released never counts");
    push(store, 8, event.id, done("r1")).await;
    let facts: Vec<_> = store.entries(event.id).await.unwrap().into_iter().map(|entry| entry.fact).collect();
    assert!(matches!(facts[1], Fact::Decided(_)), "{facts:?}");
    assert!(matches!(facts[3], Fact::Intent { attempt: 1, .. }), "{facts:?}");
}

async fn a_rejection_wins_and_mutes(store: &dyn Store) {
    let event = pending(store).await;
    store.decide(about(Ruling::Approve, &event, 6)).await.unwrap();
    assert_eq!(store.decide(reject(&event, 7)).await.unwrap()[0].refused, None);
    assert_eq!(store.event(event.id).await.unwrap().unwrap().status.kind(), StatusKind::Rejected);
    let account = pair(store, 1).await.account;
    assert_eq!((account.open_event, account.mute.unwrap().why), (None, MuteReason::Rejected));
    assert!(store.begin(vec![event.id], at(8)).await.unwrap().is_empty());
}

async fn what_was_decided_is_not_decided_again(store: &dyn Store) {
    let event = pending(store).await;
    store.decide(reject(&event, 6)).await.unwrap();
    let head = store.head().await.unwrap();
    let again = store.decide(about(Ruling::Approve, &event, 7)).await.unwrap();
    assert!(again[0].refused.as_ref().unwrap().contains("rejected"));
    assert_eq!(store.head().await.unwrap(), head);
}

async fn a_failed_event_is_retried(store: &dyn Store) {
    people(store, 1).await;
    let event = file_one(store, 5, Kind::Create, 1, Verdict::Queued).await;
    push(store, 6, event, Outcome::Conflict(failure(FailureClass::Conflict))).await;
    let account = pair(store, 1).await.account;
    assert_eq!((account.presence, account.mute.is_some()), (Presence::Conflict, true));
    assert!(store.retry(event, operator(), at(7)).await.unwrap().contains("planned again"));
    let account = pair(store, 1).await.account;
    assert_eq!((account.presence, account.mute), (Presence::None, None));
    assert_eq!(store.dirty(&app(), 10).await.unwrap()[0].user, user(1));
    let succeeded = file_one(store, 9, Kind::Create, 1, Verdict::Queued).await;
    push(store, 10, succeeded, done("r1")).await;
    assert!(matches!(store.retry(succeeded, operator(), at(11)).await, Err(StoreError::Conflict(_))));
}

async fn failed_mutes_are_lifted_by_time(store: &dyn Store) {
    people(store, 2).await;
    for (number, seconds) in [(1, 10), (2, 20)] {
        let event = file_one(store, seconds, Kind::Create, number, Verdict::Queued).await;
        push(store, seconds, event, Outcome::Failed(failure(FailureClass::Refused))).await;
    }
    assert_eq!(store.lift_failed_mutes(&app(), at(15)).await.unwrap(), 1);
    assert_eq!(store.lift_failed_mutes(&app(), at(15)).await.unwrap(), 0);
    assert_eq!((pair(store, 1).await.account.mute, pair(store, 2).await.account.mute.is_some()), (None, true));
    assert_eq!(store.dirty(&app(), 10).await.unwrap()[0].user, user(1));
}

async fn a_disassociated_pair_is_forgotten_until_it_is_matched_again(store: &dyn Store) {
    people(store, 1).await;
    provisioned(store, 5, 1).await;
    let waiting = file_one(store, 6, Kind::Update, 1, Verdict::Pending).await;
    store.disassociate(&app(), user(1), operator(), at(7)).await.unwrap();
    let account = pair(store, 1).await.account;
    assert_eq!((account.presence, account.remote_id, account.origin), (Presence::Unlinked, None, None));
    assert_eq!(store.event(waiting).await.unwrap().unwrap().status.kind(), StatusKind::Superseded);
    assert_eq!(store.owners_by_remote_id(&app(), vec!["r1".into()]).await.unwrap(), [None]);
    store.rematch(&app(), user(1), operator(), at(8)).await.unwrap();
    let account = pair(store, 1).await.account;
    assert_eq!((account.presence, account.open_event), (Presence::None, None));
    assert_eq!(store.dirty(&app(), 10).await.unwrap().len(), 1);
}

async fn a_request_that_may_be_out_holds_remedies_back(store: &dyn Store) {
    people(store, 1).await;
    let event = file_one(store, 5, Kind::Create, 1, Verdict::Queued).await;
    store.begin(vec![event], at(6)).await.unwrap();
    assert!(matches!(store.disassociate(&app(), user(1), operator(), at(7)).await, Err(StoreError::Conflict(_))));
    assert!(matches!(store.rematch(&app(), user(1), operator(), at(7)).await, Err(StoreError::Conflict(_))));
    assert!(matches!(store.retry(event, operator(), at(7)).await, Err(StoreError::Conflict(_))));
}
