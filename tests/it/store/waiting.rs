//! What waits: leavers by name, the rest by number; and what no longer has to wait.

use std::collections::BTreeMap;

use usher::provision::event::{Status, StatusKind};
use usher::provision::operation::Kind;
use usher::provision::outcome::{FailureClass, Outcome};
use usher::provision::plan::Verdict;
use usher::store::Store;

use super::world::{all_is_well, app, at, contract, failure, file_one, people, provisioned, push};

contract! {
    leavers_come_by_name_and_the_rest_by_number;
    a_leaver_who_is_planned_anew_has_waited_all_the_time;
    what_was_put_off_for_the_endpoint_is_due_when_it_answers;
}

fn later(class: FailureClass) -> Outcome {
    Outcome::Retry { failure: failure(class), due: at(10_000) }
}

async fn leavers_come_by_name_and_the_rest_by_number(store: &dyn Store) {
    people(store, 7).await;
    for number in 1..=3 {
        provisioned(store, number, number).await;
    }
    assert_eq!(store.waiting(&app(), 10).await.unwrap(), Default::default());
    let queued = file_one(store, 20, Kind::Deactivate, 1, Verdict::Queued).await;
    let pending = file_one(store, 10, Kind::Deactivate, 2, Verdict::Pending).await;
    file_one(store, 21, Kind::Update, 3, Verdict::Queued).await;
    for number in 4..=6 {
        file_one(store, 22, Kind::Create, number, Verdict::Queued).await;
    }
    file_one(store, 23, Kind::Create, 7, Verdict::Pending).await;
    let waiting = store.waiting(&app(), 10).await.unwrap();
    let leavers: Vec<_> = waiting.leavers.iter().map(|event| (event.id, event.status.kind())).collect();
    assert_eq!(
        leavers,
        [(pending, StatusKind::Pending), (queued, StatusKind::Queued)],
        "who waits longest comes first"
    );
    assert_eq!(waiting.queued, BTreeMap::from([(Kind::Create, 3), (Kind::Update, 1)]));
    assert_eq!(waiting.more, 0);
    let some = store.waiting(&app(), 3).await.unwrap();
    assert_eq!((some.queued.values().sum::<u64>(), some.more), (3, 1));
    store.begin(vec![queued], at(30)).await.unwrap();
    let running = store.waiting(&app(), 0).await.unwrap();
    assert_eq!(running.leavers[1].status.kind(), StatusKind::Running, "he waits until it is known");
    assert!(running.queued.is_empty());
    all_is_well(store).await;
}

async fn a_leaver_who_is_planned_anew_has_waited_all_the_time(store: &dyn Store) {
    people(store, 1).await;
    provisioned(store, 1, 1).await;
    file_one(store, 20, Kind::Deactivate, 1, Verdict::Queued).await;
    file_one(store, 400, Kind::Deactivate, 1, Verdict::Pending).await;
    file_one(store, 900, Kind::Deactivate, 1, Verdict::Queued).await;
    let waiting = store.waiting(&app(), 0).await.unwrap();
    assert_eq!(waiting.leavers.len(), 1);
    assert_eq!((waiting.leavers[0].waiting_since, waiting.leavers[0].filed_at), (at(20), at(900)));
}

async fn what_was_put_off_for_the_endpoint_is_due_when_it_answers(store: &dyn Store) {
    people(store, 4).await;
    provisioned(store, 1, 1).await;
    let leave = file_one(store, 20, Kind::Deactivate, 1, Verdict::Queued).await;
    let down = file_one(store, 20, Kind::Create, 2, Verdict::Queued).await;
    let busy = file_one(store, 20, Kind::Create, 3, Verdict::Queued).await;
    let lost = file_one(store, 20, Kind::Create, 4, Verdict::Queued).await;
    push(store, 21, leave, later(FailureClass::Credential)).await;
    push(store, 21, down, later(FailureClass::Endpoint)).await;
    push(store, 21, busy, later(FailureClass::RateLimited)).await;
    let unknown = Outcome::Unknown { failure: failure(FailureClass::Endpoint), due: at(10_000) };
    push(store, 21, lost, unknown).await;
    assert_eq!(store.next_due(&app()).await.unwrap(), Some(at(10_000)));
    assert_eq!(store.hasten(&app(), at(30)).await.unwrap(), 3);
    assert_eq!(store.hasten(&app(), at(30)).await.unwrap(), 0, "once");
    for (event, due) in [(leave, 30), (down, 30), (busy, 10_000), (lost, 30)] {
        let status = store.event(event).await.unwrap().unwrap().status;
        let (Status::Queued { due: then, .. } | Status::Verifying { due: then, .. }) = status else {
            panic!("{status:?}")
        };
        assert_eq!(then, at(due), "{event}");
    }
    let kept = store.event(leave).await.unwrap().unwrap();
    assert!(matches!(kept.status, Status::Queued { last: Some(_), .. }), "what it failed with stays");
    all_is_well(store).await;
}
