//! Server-sent events over real sockets, and `/metrics`.

use std::time::Duration;

use reqwest::{Response, StatusCode};
use serde_json::Value as Json;
use usher::access::Role;
use usher::access::credential::TokenKind;
use usher::engine::Command;
use usher::secret::Secret;

use super::site::{Site, with_something_pending};
use crate::engine::house::Plan;

/// How long anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const PERSON: &str = "key,email,given_name,family_name,display_name,title,roles\n\
                      k1,one@example.com,One,Secretperson,One,Boss,staff\n";

/// What a stream says, message by message.
struct Stream {
    response: Response,
    text: String,
}

impl Stream {
    async fn open(request: reqwest::RequestBuilder) -> Self {
        let response = request.header("accept", "text/event-stream").send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/event-stream"));
        Self { response, text: String::new() }
    }

    /// The next message that is no comment: its name, id and data. `None` = the stream ended.
    async fn next(&mut self) -> Option<(String, String, Json)> {
        loop {
            if let Some((message, rest)) = self.text.split_once("\n\n") {
                let (message, rest) = (message.to_owned(), rest.to_owned());
                self.text = rest;
                let field = |name: &str| {
                    let line = message.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
                    line.trim().to_owned()
                };
                if !field("event:").is_empty() {
                    let data = serde_json::from_str(&field("data:")).unwrap();
                    return Some((field("event:"), field("id:"), data));
                }
                continue;
            }
            let chunk = tokio::time::timeout(PATIENCE, self.response.chunk()).await.expect("the stream says nothing");
            self.text.push_str(std::str::from_utf8(&chunk.ok()??).unwrap());
        }
    }

