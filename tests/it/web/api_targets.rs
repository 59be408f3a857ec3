//! The API about apps and accounts.

use reqwest::{Method, StatusCode};
use serde_json::json;

use super::caller::Caller;
use super::site::Site;
use crate::engine::house::{Plan, people};

async fn provisioned() -> Site {
    let site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(3), true).await.unwrap();
    site.house.sync().await;
    site
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_is_shown_tested_paused_and_resumed() {
    let site = provisioned().await;
    let program = Caller::program(&site).await;
    let app = program.found("/apps/app").await;
    assert_eq!(
        (&app["state"], &app["accounts"]["active"], &app["events"]["succeeded"]),
        (&json!("live"), &json!(3), &json!(3))
    );
    assert_eq!(program.found("/apps").await["items"][0]["name"], "app");
    assert_eq!(program.done(Method::POST, "/apps/app/test", &json!({})).await["good"], true);
    program.done(Method::POST, "/apps/app/pause", &json!({})).await;
    let paused = program.found("/apps/app").await;
    assert_eq!(paused["state"], "paused");
    assert!(paused["stopped"].as_str().unwrap().contains("admin"));
    program.done(Method::POST, "/apps/app/resume", &json!({})).await;
    assert_eq!(program.found("/apps/app").await["state"], "live");
    let connectors = program.found("/connectors").await;
    let used = connectors["items"].as_array().unwrap().iter().find(|each| each["name"] == "generic-scim2").unwrap();
    assert_eq!(used["apps"], json!(["app"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_app_can_grant_is_read_and_the_target_compared() {
    let site = provisioned().await;
    let program = Caller::program(&site).await;
    assert_eq!(program.get("/apps/app/reconcile").await.status, StatusCode::NOT_FOUND, "there was none yet");
    program.done(Method::POST, "/apps/app/refresh", &json!({})).await;
    assert!(program.found("/apps/app/entitlements").await["refreshed_at"].is_string());
    let remote = program.found("/accounts/app/k0").await["remote_id"].as_str().unwrap().to_owned();
    let change = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "title", "value": "Changed by hand"}]});
    let (status, _) = site.house.call("PATCH", &format!("/Users/{remote}"), Some(change)).await;
    assert!(status < 300, "{status}");
    let report = program.done(Method::POST, "/apps/app/reconcile", &json!({})).await;
    assert_eq!((&report["drift"], &report["counts"]["changed"]), (&json!(1), &json!(1)));
    assert_eq!(report["lines"][0]["actual"], "Changed by hand");
    assert_eq!(program.found("/apps/app/reconcile").await["compared"], 3);
    assert_eq!(program.found("/apps/app").await["drift"], 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_are_listed_filtered_and_explained() {
    let site = provisioned().await;
    let program = Caller::program(&site).await;
    let first = program.found("/accounts?limit=2").await;
    let rest = program.found(&format!("/accounts?limit=2&cursor={}", first["next"].as_str().unwrap())).await;
    assert_eq!((first["items"].as_array().unwrap().len(), rest["items"].as_array().unwrap().len()), (2, 1));
    assert!(rest.get("next").is_none());
    program.done(Method::PATCH, "/users/k1", &json!({"standing": "suspended"})).await;
    program.done(Method::POST, "/sync", &json!({"app": "app"})).await;
    let gone = program.found("/accounts?app=app&presence=deactivated,deleted").await;
    assert_eq!((gone["items"].as_array().unwrap().len(), &gone["items"][0]["name"]), (1, &json!("Given1 Family1")));
    assert_eq!(program.found("/accounts?user=k0").await["items"].as_array().unwrap().len(), 1);
    let explained = program.found("/accounts/app/k0/explanation").await;
    let title = explained["attributes"].as_array().unwrap().iter().find(|each| each["path"] == "title").unwrap();
    assert_eq!(
        (&title["desired"], &title["pushed"], &title["differs"]),
        (&json!("Title0"), &json!("Title0"), &json!(false))
    );
    assert_eq!(explained["grants"][0]["grant"], "role staff");
    let then = program.found("/accounts/app/k0/explanation?at=2026-01-01T00:00:00Z").await;
    assert_eq!(then["presence"], "none", "{then}");
    assert!(program.found("/leavers?app=app").await["items"].as_array().unwrap().is_empty());
    assert_eq!(program.get("/accounts/app/nobody").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_let_go_of_and_looked_for_again() {
    let site = provisioned().await;
    let (program, person) = (Caller::program(&site).await, Caller::person(&site).await);
    program.done(Method::POST, "/accounts/app/k0/disassociate", &json!({})).await;
    assert_eq!(program.found("/accounts/app/k0").await["presence"], "unlinked");
    let refused = program.refused(Method::POST, "/accounts/app/k0/rematch", &json!({})).await;
    assert_eq!(refused, (403, "/problems/approval-needs-a-person".to_owned()));
    person.done(Method::POST, "/accounts/app/k0/rematch", &json!({})).await;
    site.house.sync().await;
    assert_eq!(program.found("/accounts/app/k0").await["presence"], "active");
    let nothing = program.refused(Method::POST, "/accounts/app/k1/retry", &json!({})).await;
    assert_eq!(nothing.0, 409, "what succeeded is not tried again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_somebody_else_made_is_adopted_by_a_person() {
    let there = json!({"userName": "p0@example.com", "displayName": "P. Zero", "active": true});
    let site = Site::signed_in(Plan { seeds: vec![there], ..Plan::default() }).await;
    site.house.import(&people(2), true).await.unwrap();
    let (program, person) = (Caller::program(&site).await, Caller::person(&site).await);
    let path = "/accounts/app/k0/adopt";
    assert_eq!(person.refused(Method::POST, path, &json!({})).await.0, 404, "nothing is known of it yet");
    site.house.sync().await;
    let event = program.found("/accounts/app/k0").await["event"].clone();
    assert_eq!((&event["kind"], &event["status"]), (&json!("link"), &json!("pending")));
    let ours = json!({"event": event["id"], "comment": "his account from before"});
    let refused = program.refused(Method::POST, path, &ours).await;
    assert_eq!(refused, (403, "/problems/approval-needs-a-person".to_owned()));
    let other = person.refused(Method::POST, path, &json!({"event": "evt_99"})).await;
    assert_eq!(other, (409, "/problems/conflict".to_owned()), "not the adoption that was looked at");
    let elsewhere = person.refused(Method::POST, "/accounts/app/k1/adopt", &json!({})).await;
    assert_eq!(elsewhere.0, 409, "no adoption waits for this one");
    let batch = event["batch"].as_str().unwrap();
    assert_eq!(
        program.found(&format!("/approvals/batches/{batch}")).await["shown"].as_str().unwrap().split(':').next(),
        Some("1")
    );
    assert_eq!(person.done(Method::POST, path, &ours).await["items"][0]["done"], true);
    site.house.sync().await;
    let account = program.found("/accounts/app/k0").await;
    assert_eq!((&account["presence"], &account["origin"]), (&json!("active"), &json!("adopted")));
}
