//! The API about people: users, roles, assignments, imports.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use usher::clock::Span;

use super::caller::{Caller, Reply};
use super::site::{COLUMNS, Site};
use crate::engine::house::{Plan, people};

async fn with_people(number: usize) -> Site {
    let site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(number), true).await.unwrap();
    site
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_listed_page_by_page_and_searched() {
    let site = with_people(7).await;
    let program = Caller::program(&site).await;
    let (mut keys, mut path) = (Vec::new(), "/users?limit=3".to_owned());
    loop {
        let page = program.found(&path).await;
        keys.extend(page["items"].as_array().unwrap().iter().map(|user| user["key"].as_str().unwrap().to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/users?limit=3&cursor={next}");
    }
    keys.sort();
    assert_eq!(keys, ["k0", "k1", "k2", "k3", "k4", "k5", "k6"]);
    let found = program.found("/users?search=P4@EXAMPLE").await;
    assert_eq!(found["items"][0]["key"], "k4");
    assert!(found["items"].as_array().unwrap().len() == 1 && found.get("next").is_none());
    let other = program.found("/users?limit=1").await["next"].as_str().unwrap().to_owned();
    let reply = program.get(&format!("/imports?cursor={other}")).await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST, "a cursor of another list: {}", reply.text);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_is_changed_from_the_version_that_was_looked_at() {
    let site = with_people(1).await;
    site.house.sync().await;
    let program = Caller::program(&site).await;
    let shown = program.get("/users/p0@example.com").await;
    let (version, user) = (shown.header("etag").to_owned(), shown.json());
    assert_eq!((user["user"]["name"].as_str(), user["roles"][0].as_str()), (Some("Given0 Family0"), Some("staff")));
    assert_eq!(user["accounts"][0]["presence"], "active");
    let path = format!("/users/{}", user["user"]["id"].as_str().unwrap());
    let change = |version: &str, body: Value| {
        let request = program.request(Method::PATCH, &path).header("if-match", version).json(&body);
        program.send(request)
    };
    let body = json!({"set": {"title": "Lead", "department": null}, "standing": "suspended"});
    let changed = change(&version, body).await;
    assert_eq!(changed.status, StatusCode::OK, "{}", changed.text);
    let now = changed.json();
    assert_eq!(now["user"]["attributes"]["title"], "Lead");
    assert_eq!((&now["user"]["standing"], &now["user"]["standing_of_source"]), (&json!("suspended"), &json!("active")));
    assert_eq!(now["user"]["overrides"], json!({"department": null, "title": "Lead"}));
    assert_eq!(now["user"]["revision"].as_u64().unwrap(), user["user"]["revision"].as_u64().unwrap() + 1, "one act");
    let late = change(&version, json!({"set": {"title": "Boss"}})).await;
    assert_eq!((late.status.as_u16(), late.json()["type"].as_str().unwrap()), (412, "/problems/moved"));
    let back = change(changed.header("etag"), json!({"lift": ["title", "department"], "standing": "as_source"})).await;
    assert_eq!(back.json()["user"]["overrides"], json!({}));
    assert_eq!(back.json()["user"]["standing"], "active");
    // All of it, or nothing.
    let (status, _) =
        program.refused(Method::PATCH, &path, &json!({"set": {"title": "Lead", "no_such_attribute": "x"}})).await;
    assert_eq!(status, 422);
    assert_eq!(program.found(&path).await["user"]["overrides"], json!({}));
    assert_eq!(program.refused(Method::PATCH, &path, &json!({})).await.0, 400, "nothing is said");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_is_assigned_and_taken_back() {
    let site = Site::signed_in(Plan {
        app: "app_role_order = [\"GUEST\", \"USER\"]\n[assign]\nroles = [\"nobody\"]\n",
        ..Plan::default()
    })
    .await;
    site.house.import(&people(1), true).await.unwrap();
    let program = Caller::program(&site).await;
    let path = "/users/k0/assignments/app";
    let (status, _) = program.refused(Method::PUT, path, &json!({"app_role": "KING"})).await;
    assert_eq!(status, 422, "no such app role");
    assert_eq!(program.refused(Method::PUT, "/users/k0/assignments/none", &json!({})).await.0, 404);
    let body = json!({"app_role": "USER", "settings": {"title": "Guest"}});
    program.done(Method::PUT, path, &body).await;
    let all = program.found("/users/k0/assignments").await;
    let wanted = json!([{"app": "app", "app_role": "USER", "settings": {"title": "Guest"}}]);
    assert_eq!(all["items"], wanted);
    site.house.sync().await;
    assert_eq!(site.house.accounts().len(), 1);
    program.done(Method::DELETE, path, &json!({})).await;
    assert_eq!(program.refused(Method::DELETE, path, &json!({})).await.0, 404, "it is not assigned any more");
    site.house.sync().await;
    assert_eq!(site.house.accounts().into_values().collect::<Vec<_>>(), [false]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_say_what_they_grant_and_who_has_them() {
    let site = with_people(3).await;
    let program = Caller::program(&site).await;
    let roles = program.found("/roles").await;
    let wanted = json!([{"name": "staff", "condition": null, "apps": ["app"], "users": 3}]);
    assert_eq!(roles["items"], wanted);
    let first = program.found("/roles/staff/users?limit=2").await;
    let rest = program.found(&format!("/roles/staff/users?cursor={}", first["next"].as_str().unwrap())).await;
    assert_eq!((first["items"].as_array().unwrap().len(), rest["items"].as_array().unwrap().len()), (2, 1));
    assert!(program.found("/roles/nobody/users").await["items"].as_array().unwrap().is_empty());
}

const BOUNDARY: &str = "a-line-that-stands-nowhere-else";

/// An upload as browsers send it: a name, perhaps a file's, and the text.
async fn upload(caller: &Caller<'_>, boundary: &str, parts: &[(&str, Option<&str>, &str)], key: Option<&str>) -> Reply {
    let mut body = String::new();
    for (name, file, text) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        body.push_str(&format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{text}\r\n"
        ));
    }
    body.push_str(&format!("--{boundary}--\r\n"));
    let mut request = caller.request(Method::POST, "/imports");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let kind = format!("multipart/form-data; boundary={boundary}");
    caller.send(request.header("content-type", kind).body(body)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_uploaded_and_what_shrinks_waits() {
    let site = Site::signed_in(Plan::default()).await;
    let program = Caller::program(&site).await;
    assert_eq!(program.found("/sources").await["items"][0]["name"], "hr");
    let row = |n: usize| format!("k{n},p{n}@example.com,Given{n},Family{n},Given{n} Family{n},Title{n},Sales,staff\n");
    let rows: String = (0..8).map(row).collect();
    let whole = format!("{COLUMNS}\n{rows}short\n");
    let parts = [("source", None, "hr"), ("full", None, "true"), ("file", Some("../people.csv"), whole.as_str())];
    let sent = upload(&program, BOUNDARY, &parts, Some("first")).await;
    assert_eq!(sent.status, StatusCode::OK, "{}", sent.text);
    let imported = sent.json();
    assert_eq!((&imported["import"]["added"], &imported["import"]["state"]), (&json!(8), &json!("applied")));
    assert_eq!(imported["import"]["files"], json!(["people.csv"]));
    let problem = imported["problems"][0].as_str().unwrap();
    assert!(problem.starts_with("people.csv:10"), "the file's name as it was sent, and the line: {problem}");
    // The same upload has another boundary when it is sent again.
    let again = upload(&program, "another-line-altogether", &parts, Some("first")).await;
    assert_eq!((again.header("idempotent-replayed"), again.json()), ("true", imported));
    site.house.advance(Span::from_secs(1));
    let few = format!("{COLUMNS}\n{}", row(0));
    let parts = [("source", None, "hr"), ("full", None, "true"), ("file", Some("people.csv"), few.as_str())];
    let parked = upload(&program, BOUNDARY, &parts, None).await.json();
    assert_eq!(parked["import"]["state"], "parked");
    assert!(!parked["import"]["reasons"].as_array().unwrap().is_empty());
    let id = parked["import"]["id"].as_str().unwrap();
    assert_eq!(program.found(&format!("/imports/{id}")).await["import"]["missing"], 7);
    let (status, _) =
        program.refused(Method::POST, &format!("/imports/{id}/apply"), &json!({"accept_shrink": 3})).await;
    assert_eq!(status, 422, "more shrinks than was expected");
    program.done(Method::POST, &format!("/imports/{id}/drop"), &json!({})).await;
    let all = program.found("/imports?limit=1").await;
    assert_eq!(all["items"][0]["state"], "dropped");
    let older = program.found(&format!("/imports?cursor={}", all["next"].as_str().unwrap())).await;
    assert_eq!((older["items"].as_array().unwrap().len(), &older["items"][0]["state"]), (1, &json!("applied")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_makes_no_sense_is_refused() {
    let site = Site::signed_in(Plan::default()).await;
    let program = Caller::program(&site).await;
    let csv = format!("{COLUMNS}\n");
    let file = ("file", Some("people.csv"), csv.as_str());
    for (parts, status, says) in [
        (vec![file], 400, "source"),
        (vec![("source", None, "hr")], 400, "file"),
        (vec![("source", None, "hr"), file, ("shrink", None, "1")], 400, "shrink"),
        (vec![("source", None, "hr"), file, ("full", None, "perhaps")], 400, "full"),
        (vec![("source", None, "hr"), ("file", Some("..."), "x")], 400, "name of a file"),
        (vec![("source", None, "payroll"), file], 422, "payroll"),
        (vec![("source", None, "hr"), ("file", Some("people.csv"), "odd\n1\n")], 422, "people.csv"),
    ] {
        let reply = upload(&program, BOUNDARY, &parts, None).await;
        assert_eq!(reply.status.as_u16(), status, "{says}: {}", reply.text);
        assert!(reply.text.contains(says) && !reply.text.contains("usher-upload-"), "{says}: {}", reply.text);
    }
    let json = program.post("/imports", &json!({})).await;
    assert_eq!(json.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}
