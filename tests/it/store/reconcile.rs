//! What a reconcile writes: corrections of pairs that did not move, adopted values, and its report.

use std::collections::BTreeMap;

use usher::directory::Cause;
use usher::provision::account::Presence;
use usher::provision::drift::{Correction, DriftKind, DriftLine, Fate, Memory, Missing, ReconcileReport};
use usher::provision::event::StatusKind;
use usher::provision::operation::Kind;
use usher::provision::plan::Verdict;
use usher::store::Store;

use super::world::{all_is_well, app, at, contract, file_one, pair, people, provisioned, user};

contract! {
    a_correction_changes_the_base_and_has_the_pair_planned;
    a_pair_that_moved_is_left_alone;
    a_pair_whose_request_may_be_out_is_left_alone;
    what_was_planned_against_the_old_base_is_superseded;
    adopted_values_come_with_the_pair_and_go_when_none_is_left;
    a_lost_account_is_no_longer_ours;
    the_last_report_is_kept_whatever_its_size;
}

async fn correction(store: &dyn Store, number: u64) -> Correction {
    Correction::new(user(number), pair(store, number).await.account.generation)
}

async fn correct(store: &dyn Store, correction: Correction, seconds: u64) -> usize {
    store.correct(&app(), vec![correction], at(seconds)).await.unwrap().len()
}

async fn a_correction_changes_the_base_and_has_the_pair_planned(store: &dyn Store) {
    people(store, 1).await;
    provisioned(store, 10, 1).await;
    let before = pair(store, 1).await.account;
    let values = BTreeMap::from([("title".to_owned(), Some("Chief".into())), ("userName".to_owned(), None)]);
    let what = "title was changed at the target".to_owned();
    let wanted = Correction { values, what, ..correction(store, 1).await };
    assert_eq!(correct(store, wanted, 20).await, 1);
    let after = pair(store, 1).await;
    assert_eq!(after.account.pushed.get("title"), Some(&"Chief".into()));
    assert_eq!((after.account.user_name(), after.account.basis), (None, None));
    assert!(after.account.generation > before.generation, "what is being planned now is stale");
    assert_eq!(after.mark, Some(Cause::Reconcile));
    let facts = store.entries_after(0, 1_000).await.unwrap();
    assert!(facts.iter().any(|entry| format!("{:?}", entry.fact).starts_with("Reconciled")));
    all_is_well(store).await;
}

async fn a_pair_that_moved_is_left_alone(store: &dyn Store) {
    people(store, 1).await;
    provisioned(store, 10, 1).await;
    let mut wanted = correction(store, 1).await;
    wanted.presence = Some(Presence::Lost);
    wanted.generation -= 1;
    assert_eq!(correct(store, wanted, 20).await, 0);
    assert_eq!(pair(store, 1).await.account.presence, Presence::Active);
    all_is_well(store).await;
}

async fn a_pair_whose_request_may_be_out_is_left_alone(store: &dyn Store) {
    people(store, 1).await;
    provisioned(store, 10, 1).await;
    let event = file_one(store, 20, Kind::Update, 1, Verdict::Queued).await;
    store.begin(vec![event], at(20)).await.unwrap();
    let wanted = Correction { presence: Some(Presence::DeactivatedThere), ..correction(store, 1).await };
    assert_eq!(correct(store, wanted, 30).await, 0);
    assert_eq!(pair(store, 1).await.account.presence, Presence::Active);
    all_is_well(store).await;
}

async fn what_was_planned_against_the_old_base_is_superseded(store: &dyn Store) {
    people(store, 2).await;
    provisioned(store, 10, 1).await;
    provisioned(store, 10, 2).await;
    let event = file_one(store, 20, Kind::Update, 1, Verdict::Pending).await;
    let other = file_one(store, 20, Kind::Update, 2, Verdict::Pending).await;
    let wanted = Correction { presence: Some(Presence::DeactivatedThere), ..correction(store, 1).await };
    assert_eq!(correct(store, wanted, 30).await, 1);
    // One that only asks to be planned again keeps what waits.
    assert_eq!(correct(store, correction(store, 2).await, 30).await, 1);
    let status = async |event| store.event(event).await.unwrap().unwrap().status.kind();
    assert_eq!((status(event).await, status(other).await), (StatusKind::Superseded, StatusKind::Pending));
    assert_eq!(pair(store, 1).await.account.presence, Presence::DeactivatedThere);
    all_is_well(store).await;
}

async fn adopted_values_come_with_the_pair_and_go_when_none_is_left(store: &dyn Store) {
    people(store, 3).await;
    provisioned(store, 10, 2).await;
    let kept = BTreeMap::from([("title".to_owned(), Some("Chief".into())), ("nickName".to_owned(), None)]);
    let wanted = Correction { adopted: Some(kept.clone()), ..correction(store, 2).await };
    correct(store, wanted, 20).await;
    assert_eq!(pair(store, 2).await.adopted, kept);
    let all = store.pairs_after(&app(), None, 10).await.unwrap();
    let with: Vec<usize> = all.iter().map(|row| row.adopted.len()).collect();
    assert_eq!((with.iter().sum::<usize>(), with.iter().filter(|number| **number > 0).count()), (2, 1));
    let wanted = Correction { adopted: Some(BTreeMap::new()), ..correction(store, 2).await };
    correct(store, wanted, 30).await;
    assert!(pair(store, 2).await.adopted.is_empty());
    all_is_well(store).await;
}

async fn a_lost_account_is_no_longer_ours(store: &dyn Store) {
    people(store, 1).await;
    provisioned(store, 10, 1).await;
    let wanted = Correction { presence: Some(Presence::Lost), what: "gone".into(), ..correction(store, 1).await };
    assert_eq!(correct(store, wanted, 20).await, 1);
    let account = pair(store, 1).await.account;
    assert!(!account.is_ours() && account.note == "gone");
    assert_eq!(store.counts(&app()).await.unwrap().accounts.get(&Presence::Lost), Some(&1));
    all_is_well(store).await;
}

async fn the_last_report_is_kept_whatever_its_size(store: &dyn Store) {
    assert_eq!(store.report(&app()).await.unwrap(), None);
    let mut report = ReconcileReport::new(app(), at(10));
    let line = DriftLine::new(DriftKind::ThirdParty, Fate::Kept, &"x".repeat(2_000), "id");
    report.lines = vec![line; 200];
    report.counts.insert(DriftKind::ThirdParty, 200);
    let mut memory = Memory::default();
    memory.accounts.insert(user(1), Missing { remote_id: "r1".into(), since: at(10) });
    store.put_report(report.clone(), memory.clone(), at(11)).await.unwrap();
    assert_eq!(store.report(&app()).await.unwrap(), Some((report, memory)));
    let small = ReconcileReport::new(app(), at(20));
    store.put_report(small.clone(), Memory::default(), at(21)).await.unwrap();
    assert_eq!(store.report(&app()).await.unwrap(), Some((small, Memory::default())));
    all_is_well(store).await;
}
