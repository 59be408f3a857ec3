//! Members where targets have limits and forms of their own: what a connector says is what is sent, and it comes out the same.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use usher::engine::Command;
use usher::engine::answer::PlanFile;
use usher::id::RevisionNumber;
use usher::provision::FindingKind;
use usher::provision::edge::EdgeState;
use usher::sandbox::Faults;
use usher::scim::target::Method;

use super::house::{House, Plan, people};
use super::members::{STAFF, app, count, rules};
use super::tap::Sent;

/// Nobody is granted anything any more.
const NOBODY: &str = "fn entitlements(user) { [] }";

/// `number` people in the group *Staff* at a target with `quirks`: the house, the group's id, and the requests that put them there.
async fn staffed(quirks: &[(&str, &str)], number: usize) -> (House, String, Vec<Sent>) {
    let with = rules(STAFF);
    let house = House::build(Plan { rules: &with, quirks, ..Plan::default() }).await;
    let group = house.new_group("Staff").await;
    house.import(&people(number), true).await.unwrap();
    house.tap.take();
    house.sync().await;
    assert_eq!(assigned(&house, &group).len(), number, "{quirks:?}");
    assert_eq!(count(&house.edges().await, EdgeState::Granted), number, "{quirks:?}");
    let sent = house.tap.member_changes();
    house.sound().await;
    assert_eq!(house.sync().await.requests, 0, "{quirks:?}");
    (house, group, sent)
}

/// Takes everybody out again; the requests that did.
async fn emptied(house: &House, quirks: &[(&str, &str)], group: &str) -> Vec<Sent> {
    let none = rules(NOBODY);
    house.apply(&Plan { rules: &none, quirks, ..Plan::default() }).await;
    house.tap.take();
    house.sync().await;
    let sent = house.tap.member_changes();
    assert_eq!(assigned(house, group), BTreeSet::new(), "{quirks:?}");
    assert_eq!(house.edges().await, Vec::new(), "{quirks:?}");
    house.sound().await;
    assert_eq!(house.sync().await.requests, 0, "{quirks:?}");
    sent
}

fn assigned(house: &House, group: &str) -> BTreeSet<String> {
    house.sandbox.groups().into_iter().find(|each| each.id == group).unwrap().assigned.into_iter().collect()
}

fn operations(sent: &Sent) -> &Vec<Json> {
    sent.body["Operations"].as_array().unwrap()
}

