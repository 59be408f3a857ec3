//! Approvals, rejections, remedies.

use usher::access::FourEyes;
use usher::connector::Bundle;
use usher::digest::Digest;
use usher::directory::change::Cause;
use usher::entropy::SeededEntropy;
use usher::id::{InstanceId, OperatorId};
use usher::provision::account::{MuteReason, Presence};
use usher::provision::approval::Ruling;
use usher::provision::entry::Fact;
use usher::provision::event::{Event, StatusKind};
use usher::provision::operation::Kind;
use usher::provision::outcome::{FailureClass, Outcome};
use usher::provision::plan::Verdict;
use usher::store::Store;
use usher::store::act::{Decide, Identity, StoreError};
use usher::store::query::Preview;

use super::world::{
    app, at, contract, decision, done, failure, file_one, finished, import, import_id, operator, pair, people,
    provisioned, push, row, user,
};

contract! {
    an_approval_releases_exactly_what_was_shown;
    a_rejection_wins_and_mutes;
    what_was_decided_is_not_decided_again;
    a_failed_event_is_retried;
    failed_mutes_are_lifted_by_time;
    a_disassociated_pair_is_forgotten_until_it_is_matched_again;
    a_request_that_may_be_out_holds_remedies_back;
    two_different_operators_release_what_needs_two;
    one_operator_is_never_two;
    a_rejection_ends_what_one_of_two_approved;
    whoever_comes_first_the_rejection_stands;
    an_approval_is_used_by_the_act_that_writes_the_intent;
    whose_act_it_was_is_remembered;
    a_changed_setting_of_four_eyes_is_in_the_history;
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

/// A decision of operator `number` about what needs two.
fn of_two(ruling: Ruling, event: &Event, number: u64) -> Decide {
    let mut decide = Decide { approvers: 2, ..about(ruling, event, 6 + number) };
    decide.decision.operator = person(number);
    decide.decision.name = format!("approver {number}");
    decide
}

fn person(number: u64) -> OperatorId {
    OperatorId::mint(at(0), &SeededEntropy::new(100 + number))
}

async fn status(store: &dyn Store, event: &Event) -> StatusKind {
    store.event(event.id).await.unwrap().unwrap().status.kind()
}

async fn two_different_operators_release_what_needs_two(store: &dyn Store) {
    let event = pending(store).await;
    let first = store.decide(of_two(Ruling::Approve, &event, 1)).await.unwrap().remove(0);
    assert_eq!((first.refused, first.missing), (None, 1));
    assert_eq!(status(store, &event).await, StatusKind::Pending);
    assert!(store.begin(vec![event.id], at(8)).await.unwrap().is_empty(), "one of two is none");
    let second = store.decide(of_two(Ruling::Approve, &event, 2)).await.unwrap().remove(0);
    assert_eq!((second.refused, second.missing), (None, 0));
    let released = store.event(event.id).await.unwrap().unwrap();
    assert_eq!((released.status.kind(), released.approvals().len()), (StatusKind::Queued, 2));
    push(store, 9, event.id, done("r1")).await;
    let facts: Vec<_> = store.entries(event.id).await.unwrap().into_iter().map(|entry| entry.fact).collect();
    assert_eq!(facts.iter().filter(|fact| matches!(fact, Fact::Decided(_))).count(), 2, "{facts:?}");
}

async fn one_operator_is_never_two(store: &dyn Store) {
    let event = pending(store).await;
    store.decide(of_two(Ruling::Approve, &event, 1)).await.unwrap();
    let again = store.decide(of_two(Ruling::Approve, &event, 1)).await.unwrap().remove(0);
    assert!(again.refused.unwrap().contains("another operator must"));
    assert_eq!(status(store, &event).await, StatusKind::Pending);
    // The policy asks for one only by now: he says it once more, and it is released.
    let one = Decide { approvers: 1, ..of_two(Ruling::Approve, &event, 1) };
    assert_eq!(store.decide(one).await.unwrap()[0].refused, None);
    assert_eq!(status(store, &event).await, StatusKind::Queued);
}

async fn a_rejection_ends_what_one_of_two_approved(store: &dyn Store) {
    let event = pending(store).await;
    store.decide(of_two(Ruling::Approve, &event, 1)).await.unwrap();
    assert_eq!(store.decide(of_two(Ruling::Reject, &event, 2)).await.unwrap()[0].refused, None);
    assert_eq!(status(store, &event).await, StatusKind::Rejected);
    let late = store.decide(of_two(Ruling::Approve, &event, 3)).await.unwrap().remove(0);
    assert!(late.refused.unwrap().contains("rejected"));
}

async fn whoever_comes_first_the_rejection_stands(store: &dyn Store) {
    people(store, 2).await;
    for (number, orders) in [(1, [Ruling::Approve, Ruling::Reject]), (2, [Ruling::Reject, Ruling::Approve])] {
        let id = file_one(store, 5, Kind::Create, number, Verdict::Pending).await;
        let event = store.event(id).await.unwrap().unwrap();
        let both = orders.map(|ruling| store.decide(about(ruling, &event, 6)));
        let [one, other] = both;
        let (one, other) = tokio::join!(one, other);
        drop((one.unwrap(), other.unwrap()));
        assert_eq!(status(store, &event).await, StatusKind::Rejected);
        assert!(store.begin(vec![id], at(7)).await.unwrap().is_empty());
    }
}

async fn an_approval_is_used_by_the_act_that_writes_the_intent(store: &dyn Store) {
    let event = pending(store).await;
    store.decide(about(Ruling::Approve, &event, 6)).await.unwrap();
    assert_eq!(store.begin(vec![event.id, event.id], at(7)).await.unwrap(), [event.id], "once");
    assert!(store.begin(vec![event.id], at(7)).await.unwrap().is_empty());
    let late = store.decide(reject(&event, 8)).await.unwrap().remove(0);
    assert!(late.refused.unwrap().contains("running"), "what is under way can't be called back");
    store.finish(vec![finished(event.id, done("r1"))], at(9)).await.unwrap();
    assert!(store.begin(vec![event.id], at(10)).await.unwrap().is_empty());
    // The next operation of the pair is another payload: it needs its own.
    let next = file_one(store, 11, Kind::Update, 1, Verdict::Pending).await;
    let next = store.event(next).await.unwrap().unwrap();
    assert!(store.begin(vec![next.id], at(12)).await.unwrap().is_empty());
    let old = Decide { events: vec![(next.id, event.payload)], ..about(Ruling::Approve, &event, 12) };
    assert!(store.decide(old).await.unwrap()[0].refused.is_some());
}

async fn whose_act_it_was_is_remembered(store: &dyn Store) {
    store.open_import(import(1)).await.unwrap();
    store.stage_import(import_id(1), 0, vec![row(1, None)]).await.unwrap();
    store.close_import(import_id(1), Preview::default(), vec!["too many".to_owned()], at(1)).await.unwrap();
    let cause = Cause::Import(import_id(1));
    assert_eq!(store.requesters(&cause).await.unwrap(), [operator()]);
    store.commit_import(import_id(1), person(1), at(2)).await.unwrap();
    assert_eq!(store.requesters(&cause).await.unwrap(), [operator(), person(1)], "who uploaded, and who applied");
    let revision = store.put_revision(Bundle::default(), person(2), String::new(), at(3)).await.unwrap();
    store.activate(revision.number, None, Vec::new(), person(3), at(4)).await.unwrap();
    let cause = Cause::Activation(revision.number);
    assert_eq!(store.requesters(&cause).await.unwrap(), [person(2), person(3)], "who made it, and who activated it");
    assert_eq!(store.requesters(&Cause::Operator(person(4))).await.unwrap(), [person(4)]);
    assert!(store.requesters(&Cause::Cycle).await.unwrap().is_empty());
}

async fn a_changed_setting_of_four_eyes_is_in_the_history(store: &dyn Store) {
    let instance = InstanceId::mint(at(0), &SeededEntropy::new(1));
    store.found(Identity { instance, created_at: at(0), four_eyes: FourEyes::Enforce }).await.unwrap();
    store.set_four_eyes(FourEyes::Record, person(1), at(1)).await.unwrap();
    store.set_four_eyes(FourEyes::Record, person(1), at(2)).await.unwrap();
    assert_eq!(store.identity().await.unwrap().unwrap().four_eyes, FourEyes::Record);
    let told = |fact: &Fact| matches!(fact, Fact::Operator { what, operator } if what.contains("record instead of enforce") && *operator == person(1));
    let entries = store.entries_after(0, 100).await.unwrap();
    assert_eq!(entries.iter().filter(|entry| told(&entry.fact)).count(), 1);
}
