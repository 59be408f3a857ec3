//! From a directory change to the account in the app.

use std::sync::Mutex;

use usher::engine::Command;
use usher::engine::answer::Progress;
use usher::engine::context::Watcher;
use usher::provision::event::StatusKind;
use usher::provision::operation::Kind;
use usher::provision::plan::Verdict;

use super::house::{House, Plan, people};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_sync_creates_everyone_and_a_second_one_sends_no_request() {
    let house = House::build(Plan::default()).await;
    house.import(&people(50), true).await.unwrap();
    let plan = house.plan().await;
    assert_eq!(plan.apps[0].summary.counts.get(Kind::Create, Verdict::Queued), 50);
    assert_eq!(house.sandbox.writes(), 0, "a plan sends only reads");
    let sync = house.sync().await;
    assert_eq!(sync.ended.get(&StatusKind::Succeeded), Some(&50), "{sync:?}");
    assert_eq!(house.sandbox.accounts().len(), 50);
    assert_eq!(house.sandbox.writes(), 50, "one POST a user");
    let first = &house.sandbox.accounts()[0];
    assert!(first.external_id.as_ref().is_some_and(|id| id.contains(':')));
    let before = house.sandbox.requests();
    let again = house.sync().await;
    assert_eq!((again.requests, house.sandbox.requests() - before), (0, 0), "{again:?}");
    assert!(house.engine.store().verify().await.unwrap().problems.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_changed_attribute_is_one_write_with_only_that_attribute() {
    let house = House::build(Plan::default()).await;
    house.import(&people(5), true).await.unwrap();
    house.sync().await;
    let before = house.sandbox.writes();
    house.import(&people(5).replace("Title3", "Captain"), true).await.unwrap();
    let plan = house.plan().await;
    let update = &plan.apps[0].operations[0].operation;
    assert_eq!(update.changes.len(), 1);
    assert_eq!(update.changes[0].path, "title");
    house.sync().await;
    assert_eq!(house.sandbox.writes() - before, 1);
    let changed = house.sandbox.accounts().into_iter().find(|account| account.user_name == "p3@example.com").unwrap();
    assert_eq!(changed.body["title"], "Captain");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renamed_user_keeps_his_account() {
    let house = House::build(Plan::default()).await;
    house.import(&people(3), true).await.unwrap();
    house.sync().await;
    let ids = |house: &House| house.sandbox.accounts().into_iter().map(|account| account.id).collect::<Vec<_>>();
    let before = ids(&house);
    house.import(&people(3).replace("p1@", "new1@"), true).await.unwrap();
    house.sync().await;
    assert_eq!(ids(&house), before);
    assert!(house.accounts().contains_key("new1@example.com"));
    assert!(!house.accounts().contains_key("p1@example.com"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_third_party_account_is_left_alone_until_its_adoption_is_approved() {
    let theirs = serde_json::json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "p1@example.com", "displayName": "Somebody else", "active": true
    });
    let house = House::build(Plan { seeds: vec![theirs], ..Plan::default() }).await;
    house.import(&people(3), true).await.unwrap();
    let bytes = house.sandbox.third_party();
    house.sync().await;
    assert_eq!(house.accounts().len(), 3);
    assert_eq!(house.sandbox.third_party(), bytes, "byte for byte as it was");
    let pending = house.pending().await;
    assert_eq!(pending.len(), 1);
    assert_eq!(pending[0].operation.kind, Kind::Link);
    house.decide_all(true).await;
    let sync = house.sync().await;
    let adopted = house.sandbox.accounts().into_iter().find(|account| account.third_party).unwrap();
    assert_eq!(adopted.body["displayName"], "Somebody else", "fill: what is there stays; {sync:?}");
    assert_eq!(adopted.body["title"], "Title1", "fill: what is empty is filled");
    let before = house.sandbox.requests();
    house.sync().await;
    assert_eq!(house.sandbox.requests(), before, "and then it is quiet");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_file_is_executed_exactly_or_not_at_all() {
    use usher::engine::Command;
    let house = House::build(Plan::default()).await;
    house.import(&people(4), true).await.unwrap();
    let plan = house.plan().await;
    house.import(&people(4).replace("Title2", "Other"), true).await.unwrap();
    let stale = house.ask(Command::Sync { app: None, plan: Some(plan), workspace: None }).await;
    assert!(stale.unwrap_err().to_string().contains("out of date"));
    assert_eq!(house.sandbox.writes(), 0);
    let plan = house.plan().await;
    house.ask(Command::Sync { app: None, plan: Some(plan), workspace: None }).await.unwrap();
    assert_eq!(house.sandbox.writes(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rename_that_replaces_the_account_is_held_and_then_linked_to_the_new_one() {
    let rules = "fn account(user) { #{ userName: user.email, displayName: user.display_name } }";
    let house = House::build(Plan { connector: "nulab-pass", rules, ..Plan::default() }).await;
    house.import(&people(3), true).await.unwrap();
    house.sync().await;
    house.import(&people(3).replace("p1@", "new1@"), true).await.unwrap();
    let before = house.sandbox.writes();
    house.sync().await;
    assert_eq!(house.sandbox.writes(), before, "a replacing rename waits for an approver");
    assert_eq!(house.pending().await[0].operation.kind, Kind::Rename);
    house.decide_all(true).await;
    house.sync().await;
    assert!(house.sandbox.writes() > before, "the target was told");
    assert!(house.accounts()["new1@example.com"], "the new account is active");
    assert!(house.sandbox.accounts().iter().all(|account| account.user_name != "p1@example.com" || !account.active));
    assert_eq!(house.ended(StatusKind::Failed).await, 0);
    let before = house.sandbox.requests();
    house.sync().await;
    assert_eq!(house.sandbox.requests(), before, "and then it is quiet");
}

/// Keeps what is told.
#[derive(Default)]
struct Told(Mutex<Vec<Progress>>);

impl Watcher for Told {
    fn progress(&self, progress: Progress) {
        self.0.lock().unwrap().push(progress);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_counts_what_is_under_way_and_not_what_ended_before() {
    let house = House::build(Plan::default()).await;
    house.import(&people(9), true).await.unwrap();
    house.sync().await;
    house.import(&people(9).replace("Title3", "Captain").replace("Title5", "Captain"), true).await.unwrap();
    let told = Told::default();
    let sync = Command::Sync { app: None, plan: None, workspace: None };
    house.engine.answer(&house.actor, sync, &told).await.unwrap();
    let told = told.0.into_inner().unwrap();
    let pushed: Vec<_> = told.iter().filter(|progress| progress.step == "provisioning app").collect();
    assert!(pushed.iter().all(|progress| progress.total == 2), "{told:?}");
    assert_eq!(pushed.last().unwrap().done, 2);
}
