//! Planet Express is provisioned into servers that others wrote: who arrives, what is left alone, what one change sends, who leaves, who
//! comes back, and what an adoption does. Every test runs against all of them.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::company::Company;
use crate::crew::{ARRIVALS, ThirdParties};
use crate::peer::{Peer, start_canaille, start_scim2_server, start_scimmy};
use crate::tap::Sent;

/// Everything at the server by id, byte for byte.
async fn everything(company: &Company) -> BTreeMap<String, Vec<u8>> {
    let mut accounts = BTreeMap::new();
    for member in ARRIVALS {
        let id = company.remote_id(member.uid);
        let account = company.peer.raw(&format!("/Users/{id}")).await;
        accounts.insert(id, account);
    }
    accounts
}

/// An account without what the server says about it.
fn plain(mut account: Json) -> Json {
    let parts = account.as_object_mut().unwrap();
    parts.remove("meta");
    parts.remove("schemas");
    account
}

async fn account(company: &Company, id: &str) -> Json {
    plain(company.peer.get(&format!("/Users/{id}")).await)
}

fn methods(sent: &[Sent]) -> Vec<&str> {
    sent.iter().map(|sent| sent.method.as_str()).collect()
}

/// Kind → verdict → count of a plan of the app.
fn operations(plan: &Json) -> &Json {
    &plan["apps"][0]["summary"]["counts"]["operations"]
}

async fn everybody_arrives(peer: Peer) {
    let company = Company::found(peer).await;
    let third_parties = ThirdParties::seed(&company.peer).await;
    company.usher(&["apply"]);
    company.import();

    let plan = company.usher(&["plan"]);
    assert_eq!(operations(&plan), &json!({ "create": { "queued": 6 }, "link": { "pending": 1 } }));
    let looked = company.sent();
    assert!(!looked.is_empty() && !looked.iter().any(Sent::writes), "a plan only reads\n{looked:#?}");

    let writes = company.sync_writes();
    assert_eq!(methods(&writes), ["POST"; 6], "{writes:#?}");
    assert_eq!(company.peer.count().await, 8);
    for member in ARRIVALS {
        let rows = company.usher(&["status", "--user", member.uid]);
        let user = &rows[0]["account"]["user"];
        let found = company.peer.users_called(member.user_name).await;
        assert_eq!(found.len(), 1, "{}", member.user_name);
        let external_id = found[0]["externalId"].as_str().unwrap_or_default();
        if company.peer.traits.external_id {
            let (instance, uuid) = external_id.split_once(':').unwrap();
            assert_eq!((instance.len(), uuid.len()), (32, 36), "{external_id}");
            assert_eq!(format!("usr_{}", uuid.replace('-', "")), *user, "{external_id}");
        }
        let id = company.remote_id(member.uid);
        assert_eq!(account(&company, &id).await, member.account(&company.peer, &id, external_id));
        assert_eq!(company.shown(member.uid), "Provisioned");
    }
    third_parties.are_as_they_were(&company.peer).await;

    company.sync_is_quiet();
    let plan = company.usher(&["plan"]);
    assert_eq!(operations(&plan), &json!({}));
    assert!(company.sent().is_empty());
    third_parties.are_as_they_were(&company.peer).await;
}

async fn one_changed_attribute_is_one_write(peer: Peer) {
    let third_parties = ThirdParties::seed(&peer).await;
    let company = Company::provisioned(peer).await;
    let before = everything(&company).await;
    let fry = company.remote_id("fry");

    company.edit("10_people_fry.ldif", "givenName: Philip\n", "givenName: Philip\ntitle: Executive Delivery Boy\n");
    company.import();
    let plan = company.usher(&["plan"]);
    let changes = &plan["apps"][0]["operations"][0]["operation"]["changes"];
    assert_eq!(changes, &json!([{ "path": "title", "old": "Delivery boy", "new": "Executive Delivery Boy" }]));
    let writes = company.sync_writes();
    assert_eq!(methods(&writes), ["PATCH"], "{writes:#?}");
    assert!(writes[0].path.ends_with(&format!("/Users/{fry}")), "{writes:#?}");
    let body: Json = serde_json::from_str(&writes[0].body).unwrap();
    let operations = json!([{ "op": "replace", "path": "title", "value": "Executive Delivery Boy" }]);
    assert_eq!(body["Operations"], operations);

    let mut expected: Json = plain(serde_json::from_slice(&before[&fry]).unwrap());
    expected["title"] = "Executive Delivery Boy".into();
    assert_eq!(account(&company, &fry).await, expected);
    for (id, bytes) in everything(&company).await.into_iter().filter(|(id, _)| *id != fry) {
        assert_eq!(String::from_utf8_lossy(&bytes), String::from_utf8_lossy(&before[&id]));
    }
    third_parties.are_as_they_were(&company.peer).await;
    company.sync_is_quiet();
}

