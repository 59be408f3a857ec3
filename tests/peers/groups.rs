//! Groups at servers that others wrote: what third parties have there can be made, and pictured so that every change of it shows.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;

use crate::peer::{Peer, start_canaille, start_scim2_server, start_scimmy};
use crate::tap::Sent;
use crate::third::ThirdParty;
use crate::town::{GRANTS, Person, Town};

async fn third_parties_are_pictured(peer: Peer) {
    let names: Vec<String> = ["Theirs", "Shared"].map(str::to_owned).to_vec();
    let third = ThirdParty::seed(&peer, 10, &names).await;
    let before = third.picture(&peer, |_, _| false).await;
    assert_eq!(before.len(), 12);
    let shared = &third.groups["Shared"];
    for (number, outsider) in third.users.iter().enumerate() {
        let listed = before[&format!("/Groups/{shared}")].contains(&outsider.member);
        assert_eq!(listed, (3..6).contains(&number), "outsider {number}");
    }

    // An edge of ours in a shared group is no change of theirs.
    let name = Person::user_name(1);
    let user = peer
        .seed(&json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": name,
            "active": true,
        }))
        .await;
    peer.seed_members(shared, std::slice::from_ref(&user)).await;
    let ours = peer.member(&user, &name);
    let now = third.picture(&peer, |group, member| group == shared && member == ours).await;
    ThirdParty::is_as_it_was(&before, &now);

    // One of theirs is, and so is a changed value.
    let newcomer = format!("/Users/{}", third.users[9].id);
    peer.seed_members(shared, std::slice::from_ref(&third.users[9].id)).await;
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "displayName", "value": "Somebody" }],
    });
    let somebody = format!("/Users/{}", third.users[8].id);
    let (status, _) = peer.send(Method::PATCH, &somebody, Some(&body)).await;
    assert!(matches!(status, 200 | 204));
    let now = third.picture(&peer, |group, member| group == shared && member == ours).await;
    let changed: BTreeSet<&String> = before.keys().filter(|path| before[*path] != now[*path]).collect();
    let group = format!("/Groups/{shared}");
    let mut expected = BTreeSet::from([&group, &somebody]);
    expected.extend(peer.traits.user_groups.then_some(&newcomer));
    assert_eq!(changed, expected);
}

#[tokio::test]
async fn third_parties_are_pictured_at_scim2_server() {
    third_parties_are_pictured(start_scim2_server()).await;
}

#[tokio::test]
async fn third_parties_are_pictured_at_scimmy() {
    third_parties_are_pictured(start_scimmy()).await;
}

#[tokio::test]
async fn third_parties_are_pictured_at_canaille() {
    third_parties_are_pictured(start_canaille()).await;
}

#[test]
fn the_town_has_as_many_edges_as_it_says() {
    let mut town = Town::new(500, 40);
    let count = |town: &Town| town.edges().values().map(BTreeSet::len).sum::<usize>();
    assert_eq!(town.groups().len(), 40);
    assert_eq!(town.edges().into_keys().collect::<BTreeSet<_>>(), town.groups().into_iter().collect());
    assert_eq!(count(&town), 500 * GRANTS);
    town.departments = false;
    assert_eq!(count(&town), 500 * (GRANTS - 1));
    assert_eq!(town.groups().len(), 40);
}

#[test]
fn member_requests_are_told_from_others_and_counted() {
    let sent = |method: &str, path: &str, operations: serde_json::Value| Sent {
        method: method.to_owned(),
        path: path.to_owned(),
        body: json!({ "Operations": operations }).to_string(),
    };
    let add = sent("PATCH", "/v2/Groups/1", json!([{ "op": "add", "path": "members", "value": [{}, {}, {}] }]));
    assert!(add.changes_members());
    assert_eq!(add.members(), (3, 0));
    let one = json!({ "op": "remove", "path": "members[value eq \"1\"]" });
    assert_eq!(sent("PATCH", "/v2/Groups/1", json!([one, one])).members(), (0, 2));
    assert!(!sent("PATCH", "/v2/Users/1", json!([])).changes_members());
    assert!(!sent("POST", "/v2/Groups", json!([])).changes_members());
    assert!(!sent("GET", "/v2/Groups/1", json!([])).changes_members());
}
