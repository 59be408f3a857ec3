//! Admitting and filing pages.

use usher::directory::change::{Cause, UserEdit};
use usher::page::Page;
use usher::provision::account::{MuteReason, Observation, Presence};
use usher::provision::entry::Fact;
use usher::provision::event::{Status, StatusKind};
use usher::provision::guard::finding::Class;
use usher::provision::operation::Kind;
use usher::provision::plan::{PlanPage, SkipReason, Skipped, Verdict};
use usher::store::Store;
use usher::store::act::Cursor;
use usher::store::query::{AccountQuery, EventQuery};

use super::world::{
    app, at, batch_id, block_on, contract, email, file, file_one, operation, operator, page, pair, people, planned,
    provisioned, push, summary, user,
};

contract! {
    an_operation_becomes_an_event_with_the_next_generation;
    a_newer_operation_supersedes_the_one_that_waits;
    attempts_and_due_time_carry_over_within_the_kind;
    a_request_that_may_be_out_is_never_superseded;
    a_pair_that_moved_is_reported_and_stays_dirty;
    a_refused_operation_is_final_and_mutes_its_payload;
    a_quiet_pair_keeps_its_basis_and_drops_what_waited;
    a_kept_account_is_frozen_and_comes_back;
    marks_newer_than_the_plan_stay;
    a_sweep_goes_on_and_ends_with_the_first_cycle;
    a_sweep_opened_again_is_not_moved_by_pages_of_the_old_one;
    the_window_counts_what_was_admitted_for_a_day;
    what_could_not_be_filed_gives_its_budget_back;
    held_operations_form_one_batch_that_later_ones_join;
    an_expired_event_continues_its_age;
    events_are_listed_by_user_status_kind_and_page;
}

/// Clears the marks of users 1 to `count` at second `seconds`.
pub(super) async fn clear_marks(store: &dyn Store, count: u64, seconds: u64) {
    let page = PlanPage { users: (1..=count).map(user).collect(), ..PlanPage::default() };
    store.file(&summary(seconds, seconds, &page), page, Cursor::default()).await.unwrap();
}

async fn an_operation_becomes_an_event_with_the_next_generation(store: &dyn Store) {
    people(store, 1).await;
    let id = file_one(store, 5, Kind::Create, 1, Verdict::Queued).await;
    let event = store.event(id).await.unwrap().unwrap();
    assert_eq!((event.status.kind(), event.generation, event.filed_at), (StatusKind::Queued, 1, at(5)));
    let row = pair(store, 1).await;
    assert_eq!((row.account.generation, row.account.open_event), (1, Some(id)));
    assert_eq!(row.open.unwrap().payload, event.payload);
    let entries = store.entries(id).await.unwrap();
    assert!(matches!(entries[0].fact, Fact::Filed { kind: Kind::Create, status: StatusKind::Queued, .. }));
    assert_eq!(store.counts(&app()).await.unwrap().events[&StatusKind::Queued], 1);
}

async fn a_newer_operation_supersedes_the_one_that_waits(store: &dyn Store) {
    people(store, 1).await;
    let old = file_one(store, 5, Kind::Create, 1, Verdict::Pending).await;
    let new = file_one(store, 6, Kind::Create, 1, Verdict::Queued).await;
    let status = store.event(old).await.unwrap().unwrap().status;
    assert_eq!(status, Status::Superseded { by: Some(new) });
    assert_eq!(pair(store, 1).await.account.open_event, Some(new));
    let window = store.window(&app(), at(7)).await.unwrap();
    assert_eq!(window.used[&Class::Create], 1, "the one that was never sent does not count");
}