/// Ids that a request adds.
fn added(sent: &Sent) -> Vec<&str> {
    let values = operations(sent).iter().flat_map(|each| each["value"].as_array().unwrap());
    values.map(|value| value["value"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_a_filter_shows_members_who_was_there_is_found_and_the_others_are_sent() {
    let quirks = [("read = \"group\"", "read = \"filter\"")];
    let none = rules(NOBODY);
    let house = House::build(Plan { rules: &none, quirks: &quirks, ..Plan::default() }).await;
    let group = house.new_group("Staff").await;
    house.import(&people(3), true).await.unwrap();
    house.sync().await;
    let before = house.id_of("p1@example.com");
    house.sandbox.put_into_group(&group, &before);
    let with = rules(STAFF);
    house.apply(&Plan { rules: &with, quirks: &quirks, ..Plan::default() }).await;
    house.tap.take();
    house.sync().await;
    let sent = house.tap.take();
    let asked = sent.iter().filter(|each| each.path.starts_with("/Groups?filter=members.value")).count();
    assert!(asked >= 3, "{sent:?}");
    assert!(!sent.iter().any(|each| each.method == Method::Get && each.path.starts_with("/Groups/")), "{sent:?}");
    let edges = house.edges().await;
    assert_eq!((count(&edges, EdgeState::Found), count(&edges, EdgeState::Granted)), (1, 2), "{edges:?}");
    assert_eq!(assigned(&house, &group).len(), 3);
    house.apply(&Plan { rules: &none, quirks: &quirks, ..Plan::default() }).await;
    house.sync().await;
    assert_eq!(assigned(&house, &group), BTreeSet::from([before]));
    assert_eq!(house.edges().await, Vec::new());
    house.sound().await;
    assert_eq!(house.sync().await.requests, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_of_members_that_is_ignored_makes_nobody_a_member() {
    let quirks = [("read = \"group\"", "read = \"filter\"")];
    let with = rules(STAFF);
    let house = House::build(Plan { rules: &with, quirks: &quirks, ..Plan::default() }).await;
    let group = house.new_group("Staff").await;
    house.import(&people(3), true).await.unwrap();
    // The filters on users are proven by now; from here on the target answers each filter with everything that it has.
    let none = rules(NOBODY);
    house.apply(&Plan { rules: &none, quirks: &quirks, ..Plan::default() }).await;
    house.sync().await;
    house.sandbox.set_faults(Faults::parse(&["filter-ignored:1"]).unwrap());
    house.apply(&Plan { rules: &with, quirks: &quirks, ..Plan::default() }).await;
    house.sync().await;
    let edges = house.edges().await;
    assert_eq!(count(&edges, EdgeState::Found), 0, "nobody is believed to be there: {edges:?}");
    house.sandbox.set_faults(Faults::default());
    for _ in 0..3 {
        house.advance(usher::clock::Span::from_hours(1));
        house.sync().await;
    }
    assert_eq!(assigned(&house, &group).len(), 3);
    assert_eq!(count(&house.edges().await, EdgeState::Granted), 3);
    house.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_of_members_that_finds_nobody_does_not_make_us_forget_whom_we_put_there() {
    let quirks = [("read = \"group\"", "read = \"filter\"")];
    let (house, group, _) = staffed(&quirks, 3).await;
    house.sandbox.set_faults(Faults::parse(&["filter-empty:1"]).unwrap());
    emptied(&house, &quirks, &group).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_about_members_is_longer_than_the_target_takes() {
    let quirks = [("bytes_max = 0", "bytes_max = 700")];
    let (house, group, sent) = staffed(&quirks, 20).await;
    let removed = emptied(&house, &quirks, &group).await;
    for sent in [&sent, &removed] {
        assert!(sent.iter().all(|each| each.length <= 700), "{sent:?}");
        assert!((2..=7).contains(&sent.len()), "more than one member a request: {}", sent.len());
    }
    let all: BTreeSet<&str> = sent.iter().flat_map(added).collect();
    assert_eq!((all.len(), sent.iter().flat_map(added).count()), (20, 20), "each once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_takes_one_member_at_a_time_is_sent_one_at_a_time() {
    let quirks = [("members_max = 100", "members_max = 1")];
    let (house, group, sent) = staffed(&quirks, 6).await;
    assert_eq!(sent.iter().map(|each| added(each).len()).collect::<Vec<_>>(), [1; 6]);
    assert_eq!(emptied(&house, &quirks, &group).await.len(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_takes_one_operation_a_request_is_sent_one_each() {
    let style = ("patch_style = \"paths\"", "patch_style = \"single\"");
    let quirks = [style, ("add = \"array\"", "add = \"single\"")];
    let (house, group, sent) = staffed(&quirks, 5).await;
    assert_eq!(sent.len(), 5);
    let removed = emptied(&house, &quirks, &group).await;
    assert_eq!(removed.len(), 5);
    assert!(sent.iter().chain(&removed).all(|each| operations(each).len() == 1), "{sent:?} {removed:?}");
    // An array is one operation.
    let quirks = [style];
    let (house, group, sent) = staffed(&quirks, 5).await;
    assert_eq!((sent.len(), operations(&sent[0]).len(), added(&sent[0]).len()), (1, 1, 5));
    assert_eq!(emptied(&house, &quirks, &group).await.len(), 5);
    let quirks = [style, ("remove = \"value_path\"", "remove = \"array\"")];
    let (house, group, _) = staffed(&quirks, 5).await;
    assert_eq!(emptied(&house, &quirks, &group).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_bear_a_type_where_the_target_asks_for_it() {
    let quirks = [("member_type = false", "member_type = true")];
    let (house, group, sent) = staffed(&quirks, 4).await;
    let values: Vec<&Json> = operations(&sent[0]).iter().flat_map(|each| each["value"].as_array().unwrap()).collect();
    assert_eq!(values.len(), 4);
    assert!(values.iter().all(|value| value["type"] == "User" && value.as_object().unwrap().len() == 2), "{values:?}");
    emptied(&house, &quirks, &group).await;
    let (_, _, sent) = staffed(&[], 1).await;
    assert_eq!(sent[0].body["Operations"][0]["value"][0].as_object().unwrap().len(), 1, "and nowhere else");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plans_say_what_is_special_about_the_groups_they_write() {
    let said = |plan: &PlanFile| -> BTreeSet<FindingKind> {
        let operations = plan.apps[0].operations.iter();
        operations.flat_map(|each| each.findings.iter().map(|finding| finding.kind)).collect()
    };
    let with = rules(STAFF);
    let guarded = app("[guard]\nprotected_groups = [\"Staff\"]\nprivileged = [\"group:Staff\"]\n");
    let quirks = [("mode = \"full\"", "mode = \"membership_only\""), ("unverified = false", "unverified = true")];
    let house = House::build(Plan { rules: &with, app: &guarded, quirks: &quirks, ..Plan::default() }).await;
    let group = house.new_group("Staff").await;
    house.import(&people(2), true).await.unwrap();
    let plan = house.plan().await;
    let expected = [FindingKind::Privileged, FindingKind::ProtectedGroup, FindingKind::UnverifiedForm];
    assert!(said(&plan).is_superset(&BTreeSet::from(expected)), "{:?}", said(&plan));
    house.sync().await;
    assert_eq!(house.pending().await.len(), 2, "a privileged group is granted by an approver");
    assert_eq!(assigned(&house, &group), BTreeSet::new());
    house.decide_all(true).await;
    house.sync().await;
    assert_eq!(assigned(&house, &group).len(), 2);
    // The groups of an account are the target's to say, never a rule's.
    let literal = "fn account(user) { #{ userName: user.email, groups: [#{ value: \"staff\" }] } }";
    let bundle = house.bundle(&Plan { rules: literal, app: &guarded, quirks: &quirks, ..Plan::default() });
    let refused = Command::Apply { bundle, base: Some(RevisionNumber(1)), comment: "test".into(), dry_run: false };
    let refused = format!("{:?}", house.ask(refused).await.unwrap_err());
    assert!(refused.contains("use `fn entitlements(user)`"), "{refused}");
    let path = "fn account(user) { #{ userName: user.email, \"groups.value\": \"staff\" } }";
    house.apply(&Plan { rules: path, app: &guarded, quirks: &quirks, ..Plan::default() }).await;
    let plan = house.plan().await;
    assert!(said(&plan).contains(&FindingKind::GroupsWritten), "{:?}", said(&plan));
    house.tap.take();
    assert_eq!(house.sync().await.writes, 0, "refused, for each of them: {:?}", house.tap.take());
}
