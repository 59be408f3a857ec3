//! What counts against the blast radius: reserved by a plan, open, sent within a day; across crashes and clocks that jump.

use usher::directory::change::Cause;
use usher::id::{EventId, PlanId};
use usher::provision::event::StatusKind;
use usher::provision::guard::finding::Class;
use usher::provision::operation::{Change, Kind};
use usher::provision::plan::{PlanSummary, Planned, Verdict};
use usher::store::Store;
use usher::store::act::Cursor;
use usher::store::memory::MemoryStore;

use super::world::{
    app, at, batch_id, block_on, contract, done, file, file_one, open, operation, page, people, planned, provisioned,
    push, summary,
};

contract! {
    what_a_plan_reserved_and_never_filed_is_given_back_by_the_next_one;
    a_page_takes_its_share_out_of_what_is_reserved;
    more_than_was_admitted_is_never_filed;
    what_waits_counts_until_it_has_ended_and_for_a_day_after;
    what_ends_unsent_drops_out;
    an_operation_of_a_held_class_gives_its_other_shares_back;
    a_clock_that_comes_back_finds_what_was_sent;
    the_first_cycle_is_forgiven_also_what_of_it_is_still_open;
}

const HOUR: u64 = 3_600;

async fn used(store: &dyn Store, seconds: u64, class: Class) -> u64 {
    store.window(&app(), at(seconds)).await.unwrap().used.get(&class).copied().unwrap_or(0)
}

async fn reserved(store: &dyn Store, seconds: u64) -> u64 {
    store.window(&app(), at(seconds)).await.unwrap().reserved.values().sum()
}

/// Users 1 to `count` with an account each; what that took out of the window was a day before.
async fn crew(store: &dyn Store, count: u64) {
    people(store, count).await;
    for number in 1..=count {
        provisioned(store, number, number).await;
    }
}

fn leaver(number: u64) -> Planned {
    planned(operation(Kind::Deactivate, number, 2), Verdict::Queued)
}

/// A plan of these leavers, admitted and not filed.
async fn admit(store: &dyn Store, seconds: u64, leavers: &[u64]) -> PlanSummary {
    let page = page(leavers.iter().map(|number| leaver(*number)).collect());
    let summary = summary(seconds, seconds, &page);
    store.admit(summary.clone()).await.unwrap();
    summary
}

async fn what_a_plan_reserved_and_never_filed_is_given_back_by_the_next_one(store: &dyn Store) {
    crew(store, 4).await;
    admit(store, 100 * HOUR, &[1, 2, 3]).await;
    assert_eq!((used(store, 100 * HOUR, Class::Leave).await, reserved(store, 100 * HOUR).await), (3, 3));
    admit(store, 101 * HOUR, &[4]).await;
    assert_eq!((used(store, 101 * HOUR, Class::Leave).await, reserved(store, 101 * HOUR).await), (1, 1));
}

async fn a_page_takes_its_share_out_of_what_is_reserved(store: &dyn Store) {
    crew(store, 4).await;
    let plan = admit(store, 100 * HOUR, &[1, 2, 3]).await;
    store.file(&plan, page(vec![leaver(1), leaver(2)]), Cursor::default()).await.unwrap();
    assert_eq!((used(store, 100 * HOUR, Class::Leave).await, reserved(store, 100 * HOUR).await), (3, 1));
    // The process ends here. Two are filed and count, the third is planned again.
    admit(store, 101 * HOUR, &[3, 4]).await;
    assert_eq!((used(store, 101 * HOUR, Class::Leave).await, reserved(store, 101 * HOUR).await), (4, 2));
}

async fn more_than_was_admitted_is_never_filed(store: &dyn Store) {
    crew(store, 3).await;
    let plan = admit(store, 100 * HOUR, &[1, 2]).await;
    let filed = store.file(&plan, page(vec![leaver(1), leaver(2), leaver(3)]), Cursor::default()).await.unwrap();
    assert_eq!((filed.events.len(), filed.stale.len()), (2, 1));
    assert_eq!(store.dirty(&app(), 10).await.unwrap().len(), 1, "it is planned again");
    let stranger = PlanSummary { id: PlanId(uuid::Uuid::from_u128(9)), ..plan };
    let filed = store.file(&stranger, page(vec![leaver(3)]), Cursor::default()).await.unwrap();
    assert_eq!(filed.events, [], "a plan that was not admitted files nothing that counts");
}

async fn what_waits_counts_until_it_has_ended_and_for_a_day_after(store: &dyn Store) {
    crew(store, 1).await;
    let event = file(store, 100 * HOUR, vec![leaver(1)]).await.events[0];
    for later in [101, 124, 300] {
        assert_eq!(used(store, later * HOUR, Class::Leave).await, 1, "{later} h");
    }
    push(store, 300 * HOUR, event, done("r1")).await;
    assert_eq!(used(store, 324 * HOUR, Class::Leave).await, 1);
    assert_eq!(used(store, 326 * HOUR, Class::Leave).await, 0);
    let window = store.window(&app(), at(301 * HOUR)).await.unwrap();
    assert_eq!(window.sent[&Class::Leave], 1);
}