async fn attempts_and_due_time_carry_over_within_the_kind(store: &dyn Store) {
    people(store, 1).await;
    let first = file_one(store, 5, Kind::Create, 1, Verdict::Queued).await;
    let retry = super::pushing::retry_at(100);
    push(store, 6, first, retry).await;
    let second = file_one(store, 7, Kind::Create, 1, Verdict::Queued).await;
    let event = store.event(second).await.unwrap().unwrap();
    assert_eq!((event.attempts, event.status), (1, Status::Queued { due: at(100), last: None }));
    let third = file_one(store, 8, Kind::Deactivate, 1, Verdict::Queued).await;
    let event = store.event(third).await.unwrap().unwrap();
    assert_eq!((event.attempts, event.status), (0, Status::Queued { due: at(8), last: None }));
}

async fn a_request_that_may_be_out_is_never_superseded(store: &dyn Store) {
    people(store, 1).await;
    let first = file_one(store, 5, Kind::Create, 1, Verdict::Queued).await;
    store.begin(vec![first], at(6)).await.unwrap();
    let filed = file(store, 7, vec![planned(operation(Kind::Deactivate, 1, 1), Verdict::Queued)]).await;
    assert_eq!((filed.events.len(), filed.stale), (0, vec![user(1)]));
    assert!(store.dirty(&app(), 10).await.unwrap().is_empty(), "nothing can be planned before the outcome");
    assert_eq!(store.counts(&app()).await.unwrap().dirty, 1);
    store.finish(vec![super::world::finished(first, super::world::done("r1"))], at(8)).await.unwrap();
    assert_eq!(store.dirty(&app(), 10).await.unwrap()[0].user, user(1));
    assert_eq!(store.event(first).await.unwrap().unwrap().status.kind(), StatusKind::Succeeded);
}

async fn a_pair_that_moved_is_reported_and_stays_dirty(store: &dyn Store) {
    people(store, 2).await;
    let edit = UserEdit::Override { attribute: "title".into(), value: Some("x".into()) };
    store.change_user(user(1), edit, vec![app()], operator(), at(9)).await.unwrap();
    file_one(store, 6, Kind::Create, 2, Verdict::Queued).await;
    let old = |number| planned(operation(Kind::Create, number, 0), Verdict::Queued);
    let filed = file(store, 8, vec![old(1), old(2)]).await;
    assert_eq!((filed.events.len(), filed.stale), (0, vec![user(1), user(2)]));
    let marked: Vec<_> = store.dirty(&app(), 10).await.unwrap().into_iter().map(|mark| mark.user).collect();
    assert_eq!(marked, [user(1), user(2)]);
}

async fn a_refused_operation_is_final_and_mutes_its_payload(store: &dyn Store) {
    people(store, 1).await;
    let id = file_one(store, 5, Kind::Create, 1, Verdict::Refused).await;
    let account = pair(store, 1).await.account;
    let mute = account.mute.unwrap();
    assert_eq!((account.open_event, mute.event, mute.why), (None, id, MuteReason::Refused));
    assert_eq!(mute.payload, store.event(id).await.unwrap().unwrap().operation.mute_digest());
    assert!(store.window(&app(), at(6)).await.unwrap().used.is_empty());
    let said = store.retry(id, operator(), at(7)).await.unwrap();
    assert!(said.contains("planned again"), "{said}");
    assert_eq!(pair(store, 1).await.account.mute, None);
    assert_eq!(store.dirty(&app(), 10).await.unwrap().len(), 1);
}

async fn a_quiet_pair_keeps_its_basis_and_drops_what_waited(store: &dyn Store) {
    people(store, 2).await;
    let waiting = file_one(store, 5, Kind::Create, 1, Verdict::Pending).await;
    let basis = usher::digest::Digest::of("basis");
    let quiet = PlanPage {
        quiet: vec![(user(1), basis), (user(2), basis)],
        users: vec![user(1), user(2)],
        ..PlanPage::default()
    };
    store.file(&summary(6, 6, &quiet), quiet, Cursor::default()).await.unwrap();
    assert_eq!(store.event(waiting).await.unwrap().unwrap().status, Status::Superseded { by: None });
    for number in [1, 2] {
        let account = pair(store, number).await.account;
        assert_eq!((account.basis, account.open_event), (Some(basis), None));
    }
    file_one(store, 7, Kind::Create, 2, Verdict::Queued).await;
    assert_eq!(pair(store, 2).await.account.basis, None, "an open event is compared anew");
}

