//! Decisions over the console.

use reqwest::{Method, StatusCode};
use usher::clock::Span;
use usher::provision::event::StatusKind;

use super::site::{Filled, PASSWORD, with_something_pending};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approver_sees_the_change_and_approves_it() {
    let site = with_something_pending().await;
    let page = site.page("/approvals").await;
    for seen in ["one@example.com", "Boss", "this kind of operation needs an approval", "import"] {
        assert!(page.contains(seen), "{seen} is not on the page");
    }
    assert!(!page.contains("<script>alert"), "names are escaped");
    let csrf = site.csrf().await;
    let form = [("csrf", csrf.as_str()), ("event", "evt_1"), ("verdict", "approve"), ("comment", "known")];
    assert_eq!(site.post("/approvals", &form).await.status(), StatusCode::SEE_OTHER);
    let page = site.page("/approvals").await;
    assert!(page.contains("evt_1") && page.contains(": approved"), "{page}");
    site.house.sync().await;
    assert_eq!(site.house.accounts().len(), 1);
    assert!(site.page("/approvals").await.contains("Nothing waits for a decision"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejection_with_a_comment_is_in_the_history() {
    let site = with_something_pending().await;
    let csrf = site.csrf().await;
    let form = [("csrf", csrf.as_str()), ("event", "evt_1"), ("verdict", "reject"), ("comment", "not him")];
    site.post("/approvals", &form).await;
    let event = site.house.engine.store().event(usher::id::EventId(1)).await.unwrap().unwrap();
    assert_eq!((event.status.kind(), event.decisions[0].comment.as_str()), (StatusKind::Rejected, "not him"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_from_elsewhere_decides_nothing() {
    let site = with_something_pending().await;
    let csrf = site.csrf().await;
    let decide = |csrf: &str| {
        let form = [("csrf", csrf), ("event", "evt_1"), ("verdict", "approve")];
        site.request(Method::POST, "/approvals").filled(&form)
    };
    let without = decide("guessed").header("origin", &site.origin).send().await.unwrap();
    assert_eq!(without.status(), StatusCode::FORBIDDEN);
    let foreign = decide(&csrf).header("origin", "https://evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let foreign = decide(&csrf).header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let event = site.house.engine.store().event(usher::id::EventId(1)).await.unwrap().unwrap();
    assert_eq!(event.status.kind(), StatusKind::Pending);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_asks_for_the_password_once_more_when_the_last_time_was_long_ago() {
    let mut site = with_something_pending().await;
    site.house.advance(Span::from_secs(16 * 60));
    let csrf = site.csrf().await;
    let form = [("csrf", csrf.as_str()), ("event", "evt_1"), ("verdict", "approve"), ("comment", "known")];
    let answer = site.post("/approvals", &form).await;
    assert_eq!(answer.headers()["location"], "/sign-in?next=/approvals&name=admin");
    let before = site.cookie.clone();
    let answer = site.post("/sign-in", &[("name", "admin"), ("password", PASSWORD), ("next", "/approvals")]).await;
    site.keep(&answer);
    assert_ne!(site.cookie, before, "the session gets a new id");
    let csrf = site.csrf().await;
    site.post("/approvals", &[("csrf", &csrf), ("event", "evt_1"), ("verdict", "approve"), ("comment", "known")]).await;
    let event = site.house.engine.store().event(usher::id::EventId(1)).await.unwrap().unwrap();
    assert_eq!(event.status.kind(), StatusKind::Queued);
}
