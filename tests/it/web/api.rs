//! The API, and what every answer bears.

use reqwest::StatusCode;
use usher::access::Role;
use usher::access::credential::TokenKind;
use usher::engine::{Answer, Command};

use super::site::{Site, with_something_pending};
use crate::engine::house::Plan;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_reads_over_the_api_and_a_program_never_decides() {
    let site = with_something_pending().await;
    let add = |name: &str, kind, role| Command::TokenAdd { name: name.into(), role, kind, days: None };
    let Answer::Token(service) = site.house.ask(add("report", TokenKind::Service, Role::Admin)).await.unwrap() else {
        panic!("expected a token")
    };
    let secret = service.secret.unwrap();
    let api = |path: &str, token: Option<&str>| {
        let request = site.client.get(format!("{}/api/v1{path}", site.origin));
        token.map_or(request.try_clone().unwrap(), |token| request.bearer_auth(token)).send()
    };
    let apps: serde_json::Value = api("/apps", Some(secret.expose())).await.unwrap().json().await.unwrap();
    assert_eq!(apps["items"][0]["name"], "app");
    assert_eq!(api("/apps/app", Some(secret.expose())).await.unwrap().status(), StatusCode::OK);
    let missing = api("/apps/nowhere", Some(secret.expose())).await.unwrap();
    assert_eq!(missing.headers()["content-type"], "application/problem+json");
    assert_eq!(missing.json::<serde_json::Value>().await.unwrap()["type"], "/problems/not-found");
    assert_eq!(api("/apps", None).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(api("/apps", Some("ush_unknown")).await.unwrap().status(), StatusCode::UNAUTHORIZED);
    let token = usher::secret::Secret::new(secret.expose());
    let actor = site.house.engine.actor_of_token(&token).await.unwrap().unwrap();
    let choice = usher::engine::pending::Choice::of(vec![usher::id::EventId(1)]);
    let decide = Command::Decide { choice, shown: None, approve: true, comment: "bot".into(), dry_run: false };
    let denied = site.house.engine.answer(&actor, decide, &usher::engine::context::Unwatched).await.unwrap_err();
    assert!(denied.to_string().contains("need a person"), "{denied}");
    site.house.ask(Command::TokenRevoke { id: service.token.id }).await.unwrap();
    assert_eq!(api("/apps", Some(secret.expose())).await.unwrap().status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_says_what_a_browser_may_load_and_the_api_describes_itself() {
    let site = Site::open(Plan::default()).await;
    for path in ["/sign-in", "/api/v1/openapi.json", "/api/v1/docs", "/healthz", "/readyz", "/nowhere"] {
        let answer = site.get(path).await;
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{path}: {policy}");
    }
    let description: serde_json::Value = site.get("/api/v1/openapi.json").await.json().await.unwrap();
    assert_eq!(description["openapi"], "3.1.0");
    assert!(description["paths"]["/apps/{app}"]["get"]["responses"]["404"].is_object());
}
