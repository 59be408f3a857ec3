//! **Group deleted first in the target.** An admin of the target deleted a group that the tool still had rules for. The tool failed on
//! every member for ever and kept everything behind them waiting, leavers included; another one made the group again, empty, with a new
//! id, and nothing that had been shared with the old one.
//!
//! Here nobody else waits: accounts and leavers go on. The group is not made again unless the app says so, what was granted in it is
//! forgotten, and the findings say which rule names what is gone.

use usher::directory::Standing;
use usher::engine::command::Edit;
use usher::provision::FindingKind;
use usher::provision::event::StatusKind;

use crate::engine::house::{Plan, people};

use super::scene::{GRANTING, at_rest, company};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_is_gone_holds_nobody_up_and_is_not_made_again() {
    let house = company(Plan { rules: GRANTING, ..Plan::default() }, 6).await;
    let group = house.new_group("Staff").await;
    house.sync().await;
    assert_eq!(house.group(&group).await.len(), 6);
    assert!(house.sandbox.remove_group(&group));
    // Before anybody has noticed: somebody joins, somebody leaves.
    house.import(&people(7), true).await.unwrap();
    house.edit("hr:k1", Edit::Stand(Standing::Suspended)).await;
    let sync = house.sync().await;
    let accounts = house.accounts();
    assert!(accounts["p6@example.com"] && !accounts["p1@example.com"], "{sync:?}");
    assert_eq!(house.sandbox.groups().len(), 0, "it is not made again");
    house.refresh().await;
    let plan = house.plan().await;
    let said =
        plan.apps[0].summary.findings.iter().chain(plan.apps[0].operations.iter().flat_map(|each| &each.findings));
    let said: Vec<FindingKind> = said.map(|finding| finding.kind).collect();
    house.sync().await;
    let open = [StatusKind::Pending, StatusKind::Queued, StatusKind::Verifying, StatusKind::Running];
    for status in open {
        assert_eq!(house.ended(status).await, 0, "nothing waits for it: {status} {said:?}");
    }
    assert_eq!(house.sandbox.groups().len(), 0);
    at_rest(&house).await;
    // The rule goes, too: there is nobody to take out.
    let none = GRANTING.replace("[grant(\"group\", \"Staff\")]", "[]");
    house.apply(&Plan { rules: &none, ..Plan::default() }).await;
    house.sync().await;
    let left = house.edges().await;
    assert_eq!(
        left.len(),
        1,
        "what was granted in it is forgotten, but for whoever keeps his in a deactivated account: {left:?}"
    );
    at_rest(&house).await;
    assert_eq!(house.accounts().values().filter(|active| **active).count(), 6);
    // He comes back, and that one goes, too.
    house.edit("hr:k1", Edit::Restore).await;
    house.sync().await;
    house.sync().await;
    assert!(house.accounts()["p1@example.com"]);
    assert_eq!(house.edges().await, Vec::new());
    at_rest(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_goes_after_its_group_has_nobody_to_take_out() {
    let house = company(Plan { rules: GRANTING, ..Plan::default() }, 6).await;
    let group = house.new_group("Staff").await;
    house.sync().await;
    assert!(house.sandbox.remove_group(&group));
    let none = GRANTING.replace("[grant(\"group\", \"Staff\")]", "[]");
    house.apply(&Plan { rules: &none, ..Plan::default() }).await;
    let sync = house.sync().await;
    assert_eq!(sync.ended.get(&StatusKind::Succeeded), Some(&6), "{sync:?}");
    assert_eq!(house.edges().await, Vec::new());
    at_rest(&house).await;
}