async fn a_kept_account_is_frozen_and_comes_back(store: &dyn Store) {
    people(store, 1).await;
    provisioned(store, 5, 1).await;
    let kept = PlanPage {
        kept: vec![user(1)],
        skipped: vec![Skipped { user: user(1), label: String::new(), reason: SkipReason::Kept }],
        users: vec![user(1)],
        ..PlanPage::default()
    };
    store.file(&summary(7, 7, &kept), kept, Cursor::default()).await.unwrap();
    assert_eq!(pair(store, 1).await.account.presence, Presence::Kept);
    assert_eq!(store.counts(&app()).await.unwrap().accounts[&Presence::Kept], 1);
    let update = file_one(store, 8, Kind::Update, 1, Verdict::Queued).await;
    push(store, 9, update, super::world::done("r1")).await;
    assert_eq!(pair(store, 1).await.account.presence, Presence::Active);
}

async fn marks_newer_than_the_plan_stay(store: &dyn Store) {
    people(store, 2).await;
    let edit = UserEdit::Override { attribute: "title".into(), value: Some("x".into()) };
    for (number, seconds) in [(1, 5), (2, 9)] {
        store.change_user(user(number), edit.clone(), vec![app()], operator(), at(seconds)).await.unwrap();
    }
    clear_marks(store, 2, 7).await;
    let marks = store.dirty(&app(), 10).await.unwrap();
    assert_eq!((marks.len(), marks[0].user), (1, user(2)));
}

fn sweep_page(users: &[u64]) -> PlanPage {
    PlanPage { users: users.iter().map(|number| user(*number)).collect(), ..PlanPage::default() }
}

async fn a_sweep_goes_on_and_ends_with_the_first_cycle(store: &dyn Store) {
    people(store, 4).await;
    store.open_sweep(&app(), Cause::Cycle).await.unwrap();
    file(store, 4, vec![planned(operation(Kind::Create, 1, 0), Verdict::Queued)]).await;
    assert_eq!(store.window(&app(), at(5)).await.unwrap().used[&Class::Create], 1);
    let cursor = |number, sweep_done| Cursor { sweep_to: Some(user(number)), sweep_done, unseen: 0 };
    let first = sweep_page(&[1, 2]);
    store.file(&summary(1, 5, &first), first, cursor(2, false)).await.unwrap();
    assert_eq!(store.app(&app()).await.unwrap().sweep.unwrap().after, Some(user(2)));
    let second = sweep_page(&[3, 4]);
    store.file(&summary(1, 5, &second), second, cursor(4, true)).await.unwrap();
    let record = store.app(&app()).await.unwrap();
    assert_eq!((record.sweep, record.first_cycle_done, record.last_cycle), (None, true, Some(at(5))));
    let used = store.window(&app(), at(6)).await.unwrap().used;
    assert!(used.is_empty(), "the first cycle's creates leave the next day's newcomers their room: {used:?}");
}

async fn a_sweep_opened_again_is_not_moved_by_pages_of_the_old_one(store: &dyn Store) {
    people(store, 4).await;
    store.open_sweep(&app(), Cause::Cycle).await.unwrap();
    let late = sweep_page(&[3, 4]);
    let cursor = Cursor { sweep_to: Some(user(4)), sweep_done: true, unseen: 0 };
    store.file(&summary(1, 5, &late), late, cursor).await.unwrap();
    assert_eq!(store.app(&app()).await.unwrap().sweep.unwrap().after, None);
    assert!(!store.app(&app()).await.unwrap().first_cycle_done);
}

