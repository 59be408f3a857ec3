//! Groups: what each kind of target lets a client do with them, in which form, and what it shows of it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Value as Json, json};
use usher::sandbox::{Crowd, GroupSeed, Options, Seed};

use super::{GROUP, Served, connector, shipped};

fn patch(operations: &Json) -> Json {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations })
}

fn add(ids: &[&str]) -> Json {
    let members: Vec<Json> = ids.iter().map(|id| json!({ "value": id })).collect();
    json!([{ "op": "add", "path": "members", "value": members }])
}

fn remove(id: &str) -> Json {
    json!([{ "op": "remove", "path": format!("members[value eq \"{id}\"]") }])
}

fn roles(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

impl Served {
    /// The status and `scimType` that a PATCH of a group gets.
    async fn change(&self, group: &str, operations: Json) -> (u16, String) {
        let (status, body) = self.send(Method::PATCH, &format!("/Groups/{group}"), &patch(&operations)).await;
        (status.as_u16(), body["scimType"].as_str().unwrap_or_default().to_owned())
    }

    /// Whom the group shows.
    async fn members(&self, group: &str) -> Vec<String> {
        let (_, body) = self.get(&format!("/Groups/{group}")).await;
        let members = body["members"].as_array().cloned().unwrap_or_default();
        members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect()
    }

    /// Names of the groups that the user shows.
    async fn groups_of(&self, user: &str) -> Vec<String> {
        let (_, body) = self.get(&format!("/Users/{user}")).await;
        let groups = body["groups"].as_array().cloned().unwrap_or_default();
        groups.iter().map(|group| group["display"].as_str().unwrap().to_owned()).collect()
    }

    async fn people(&self, number: usize) -> Vec<String> {
        let mut ids = Vec::new();
        for n in 0..number {
            ids.push(self.created(json!({ "userName": format!("p{n}@x.example") })).await);
        }
        ids.sort();
        ids
    }
}

#[tokio::test]
async fn members_are_added_and_removed_in_every_form_of_the_rfc_and_replaced_only_on_demand() {
    let served = Served::plain("generic-scim2").await;
    let ids = served.people(4).await;
    let group = served.sandbox.add_group("crew", &[&ids[0]]);
    let done = (200, String::new());
    assert_eq!(served.change(&group, add(&[&ids[1], &ids[2]])).await, done);
    let one = json!([{ "op": "add", "path": "members", "value": { "value": ids[3] } }]);
    assert_eq!(served.change(&group, one).await, done);
    assert_eq!(served.members(&group).await, ids);
    assert_eq!(served.change(&group, add(&[&ids[1]])).await, done, "one who is there already");
    assert_eq!(served.members(&group).await, ids);
    assert_eq!(served.change(&group, remove(&ids[0])).await, done);
    assert_eq!(served.change(&group, remove(&ids[0])).await, done, "one who is not there any more");
    assert_eq!(served.members(&group).await, ids[1..]);
    let without_path = json!([{ "op": "Add", "value": { "members": [{ "value": ids[0] }], "displayName": "Crew" } }]);
    assert_eq!(served.change(&group, without_path).await, done);
    assert_eq!((served.members(&group).await, served.groups_of(&ids[0]).await), (ids.clone(), vec!["Crew".to_owned()]));
    let replaced = json!([{ "op": "replace", "path": "members", "value": [{ "value": ids[2] }] }]);
    assert_eq!(served.change(&group, replaced).await, done);
    assert_eq!(served.members(&group).await, ids[2..3]);
    assert_eq!(served.change(&group, json!([{ "op": "remove", "path": "members" }])).await, done);
    assert!(served.members(&group).await.is_empty());
    // One bad operation, and none of them counts.
    let half = json!([add(&[&ids[0]])[0], add(&["nobody"])[0]]);
    assert_eq!(served.change(&group, half).await, (400, "invalidValue".into()));
    assert!(served.members(&group).await.is_empty());
}

#[tokio::test]
async fn forms_that_the_connector_does_not_have_are_refused() {
    let forms = "[groups]\nadd = \"single\"\nremove = \"array\"\nmember_type = true\nmembers_max = 2\nbytes_max = 600";
    let served = Served::new(connector(forms), |_| {}).await;
    let ids = served.people(3).await;
    let group = served.sandbox.add_group("crew", &[]);
    let typed = |id: &str| json!({ "op": "add", "path": "members", "value": [{ "value": id, "type": "User" }] });
    assert_eq!(served.change(&group, add(&[&ids[0]])).await, (400, "invalidValue".into()), "no type");
    let two = json!([{ "op": "add", "path": "members", "value": [
        { "value": ids[0], "type": "User" }, { "value": ids[1], "type": "User" }] }]);
    assert_eq!(served.change(&group, two).await, (400, "invalidValue".into()), "two in one operation");
    assert_eq!(served.change(&group, json!([typed(&ids[0]), typed(&ids[1])])).await.0, 200);
    let three = json!([typed(&ids[0]), typed(&ids[1]), typed(&ids[2])]);
    assert_eq!(served.change(&group, three).await, (400, "tooMany".into()));
    assert_eq!(served.change(&group, remove(&ids[0])).await, (400, "invalidPath".into()));
    let listed = json!([{ "op": "remove", "path": "members", "value": [{ "value": ids[0] }] }]);
    assert_eq!(served.change(&group, listed.clone()).await.0, 200);
    assert_eq!(served.members(&group).await, [ids[1].clone()]);
    let long = json!([{ "op": "replace", "path": "displayName", "value": "x".repeat(600) }]);
    assert_eq!(served.change(&group, long).await.0, 413);
    // The other way round: a strict server takes no list.
    let strict = Served::plain("generic-scim2").await;
    let group = strict.sandbox.add_group("crew", &[]);
    assert_eq!(strict.change(&group, listed).await, (400, "invalidValue".into()));
}

#[tokio::test]
async fn nullplatform_takes_members_alone_and_shows_only_who_holds_every_role() {
    let served = Served::plain("nullplatform").await;
    let user = served.people(1).await.remove(0);
    let like = |name: &str, gives: &[&str], requires: &[&str]| GroupSeed {
        display_name: name.into(),
        gives: roles(gives),
        requires: roles(requires),
        ..GroupSeed::default()
    };
    let developers = served.sandbox.add_group_like(&like("Developers", &["developer"], &["developer"]));
    let owners = served.sandbox.add_group_like(&like("Owners", &["owner"], &["owner", "admin"]));
    let admins = served.sandbox.add_group_like(&like("Admins", &["admin"], &["admin"]));
    assert_eq!(served.change(&developers, add(&[&user])).await.0, 200);
    assert_eq!(served.members(&developers).await, std::slice::from_ref(&user));
    // Accepted, and not effective: one of two roles is missing.
    assert_eq!(served.change(&owners, add(&[&user])).await.0, 200);
    assert!(served.members(&owners).await.is_empty());
    assert_eq!(served.groups_of(&user).await, ["Developers"]);
    assert_eq!(served.change(&admins, add(&[&user])).await.0, 200);
    assert_eq!(served.groups_of(&user).await, ["Developers", "Owners", "Admins"]);
    let (_, found) = served.get(&format!("/Groups?filter=members.value%20eq%20%22{user}%22")).await;
    assert_eq!(found["totalResults"], 3);
    assert_eq!(served.change(&admins, remove(&user)).await.0, 200);
    assert_eq!(served.groups_of(&user).await, ["Developers"], "the second role is gone, and two groups with it");
    served.sandbox.give_role(&user, "admin");
    assert_eq!(served.groups_of(&user).await, ["Developers", "Owners", "Admins"]);
    assert_eq!(served.change(&admins, remove(&user)).await.0, 200);
    assert_eq!(
        served.members(&admins).await,
        std::slice::from_ref(&user),
        "what their admin gave is not taken by a removal"
    );
    // The groups themselves are never written, and a list is never replaced.
    let path = format!("/Groups/{owners}");
    let whole = json!({ "schemas": [GROUP], "displayName": "Mine" });
    assert_eq!(served.send(Method::POST, "/Groups", &whole).await.0, 405);
    assert_eq!(served.send(Method::PUT, &path, &whole).await.0, 405);
    assert_eq!(served.request(Method::DELETE, &path).send().await.unwrap().status(), 405);
    let refused = (400, "mutability".to_owned());
    let renamed = json!([{ "op": "replace", "path": "displayName", "value": "Mine" }]);
    assert_eq!(served.change(&owners, renamed).await, refused);
    let all = json!([{ "op": "replace", "path": "members", "value": [] }]);
    assert_eq!(served.change(&owners, all).await, refused);
    assert_eq!(served.change(&owners, json!([{ "op": "remove", "path": "members" }])).await, refused);
    let read_only = json!([{ "op": "add", "path": "groups", "value": [{ "value": owners }] }]);
    assert_eq!(served.patch(&user, read_only).await.1["scimType"], "mutability");
    let views = served.sandbox.groups();
    let assigned: Vec<usize> = views.iter().map(|group| group.assigned.len()).collect();
    assert_eq!(assigned, [1, 1, 0]);
}

#[tokio::test]
async fn members_show_where_the_connector_says_and_nowhere_else() {
    for (read, in_group, in_user, by_filter) in [
        ("group", true, true, true),
        ("user", false, true, false),
        ("filter", false, false, true),
        ("none", false, false, false),
    ] {
        let served = Served::new(connector(&format!("[groups]\nread = \"{read}\"")), |_| {}).await;
        let user = served.people(1).await.remove(0);
        let group = served.sandbox.add_group("crew", &[]);
        assert_eq!(served.change(&group, add(&[&user])).await.0, 200, "{read}");
        let (_, found) = served.get(&format!("/Groups?filter=members.value%20eq%20%22{user}%22")).await;
        let shown = (
            !served.members(&group).await.is_empty(),
            !served.groups_of(&user).await.is_empty(),
            found["totalResults"] == 1,
        );
        assert_eq!(shown, (in_group, in_user, by_filter), "{read}");
        assert_eq!(served.sandbox.groups()[0].members, [user], "{read}: he is in it all the same");
    }
}

#[tokio::test]
async fn lists_of_groups_leave_members_out_on_request() {
    let served = Served::plain("generic-scim2").await;
    let user = served.people(1).await.remove(0);
    served.sandbox.add_group("crew", &[&user]);
    assert_eq!(served.get("/Groups").await.1["Resources"][0]["members"][0]["value"], user.as_str());
    let (_, page) = served.get("/Groups?excludedAttributes=members").await;
    assert_eq!((&page["Resources"][0]["members"], &page["Resources"][0]["displayName"]), (&Json::Null, &json!("crew")));
    let (_, page) = served.get("/Groups?attributes=displayName").await;
    assert_eq!(page["Resources"][0]["members"], Json::Null);
}

#[tokio::test]
async fn a_target_may_list_a_member_twice_or_hide_them_all() {
    let served = Served::plain("generic-scim2").await;
    let user = served.people(1).await.remove(0);
    let group = served.sandbox.add_group("crew", &[]);
    served.faults(&["member-twice:1.0"]);
    served.change(&group, add(&[&user])).await;
    assert_eq!(served.members(&group).await.len(), 1);
    served.change(&group, add(&[&user])).await;
    assert_eq!(served.members(&group).await, [user.clone(), user.clone()]);
    served.faults(&["members-hidden:1.0"]);
    assert!(served.members(&group).await.is_empty());
    served.faults(&[]);
    served.change(&group, remove(&user)).await;
    assert!(served.members(&group).await.is_empty());
}

#[tokio::test]
async fn groups_that_are_only_read_and_targets_without_any_refuse_every_write() {
    let served = Served::new(connector("[groups]\nmode = \"read_only\""), |_| {}).await;
    let user = served.people(1).await.remove(0);
    let group = served.sandbox.add_group("crew", &[]);
    assert_eq!(served.change(&group, add(&[&user])).await.0, 405);
    assert_eq!(served.get("/Groups").await.1["totalResults"], 1);
    assert_eq!(Served::plain("nulab-pass").await.get("/Groups").await.0, 404);
}

#[tokio::test]
async fn groups_are_there_from_the_start_with_their_roles() {
    let served = Served::new(shipped("nullplatform"), |settings| {
        settings.seed = Seed::Count(6);
        settings.crowd = Crowd { made_up: 3, ..Crowd::default() };
    })
    .await;
    let shown: Vec<(String, usize, usize)> = served
        .sandbox
        .groups()
        .into_iter()
        .map(|each| (each.display_name, each.assigned.len(), each.members.len()))
        .collect();
    // The third requires the role of the first, too, which none of its members has.
    assert_eq!(shown, [("Group 1".into(), 2, 2), ("Group 2".into(), 2, 2), ("Group 3".into(), 2, 0)]);
    assert!(served.sandbox.groups().iter().all(|group| group.third_party));
}

#[test]
fn a_file_of_groups_is_read_and_its_mistakes_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("groups.json");
    let prepared = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let clock = std::sync::Arc::new(usher::clock::ManualClock::at(usher::clock::Timestamp::from_millis(0)));
        let options = Options {
            connector: "nullplatform".into(),
            seed: Some("2".into()),
            groups: Some(PathBuf::from(&file).display().to_string()),
            ..Options::default()
        };
        options.prepare(clock).map(|sandbox| sandbox.groups()).map_err(|error| error.to_string())
    };
    let whole = json!({
        "Groups": [{ "displayName": "Owners", "id": "g1", "members": ["third.party.1@elsewhere.example"],
            "gives": ["owner"], "requires": ["owner", "admin"] }],
        "Roles": { "third.party.1@elsewhere.example": ["admin"] },
    });
    let groups = prepared(&whole.to_string()).unwrap();
    assert_eq!((groups[0].id.as_str(), groups[0].members.len()), ("g1", 1));
    assert!(prepared("[{\"displayName\": \"A\"}]").is_ok());
    assert!(prepared("[{\"name\": \"A\"}]").unwrap_err().contains("displayName"));
    assert!(prepared("[{\"displayName\": \"A\", \"members\": [\"x\"]}]").unwrap_err().contains("`x`"));
}
