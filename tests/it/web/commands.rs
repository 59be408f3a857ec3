//! Commands over the API: what the command line on another machine sends.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::{Value as Json, json};
use usher::access::Role;
use usher::access::credential::TokenKind;
use usher::clock::Span;
use usher::engine::{Answer, Command};
use usher::provision::event::StatusKind;
use usher::secret::Secret;

use super::site::{COLUMNS, PASSWORD, Site, with_something_pending};
use crate::engine::house::Plan;

impl Site {
    pub(super) async fn token(&self, kind: TokenKind, role: Role) -> Secret {
        let add = Command::TokenAdd { name: "test".into(), role, kind, days: None };
        let Answer::Token(token) = self.house.ask(add).await.unwrap() else { panic!("expected a token") };
        token.secret.unwrap().into_secret()
    }

    async fn carry_out(&self, token: &Secret, ask: &Json) -> Response {
        let request = self.client.post(format!("{}/api/v1/commands", self.origin)).bearer_auth(token.expose());
        request.header("content-type", "application/json").body(ask.to_string()).send().await.unwrap()
    }

    async fn upload(&self, token: &Secret, ask: &Json, files: &[(&str, &str)]) -> Response {
        let mut body = format!("--b\r\nContent-Disposition: form-data; name=\"ask\"\r\n\r\n{ask}\r\n");
        for (name, text) in files {
            let head = format!("Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"");
            body.push_str(&format!("--b\r\n{head}\r\n\r\n{text}\r\n"));
        }
        body.push_str("--b--\r\n");
        let request = self.client.post(format!("{}/api/v1/commands", self.origin)).bearer_auth(token.expose());
        request.header("content-type", "multipart/form-data; boundary=b").body(body).send().await.unwrap()
    }

    async fn sign_in(&self, password: &str) -> Response {
        let body = json!({ "name": "admin", "password": password, "purpose": "a test" });
        self.client.post(format!("{}/api/v1/sign-in", self.origin)).body(body.to_string()).send().await.unwrap()
    }
}

async fn lines(answer: Response) -> Vec<Json> {
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    answer.text().await.unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn told(answer: Response) -> (u16, String, String) {
    let status = answer.status().as_u16();
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: Json = answer.json().await.unwrap();
    (status, problem["type"].as_str().unwrap().to_owned(), problem["detail"].as_str().unwrap().to_owned())
}

const PERSON: &str = "key,email,given_name,family_name,display_name,title,department,roles\n\
                      k1,one@example.com,One,Person,One,Boss,Ops,staff\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_answers_with_its_progress_and_then_its_answer() {
    let site = Site::signed_in(Plan::default()).await;
    let token = site.token(TokenKind::Service, Role::Admin).await;
    let imported = lines(site.upload(&token, &json!({ "full": true }), &[("people.csv", PERSON)]).await).await;
    let last = imported.last().unwrap();
    assert_eq!(last["answer"]["data"]["import"]["preview"]["added"], 1, "{last}");
    assert_eq!(last["answer"]["data"]["import"]["files"], json!(["people.csv"]), "the folder is nobody's business");
    let sync = json!({ "command": { "sync": { "app": null, "plan": null, "workspace": null } } });
    let synced = lines(site.carry_out(&token, &sync).await).await;
    let (last, before) = synced.split_last().unwrap();
    assert!(last["answer"].is_object(), "{last}");
    let steps: Vec<&str> = before.iter().map(|line| line["progress"]["step"].as_str().unwrap()).collect();
    assert!(steps.contains(&"planning app") && before[0]["progress"]["app"] == "app", "{before:?}");
    assert_eq!(site.house.accounts().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_row_is_named_by_the_file_that_was_sent() {
    let site = Site::signed_in(Plan::default()).await;
    let token = site.token(TokenKind::Service, Role::Admin).await;
    let people =
        format!("{COLUMNS}\n,nobody@example.com,No,Body,Nobody,Boss,Ops,staff\n{}", PERSON.lines().last().unwrap());
    let imported =
        lines(site.upload(&token, &json!({ "source": "hr" }), &[("../some where/p.csv", &people)]).await).await;
    let answer = &imported.last().unwrap()["answer"]["data"];
    let problem = answer["problems"][0].as_str().unwrap_or_else(|| panic!("no problem: {answer}"));
    assert!(problem.starts_with("p.csv:2"), "{problem}");
    assert_eq!(answer["import"]["rows"], 1, "{answer}");
    let (status, kind, detail) =
        told(site.upload(&token, &json!({ "source": "nowhere" }), &[("p.csv", PERSON)]).await).await;
    assert_eq!((status, kind.as_str()), (422, "/problems/invalid"));
    assert!(detail.contains("no source `nowhere`") && detail.contains("hr"), "{detail}");
    let broken = site.upload(&token, &json!({}), &[("p.csv", "key;nothing\n")]).await;
    let (status, _, detail) = told(broken).await;
    assert_eq!(status, 422, "{detail}");
    assert!(detail.contains("p.csv") && !detail.contains("usher-upload"), "{detail}");
    let viewer = site.token(TokenKind::Service, Role::Viewer).await;
    assert_eq!(site.upload(&viewer, &json!({}), &[("p.csv", PERSON)]).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_before_it_begins_has_a_status_and_a_type() {
    let site = with_something_pending().await;
    let token = site.token(TokenKind::Service, Role::Admin).await;
    let backup = json!({ "command": { "store_backup": { "file": "never.jsonl" } } });
    let import = json!({ "command": { "import": {
        "source": { "name": "hr", "key": "id", "separator": ";", "missing": "suspend", "multi_valued": [], "group_members": [],
                    "group_name": "cn", "states": {}, "mapping": {} },
        "files": ["/etc/passwd"], "full": false, "accept_shrink": null } } });
    let decide = Command::Decide {
        choice: usher::engine::pending::Choice::of(vec![usher::id::EventId(1)]),
        shown: None,
        approve: true,
        comment: "a program".into(),
        dry_run: false,
    };
    let decide = json!({ "command": decide });
    for (ask, status, kind) in [
        (json!({ "command": "fly" }), 400, "bad-request"),
        (json!({ "as": "root", "command": "apps" }), 403, "only-on-the-machine"),
        (backup, 403, "only-on-the-machine"),
        (import, 403, "only-on-the-machine"),
        (decide.clone(), 403, "approval-needs-a-person"),
        (json!({ "command": { "app_show": { "app": "nowhere" } } }), 422, "invalid"),
    ] {
        let (got, name, detail) = told(site.carry_out(&token, &ask).await).await;
        assert_eq!((got, name), (status, format!("/problems/{kind}")), "{ask}: {detail}");
    }
    let viewer = site.token(TokenKind::Personal, Role::Viewer).await;
    let (status, kind, _) = told(site.carry_out(&viewer, &decide).await).await;
    assert_eq!((status, kind.as_str()), (403, "/problems/forbidden"));
    let nobody = site.carry_out(&Secret::new("ush_unknown"), &json!({ "command": "apps" })).await;
    assert_eq!(told(nobody).await.0, 401);
    let waits = site.house.engine.store().event(usher::id::EventId(1)).await.unwrap().unwrap();
    assert_eq!(waits.status.kind(), StatusKind::Pending);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_of_a_sign_in_decides_for_twelve_hours_and_makes_no_other() {
    let site = with_something_pending().await;
    let signed: Json = site.sign_in(PASSWORD).await.json().await.unwrap();
    let token = Secret::new(signed["token"].as_str().unwrap());
    assert_eq!(signed["operator"], "admin");
    let another = json!({ "command": { "token_add":
        { "name": "for ever", "role": "admin", "kind": "personal", "days": null } } });
    let (status, _, detail) = told(site.carry_out(&token, &another).await).await;
    assert!(status == 422 && detail.contains("sign-in"), "{status} {detail}");
    let decide = Command::Decide {
        choice: usher::engine::pending::Choice::of(vec![usher::id::EventId(1)]),
        shown: None,
        approve: true,
        comment: "known".into(),
        dry_run: false,
    };
    lines(site.carry_out(&token, &json!({ "command": decide })).await).await;
    let event = site.house.engine.store().event(usher::id::EventId(1)).await.unwrap().unwrap();
    assert_eq!(event.status.kind(), StatusKind::Queued);
    site.house.advance(Span::from_secs(12 * 3600 + 1));
    assert_eq!(told(site.carry_out(&token, &json!({ "command": "apps" })).await).await.0, 401, "it has expired");
    let again: Json = site.sign_in(PASSWORD).await.json().await.unwrap();
    let tokens = site.house.engine.store().tokens().await.unwrap();
    assert_eq!(tokens.len(), 1, "the expired one is forgotten");
    assert_eq!(tokens[0].id.to_string(), again["id"].as_str().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_passwords_lock_the_name_here_too() {
    let site = Site::signed_in(Plan::default()).await;
    for _ in 0..10 {
        let (status, kind, _) = told(site.sign_in("wrong wrong wrong").await).await;
        assert_eq!((status, kind.as_str()), (401, "/problems/wrong-password"));
    }
    let (status, kind, _) = told(site.sign_in(PASSWORD).await).await;
    assert_eq!((status, kind.as_str()), (429, "/problems/locked"));
    let right = [("name", "admin"), ("password", PASSWORD)];
    assert_eq!(
        site.post("/sign-in", &right).await.status(),
        StatusCode::TOO_MANY_REQUESTS,
        "the console counts the same"
    );
    site.house.advance(Span::from_secs(16 * 60));
    assert_eq!(site.sign_in(PASSWORD).await.status(), StatusCode::OK);
    let broken = site.client.post(format!("{}/api/v1/sign-in", site.origin)).body("{\"password\":\"hush\"");
    let (status, _, detail) = told(broken.send().await.unwrap()).await;
    assert!(status == 400 && !detail.contains("hush"), "{status} {detail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_does_not_stop_its_command() {
    use tokio::io::AsyncWriteExt;
    let site = Site::signed_in(Plan::default()).await;
    let token = site.token(TokenKind::Service, Role::Admin).await;
    site.upload(&token, &json!({ "full": true }), &[("people.csv", PERSON)]).await;
    let body = json!({ "command": { "sync": { "app": null, "plan": null, "workspace": null } } }).to_string();
    let address = site.origin.trim_start_matches("http://").to_owned();
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /api/v1/commands HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        token.expose(),
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // As soon as it answers it has begun.
    stream.readable().await.unwrap();
    drop(stream);
    let until = tokio::time::Instant::now() + Duration::from_secs(60);
    while site.house.accounts().is_empty() {
        assert!(tokio::time::Instant::now() < until, "nothing was provisioned");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
