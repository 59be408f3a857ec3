//! **Role renamed.** Somebody gave a role a better name in the source, and everybody who had it lost it: the apps that it granted were
//! taken away from all of them within one cycle. It also happens at the other end: a group gets another name at the target, the rules
//! name the old one, and the members are taken out.
//!
//! Here the import is parked, because many lose a role; if an admin applies it all the same, the leavers are one held batch. The new name
//! in the app's file brings everything back without a request. A group is known by its id: its new name takes nobody out.

use usher::provision::operation::Kind;

use crate::engine::house::{Plan, people};

use super::scene::{GRANTING, applied, at_rest, company, one_batch_waits, parked, target};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_with_another_name_takes_the_app_from_nobody_unasked() {
    let house = company(Plan::default(), 20).await;
    let before = target(&house);
    let renamed = people(20).replace(",staff\n", ",employees\n");
    let (id, why) = parked(&house, &renamed).await;
    assert!(why.contains("20 users lose `staff`") || why.contains("20 users lose `role"), "{why}");
    applied(&house, id).await;
    one_batch_waits(&house, Kind::Deactivate, 20).await;
    let app = "[assign]\nroles = [\"staff\", \"employees\"]\n";
    house.apply(&Plan { app, ..Plan::default() }).await;
    at_rest(&house).await;
    assert_eq!(target(&house), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_with_another_name_at_the_target_keeps_its_members() {
    let house = company(Plan { rules: GRANTING, ..Plan::default() }, 6).await;
    let group = house.new_group("Staff").await;
    house.sync().await;
    let members = house.group(&group).await;
    assert_eq!(members.len(), 6);
    house.sandbox.rename_group(&group, "All of us");
    house.refresh().await;
    for _ in 0..2 {
        house.sync().await;
        assert_eq!(house.group(&group).await, members, "nobody is taken out because of a name");
    }
    // Somebody new has to wait for the rule, or for the name; his account does not.
    house.import(&people(7), true).await.unwrap();
    house.sync().await;
    assert!(house.accounts()["p6@example.com"]);
    assert_eq!(house.group(&group).await, members);
    let rules = GRANTING.replace("Staff", "All of us");
    house.apply(&Plan { rules: &rules, ..Plan::default() }).await;
    house.sync().await;
    assert_eq!(house.group(&group).await.len(), 7);
    at_rest(&house).await;
}
