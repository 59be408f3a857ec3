//! **Re-hire.** Somebody left and came back. One tool knew his e-mail address and no more: it made a second account, and his files stayed
//! with the first. Another one gave the old account, with everything in it, to a new colleague who got the same address.
//!
//! Here the same key is the same person: the account is activated again, with what is new, and what he should not have any more goes
//! before. A new key with an address that somebody had is a new person: the account is never his by itself, and a person decides.

use usher::provision::FindingKind;
use usher::provision::operation::Kind;

use crate::engine::house::{Plan, people};

use super::scene::{GRANTING, at_rest, company, nothing_happens};

fn without(csv: &str, key: &str) -> String {
    csv.lines().filter(|line| !line.starts_with(&format!("{key},"))).map(|line| format!("{line}\n")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_gets_his_own_account_and_not_what_he_had_before() {
    let house = company(Plan { rules: GRANTING, ..Plan::default() }, 6).await;
    let group = house.new_group("Staff").await;
    house.sync().await;
    let id = house.id_of("p2@example.com");
    house.import(&without(&people(6), "k2"), true).await.unwrap();
    house.sync().await;
    assert!(!house.accounts()["p2@example.com"]);
    // Meanwhile the group is only for those who have this title.
    let rules = GRANTING.replace(
        "[grant(\"group\", \"Staff\")]",
        "if user.title == \"Returned\" { [] } else { [grant(\"group\", \"Staff\")] }",
    );
    house.apply(&Plan { rules: &rules, ..Plan::default() }).await;
    nothing_happens(&house).await;
    house.import(&people(6).replace("Title2", "Returned"), true).await.unwrap();
    house.sync().await;
    house.sync().await;
    let back = house.sandbox.accounts().into_iter().find(|account| account.user_name == "p2@example.com").unwrap();
    assert_eq!((back.id.as_str(), back.active, &back.body["title"]), (id.as_str(), true, &"Returned".into()));
    assert_eq!(house.accounts().len(), 6, "one account each");
    let members = house.group(&group).await;
    assert!(!members.contains(&id) && members.len() == 5, "{members:?}");
    at_rest(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_person_with_an_old_address_does_not_get_the_old_account() {
    let house = company(Plan::default(), 6).await;
    let id = house.id_of("p2@example.com");
    house.import(&without(&people(6), "k2"), true).await.unwrap();
    house.sync().await;
    let was = house.sandbox.accounts().into_iter().find(|account| account.id == id).unwrap();
    let new = people(6).replace("k2,", "k9,").replace("Title2", "Newcomer").replace("Given2", "Another");
    house.import(&new, true).await.unwrap();
    house.sync().await;
    let is = house.sandbox.accounts().into_iter().find(|account| account.id == id).unwrap();
    assert!(!is.active && is.body == was.body, "the old account stays as it is: {:?}", is.body);
    assert_eq!(house.accounts().len(), 6, "and there is no second one with its name");
    let plan = house.plan().await;
    let findings = plan.apps[0].operations.iter().flat_map(|each| &each.findings).map(|finding| finding.kind);
    let pending = house.pending().await;
    let waiting = pending.iter().flat_map(|event| &event.findings).map(|finding| finding.kind);
    let said: Vec<FindingKind> = findings.chain(waiting).collect();
    let for_a_person = [FindingKind::OwnedByOther, FindingKind::DuplicateUserName];
    assert!(said.iter().any(|kind| for_a_person.contains(kind)), "{said:?}");
    assert!(pending.iter().all(|event| event.operation.kind == Kind::Link), "{pending:?}");
    nothing_happens(&house).await;
}
