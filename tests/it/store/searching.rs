//! The history by every filter, in both directions.

use usher::directory::change::Cause;
use usher::id::{EventId, OperatorId};
use usher::provision::approval::{Decision, Ruling};
use usher::provision::event::StatusKind;
use usher::provision::operation::Kind;
use usher::provision::plan::Verdict;
use usher::store::Store;
use usher::store::act::Decide;
use usher::store::query::EventQuery;

use super::world::{
    app, contract, decision, done, file, file_one, import_id, operation, operator, people, planned, push, user,
};

contract! {
    whoever_caused_or_decided_is_found_by_name;
    pages_lead_to_older_events_and_back_to_newer_ones;
    an_act_that_fails_leaves_no_trace_in_what_is_searched;
}

async fn ids(store: &dyn Store, query: EventQuery) -> Vec<u64> {
    store.events(EventQuery { limit: 100, ..query }).await.unwrap().items.iter().map(|event| event.id.0).collect()
}

async fn whoever_caused_or_decided_is_found_by_name(store: &dyn Store) {
    people(store, 4).await;
    let other = OperatorId::of_number(7);
    let mut imported = planned(operation(Kind::Create, 1, 0), Verdict::Queued);
    imported.cause = Cause::Import(import_id(1));
    let mut edited = planned(operation(Kind::Create, 2, 0), Verdict::Queued);
    edited.cause = Cause::Operator(other);
    let first = file(store, 5, vec![imported, edited]).await.events;
    let pending = file_one(store, 6, Kind::Create, 3, Verdict::Pending).await;
    file_one(store, 7, Kind::Create, 4, Verdict::Queued).await;
    let of = |operator| EventQuery { operator: Some(operator), ..EventQuery::default() };
    assert_eq!(ids(store, of(operator())).await, [first[0].0], "who imported");
    assert_eq!(ids(store, of(other)).await, [first[1].0], "who edited");
    let payload = store.event(pending).await.unwrap().unwrap().payload;
    let by_other = Decision { operator: other, ..decision(Ruling::Approve, 8) };
    store.decide(Decide { events: vec![(pending, payload)], decision: by_other, approvers: 1 }).await.unwrap();
    assert_eq!(ids(store, of(other)).await, [pending.0, first[1].0], "who decided");
    push(store, 9, pending, done("r3")).await;
    let succeeded = EventQuery { statuses: vec![StatusKind::Succeeded], ..of(other) };
    assert_eq!(ids(store, succeeded).await, [pending.0]);
    let of_user = EventQuery { user: Some(user(2)), ..of(operator()) };
    assert_eq!(ids(store, of_user).await, Vec::<u64>::new());
    let elsewhere = EventQuery { app: Some(usher::id::AppName::new("other").unwrap()), ..of(other) };
    assert_eq!(ids(store, elsewhere).await, Vec::<u64>::new());
}

async fn pages_lead_to_older_events_and_back_to_newer_ones(store: &dyn Store) {
    // More than two rows of briefs, so that pages cross their borders.
    people(store, 600).await;
    let creates = (1..=600).map(|number| planned(operation(Kind::Create, number, 0), Verdict::Queued)).collect();
    file(store, 5, creates).await;
    let query = EventQuery { app: Some(app()), limit: 250, kind: Some(Kind::Create), ..EventQuery::default() };
    let page = async |query: EventQuery| {
        let page = store.events(query).await.unwrap();
        let ends = (page.items.first().map(|event| event.id.0), page.items.last().map(|event| event.id.0));
        (ends, page.items.len(), page.next.map(|next| next.0))
    };
    assert_eq!(page(query.clone()).await, ((Some(600), Some(351)), 250, Some(351)));
    let second = EventQuery { before: Some(EventId(351)), ..query.clone() };
    assert_eq!(page(second).await, ((Some(350), Some(101)), 250, Some(101)));
    let last = EventQuery { before: Some(EventId(101)), ..query.clone() };
    assert_eq!(page(last).await, ((Some(100), Some(1)), 100, None));
    let back = EventQuery { after: Some(EventId(100)), ..query.clone() };
    assert_eq!(page(back).await, ((Some(350), Some(101)), 250, Some(350)));
    let newest = EventQuery { after: Some(EventId(500)), ..query.clone() };
    assert_eq!(page(newest).await, ((Some(600), Some(501)), 100, None));
    let of_user = EventQuery { user: Some(user(9)), after: Some(EventId(8)), ..query };
    assert_eq!(page(of_user).await, ((Some(9), Some(9)), 1, None));
}

async fn an_act_that_fails_leaves_no_trace_in_what_is_searched(store: &dyn Store) {
    people(store, 2).await;
    file_one(store, 5, Kind::Create, 1, Verdict::Queued).await;
    // A value that is too large for a row: the whole page is refused after its first operation was filed.
    let mut large = operation(Kind::Create, 2, 0);
    large.reason = "x".repeat(100_000);
    let again = operation(Kind::Create, 1, 1);
    let page = super::world::page(vec![planned(again, Verdict::Queued), planned(large, Verdict::Queued)]);
    let summary = super::world::summary(9, 9, &page);
    store.admit(summary.clone()).await.unwrap();
    store.file(&summary, page, usher::store::act::Cursor::default()).await.unwrap_err();
    assert_eq!(ids(store, EventQuery::default()).await, [1]);
}
