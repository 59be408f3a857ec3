//! `usher reconcile` through the real binary, with a real sandbox beside it that somebody else changes over HTTP.

use reqwest::Method;
use serde_json::json;

use crate::groups::Process;
use crate::workspace::{Workspace, people};

#[tokio::test]
async fn reconcile_shows_what_others_did_and_what_came_of_it() {
    let workspace = Workspace::new();
    let target = Process::start(&workspace, "--connector generic-scim2 --seed 2");
    workspace.write("people.csv", &people(1..=3, "Engineer"));
    workspace.app(&target.base_url, "[reconcile]\nattributes = { title = \"repair\" }\n");
    workspace.usher("import people.csv --full").ends(0);
    workspace.usher("apply").ends(0);
    workspace.usher("sync").ends(0);
    workspace.usher("reconcile app --last").ends(1).says(&["never reconciled"]);
    workspace.usher("apps show app").ends(0).says(&["last reconcile", "none yet"]);
    let well = workspace.usher("reconcile app").ends(0);
    well.says(&["5 accounts on 1 page, 3 of ours compared", "other accounts that are not ours", "as we left it"]);

    let listed = target.send(Method::GET, "/Users?filter=title%20eq%20%22Engineer%22", json!(null)).await;
    let id = listed["Resources"][0]["id"].as_str().unwrap().to_owned();
    let patch = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [
            { "op": "replace", "path": "title", "value": "Chief" },
            { "op": "replace", "path": "displayName", "value": "Somebody" },
        ],
    });
    target.send(Method::PATCH, &format!("/Users/{id}"), patch).await;
    let drifted = workspace.usher("reconcile app").ends(3);
    drifted.says(&["title: pushed Engineer", "there Chief", "repaired", "displayName: pushed", "reported"]);
    workspace.usher("apps show app").ends(0).says(&["2 differences; `usher reconcile app --last`"]);
    workspace.usher("sync").ends(0);
    let account = target.send(Method::GET, &format!("/Users/{id}"), json!(null)).await;
    assert_eq!((&account["title"], &account["displayName"]), (&json!("Engineer"), &json!("Somebody")));
    workspace.usher("reconcile app --last").ends(3).says(&["repaired", "evt_"]);
    let last: serde_json::Value =
        serde_json::from_str(&workspace.usher("reconcile app --last --json").ends(3).out).unwrap();
    assert_eq!((&last["counts"]["changed"], &last["counts"]["third_party"]), (&json!(2), &json!(2)));
    let event = last["lines"].as_array().unwrap().iter().find_map(|line| line["event"].as_str()).unwrap();
    workspace.usher(&format!("approvals show {event}")).ends(0).says(&["title: Chief → Engineer"]);
    workspace.usher("store verify").ends(0);
    workspace.keeps_no_secret();
}
