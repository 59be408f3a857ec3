//! Granting: from a rule to the member of a group at the target, and back; never past what is not ours.

use std::collections::BTreeSet;

use serde_json::json;
use usher::clock::Span;
use usher::id::AppName;
use usher::provision::edge::{Edge, EdgeState};
use usher::provision::event::StatusKind;
use usher::store::query::EventQuery;

use super::house::{House, Plan, people};

const ACCOUNT: &str = "fn account(user) { #{ userName: user.email, displayName: user.display_name } }\n";
pub(crate) const STAFF: &str = "fn entitlements(user) { [grant(\"group\", \"Staff\")] }";

pub(crate) fn rules(entitlements: &str) -> String {
    format!("{ACCOUNT}{entitlements}")
}

impl House {
    pub(crate) async fn new_group(&self, name: &str) -> String {
        let id = self.sandbox.add_group(name, &[]);
        self.refresh().await;
        id
    }

    pub(crate) async fn group(&self, id: &str) -> BTreeSet<String> {
        let (status, body) = self.call("GET", &format!("/Groups/{id}"), None).await;
        assert_eq!(status, 200, "{body}");
        let members = body["members"].as_array().cloned().unwrap_or_default();
        members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect()
    }

    pub(crate) async fn put_member(&self, group: &str, op: &str, id: &str) {
        let operation = match op {
            "add" => json!({ "op": "add", "path": "members", "value": [{ "value": id }] }),
            _ => json!({ "op": "remove", "path": format!("members[value eq \"{id}\"]") }),
        };
        let body = json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": [operation] });
        assert_eq!(self.call("PATCH", &format!("/Groups/{group}"), Some(body)).await.0, 200);
    }

    pub(crate) fn id_of(&self, user_name: &str) -> String {
        self.sandbox.accounts().into_iter().find(|account| account.user_name == user_name).unwrap().id
    }

    pub(crate) async fn edges(&self) -> Vec<Edge> {
        let app = AppName::new("app").unwrap();
        let rows = self.engine.store().pairs_after(&app, None, 1_000).await.unwrap();
        rows.into_iter().flat_map(|row| row.edges).collect()
    }

    pub(crate) async fn sound(&self) {
        assert_eq!(self.engine.store().verify().await.unwrap().problems, Vec::<String>::new());
    }
}

pub(crate) fn count(edges: &[Edge], state: EdgeState) -> usize {
    edges.iter().filter(|edge| edge.state == state).count()
}

