//! Edges: filed, claimed by entitlement, begun, ended; and what becomes of them when their event ends otherwise.

use usher::id::EventId;
use usher::provision::edge::{EdgeChange, EdgeOutcome, EdgeState};
use usher::provision::entitlement::EntitlementKey;
use usher::provision::event::{Status, StatusKind};
use usher::provision::operation::{Kind, Operation};
use usher::provision::outcome::FailureClass;
use usher::provision::plan::Verdict;
use usher::store::Store;
use usher::store::act::{FinishEdges, FinishedEdge};

use super::world::{
    all_is_well, app, at, contract, done, failure, file, file_one, operation, operator, pair, people, planned, push,
    user,
};

contract! {
    an_event_ends_with_its_last_edge;
    a_superseded_event_leaves_its_edges_as_they_were;
    a_refused_edge_fails_its_event_and_the_others_stay_granted;
    what_was_out_in_a_crash_is_unknown;
    a_deleted_or_forgotten_account_has_no_edges;
    a_group_that_is_created_first_gets_its_id;
    a_pair_whose_edges_are_out_is_not_planned_over;
}

fn change(id: &str, add: bool) -> EdgeChange {
    EdgeChange { kind: "group".into(), remote_id: id.into(), name: format!("Group {id}"), add }
}

fn key(id: &str) -> EntitlementKey {
    EntitlementKey { kind: "group".into(), remote_id: id.into() }
}

/// An operation for the pair as it is now, with edges.
async fn with_edges(store: &dyn Store, kind: Kind, number: u64, edges: Vec<EdgeChange>) -> Operation {
    let account = pair(store, number).await.account;
    let changes = if kind == Kind::Update { Vec::new() } else { operation(kind, number, 0).changes };
    let remote_id = account.remote_id.clone();
    Operation { changes, remote_id, edges, generation: account.generation, ..operation(kind, number, 0) }
}

async fn filed(store: &dyn Store, seconds: u64, kind: Kind, number: u64, edges: Vec<EdgeChange>) -> EventId {
    let operation = with_edges(store, kind, number, edges).await;
    let filed = file(store, seconds, vec![planned(operation, Verdict::Queued)]).await;
    filed.events[0]
}

async fn states(store: &dyn Store, number: u64) -> Vec<(String, EdgeState)> {
    let edges = store.edges(&app(), user(number)).await.unwrap();
    edges.into_iter().map(|edge| (edge.key.remote_id, edge.state)).collect()
}

async fn status(store: &dyn Store, event: EventId) -> StatusKind {
    store.event(event).await.unwrap().unwrap().status.kind()
}

fn outcome(event: EventId, change: EdgeChange, outcome: EdgeOutcome) -> FinishedEdge {
    FinishedEdge { event, change, outcome }
}

async fn finish(store: &dyn Store, seconds: u64, chunk: Option<u64>, edges: Vec<FinishedEdge>) {
    let done = FinishEdges { chunk, edges, exchanges: Vec::new() };
    store.finish_edges(&app(), done, at(seconds)).await.unwrap();
}

/// One edge, sent and taken.
async fn sent(store: &dyn Store, seconds: u64, event: EventId, what: EdgeChange) {
    let begun = store.begin_edges(&app(), vec![(event, what.clone())], at(seconds)).await.unwrap();
    assert_eq!(begun.events, [event]);
    let result =
        if what.add { EdgeOutcome::Added { effective: true } } else { EdgeOutcome::Removed { already: false } };
    finish(store, seconds, Some(begun.chunk), vec![outcome(event, what, result)]).await;
}

/// A pair with an account that is in these groups by us.
async fn granted(store: &dyn Store, number: u64, groups: &[&str]) {
    let edges: Vec<EdgeChange> = groups.iter().map(|id| change(id, true)).collect();
    let event = filed(store, 1, Kind::Create, number, edges.clone()).await;
    push(store, 2, event, done(&format!("r-{number}"))).await;
    for edge in edges {
        sent(store, 3, event, edge).await;
    }
    assert_eq!(status(store, event).await, StatusKind::Succeeded);
}

