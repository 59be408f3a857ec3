//! An export that lost nearly everybody, at servers that others wrote: it waits for an admin, then for an approver, and until both have
//! looked nothing is sent.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::company::Company;
use crate::peer::{Peer, start_canaille, start_scim2_server, start_scimmy};

/// All but the professor.
const LOST: [&str; 6] = ["amy", "bender", "fry", "hermes", "leela", "zoidberg"];

/// Everything at the server, byte for byte, by id.
async fn everything(company: &Company, ids: &BTreeMap<String, String>) -> BTreeMap<String, Vec<u8>> {
    let mut accounts = BTreeMap::new();
    for id in ids.values() {
        accounts.insert(id.clone(), company.peer.raw(&format!("/Users/{id}")).await);
    }
    accounts
}

fn without_meta(account: &[u8]) -> Json {
    let mut account: Json = serde_json::from_slice(account).unwrap();
    account.as_object_mut().unwrap().remove("meta");
    account
}

async fn six_of_seven_are_missing(peer: Peer) {
    let stranger = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": "Zapp Brannigan", "displayName": "Zapp",
        "emails": [{ "value": "zapp@doop.example", "type": "work", "primary": true }], "active": true,
    });
    let stranger = peer.seed(&stranger).await;
    let company = Company::provisioned(peer).await;
    let mut ids = company.remote_ids();
    assert_eq!((ids.len(), company.peer.count().await), (7, 8));
    let of: BTreeMap<&str, String> = LOST.iter().map(|uid| (*uid, company.remote_id(uid))).collect();
    ids.insert("Zapp Brannigan".to_owned(), stranger);
    let before = everything(&company, &ids).await;

    // The export lacks six: it is parked, with what it would do.
    let files = LOST.map(|uid| format!("10_people_{uid}.ldif"));
    company.take_out(&files.each_ref().map(String::as_str));
    let parked = company.import_ends(3);
    let import = parked["import"]["id"].as_str().unwrap();
    assert!(parked["import"]["state"]["parked"].is_object(), "{parked:#}");
    assert_eq!(parked["import"]["preview"]["missing"], 6, "{parked:#}");
    let reasons = parked["import"]["state"]["parked"]["reasons"].to_string();
    assert!(reasons.contains("6 users are missing, of 7"), "{reasons}");
    let shown = company.usher_ends(&["imports", "show", import], 3);
    assert_eq!(shown["import"]["preview"]["missing"], 6, "{shown:#}");
    company.sync_is_quiet();

    // An admin lets it in: five are not enough, six are. Nothing is sent for it.
    company.usher_refuses(&["imports", "apply", import, "--accept-shrink", "5"]);
    company.usher(&["imports", "apply", import, "--accept-shrink", "6"]);
    assert!(company.sync_writes().is_empty());
    assert_eq!(everything(&company, &ids).await, before);

    // It is one batch, of six who would be deactivated.
    let waiting = company.usher(&["approvals", "list"]);
    let waiting = waiting.as_array().unwrap();
    assert_eq!(waiting.len(), 6, "{waiting:#?}");
    let batch = waiting[0]["batch"].as_str().unwrap();
    assert!(waiting.iter().all(|event| event["batch"] == batch && event["operation"]["kind"] == "deactivate"));
    let shown = company.usher(&["approvals", "show", batch]);
    assert_eq!(shown["exact"].as_array().unwrap().len(), 6, "{shown:#}");

    // An approver releases it.
    company.usher(&["operators", "add", "hannah", "--role", "approver", "--os-account", "hannah"]);
    let words = ["--as", "hannah", "approvals", "approve", "--batch", batch, "--comment", "the ship is lost"];
    company.usher(&words);
    let writes = company.sync_writes();
    assert_eq!(writes.iter().map(|sent| sent.method.as_str()).collect::<Vec<_>>(), ["PATCH"; 6], "{writes:#?}");
    let after = everything(&company, &ids).await;
    for (id, was) in &before {
        if !of.values().any(|lost| lost == id) {
            assert_eq!(String::from_utf8_lossy(&after[id]), String::from_utf8_lossy(was), "not a leaver");
            continue;
        }
        let mut expected = without_meta(was);
        expected["active"] = false.into();
        assert_eq!(without_meta(&after[id]), expected);
    }
    let told = company.usher(&["history", "--user", "leela"]);
    assert_eq!(told["events"][0]["decisions"][0]["name"], "hannah", "{told:#}");
    assert_eq!(company.peer.count().await, 8);
    company.sync_is_quiet();
    company.usher(&["store", "verify"]);

    // The export is whole again: everybody is back in his own account.
    company.put_back(&files.each_ref().map(String::as_str));
    company.import();
    company.sync();
    for (id, is) in everything(&company, &ids).await {
        assert_eq!(without_meta(&is), without_meta(&before[&id]));
    }
    company.sync_is_quiet();
}

#[tokio::test(flavor = "multi_thread")]
async fn six_of_seven_missing_wait_for_two_people_at_scim2_server() {
    six_of_seven_are_missing(start_scim2_server()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn six_of_seven_missing_wait_for_two_people_at_scimmy() {
    six_of_seven_are_missing(start_scimmy()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn six_of_seven_missing_wait_for_two_people_at_canaille() {
    six_of_seven_are_missing(start_canaille()).await;
}