async fn values_come_and_go(peer: Peer) {
    const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let third_parties = ThirdParties::seed(&peer).await;
    let company = Company::provisioned(peer).await;
    let before = everything(&company).await;
    let changes = [
        ("fry", "10_people_fry.ldif", "employeeType: Delivery boy\n", ""),
        ("professor", "10_people_professor.ldif", "mail: hubert@planetexpress.com\n", ""),
        ("zoidberg", "10_people_zoidberg.ldif", "ou: Staff\n", ""),
        ("amy", "10_people_amy.ldif", "ou: Intern\n", "ou: Doctor\nmail: kroker@planetexpress.com\ntitle: Ph.D.\n"),
    ];
    for (_, file, old, new) in changes {
        company.edit(file, old, new);
    }
    company.import();
    assert_eq!(methods(&company.sync_writes()), ["PATCH"; 4]);
    let mut expected: BTreeMap<&str, Json> = BTreeMap::new();
    for (uid, ..) in changes {
        expected.insert(uid, plain(serde_json::from_slice(&before[&company.remote_id(uid)]).unwrap()));
    }
    expected.get_mut("fry").unwrap().as_object_mut().unwrap().remove("title");
    expected.get_mut("professor").unwrap()["emails"].as_array_mut().unwrap().pop();
    expected.get_mut("zoidberg").unwrap().as_object_mut().unwrap().remove(ENTERPRISE);
    let amy = expected.get_mut("amy").unwrap();
    amy["title"] = "Ph.D.".into();
    amy[ENTERPRISE]["department"] = "Doctor".into();
    let other = json!({ "value": "kroker@planetexpress.com", "type": "other", "primary": false });
    amy["emails"].as_array_mut().unwrap().push(other);
    *amy = company.peer.traits.fit(amy);
    for (uid, wanted) in &expected {
        let mut account = account(&company, &company.remote_id(uid)).await;
        // Without a department the extension may be there, empty, or not at all.
        if account[ENTERPRISE].as_object().is_some_and(serde_json::Map::is_empty) {
            account.as_object_mut().unwrap().remove(ENTERPRISE);
        }
        assert_eq!(&account, wanted, "{uid}");
    }
    company.sync_is_quiet();

    for (_, file, ..) in changes {
        company.restore(file);
    }
    company.import();
    assert_eq!(methods(&company.sync_writes()), ["PATCH"; 4]);
    for member in ARRIVALS {
        only_active_differs(&company, member.uid, &before, true).await;
    }
    third_parties.are_as_they_were(&company.peer).await;
    company.sync_is_quiet();
}

/// An account that is as it was, apart from `active`.
async fn only_active_differs(company: &Company, uid: &str, before: &BTreeMap<String, Vec<u8>>, active: bool) {
    let id = company.remote_id(uid);
    let mut expected = plain(serde_json::from_slice(&before[&id]).unwrap());
    expected["active"] = active.into();
    assert_eq!(account(company, &id).await, expected, "{uid}");
}