pub(crate) fn app(more: &str) -> String {
    format!("[assign]\nroles = [\"staff\"]\n{more}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_go_out_in_as_many_requests_as_chunking_needs_and_a_second_sync_sends_none() {
    let rules = rules(STAFF);
    let house = House::build(Plan { rules: &rules, ..Plan::default() }).await;
    let group = house.new_group("Staff").await;
    house.import(&people(250), true).await.unwrap();
    let sync = house.sync().await;
    assert_eq!(sync.ended.get(&StatusKind::Succeeded), Some(&250), "{sync:?}");
    assert_eq!(house.group(&group).await.len(), 250);
    // 250 accounts, and 100 + 100 + 50 members.
    assert_eq!(house.sandbox.writes(), 250 + 3);
    assert_eq!(count(&house.edges().await, EdgeState::Granted), 250);
    house.sound().await;
    let before = house.sandbox.requests();
    let again = house.sync().await;
    assert_eq!((again.requests, house.sandbox.requests() - before), (0, 0), "{again:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_is_taken_away_takes_back_only_what_was_ours() {
    let with = rules(STAFF);
    let house = House::build(Plan { rules: &with, ..Plan::default() }).await;
    let group = house.new_group("Staff").await;
    house.import(&people(4), true).await.unwrap();
    house.sync().await;
    // Somebody at the target adds an account of nobody's; and one that was there before us is found.
    let stranger = house.call("POST", "/Users", Some(json!({ "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "stranger@example.com" }))).await.1;
    let stranger = stranger["id"].as_str().unwrap().to_owned();
    house.put_member(&group, "add", &stranger).await;
    let none = rules("fn entitlements(user) { [] }");
    house.apply(&Plan { rules: &none, ..Plan::default() }).await;
    let sync = house.sync().await;
    assert_eq!(house.group(&group).await, BTreeSet::from([stranger]), "{sync:?}");
    assert_eq!(house.edges().await, Vec::new());
    house.sound().await;
    assert_eq!(house.sync().await.requests, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_in_the_group_before_is_found_and_never_removed() {
    let none = rules("fn entitlements(user) { [] }");
    let house = House::build(Plan { rules: &none, ..Plan::default() }).await;
    let group = house.new_group("Staff").await;
    house.import(&people(2), true).await.unwrap();
    house.sync().await;
    let id = house.id_of("p0@example.com");
    house.put_member(&group, "add", &id).await;
    let with = rules(STAFF);
    house.apply(&Plan { rules: &with, ..Plan::default() }).await;
    let before = house.sandbox.writes();
    house.sync().await;
    let edges = house.edges().await;
    assert_eq!((count(&edges, EdgeState::Found), count(&edges, EdgeState::Granted)), (1, 1), "{edges:?}");
    assert_eq!(house.sandbox.writes() - before, 1, "one member is sent, the other was there");
    house.apply(&Plan { rules: &none, ..Plan::default() }).await;
    house.sync().await;
    assert_eq!(house.group(&group).await, BTreeSet::from([id]));
    assert_eq!(house.edges().await, Vec::new());
    house.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_member_is_isolated_by_halving_and_the_others_are_granted() {
    let rules = rules(STAFF);
    let house = House::build(Plan { rules: &rules, ..Plan::default() }).await;
    let group = house.new_group("Staff").await;
    house.import(&people(8), true).await.unwrap();
    house.sync().await;
    // A second group, and one of the accounts vanishes at the target meanwhile: the group refuses it.
    let second = house.new_group("Second").await;
    assert!(house.sandbox.remove(&house.id_of("p5@example.com")));
    let both =
        format!("{ACCOUNT}fn entitlements(user) {{ [grant(\"group\", \"Staff\"), grant(\"group\", \"Second\")] }}");
    house.apply(&Plan { rules: &both, ..Plan::default() }).await;
    let before = house.sandbox.writes();
    let sync = house.sync().await;
    assert_eq!(sync.ended.get(&StatusKind::Succeeded), Some(&7), "{sync:?}");
    assert_eq!(sync.ended.get(&StatusKind::Failed), Some(&1), "{sync:?}");
    assert_eq!(house.group(&second).await.len(), 7);
    assert_eq!(house.group(&group).await.len(), 7, "the account that vanished is in no group");
    // 8, 4 | 4, 2 | 2, 1 | 1: refused at 8, 4, 2 and 1.
    assert_eq!(house.sandbox.writes() - before, 7);
    let query = EventQuery { statuses: vec![StatusKind::Failed], limit: 10, ..EventQuery::default() };
    let failed = house.engine.store().events(query).await.unwrap().items;
    let usher::provision::Status::Failed { failure } = &failed[0].status else { panic!("{failed:?}") };
    assert!(failure.detail.starts_with("add to group “Second”: the target answered 400"), "{}", failure.detail);
    house.sound().await;
    // It is not asked again until a day has passed.
    assert_eq!(house.sync().await.writes, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_that_is_not_there_is_said_and_created_only_where_the_app_says_so() {
    let rules = rules(STAFF);
    let house = House::build(Plan { rules: &rules, ..Plan::default() }).await;
    house.import(&people(3), true).await.unwrap();
    let plan = house.plan().await;
    let said: Vec<String> = plan.apps[0].operations[0].findings.iter().map(ToString::to_string).collect();
    assert!(said.iter().any(|line| line.contains("no group “Staff” at the target")), "{said:?}");
    let sync = house.sync().await;
    assert_eq!(sync.ended.get(&StatusKind::Succeeded), Some(&3), "attributes flow: {sync:?}");
    assert_eq!(house.sync().await.requests, 0);
    let create = app("[entitlements]\ncreate_missing = true\n");
    house.apply(&Plan { rules: &rules, app: &create, ..Plan::default() }).await;
    let before = house.sandbox.writes();
    let sync = house.sync().await;
    assert_eq!(house.sandbox.writes() - before, 2, "one group, one request with its members: {sync:?}");
    let catalogue = house.engine.store().catalogue(&AppName::new("app").unwrap()).await.unwrap();
    let made = catalogue.entitlements.values().next().unwrap();
    assert!(made.created && made.name == "Staff", "{made:?}");
    assert_eq!(house.group(&made.key.remote_id).await.len(), 3);
    house.sound().await;
    assert_eq!(house.sync().await.requests, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_keeps_his_memberships_unless_the_app_says_otherwise() {
    for (policy, left) in [("", 3), ("[leaving]\nrevoke_on_leave = true\n", 2)] {
        let (rules, policy) = (rules(STAFF), app(policy));
        let house = House::build(Plan { rules: &rules, app: &policy, ..Plan::default() }).await;
        let group = house.new_group("Staff").await;
        house.import(&people(3), true).await.unwrap();
        house.sync().await;
        house
            .edit("p1@example.com", usher::engine::command::Edit::Stand(usher::directory::user::Standing::Suspended))
            .await;
        let sync = house.sync().await;
        assert_eq!(sync.ended.get(&StatusKind::Succeeded), Some(&1), "{sync:?}");
        assert!(!house.accounts()["p1@example.com"]);
        assert_eq!(house.group(&group).await.len(), left, "{policy}");
        house.sound().await;
        assert_eq!(house.sync().await.requests, 0);
        house.edit("p1@example.com", usher::engine::command::Edit::Restore).await;
        house.sync().await;
        assert!(house.accounts()["p1@example.com"]);
        assert_eq!(house.group(&group).await.len(), 3, "back again");
        assert_eq!(count(&house.edges().await, EdgeState::Granted), 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_removals_wait_as_one_batch_counted_by_membership() {
    let with = rules(STAFF);
    let house = House::build(Plan { rules: &with, ..Plan::default() }).await;
    let group = house.new_group("Staff").await;
    house.import(&people(60), true).await.unwrap();
    house.sync().await;
    let none = rules("fn entitlements(user) { [] }");
    house.apply(&Plan { rules: &none, ..Plan::default() }).await;
    let sync = house.sync().await;
    assert_eq!(sync.waiting.get(&StatusKind::Pending), Some(&60), "{sync:?}");
    assert_eq!(house.group(&group).await.len(), 60);
    house.sound().await;
    house.decide_all(true).await;
    house.sync().await;
    assert_eq!(house.group(&group).await.len(), 0);
    house.sound().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_in_trouble_is_tried_again_and_converges() {
    let rules = rules(STAFF);
    let house = House::build(Plan { rules: &rules, ..Plan::default() }).await;
    let group = house.new_group("Staff").await;
    house.import(&people(20), true).await.unwrap();
    house.sandbox.set_faults(usher::sandbox::Faults::parse(&["503:0.6:PATCH"]).unwrap());
    for _ in 0..6 {
        house.sync().await;
        house.sandbox.set_faults(usher::sandbox::Faults::default());
        house.advance(Span::from_secs(600));
    }
    assert_eq!(house.group(&group).await.len(), 20);
    house.sound().await;
    assert_eq!(house.sync().await.requests, 0);
}
