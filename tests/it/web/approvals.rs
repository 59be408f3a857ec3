//! Decisions over the console.

use reqwest::{Method, StatusCode};
use usher::clock::Span;
use usher::provision::event::StatusKind;

use super::rules::hidden;
use super::site::{Filled, PASSWORD, Site, with_something_pending};
use crate::engine::house::{Plan, people};

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

/// Several people whose creates wait.
async fn with_a_queue(number: usize) -> Site {
    let app = "[assign]\nroles = [\"staff\"]\n[approvals]\ncreate = true\n";
    let site = Site::signed_in(Plan { app, ..Default::default() }).await;
    site.house.import(&people(number), true).await.unwrap();
    site.house.sync().await;
    site
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_queue_is_shown_by_page_and_restricted_by_what_people_look_for() {
    let site = with_a_queue(120).await;
    let cards = |page: &str| page.matches("<article").count();
    let (first, third) = (site.page("/approvals").await, site.page("/approvals?page=3").await);
    assert_eq!((cards(&first), cards(&third)), (50, 20));
    assert!(first.contains("Page 1 of 3") && first.contains("page=2") && first.contains("120 wait"));
    let one = site.page("/approvals?user=given7%20FAMILY7&app=app&kind=create&finding=approval_required").await;
    assert_eq!(cards(&one), 1);
    assert!(one.contains("Given7 Family7"));
    assert!(site.page("/approvals?kind=delete").await.contains("Nothing that waits is like this"));
    assert_eq!(site.get("/approvals?kind=explode").await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(site.get("/approvals?app=..%2F").await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_decided_at_once_and_the_page_comes_back_to_where_it_was() {
    let site = with_a_queue(12).await;
    let csrf = site.csrf().await;
    let numbers: Vec<String> = (1..=12).map(|number| format!("evt_{number}")).collect();
    let mut form = vec![
        ("csrf", csrf.as_str()),
        ("verdict", "approve"),
        ("comment", "all known"),
        ("back", "/approvals?app=app&page=2"),
    ];
    form.extend(numbers.iter().map(|number| ("event", number.as_str())));
    let answer = site.post("/approvals", &form).await;
    assert_eq!(answer.headers()["location"], "/approvals?app=app&page=2");
    assert!(site.page("/approvals?app=app&page=2").await.contains("12 approved"));
    let again = site.post("/approvals", &form).await;
    assert_eq!(again.status(), StatusCode::SEE_OTHER);
    let told = site.page("/approvals").await;
    assert!(told.contains("not decided: it is queued; admin approved it at") && told.contains("all known"), "{told}");
    let elsewhere = [("csrf", csrf.as_str()), ("verdict", "approve"), ("back", "//evil.example/approvals")];
    assert_eq!(site.post("/approvals", &elsewhere).await.headers()["location"], "/approvals");
    let decided = site.page("/approvals/decided").await;
    assert_eq!(decided.matches("all known").count(), 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_page_shows_what_is_in_it_and_decides_what_was_shown() {
    let there = |n: usize| serde_json::json!({ "userName": format!("p{n}@example.com"), "active": true });
    let plan = Plan { seeds: (0..60).map(there).collect(), ..Default::default() };
    let site = Site::signed_in(plan).await;
    site.house.import(&people(60), true).await.unwrap();
    site.house.sync().await;
    let queue = site.page("/approvals").await;
    assert!(queue.contains("Held batch: 60 link in app"), "{queue}");
    let path = queue.split("href=\"/approvals/batches/").nth(1).unwrap().split('"').next().unwrap();
    let path = format!("/approvals/batches/{path}");
    let (page, second) = (site.page(&path).await, site.page(&format!("{path}?page=2")).await);
    assert_eq!((page.matches("<article").count(), second.matches("<article").count()), (50, 10));
    let field = |name: &str| hidden(&page, name);
    let (batch, shown, csrf) = (field("batch"), field("shown"), site.csrf().await);
    let decide = |shown: String| {
        let (batch, csrf, path) = (batch.clone(), csrf.clone(), path.clone());
        vec![
            ("csrf", csrf),
            ("batch", batch),
            ("shown", shown),
            ("verdict", "approve".to_owned()),
            ("comment", "ours".to_owned()),
            ("back", path),
        ]
    };
    let sent = |form: Vec<(&'static str, String)>| {
        let site = &site;
        async move {
            let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
            site.post("/approvals", &form).await.status()
        }
    };
    assert_eq!(sent(decide("60:000000000000".to_owned())).await, StatusCode::SEE_OTHER);
    assert!(site.page(&path).await.contains("nothing was decided"), "another digest decides nothing");
    assert_eq!(sent(decide(shown)).await, StatusCode::SEE_OTHER);
    let after = site.page(&path).await;
    assert!(after.contains("60 approved") && after.contains("Nothing of this batch waits any more"), "{after}");
    assert_eq!(site.get("/approvals/batches/nonsense").await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_alone_in_a_held_batch_is_seen_at_once_and_still_decided_with_it() {
    let seeds = vec![serde_json::json!({ "userName": "p0@example.com", "displayName": "Before", "active": true })];
    let site = Site::signed_in(Plan { seeds, ..Plan::default() }).await;
    site.house.import(&people(1), true).await.unwrap();
    site.house.sync().await;
    let event = site.house.pending().await.remove(0);
    let queue = site.page("/approvals").await;
    assert!(!queue.contains("Held batch:"), "{queue}");
    for seen in [format!("id=\"event-{}\"", event.id), "in a held batch".into(), "Before".into()] {
        assert!(queue.contains(&seen), "{seen}: {queue}");
    }
    let batch = site.page(&format!("/approvals/batches/{}", event.batch.unwrap())).await;
    assert!(batch.contains("Held batch: 1 link in app"), "{batch}");
    let field = |name: &str| hidden(&batch, name);
    let (named, shown, csrf) = (field("batch"), field("shown"), site.csrf().await);
    let form =
        [("csrf", csrf.as_str()), ("verdict", "approve"), ("batch", &named), ("shown", &shown), ("comment", "ours")];
    assert_eq!(site.post("/approvals", &form).await.status(), StatusCode::SEE_OTHER);
    assert!(site.house.pending().await.is_empty());
    assert_eq!(site.post("/approvals", &form).await.status(), StatusCode::SEE_OTHER);
    let told = site.page("/approvals").await;
    assert!(told.contains("admin approved it at") && told.contains("ours"), "{told}");
}