async fn an_event_ends_with_its_last_edge(store: &dyn Store) {
    people(store, 1).await;
    let event = filed(store, 1, Kind::Create, 1, vec![change("a", true), change("b", true)]).await;
    assert!(store.claim_edges(&app(), at(9), Vec::new(), 9).await.unwrap().is_empty(), "the account comes first");
    push(store, 2, event, done("r-1")).await;
    assert_eq!(status(store, event).await, StatusKind::Queued);
    assert!(store.begin(vec![event], at(3)).await.unwrap().is_empty(), "the account part is done");
    assert_eq!(store.next_due(&app()).await.unwrap(), Some(at(2)));
    let claimed = store.claim_edges(&app(), at(3), Vec::new(), 9).await.unwrap();
    assert_eq!(claimed.iter().map(|each| each.key.remote_id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    sent(store, 4, event, change("a", true)).await;
    assert_eq!(status(store, event).await, StatusKind::Queued);
    sent(store, 5, event, change("b", true)).await;
    assert_eq!(status(store, event).await, StatusKind::Succeeded);
    let account = pair(store, 1).await.account;
    assert!(account.open_event.is_none() && account.basis.is_some(), "{account:?}");
    assert_eq!(store.counts(&app()).await.unwrap().edges.get(&EdgeState::Granted), Some(&2));
    let members = store.members(&app(), key("a"), None, 10).await.unwrap().items;
    assert_eq!(members.iter().map(|(user, _)| *user).collect::<Vec<_>>(), [user(1)]);
    assert_eq!(store.next_due(&app()).await.unwrap(), None);
    all_is_well(store).await;
}

async fn a_superseded_event_leaves_its_edges_as_they_were(store: &dyn Store) {
    people(store, 1).await;
    granted(store, 1, &["a"]).await;
    let old = filed(store, 5, Kind::Update, 1, vec![change("a", false), change("b", true)]).await;
    assert_eq!(states(store, 1).await, [("a".into(), EdgeState::Removing), ("b".into(), EdgeState::Adding)]);
    let new = filed(store, 6, Kind::Update, 1, vec![change("c", true)]).await;
    assert_eq!(status(store, old).await, StatusKind::Superseded);
    assert_eq!(states(store, 1).await, [("a".into(), EdgeState::Granted), ("c".into(), EdgeState::Adding)]);
    let claimed = store.claim_edges(&app(), at(7), Vec::new(), 9).await.unwrap();
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    assert_eq!((claimed[0].key.clone(), claimed[0].edges[0].event.id), (key("c"), new));
    all_is_well(store).await;
}

async fn a_refused_edge_fails_its_event_and_the_others_stay_granted(store: &dyn Store) {
    people(store, 1).await;
    granted(store, 1, &["a"]).await;
    let event = filed(store, 5, Kind::Update, 1, vec![change("a", false), change("b", true)]).await;
    let refused = EdgeOutcome::Refused(failure(FailureClass::Refused));
    let begun = store.begin_edges(&app(), vec![(event, change("b", true))], at(6)).await.unwrap();
    finish(store, 6, Some(begun.chunk), vec![outcome(event, change("b", true), refused)]).await;
    assert_eq!(status(store, event).await, StatusKind::Queued);
    sent(store, 7, event, change("a", false)).await;
    let ended = store.event(event).await.unwrap().unwrap();
    let Status::Failed { failure } = &ended.status else { panic!("{ended:?}") };
    assert!(failure.detail.starts_with("add to group “Group b”"), "{}", failure.detail);
    assert_eq!(states(store, 1).await, []);
    let again = with_edges(store, Kind::Update, 1, vec![change("b", true)]).await;
    let account = pair(store, 1).await.account;
    assert_eq!(account.mute.map(|mute| mute.event), Some(event), "{again:?}");
    all_is_well(store).await;
}

async fn what_was_out_in_a_crash_is_unknown(store: &dyn Store) {
    people(store, 1).await;
    granted(store, 1, &["a"]).await;
    let event = filed(store, 5, Kind::Update, 1, vec![change("a", false), change("b", true)]).await;
    store.begin_edges(&app(), vec![(event, change("b", true))], at(6)).await.unwrap();
    assert_eq!(store.recover(at(8)).await.unwrap(), 1);
    assert_eq!(states(store, 1).await, [("a".into(), EdgeState::Removing), ("b".into(), EdgeState::Unknown)]);
    let claimed = store.claim_edges(&app(), at(8), Vec::new(), 9).await.unwrap();
    assert_eq!(claimed.iter().map(|each| each.edges[0].unknown).collect::<Vec<_>>(), [false, true]);
    finish(store, 9, None, vec![outcome(event, change("b", true), EdgeOutcome::Seen)]).await;
    assert_eq!(states(store, 1).await[1].1, EdgeState::Granted, "our request brought it about");
    all_is_well(store).await;
}

async fn a_deleted_or_forgotten_account_has_no_edges(store: &dyn Store) {
    people(store, 2).await;
    granted(store, 1, &["a"]).await;
    granted(store, 2, &["a"]).await;
    let event = file_one(store, 5, Kind::Delete, 1, Verdict::Queued).await;
    push(store, 6, event, done("r-1")).await;
    assert_eq!(states(store, 1).await, []);
    store.disassociate(&app(), user(2), operator(), at(7)).await.unwrap();
    assert_eq!(states(store, 2).await, []);
    assert!(store.counts(&app()).await.unwrap().edges.is_empty());
    all_is_well(store).await;
}

async fn a_group_that_is_created_first_gets_its_id(store: &dyn Store) {
    people(store, 2).await;
    granted(store, 1, &["a"]).await;
    let missing = |name: &str| EdgeChange { name: name.into(), ..change("", true) };
    let event = filed(store, 5, Kind::Update, 1, vec![missing("New"), missing("Other")]).await;
    let claimed = store.claim_edges(&app(), at(5), Vec::new(), 9).await.unwrap();
    assert_eq!(claimed.iter().map(|each| each.name.as_str()).collect::<Vec<_>>(), ["New", "Other"]);
    store.bind_edges(&app(), key("n"), "New".into()).await.unwrap();
    let bound = EdgeChange { remote_id: "n".into(), ..missing("New") };
    sent(store, 6, event, bound).await;
    assert_eq!(states(store, 1).await.len(), 3);
    assert!(states(store, 1).await.contains(&("n".into(), EdgeState::Granted)));
    all_is_well(store).await;
}

async fn a_pair_whose_edges_are_out_is_not_planned_over(store: &dyn Store) {
    people(store, 1).await;
    granted(store, 1, &["a"]).await;
    let event = filed(store, 5, Kind::Update, 1, vec![change("b", true)]).await;
    let begun = store.begin_edges(&app(), vec![(event, change("b", true))], at(6)).await.unwrap();
    assert_eq!(pair(store, 1).await.open.map(|open| open.status), Some(StatusKind::Running));
    let newer = with_edges(store, Kind::Update, 1, vec![change("c", true)]).await;
    let filed = file(store, 7, vec![planned(newer, Verdict::Queued)]).await;
    assert_eq!((filed.events.len(), filed.stale.len()), (0, 1));
    assert!(store.disassociate(&app(), user(1), operator(), at(7)).await.is_err());
    assert!(store.begin_edges(&app(), vec![(event, change("b", true))], at(7)).await.unwrap().events.is_empty());
    finish(
        store,
        8,
        Some(begun.chunk),
        vec![outcome(event, change("b", true), EdgeOutcome::Added { effective: false })],
    )
    .await;
    let edge = &store.edges(&app(), user(1)).await.unwrap()[1];
    assert!(edge.state == EdgeState::Granted && !edge.effective, "{edge:?}");
    let Status::Succeeded { note } = store.event(event).await.unwrap().unwrap().status else { panic!("not done") };
    assert_eq!(note, "group “Group b” is not effective at the target");
    all_is_well(store).await;
}