    /// The next message of this name.
    async fn named(&mut self, wanted: &str) -> (String, Json) {
        loop {
            let (name, id, data) = self.next().await.unwrap_or_else(|| panic!("the stream ended before `{wanted}`"));
            if name == wanted {
                return (id, data);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_hears_what_changed_and_how_far_a_cycle_is() {
    let site = Site::signed_in(Plan::default()).await;
    let mut stream = Stream::open(site.request(reqwest::Method::GET, "/live")).await;
    site.house.import(PERSON, true).await.unwrap();
    let (_, data) = stream.named("changed").await;
    assert_eq!(data["events"], serde_json::json!([]), "an import is no event");
    site.house.sync().await;
    let (_, step) = stream.named("progress").await;
    assert_eq!((&step["app"], &step["step"]), (&"app".into(), &"planning app".into()), "{step}");
    let (id, data) = stream.named("changed").await;
    let event = &data["events"][0];
    assert_eq!((&event["id"], &event["app"], &event["kind"]), (&"evt_1".into(), &"app".into(), &"create".into()));
    assert!(event["user"].as_str().unwrap().starts_with("usr_") && event["at"].is_string(), "{event}");
    assert!(!data.to_string().contains("Secretperson"), "no names");
    assert_eq!(id, data["head"].to_string());
    let token = site.token(TokenKind::Service, Role::Viewer).await;
    let api = |token: &Secret| site.client.get(format!("{}/api/v1/live", site.origin)).bearer_auth(token.expose());
    let mut late = Stream::open(api(&token).header("last-event-id", "1")).await;
    let (_, missed) = late.named("changed").await;
    assert_eq!(missed["events"][0]["status"], "succeeded", "what was missed is told at once");
    let unknown = api(&Secret::new("ush_nobody")).header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(unknown.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_with_its_session_and_keeps_none_awake() {
    let site = Site::signed_in(Plan::default()).await;
    let mut stream = Stream::open(site.request(reqwest::Method::GET, "/live")).await;
    site.house.advance(usher::clock::Span::from_secs(29 * 60));
    let renewed = site.request(reqwest::Method::GET, "/apps").header("x-usher-live", "1").send().await.unwrap();
    assert_eq!(renewed.status(), StatusCode::OK);
    site.house.advance(usher::clock::Span::from_secs(2 * 60));
    assert_eq!(stream.named("ended").await.1, serde_json::json!({}));
    assert!(stream.next().await.is_none());
    let gone = site.request(reqwest::Method::GET, "/live").header("accept", "text/event-stream").send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_ends_when_the_password_is_changed() {
    let site = Site::signed_in(Plan::default()).await;
    let mut stream = Stream::open(site.request(reqwest::Method::GET, "/live")).await;
    let password = usher::access::credential::Typed::new("another long enough passphrase");
    site.house.ask(Command::PasswordSet { name: Some("admin".into()), password }).await.unwrap();
    stream.named("ended").await;
    assert!(stream.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_streams_do_not_keep_the_server_from_stopping() {
    let mut site = Site::signed_in(Plan::default()).await;
    let mut stream = Stream::open(site.request(reqwest::Method::GET, "/live")).await;
    let begun = std::time::Instant::now();
    site.stop().await;
    assert!(stream.next().await.is_none());
    assert!(begun.elapsed() < Duration::from_secs(15), "it waited {:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cycles_that_nobody_asked_for_are_heard_too() {
    let site = Site::signed_in(Plan::default()).await;
    let mut stream = Stream::open(site.request(reqwest::Method::GET, "/live")).await;
    let serving = tokio::spawn(std::sync::Arc::clone(&site.house.engine).serve());
    site.house.import(PERSON, true).await.unwrap();
    let (_, step) = stream.named("progress").await;
    assert_eq!((&step["app"], &step["step"]), (&"app".into(), &"planning app".into()), "{step}");
    loop {
        let (_, data) = stream.named("changed").await;
        if data["events"][0]["status"] == "succeeded" {
            break;
        }
    }
    site.house.engine.stop();
    serving.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_tell_queues_apps_and_requests_but_no_people() {
    let site = with_something_pending().await;
    let url = format!("{}/metrics", site.origin);
    assert_eq!(site.client.get(&url).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    site.house.advance(usher::clock::Span::from_secs(90));
    let token = site.token(TokenKind::Service, Role::Viewer).await;
    site.get("/approvals").await;
    let read = async || site.client.get(&url).bearer_auth(token.expose()).send().await.unwrap().text().await.unwrap();
    let text = read().await;
    for line in [
        "usher_events{app=\"app\",status=\"pending\"} 1",
        "usher_oldest_event_age_seconds{app=\"app\",status=\"pending\"} 90.0",
        "usher_oldest_event_age_seconds{app=\"app\",status=\"queued\"} 0.0",
        "usher_app_state{app=\"app\",status=\"live\"} ",
        "usher_app_requests_total{app=\"app\",method=\"GET\",outcome=\"200\"} ",
        "usher_http_requests_total{method=\"GET\",route=\"/approvals\",status=\"200\"} ",
        "usher_http_requests_total{method=\"GET\",route=\"/metrics\",status=\"401\"} 1",
        "usher_users 1",
        "# EOF",
    ] {
        assert!(text.contains(line), "`{line}` is not in\n{text}");
    }
    let decide = [
        ("csrf", site.csrf().await),
        ("event", "evt_1".into()),
        ("verdict", "approve".into()),
        ("comment", "x".into()),
    ];
    let form: Vec<(&str, &str)> = decide.iter().map(|(name, value)| (*name, value.as_str())).collect();
    site.post("/approvals", &form).await;
    site.house.sync().await;
    let text = read().await;
    for line in [
        "usher_pushes_total{app=\"app\",kind=\"create\",result=\"succeeded\"} 1",
        "usher_app_requests_total{app=\"app\",method=\"POST\",outcome=\"201\"} 1",
        "usher_accounts{app=\"app\",status=\"active\"} 1",
        "usher_events{app=\"app\",status=\"succeeded\"} 1",
    ] {
        assert!(text.contains(line), "`{line}` is not in\n{text}");
    }
    for personal in ["one@example.com", "Boss", "Person", "k1"] {
        assert!(!text.contains(personal), "`{personal}` is in the metrics");
    }
}