async fn leavers_are_deactivated_and_come_back(peer: Peer) {
    const MISSING: [&str; 3] = ["amy", "hermes", "professor"];
    const FILES: [&str; 3] = ["10_people_amy.ldif", "10_people_hermes.ldif", "10_people_professor.ldif"];
    let third_parties = ThirdParties::seed(&peer).await;
    let company = Company::provisioned(peer).await;
    let before = everything(&company).await;

    // One by hand.
    company.usher(&["users", "suspend", "zoidberg"]);
    let writes = company.sync_writes();
    assert_eq!(methods(&writes), ["PATCH"], "{writes:#?}");
    only_active_differs(&company, "zoidberg", &before, false).await;
    assert_eq!(company.shown("zoidberg"), "Deactivated");

    // Three are missing from a full import: it waits for an admin, and until then nothing happens to anybody.
    company.take_out(&FILES);
    let parked = company.import_ends(3);
    assert!(parked["import"]["state"]["parked"].is_object(), "{parked:#}");
    company.sync_is_quiet();
    company.usher(&["imports", "apply", parked["import"]["id"].as_str().unwrap(), "--accept-shrink", "3"]);

    // More than two leave a small app within a day: one batch that waits for an approver.
    assert!(company.sync_writes().is_empty());
    for uid in MISSING {
        only_active_differs(&company, uid, &before, true).await;
    }
    let waiting = company.usher(&["approvals", "list"]);
    let leaving: Vec<&Json> =
        waiting.as_array().unwrap().iter().filter(|event| event["operation"]["kind"] == "deactivate").collect();
    assert_eq!(leaving.len(), 3, "{waiting:#}");
    let batch = leaving[0]["batch"].as_str().unwrap();
    company.usher(&["approvals", "approve", "--batch", batch, "--comment", "they left"]);
    let writes = company.sync_writes();
    assert_eq!(methods(&writes), ["PATCH"; 3], "{writes:#?}");
    for uid in MISSING {
        only_active_differs(&company, uid, &before, false).await;
    }
    for uid in ["bender", "fry"] {
        let id = company.remote_id(uid);
        assert_eq!(company.peer.raw(&format!("/Users/{id}")).await, before[&id], "{uid}");
    }
    third_parties.are_as_they_were(&company.peer).await;
    company.sync_is_quiet();

    // Everybody returns, to the account he had.
    company.put_back(&FILES);
    company.import();
    company.usher(&["users", "restore", "zoidberg"]);
    let writes = company.sync_writes();
    assert_eq!(methods(&writes), ["PATCH"; 4], "{writes:#?}");
    assert_eq!(company.peer.count().await, 8);
    for member in ARRIVALS {
        assert!(before.contains_key(&company.remote_id(member.uid)), "{} has another id", member.uid);
        only_active_differs(&company, member.uid, &before, true).await;
    }
    third_parties.are_as_they_were(&company.peer).await;
    company.sync_is_quiet();

    // The history tells it, newest first.
    let history = company.usher(&["history", "--user", "amy"]);
    let told: Vec<&Json> =
        history["events"].as_array().unwrap().iter().map(|event| &event["operation"]["kind"]).collect();
    assert_eq!(told, ["reactivate", "deactivate", "create"], "{history:#}");
    let left = &history["events"][1];
    assert_eq!(left["decisions"][0]["comment"], "they left", "{left:#}");
}

async fn a_rename_keeps_the_id(peer: Peer) {
    let third_parties = ThirdParties::seed(&peer).await;
    let company = Company::provisioned(peer).await;
    let before = everything(&company).await;
    let fry = company.remote_id("fry");

    company.usher(&["users", "set", "fry", "username=Philip \"Lars\" Fry"]);
    let writes = company.sync_writes();
    assert!(writes.iter().all(|sent| sent.method == "PATCH" && sent.path.ends_with(&fry)), "{writes:#?}");
    assert_eq!(company.remote_id("fry"), fry);
    let mut expected: Json = plain(serde_json::from_slice(&before[&fry]).unwrap());
    expected["userName"] = "Philip \"Lars\" Fry".into();
    expected["name"]["formatted"] = "Philip \"Lars\" Fry".into();
    assert_eq!(account(&company, &fry).await, expected);
    assert_eq!(company.peer.count().await, 8);
    third_parties.are_as_they_were(&company.peer).await;
    company.sync_is_quiet();

    company.usher(&["users", "set", "fry", "--lift", "username"]);
    company.sync();
    expected["userName"] = "Philip J. Fry".into();
    expected["name"]["formatted"] = "Philip J. Fry".into();
    assert_eq!(account(&company, &fry).await, expected);
    company.sync_is_quiet();
}