async fn the_window_counts_what_was_admitted_for_a_day(store: &dyn Store) {
    people(store, 3).await;
    for number in 1..=3 {
        provisioned(store, 5 + number, number).await;
    }
    let hours = |hours: u64| hours * 3_600;
    file(store, hours(2), vec![planned(operation(Kind::Deactivate, 1, 2), Verdict::Queued)]).await;
    let window = store.window(&app(), at(hours(3))).await.unwrap();
    assert_eq!((window.used[&Class::Leave], window.used[&Class::Create]), (1, 3));
    let window = store.window(&app(), at(hours(25))).await.unwrap();
    assert_eq!((window.used.get(&Class::Leave), window.used.get(&Class::Create)), (Some(&1), None));
    assert_eq!(window.base_at_start, 3);
    let window = store.window(&app(), at(hours(50))).await.unwrap();
    assert_eq!((window.used.len(), window.used[&Class::Leave]), (1, 1), "what waits counts however long it waits");
    let page = page(vec![planned(operation(Kind::Create, 9, 0), Verdict::Queued)]);
    let plan = summary(77, hours(26), &page);
    store.admit(plan.clone()).await.unwrap();
    store.admit(plan).await.unwrap();
    assert_eq!(store.window(&app(), at(hours(26))).await.unwrap().used[&Class::Create], 1, "a plan is admitted once");
}

async fn what_could_not_be_filed_gives_its_budget_back(store: &dyn Store) {
    people(store, 1).await;
    let stale = planned(operation(Kind::Create, 1, 7), Verdict::Queued);
    assert_eq!(file(store, 5, vec![stale]).await.stale, [user(1)]);
    assert!(store.window(&app(), at(6)).await.unwrap().used.is_empty());
}

async fn held_operations_form_one_batch_that_later_ones_join(store: &dyn Store) {
    people(store, 3).await;
    for number in 1..=3 {
        provisioned(store, 5 + number, number).await;
    }
    let leave = |number, verdict| planned(operation(Kind::Deactivate, number, 2), verdict);
    for (plan, number) in [(20, 1), (21, 2)] {
        let page = page(vec![leave(number, Verdict::Pending)]);
        let mut plan = summary(plan, plan, &page);
        plan.held.insert(Class::Leave, batch_id(1));
        store.admit(plan.clone()).await.unwrap();
        store.file(&plan, page, Cursor::default()).await.unwrap();
    }
    let window = store.window(&app(), at(30)).await.unwrap();
    assert_eq!((window.used.get(&Class::Leave), &window.batches[&Class::Leave]), (None, &batch_id(1)));
    let members = store.batch(&app(), batch_id(1)).await.unwrap();
    let users: Vec<_> = members.iter().map(|event| event.operation.user).collect();
    assert_eq!(users, [user(1), user(2)]);
    // An operator's suspension of one named user is let through, and counted.
    let page = page(vec![leave(3, Verdict::Queued)]);
    let mut plan = summary(22, 22, &page);
    plan.held.insert(Class::Leave, batch_id(1));
    store.admit(plan.clone()).await.unwrap();
    let filed = store.file(&plan, page, Cursor::default()).await.unwrap();
    assert_eq!(store.event(filed.events[0]).await.unwrap().unwrap().batch, None);
    assert_eq!(store.window(&app(), at(30)).await.unwrap().used[&Class::Leave], 1);
    for member in members {
        let reject = super::decisions::reject(&member, 31);
        assert_eq!(store.decide(reject).await.unwrap()[0].refused, None);
    }
    assert!(store.window(&app(), at(32)).await.unwrap().batches.is_empty(), "an empty batch is closed");
}