async fn what_ends_unsent_drops_out(store: &dyn Store) {
    crew(store, 2).await;
    let first = file(store, 100 * HOUR, vec![leaver(1)]).await.events[0];
    let event = store.event(first).await.unwrap().unwrap();
    store.decide(super::decisions::reject(&event, 100 * HOUR)).await.unwrap();
    assert_eq!(used(store, 100 * HOUR, Class::Leave).await, 0, "rejected");
    file(store, 101 * HOUR, vec![leaver(2)]).await;
    store.disassociate(&app(), super::world::user(2), super::world::operator(), at(102 * HOUR)).await.unwrap();
    assert_eq!(used(store, 102 * HOUR, Class::Leave).await, 0, "superseded");
}

async fn an_operation_of_a_held_class_gives_its_other_shares_back(store: &dyn Store) {
    crew(store, 1).await;
    let mut update = operation(Kind::Update, 1, 2);
    update.changes.push(Change { path: "title".into(), old: Some("Clerk".into()), new: None });
    let classes = Class::of(&update);
    assert_eq!(classes, [Class::Update("userName".into()), Class::Clear("title".into())]);
    let page = page(vec![planned(update, Verdict::Pending)]);
    let mut plan = summary(100 * HOUR, 100 * HOUR, &page);
    plan.held.insert(classes[0].clone(), batch_id(1));
    store.admit(plan.clone()).await.unwrap();
    assert_eq!(used(store, 100 * HOUR, classes[1].clone()).await, 1, "reserved");
    store.file(&plan, page, Cursor::default()).await.unwrap();
    assert_eq!(used(store, 100 * HOUR, classes[1].clone()).await, 0, "held as a whole");
}

async fn a_clock_that_comes_back_finds_what_was_sent(store: &dyn Store) {
    crew(store, 2).await;
    let event = file(store, 100 * HOUR, vec![leaver(1)]).await.events[0];
    push(store, 100 * HOUR, event, done("r1")).await;
    assert_eq!(used(store, 50 * HOUR, Class::Leave).await, 1, "what was sent was sent");
    // A year ahead by mistake: something is admitted there, and the clock is put right.
    admit(store, 9_000 * HOUR, &[2]).await;
    assert_eq!(used(store, 9_000 * HOUR, Class::Leave).await, 1);
    admit(store, 101 * HOUR, &[]).await;
    assert_eq!(used(store, 101 * HOUR, Class::Leave).await, 1, "the hour before the jump is not forgotten");
}

async fn the_first_cycle_is_forgiven_also_what_of_it_is_still_open(store: &dyn Store) {
    people(store, 3).await;
    store.open_sweep(&app(), Cause::Cycle).await.unwrap();
    let first = file_one(store, 4, Kind::Create, 1, Verdict::Queued).await;
    let cursor = Cursor { sweep_to: Some(super::world::user(3)), sweep_done: true, unseen: 0 };
    let rest = usher::provision::plan::PlanPage {
        users: (2..=3).map(super::world::user).chain([super::world::user(1)]).collect(),
        ..Default::default()
    };
    store.file(&summary(5, 5, &rest), rest, cursor).await.unwrap();
    assert!(store.app(&app()).await.unwrap().first_cycle_done);
    assert_eq!(used(store, 6, Class::Create).await, 0);
    let second = file_one(store, 7, Kind::Create, 2, Verdict::Queued).await;
    push(store, 8, first, done("r1")).await;
    assert_eq!(used(store, 9, Class::Create).await, 1, "the newcomer counts, the first cycle's does not");
    push(store, 10, second, done("r2")).await;
    assert_eq!(used(store, 11, Class::Create).await, 1);
}

/// The same on both: admitted, and the process is gone before the page is filed.
async fn after_the_crash(store: &dyn Store, filed: EventId) {
    assert_eq!(used(store, 100 * HOUR, Class::Leave).await, 3, "one is filed, two are reserved");
    assert_eq!(store.event(filed).await.unwrap().unwrap().status.kind(), StatusKind::Queued);
    admit(store, 101 * HOUR, &[2, 3]).await;
    assert_eq!(used(store, 101 * HOUR, Class::Leave).await, 3, "not five: the dead plan's share is given back");
    super::world::all_is_well(store).await;
}

async fn until_the_crash(store: &dyn Store) -> EventId {
    crew(store, 3).await;
    let plan = admit(store, 100 * HOUR, &[1, 2, 3]).await;
    store.file(&plan, page(vec![leaver(1)]), Cursor::default()).await.unwrap().events[0]
}

#[test]
fn a_crash_between_admission_and_filing_costs_no_budget_in_memory() {
    block_on(async {
        let store = MemoryStore::new();
        let filed = until_the_crash(&store).await;
        after_the_crash(&store.crash(), filed).await;
    });
}

#[test]
fn a_crash_between_admission_and_filing_costs_no_budget_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store"));
    let filed = block_on(until_the_crash(&store));
    drop(store);
    block_on(after_the_crash(&open(&dir.path().join("store")), filed));
}