async fn an_adoption_fills_what_is_empty(peer: Peer) {
    let third_parties = ThirdParties::seed(&peer).await;
    let company = Company::provisioned(peer).await;
    let waiting = company.usher(&["approvals", "list"]);
    assert_eq!(waiting.as_array().unwrap().len(), 1, "{waiting:#}");
    assert_eq!(waiting[0]["operation"]["kind"], "link", "{waiting:#}");
    assert_eq!(waiting[0]["operation"]["remote_id"], third_parties.leela.as_str(), "{waiting:#}");
    third_parties.are_as_they_were(&company.peer).await;

    company.usher(&["approvals", "approve", waiting[0]["id"].as_str().unwrap(), "--comment", "it is hers"]);
    third_parties.are_as_they_were(&company.peer).await;
    let writes = company.sync_writes();
    assert_eq!(methods(&writes), ["PATCH"], "{writes:#?}");
    assert_eq!(company.remote_id("leela"), third_parties.leela);
    let adopted = account(&company, &third_parties.leela).await;
    let expected = json!({
        "id": third_parties.leela,
        // These were there before.
        "userName": "Turanga Leela",
        "externalId": "orphanarium:1",
        "displayName": "The Captain",
        "active": true,
        // These were empty, but for the given name's neighbours.
        "name": { "formatted": "Leela of the Orphanarium", "givenName": "Leela", "familyName": "Leela" },
        "title": "Captain",
        "userType": "Crew",
        "emails": [{ "value": "leela@planetexpress.com", "type": "work", "primary": true }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": "Delivering Crew" },
    });
    let expected = company.peer.traits.fit(&expected);
    assert_eq!(adopted, expected);
    company.sync_is_quiet();

    // What was there stays what it was, whatever the directory says later; what Usher filled in is Usher's.
    company.usher(&["users", "set", "leela", "display_name=Leela"]);
    company.usher(&["users", "set", "leela", "title=Admiral"]);
    assert_eq!(methods(&company.sync_writes()), ["PATCH"]);
    let mut expected = expected;
    expected["title"] = "Admiral".into();
    assert_eq!(account(&company, &third_parties.leela).await, expected);
    third_parties.the_stranger_is_as_he_was(&company.peer).await;
    assert_eq!(company.peer.count().await, 8);
    company.sync_is_quiet();
}

/// Nobody is there before: no account can prove a filter, so the first create goes alone.
async fn an_empty_server_is_filled(peer: Peer) {
    let company = Company::provisioned(peer).await;
    assert_eq!(company.peer.count().await, 7);
    let leela = company.remote_id("leela");
    assert_eq!(account(&company, &leela).await["displayName"], "Leela Turanga");
    company.sync_is_quiet();
}

/// The name of an account that was there before, in another case: never a second account, never a changed one.
async fn a_name_in_another_case_is_the_same_name(peer: Peer) {
    let seeded = peer
        .seed(&json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": "turanga leela",
            "active": true,
        }))
        .await;
    let before = peer.raw(&format!("/Users/{seeded}")).await;
    let company = Company::found(peer).await;
    company.usher(&["apply"]);
    company.import();
    // Found by a filter that ignores case, or in the list, it is held; refused with 409 by one that does not, it is a failure to look at.
    let finds = !company.peer.traits.filters || company.peer.users_called("Turanga Leela").await.len() == 1;
    company.usher_ends(&["sync"], if finds { 0 } else { 3 });
    assert_eq!(company.shown("leela"), if finds { "No account · link pending" } else { "No account · create failed" });
    assert_eq!(company.peer.count().await, 7);
    assert_eq!(company.peer.raw(&format!("/Users/{seeded}")).await, before);
    // What a 409 said against is looked at again, once.
    assert!(company.sync_writes().is_empty());
    company.sync_is_quiet();
    assert_eq!(company.peer.raw(&format!("/Users/{seeded}")).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_scim2_server_is_filled() {
    an_empty_server_is_filled(start_scim2_server()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_scimmy_is_filled() {
    an_empty_server_is_filled(start_scimmy()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_another_case_is_the_same_name_at_scim2_server() {
    a_name_in_another_case_is_the_same_name(start_scim2_server()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_another_case_is_the_same_name_at_scimmy() {
    a_name_in_another_case_is_the_same_name(start_scimmy()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_arrives_at_scim2_server_and_a_second_sync_sends_nothing() {
    everybody_arrives(start_scim2_server()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_arrives_at_scimmy_and_a_second_sync_sends_nothing() {
    everybody_arrives(start_scimmy()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_attribute_is_one_write_at_scim2_server() {
    one_changed_attribute_is_one_write(start_scim2_server()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_attribute_is_one_write_at_scimmy() {
    one_changed_attribute_is_one_write(start_scimmy()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_come_and_go_at_scim2_server() {
    values_come_and_go(start_scim2_server()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_come_and_go_at_scimmy() {
    values_come_and_go(start_scimmy()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leavers_are_deactivated_at_scim2_server_and_come_back() {
    leavers_are_deactivated_and_come_back(start_scim2_server()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leavers_are_deactivated_at_scimmy_and_come_back() {
    leavers_are_deactivated_and_come_back(start_scimmy()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_keeps_the_id_at_scim2_server() {
    a_rename_keeps_the_id(start_scim2_server()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_keeps_the_id_at_scimmy() {
    a_rename_keeps_the_id(start_scimmy()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_at_scim2_server_fills_what_is_empty() {
    an_adoption_fills_what_is_empty(start_scim2_server()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_at_scimmy_fills_what_is_empty() {
    an_adoption_fills_what_is_empty(start_scimmy()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_canaille_is_filled() {
    an_empty_server_is_filled(start_canaille()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_in_another_case_is_the_same_name_at_canaille() {
    a_name_in_another_case_is_the_same_name(start_canaille()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_arrives_at_canaille_and_a_second_sync_sends_nothing() {
    everybody_arrives(start_canaille()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_changed_attribute_is_one_write_at_canaille() {
    one_changed_attribute_is_one_write(start_canaille()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn values_come_and_go_at_canaille() {
    values_come_and_go(start_canaille()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leavers_are_deactivated_at_canaille_and_come_back() {
    leavers_are_deactivated_and_come_back(start_canaille()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rename_keeps_the_id_at_canaille() {
    a_rename_keeps_the_id(start_canaille()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_adoption_at_canaille_fills_what_is_empty() {
    an_adoption_fills_what_is_empty(start_canaille()).await;
}