async fn an_expired_event_continues_its_age(store: &dyn Store) {
    people(store, 3).await;
    let create = file_one(store, 5, Kind::Create, 1, Verdict::Pending).await;
    file_one(store, 4, Kind::Link, 2, Verdict::Pending).await;
    file_one(store, 3, Kind::Deactivate, 3, Verdict::Pending).await;
    assert_eq!(store.expire(&app(), at(5), at(50)).await.unwrap(), 0);
    assert_eq!(store.expire(&app(), at(6), at(50)).await.unwrap(), 1);
    assert_eq!(store.event(create).await.unwrap().unwrap().status, Status::Expired);
    let marks = store.dirty(&app(), 10).await.unwrap();
    assert_eq!((marks.len(), marks[0].user), (1, user(1)));
    let again = file_one(store, 60, Kind::Create, 1, Verdict::Pending).await;
    let asked = store.event(again).await.unwrap().unwrap();
    assert_eq!((asked.waiting_since, asked.escalated), (at(5), Some(at(50))));
    // Once more: it has been escalated since the first time.
    assert_eq!(store.expire(&app(), at(61), at(70)).await.unwrap(), 1);
    let third = file_one(store, 80, Kind::Create, 1, Verdict::Pending).await;
    let asked = store.event(third).await.unwrap().unwrap();
    assert_eq!((asked.waiting_since, asked.escalated), (at(5), Some(at(50))));
}

async fn events_are_listed_by_user_status_kind_and_page(store: &dyn Store) {
    people(store, 6).await;
    for number in 1..=4 {
        provisioned(store, 10 * number, number).await;
    }
    let pending = file_one(store, 50, Kind::Create, 5, Verdict::Pending).await;
    let queued = file_one(store, 51, Kind::Create, 6, Verdict::Queued).await;
    let later = file_one(store, 52, Kind::Deactivate, 1, Verdict::Queued).await;
    store.begin(vec![later], at(53)).await.unwrap();
    let query = EventQuery { limit: 10, ..EventQuery::default() };
    let ids =
        |page: Page<_, _>| page.items.iter().map(|event: &usher::provision::Event| event.id.0).collect::<Vec<_>>();
    assert_eq!(ids(store.events(query.clone()).await.unwrap()), [7, 6, 5, 4, 3, 2, 1]);
    let open = EventQuery { open: true, ..query.clone() };
    assert_eq!(ids(store.events(open).await.unwrap()), [later.0, queued.0, pending.0]);
    let running = EventQuery { statuses: vec![StatusKind::Running], ..query.clone() };
    assert_eq!(ids(store.events(running).await.unwrap()), [later.0]);
    let of_user = EventQuery { user: Some(user(1)), ..query.clone() };
    assert_eq!(ids(store.events(of_user).await.unwrap()), [later.0, 1]);
    let kind = EventQuery { kind: Some(Kind::Deactivate), ..query.clone() };
    assert_eq!(ids(store.events(kind).await.unwrap()), [later.0]);
    let time = EventQuery { since: Some(at(20)), until: Some(at(40)), ..query.clone() };
    assert_eq!(ids(store.events(time).await.unwrap()), [3, 2]);
    let first = store.events(EventQuery { limit: 3, ..query.clone() }).await.unwrap();
    assert_eq!(first.next.map(|id| id.0), Some(5));
    let second = store.events(EventQuery { limit: 3, before: first.next, ..query }).await.unwrap();
    assert_eq!(ids(second), [4, 3, 2]);
    let accounts = AccountQuery { presences: vec![Presence::Active], limit: 3, ..AccountQuery::default() };
    let first = store.accounts(accounts.clone()).await.unwrap();
    assert_eq!(first.items.len(), 3);
    let second = store.accounts(AccountQuery { after: first.next, ..accounts }).await.unwrap();
    assert_eq!((second.items.len(), second.next), (1, None));
}

#[test]
fn lookups_are_noted_and_owners_found() {
    let store = usher::store::memory::MemoryStore::new();
    block_on(async {
        people(&store, 2).await;
        let absent = Observation::Absent { at: at(3) };
        store.note_matches(&app(), vec![(user(2), absent.clone())]).await.unwrap();
        assert_eq!(pair(&store, 2).await.account.observation, absent);
        provisioned(&store, 5, 1).await;
        let names = vec![email(1).to_uppercase(), email(2)];
        assert_eq!(store.owners_by_name(&app(), names).await.unwrap(), [Some(user(1)), None]);
        let ids = vec!["r9".to_owned(), "r1".to_owned()];
        assert_eq!(store.owners_by_remote_id(&app(), ids).await.unwrap(), [None, Some(user(1))]);
    });
}
