//! The API and its description say the same.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use usher::access::Role;
use usher::access::credential::TokenKind;

use super::caller::{Caller, Proof, description};
use super::site::Site;
use crate::engine::house::Plan;

fn operations(description: &Value) -> Vec<(Method, String, Value)> {
    let mut operations = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push((method.to_uppercase().parse().unwrap(), path.clone(), operation.clone()));
        }
    }
    operations
}

/// An address with something in each part that nothing is called.
fn filled(path: &str) -> String {
    let part = |part: &str| if part.starts_with('{') { "nothing-is-called-so".to_owned() } else { part.to_owned() };
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[test]
fn every_operation_is_described_in_full() {
    let description = description();
    let tags: BTreeSet<&str> =
        description["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    let operations = operations(&description);
    assert!(operations.len() > 55, "{}", operations.len());
    for (method, path, operation) in operations {
        let id = operation["operationId"].as_str().unwrap().to_owned();
        assert!(ids.insert(id.clone()), "two operations are called {id}");
        assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{method} {path} has no title");
        assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{method} {path}: its tag says nothing");
        let answers = operation["responses"].as_object().unwrap();
        for status in ["400", "401", "403", "500"] {
            assert!(answers.contains_key(status), "{method} {path} does not say {status}");
        }
        let good: Vec<_> = answers.iter().filter(|(status, _)| status.starts_with('2')).collect();
        assert!(good.iter().all(|(_, answer)| answer["content"].is_object()), "{method} {path}: {good:?}");
        assert_eq!(good.len(), 1, "{method} {path}");
        for parameter in operation["parameters"].as_array().unwrap_or(&Vec::new()) {
            let says = parameter["description"].as_str().unwrap_or_default();
            assert!(!says.is_empty(), "{method} {path}: {}", parameter["name"]);
        }
        for part in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let parameters = operation["parameters"].as_array().unwrap();
            let named = |each: &&Value| each["in"] == "path" && each["name"] == part;
            assert_eq!(parameters.iter().filter(named).count(), 1, "{method} {path}: {part}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_described_operation_is_answered_and_none_without_a_token() {
    let site = Site::signed_in(Plan::default()).await;
    let program = Caller::program(&site).await;
    let nobody = Caller::new(&site, Proof::Nobody);
    let wrong = Caller::new(&site, Proof::Token("ush_nobody".into()));
    for (method, path, operation) in operations(&description()) {
        // Anybody may sign in, and a stream has no end.
        let (is_open, is_endless) = (operation["security"] == json!([{}]), path == "/live");
        let path = filled(&path);
        if is_open || is_endless {
            continue;
        }
        let reply = program.write(method.clone(), &path, &json!({"nothing is called so": 1})).await;
        assert_ne!(reply.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        assert!(!reply.text.contains("nothing at this address"), "{method} {path}: {}", reply.text);
        for caller in [&nobody, &wrong] {
            let reply = caller.write(method.clone(), &path, &json!({})).await;
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{method} {path}: {}", reply.text);
            assert_eq!(reply.json()["type"], "/problems/unauthorized");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_changes_nothing() {
    let site = Site::signed_in(Plan::default()).await;
    let viewer = Caller::with_token(&site, TokenKind::Service, Role::Viewer).await;
    for (method, path) in [
        (Method::PATCH, "/users/k1"),
        (Method::PUT, "/users/k1/assignments/app"),
        (Method::DELETE, "/users/k1/assignments/app"),
        (Method::POST, "/imports"),
        (Method::POST, "/apps/app/pause"),
        (Method::POST, "/apps/app/resume"),
        (Method::POST, "/apps/app/refresh"),
        (Method::POST, "/apps/app/reconcile"),
        (Method::POST, "/accounts/app/k1/disassociate"),
        (Method::POST, "/accounts/app/k1/rematch"),
        (Method::POST, "/accounts/app/k1/adopt"),
        (Method::POST, "/approvals/decide"),
        (Method::POST, "/rules/activate"),
        (Method::POST, "/revisions/rev_1/activate"),
        (Method::POST, "/sync"),
        (Method::POST, "/operators"),
        (Method::POST, "/operators/admin/disable"),
    ] {
        let (status, kind) = viewer.refused(method.clone(), path, &json!({})).await;
        assert_eq!((status, kind.as_str()), (403, "/problems/forbidden"), "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cant_be_read_is_a_problem_that_says_where() {
    let site = Site::signed_in(Plan::default()).await;
    let program = Caller::program(&site).await;
    for (path, says) in [
        ("/users?serach=ada", "serach"),
        ("/users?limit=0", "limit"),
        ("/users?limit=501", "limit"),
        ("/users?limit=many", "limit"),
        ("/users?cursor=guessed", "cursor"),
        ("/apps?limit=1", "limit"),
        ("/events?status=done", "status"),
        ("/events?kind=destroy", "kind"),
        ("/events?since=yesterday", "since"),
        ("/events?limit=1&limit=2", "limit"),
        ("/accounts?presence=there", "presence"),
        ("/approvals?finding=odd", "finding"),
        ("/users/%ff", "UTF-8"),
    ] {
        let reply = program.get(path).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{path}: {}", reply.text);
        assert_eq!(reply.header("content-type"), "application/problem+json", "{path}");
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(says), "{path}: {detail}");
    }
    let post = |body: &str, kind: &str| {
        let request = program.request(Method::POST, "/plans").body(body.to_owned()).header("content-type", kind);
        program.send(request)
    };
    for (body, kind, status) in [
        ("{\"ap\": \"app\"}", "application/json", 400),
        ("{\"app\": ", "application/json", 400),
        ("{\"app\": 7}", "application/json", 400),
        ("app=app", "application/x-www-form-urlencoded", 415),
    ] {
        let reply = post(body, kind).await;
        assert_eq!(reply.status.as_u16(), status, "{body}: {}", reply.text);
    }
    assert!(post("{\"ap\": \"app\"}", "application/json").await.text.contains("`ap`"), "the field is named");
    let huge = format!("{{\"app\": \"{}\"}}", "x".repeat(1 << 20));
    assert_eq!(post(&huge, "application/json").await.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_addresses_and_methods_are_problems() {
    let site = Site::signed_in(Plan::default()).await;
    let program = Caller::program(&site).await;
    let missing = program.get("/nowhere").await;
    assert_eq!((missing.status, missing.header("content-type")), (StatusCode::NOT_FOUND, "application/problem+json"));
    let reply = program.send(program.request(Method::DELETE, "/users")).await;
    assert_eq!((reply.status.as_u16(), reply.header("content-type")), (405, "application/problem+json"));
    assert!(reply.header("allow").contains("GET"), "{:?}", reply.headers);
    for path in ["/users/nobody", "/apps/none", "/events/evt_99", "/events/odd", "/imports/imp_x", "/revisions/rev_9"] {
        let reply = program.get(path).await;
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{path}: {}", reply.text);
        assert_eq!(reply.json()["type"], "/problems/not-found", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_of_the_api_lists_every_operation_and_loads_nothing_from_elsewhere() {
    let site = Site::open(Plan::default()).await;
    let page = site.page("/api/v1/docs").await;
    for (method, path, operation) in operations(&description()) {
        assert!(page.contains(&format!("/api/v1{path}")), "{method} {path} is not on the page");
        assert!(page.contains(&format!("id=\"{}\"", operation["operationId"].as_str().unwrap())));
    }
    assert!(!page.contains("http://") && !page.contains("https://"), "it asks nobody else for anything");
}

#[test]
fn what_a_decision_is_asked_with_is_not_described_as_what_is_answered() {
    let description = description();
    for path in ["/approvals/decide", "/approvals/preview"] {
        let body = &description["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"];
        let name = body["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        let shape = &description["components"]["schemas"][name]["properties"];
        assert!(shape["about"].is_object() && shape["ruling"].is_object(), "{path}: {shape}");
    }
}
