//! The API about decisions, events and the history.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use usher::access::Role;
use usher::access::credential::TokenKind;
use usher::clock::Span;

use super::caller::Caller;
use super::site::{Site, with_something_pending};
use crate::engine::house::{Plan, people};

fn decision(about: &Value, ruling: &str) -> Value {
    json!({"about": about, "ruling": ruling, "comment": "looked at"})
}

async fn with_pending(number: usize) -> Site {
    let app = "[assign]\nroles = [\"staff\"]\n[approvals]\ncreate = true\n";
    let site = Site::signed_in(Plan { app, ..Plan::default() }).await;
    site.house.import(&people(number), true).await.unwrap();
    site.house.sync().await;
    site
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_decides_exactly_what_was_shown() {
    let site = with_pending(3).await;
    let person = Caller::person(&site).await;
    let first = person.found("/approvals?limit=2").await;
    let rest = person.found(&format!("/approvals?limit=2&cursor={}", first["next"].as_str().unwrap())).await;
    assert_eq!((first["items"].as_array().unwrap().len(), rest["items"].as_array().unwrap().len()), (2, 1));
    assert_eq!(first["items"][0]["asking"]["deciders"], json!(["admin"]));
    assert_eq!(person.found("/approvals?finding=approval_required").await["items"].as_array().unwrap().len(), 3);
    assert!(person.found("/approvals?finding=privileged").await["items"].as_array().unwrap().is_empty());
    assert_eq!(person.found("/approvals/evt_2").await["event"]["status"], "pending");
    let all = json!({"all": true, "app": "app"});
    let preview = person.done(Method::POST, "/approvals/preview", &decision(&all, "approve")).await;
    assert_eq!(preview["items"].as_array().unwrap().len(), 3);
    let rejected = decision(&json!({"events": ["evt_1"]}), "reject");
    let done = person.done(Method::POST, "/approvals/decide", &rejected).await;
    assert_eq!((&done["items"][0]["event"], &done["items"][0]["done"]), (&json!("evt_1"), &json!(true)));
    let mut late = decision(&all, "approve");
    late["shown"] = preview["shown"].clone();
    assert_eq!(person.refused(Method::POST, "/approvals/decide", &late).await.0, 422, "one of them is decided by now");
    let two = decision(&json!({"events": ["evt_2", "evt_3"]}), "approve");
    assert_eq!(person.done(Method::POST, "/approvals/decide", &two).await["items"].as_array().unwrap().len(), 2);
    assert_eq!(person.get("/approvals/evt_1").await.status, StatusCode::NOT_FOUND);
    assert_eq!(person.found("/events/evt_1").await["event"]["decisions"][0]["comment"], "looked at");
    assert_eq!(person.refused(Method::POST, "/approvals/decide", &decision(&json!({}), "approve")).await.0, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_never_decides_and_a_person_proves_himself_lately() {
    let site = with_something_pending().await;
    let approve = decision(&json!({"events": ["evt_1"]}), "approve");
    let needs_a_person = (403, "/problems/approval-needs-a-person".to_owned());
    let program = Caller::program(&site).await;
    assert_eq!(program.refused(Method::POST, "/approvals/decide", &approve).await, needs_a_person);
    assert_eq!(program.post("/approvals/preview", &approve).await.status, StatusCode::OK, "to look decides nothing");
    let personal = Caller::with_token(&site, TokenKind::Personal, Role::Approver).await;
    site.house.advance(Span::from_hours(13));
    assert_eq!(personal.refused(Method::POST, "/approvals/decide", &approve).await, needs_a_person);
    let fresh = Caller::with_token(&site, TokenKind::Personal, Role::Approver).await;
    let done = fresh.done(Method::POST, "/approvals/decide", &approve).await;
    assert_eq!(done["items"][0]["done"], true, "{done}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cookie_counts_only_with_the_form_token_and_for_a_quarter_of_an_hour() {
    let site = with_something_pending().await;
    let approve = decision(&json!({"events": ["evt_1"]}), "approve");
    let person = Caller::person(&site).await;
    let bare = site.request(Method::POST, "/api/v1/approvals/decide").json(&approve).send().await.unwrap();
    assert_eq!(bare.status(), StatusCode::FORBIDDEN);
    assert_eq!(bare.json::<Value>().await.unwrap()["type"], "/problems/foreign-form");
    site.house.advance(Span::from_secs(16 * 60));
    let refused = person.refused(Method::POST, "/approvals/decide", &approve).await;
    assert_eq!(refused, (403, "/problems/proof-needed".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_filtered_opened_and_tried_again() {
    let site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(3), true).await.unwrap();
    site.house.sync().await;
    let program = Caller::program(&site).await;
    let first = program.found("/events?limit=2&status=succeeded,failed&kind=create").await;
    assert_eq!(first["items"][0]["id"], "evt_3", "newest first");
    let rest = program.found(&format!("/events?cursor={}", first["next"].as_str().unwrap())).await;
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
    assert_eq!(program.found("/events?user=k1").await["items"].as_array().unwrap().len(), 1);
    assert_eq!(program.found("/events?operator=admin&app=app").await["items"].as_array().unwrap().len(), 3);
    assert!(program.found("/events?until=2020-01-01T00:00:00Z").await["items"].as_array().unwrap().is_empty());
    assert_eq!(program.get("/events?operator=nobody").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let event = program.found("/events/1").await;
    let attempt = event["entries"].as_array().unwrap().iter().find(|entry| entry["what"] == "attempted").unwrap();
    let exchange = &attempt["exchanges"][0];
    assert!(exchange["status"].as_u64().unwrap() < 300 && !exchange["path"].as_str().unwrap().is_empty());
    assert!(!attempt["words"].as_str().unwrap().starts_with("20"), "the time stands beside the words");
    assert_eq!(program.refused(Method::POST, "/events/evt_1/retry", &json!({})).await.0, 409, "it succeeded");
    assert_eq!(program.refused(Method::POST, "/events/evt_77/retry", &json!({})).await.0, 404);
    assert_eq!(program.refused(Method::POST, "/events/retry", &json!({"events": []})).await.0, 400);
    assert_eq!(program.refused(Method::POST, "/events/retry", &json!({"events": ["usr_1"]})).await.0, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_history_is_streamed_and_no_spreadsheet_takes_a_name_for_a_formula() {
    let site = Site::signed_in(Plan::default()).await;
    let risky = "=HYPERLINK(\"\"http://evil.example\"\")";
    let csv = format!("key,email,display_name,roles\nk,risky@example.com,\"{risky}\",staff\n");
    site.house.import(&people(230), true).await.unwrap();
    site.house.import(&csv, false).await.unwrap();
    site.house.sync().await;
    let program = Caller::program(&site).await;
    let lines = program.get("/history/export?full=true").await;
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    let events: Vec<Value> = lines.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.len(), 231, "more than a page");
    assert!(events.iter().all(|event| !event["entries"].as_array().unwrap().is_empty()));
    let csv = program.get("/history/export?format=csv").await;
    assert!(csv.header("content-disposition").contains("history.csv"));
    let rows: Vec<&str> = csv.text.lines().collect();
    assert_eq!((rows.len(), rows[0].starts_with("event,filed_at")), (232, true), "one head, then the events");
    assert!(
        csv.text.contains("'=HYPERLINK") && !csv.text.contains(",\"=HYPERLINK") && !csv.text.contains(",=HYPERLINK")
    );
    assert_eq!(program.get("/history/export?format=csv&user=k0").await.text.lines().count(), 2);
    assert_eq!(program.get("/history/export?user=nobody").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let head = program.found("/history/head").await;
    assert_eq!((head["hash"].as_str().unwrap().len(), head["sequence"].as_u64().unwrap() > 231), (64, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_and_tokens_are_added_and_taken_away_by_people() {
    let site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(1), true).await.unwrap();
    let (program, person) = (Caller::program(&site).await, Caller::person(&site).await);
    let grace = json!({"name": "grace", "role": "approver", "user": "k0"});
    let needs_a_person = (403, "/problems/approval-needs-a-person".to_owned());
    assert_eq!(program.refused(Method::POST, "/operators", &grace).await, needs_a_person);
    person.done(Method::POST, "/operators", &grace).await;
    assert_eq!(person.refused(Method::POST, "/operators", &grace).await.0, 422, "the name is taken");
    assert_eq!(person.refused(Method::POST, "/operators", &json!({"name": " ", "role": "viewer"})).await.0, 400);
    let all = program.found("/operators").await;
    assert_eq!(
        (&all["items"][1]["name"], &all["items"][1]["role"], &all["four_eyes"]),
        (&json!("grace"), &json!("approver"), &json!("record"))
    );
    person.done(Method::POST, "/operators/grace/disable", &json!({})).await;
    assert_eq!(person.refused(Method::POST, "/operators/nobody/disable", &json!({})).await.0, 404);
    assert_eq!(person.refused(Method::POST, "/operators/admin/disable", &json!({})).await.0, 422, "the last admin");
    let report = json!({"name": "report", "role": "viewer", "kind": "service", "days": 1});
    assert_eq!(program.refused(Method::POST, "/tokens", &report).await, needs_a_person);
    let issued = person.done(Method::POST, "/tokens", &report).await;
    let reporter = Caller::new(&site, super::caller::Proof::Token(issued["secret"].as_str().unwrap().to_owned()));
    assert_eq!(reporter.get("/apps").await.status, StatusCode::OK);
    let listed = program.get("/tokens").await;
    assert!(!listed.text.contains(issued["secret"].as_str().unwrap()), "a secret is shown once");
    let path = format!("/tokens/{}", issued["token"]["id"].as_str().unwrap());
    person.done(Method::DELETE, &path, &json!({})).await;
    assert_eq!(reporter.get("/apps").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(person.refused(Method::DELETE, &path, &json!({})).await.0, 404);
    let decides = json!({"name": "bot", "role": "approver", "kind": "service"});
    assert_eq!(person.refused(Method::POST, "/tokens", &decides).await.0, 422, "a program never decides");
}
