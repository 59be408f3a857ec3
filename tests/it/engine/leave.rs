//! Leavers: suspended, unassigned, deleted; and how they come back.

use usher::clock::Span;
use usher::directory::Standing;
use usher::engine::command::Edit;
use usher::engine::{Answer, Command};
use usher::provision::operation::Kind;
use usher::store::query::ImportState;

use super::house::{House, Plan, people};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_user_is_deactivated_and_comes_back_with_his_changes_in_one_request() {
    let house = House::build(Plan::default()).await;
    house.import(&people(5), true).await.unwrap();
    house.sync().await;
    house.edit("hr:k2", Edit::Stand(Standing::Suspended)).await;
    house.sync().await;
    assert!(!house.accounts()["p2@example.com"]);
    house.import(&people(5).replace("Title2", "Returned"), true).await.unwrap();
    house.edit("hr:k2", Edit::Restore).await;
    let before = house.sandbox.writes();
    house.sync().await;
    assert_eq!(house.sandbox.writes() - before, 1);
    let back = house.sandbox.accounts().into_iter().find(|account| account.user_name == "p2@example.com").unwrap();
    assert!(back.active);
    assert_eq!(back.body["title"], "Returned");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_role_deactivates_and_a_rule_error_never_does() {
    let house = House::build(Plan::default()).await;
    house.import(&people(5), true).await.unwrap();
    house.sync().await;
    let without = people(5).replace("Title4,staff", "Title4,");
    house.import(&without, true).await.unwrap();
    house.sync().await;
    assert!(!house.accounts()["p4@example.com"]);
    let broken = "fn account(user) { if user.key == \"k1\" { throw \"no\" } #{ userName: user.email } }";
    house.apply(&Plan { rules: broken, ..Plan::default() }).await;
    house.sync().await;
    assert!(house.accounts()["p1@example.com"], "an error changes nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_leavers_at_once_are_one_held_batch_and_nothing_is_sent_before_its_release() {
    let house = House::build(Plan::default()).await;
    house.import(&people(10), true).await.unwrap();
    house.sync().await;
    let mut without = people(10);
    for n in 0..6 {
        without = without.replace(&format!("Title{n},staff"), &format!("Title{n},"));
    }
    house.import(&without, false).await.unwrap();
    // Six of ten lose a role: the import guard parks that first, and an admin applies it.
    let imports = house.ask(Command::Imports { limit: 1 }).await.unwrap();
    let Answer::Imports(imports) = imports else { panic!("{imports:?}") };
    assert!(matches!(imports[0].state, ImportState::Parked { .. }), "{imports:?}");
    house.ask(Command::ImportApply { id: imports[0].id, accept_shrink: None }).await.unwrap();
    let before = house.sandbox.writes();
    house.sync().await;
    assert_eq!(house.sandbox.writes(), before, "nothing executed before release");
    let pending = house.pending().await;
    assert_eq!(pending.len(), 6);
    assert!(pending.iter().all(|event| event.operation.kind == Kind::Deactivate));
    let batch = pending[0].batch.unwrap();
    assert!(pending.iter().all(|event| event.batch == Some(batch)), "one batch");
    house.decide_all(true).await;
    house.sync().await;
    assert_eq!(house.accounts().values().filter(|active| !**active).count(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_user_is_deactivated_first_and_deleted_when_the_time_has_come_and_approved() {
    let app = "[assign]\nroles = [\"staff\"]\n[leaving]\non_delete = \"delete\"\ndelete_after = \"30d\"\n";
    let house = House::build(Plan { app, ..Plan::default() }).await;
    house.import(&people(5), true).await.unwrap();
    house.sync().await;
    house.edit("hr:k2", Edit::Stand(Standing::Deleted)).await;
    house.sync().await;
    assert!(!house.accounts()["p2@example.com"]);
    house.advance(Span::from_days(29));
    house.sync().await;
    assert!(house.pending().await.is_empty());
    house.advance(Span::from_days(2));
    house.sync().await;
    assert_eq!(house.pending().await[0].operation.kind, Kind::Delete, "deletes are approved by default");
    assert!(house.accounts().contains_key("p2@example.com"));
    house.decide_all(true).await;
    house.sync().await;
    assert!(!house.accounts().contains_key("p2@example.com"));
}
