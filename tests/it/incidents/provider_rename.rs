//! **IdP rename.** The company got another name, and with it everybody another address in the identity provider. The tool looked people
//! up by the address: it found nobody, made an account for each under the new name, and deactivated the old ones with all that was in
//! them.
//!
//! Here people are known by their key and accounts by their id: it is a rename of each account, and as there are many, one held batch.
//! Approved, each keeps its id. A name that somebody else has there is refused for that one account and stops nobody.

use std::collections::BTreeMap;

use serde_json::json;
use usher::provision::FindingKind;
use usher::provision::event::StatusKind;
use usher::provision::operation::Kind;

use crate::engine::house::{House, Plan, people};

use super::scene::{at_rest, company, nothing_happens, one_batch_waits};

fn ids(house: &House) -> BTreeMap<String, String> {
    let ours = house.sandbox.accounts().into_iter().filter(|account| !account.third_party);
    ours.map(|account| (account.id, account.user_name)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_domain_for_everybody_renames_accounts_and_makes_none() {
    let taken = json!({ "userName": "p3@example.net", "displayName": "Somebody else", "active": true });
    let house = company(Plan { seeds: vec![taken], ..Plan::default() }, 30).await;
    let (before, theirs) = (ids(&house), house.sandbox.third_party());
    house.import(&people(30).replace("@example.com", "@example.net"), true).await.unwrap();
    house.sync().await;
    one_batch_waits(&house, Kind::Rename, 30).await;
    assert_eq!(ids(&house), before);
    house.decide_all(true).await;
    house.sync().await;
    let after = ids(&house);
    assert!(after.keys().eq(before.keys()), "the same accounts, and no other");
    let renamed = after.values().filter(|name| name.ends_with("@example.net")).count();
    assert_eq!((renamed, house.ended(StatusKind::Failed).await), (29, 1), "all but the one whose name is taken");
    assert_eq!(house.sandbox.third_party(), theirs);
    assert!(house.sandbox.accounts().iter().all(|account| account.active));
    at_rest(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_rename_replaces_the_account_each_waits_and_says_so() {
    let rules = "fn account(user) { #{ userName: user.email, displayName: user.display_name } }";
    let house = company(Plan { connector: "nulab-pass", rules, ..Plan::default() }, 4).await;
    let before = ids(&house);
    house.import(&people(4).replace("@example.com", "@example.net"), true).await.unwrap();
    nothing_happens(&house).await;
    let pending = house.pending().await;
    assert_eq!(pending.len(), 4);
    let says = |kind| pending.iter().all(|event| event.findings.iter().any(|finding| finding.kind == kind));
    assert!(says(FindingKind::RenameReplaces), "{pending:?}");
    assert_eq!(ids(&house), before);
    // The old domain comes back before anybody has decided: nothing is left of it.
    house.import(&people(4), true).await.unwrap();
    at_rest(&house).await;
    assert_eq!(ids(&house), before);
}
