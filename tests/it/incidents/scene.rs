//! What all incidents start from: people with accounts, and looks at what became of them.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};
use usher::clock::Span;
use usher::engine::answer::ImportAnswer;
use usher::engine::{Answer, Command};
use usher::id::ImportId;
use usher::provision::operation::Kind;
use usher::store::query::ImportState;

use crate::engine::house::{House, Plan, people};

/// Accounts of a group *Staff*, which the rules grant to everybody.
pub(super) const GRANTING: &str = "fn account(user) { #{ userName: user.email, displayName: user.display_name, title: user.title } }\n\
                                   fn entitlements(user) { [grant(\"group\", \"Staff\")] }";

/// `number` people with accounts, at rest.
pub(super) async fn company(plan: Plan<'_>, number: usize) -> House {
    let house = House::build(plan).await;
    house.import(&people(number), true).await.unwrap();
    house.sync().await;
    assert_eq!(house.sync().await.writes, 0);
    house
}

/// Everything at the target: accounts and groups, by id.
pub(super) fn target(house: &House) -> BTreeMap<String, Json> {
    let accounts = house.sandbox.accounts().into_iter();
    let accounts = accounts.map(|each| (each.id.clone(), json!([each.user_name, each.active, each.body])));
    let groups = house.sandbox.groups().into_iter();
    accounts.chain(groups.map(|each| (each.id.clone(), json!([each.display_name, each.assigned])))).collect()
}

/// Imports an export that must be parked; why it is.
pub(super) async fn parked(house: &House, csv: &str) -> (ImportId, String) {
    let before = target(house);
    // A day after the one before.
    house.advance(Span::from_days(1));
    let Answer::Imported(ImportAnswer { import, .. }) = house.import(csv, true).await.unwrap() else { panic!() };
    let ImportState::Parked { reasons } = &import.state else { panic!("expected it to be parked: {import:?}") };
    let sync = house.sync().await;
    assert_eq!(sync.writes, 0, "what is parked changes nothing: {sync:?}");
    assert_eq!(target(house), before);
    (import.id, reasons.join("; "))
}

/// An admin applies a parked import all the same.
pub(super) async fn applied(house: &House, id: ImportId) {
    house.ask(Command::ImportApply { id, accept_shrink: None }).await.unwrap();
}

/// An admin drops a parked import.
pub(super) async fn dropped(house: &House, id: ImportId) {
    house.ask(Command::ImportDrop { id }).await.unwrap();
}

/// A sync that sends no write and leaves the target as it was.
pub(super) async fn nothing_happens(house: &House) {
    let before = target(house);
    let sync = house.sync().await;
    assert_eq!(sync.writes, 0, "{sync:?}");
    assert_eq!(target(house), before);
}

/// `number` operations of this kind wait for an approver, as one batch; nothing else does, and nothing was sent.
pub(super) async fn one_batch_waits(house: &House, kind: Kind, number: usize) {
    nothing_happens(house).await;
    let pending = house.pending().await;
    assert_eq!(pending.len(), number, "{pending:?}");
    assert!(pending.iter().all(|event| event.operation.kind == kind && event.batch.is_some()), "{pending:?}");
    assert!(pending.iter().all(|event| event.batch == pending[0].batch), "one batch");
}

/// Nothing waits, and the history is whole.
pub(super) async fn at_rest(house: &House) {
    nothing_happens(house).await;
    assert_eq!(house.pending().await, Vec::new());
    assert_eq!(house.engine.store().verify().await.unwrap().problems, Vec::<String>::new());
}
