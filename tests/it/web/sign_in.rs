//! Sign-in: sessions begin, end and are proved again.

use reqwest::StatusCode;
use usher::access::credential::Typed;
use usher::clock::Span;
use usher::engine::Command;
use usher::server::Net;

use super::site::{Filled, PASSWORD, Site};
use crate::engine::house::Plan;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sees_a_page_without_signing_in_and_comes_back_to_it_afterwards() {
    let mut site = Site::open(Plan::default()).await;
    let answer = site.get("/approvals").await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    assert_eq!(answer.headers()["location"], "/sign-in?next=/approvals");
    let once = site.house.engine.bootstrap().await.unwrap();
    let form = [("token", once.expose()), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(site.post("/set-up", &form).await.status(), StatusCode::SEE_OTHER);
    let again = site.post("/set-up", &form).await;
    assert_eq!(again.status(), StatusCode::UNPROCESSABLE_ENTITY, "the token counts once");
    let wrong = site.post("/sign-in", &[("name", "admin"), ("password", "not the password at all")]).await;
    assert_eq!(wrong.status(), StatusCode::UNAUTHORIZED);
    let right = site.post("/sign-in", &[("name", "admin"), ("password", PASSWORD), ("next", "/apps")]).await;
    assert_eq!((right.status(), &right.headers()["location"]), (StatusCode::SEE_OTHER, &"/apps".parse().unwrap()));
    site.keep(&right);
    assert!(site.page("/apps").await.contains("admin · admin"));
    let elsewhere =
        site.post("/sign-in", &[("name", "admin"), ("password", PASSWORD), ("next", "//evil.example")]).await;
    assert_eq!(elsewhere.headers()["location"], "/", "nobody is sent elsewhere");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_when_it_is_idle_old_or_left() {
    let mut site = Site::signed_in(Plan::default()).await;
    site.house.advance(Span::from_secs(29 * 60));
    site.page("/apps").await;
    site.house.advance(Span::from_secs(31 * 60));
    assert_eq!(site.get("/apps").await.status(), StatusCode::SEE_OTHER, "idle");
    let form = [("name", "admin"), ("password", PASSWORD)];
    let answer = site.post("/sign-in", &form).await;
    site.keep(&answer);
    for _ in 0..25 {
        site.house.advance(Span::from_secs(29 * 60));
        site.get("/apps").await;
    }
    assert_eq!(site.get("/apps").await.status(), StatusCode::SEE_OTHER, "twelve hours");
    let answer = site.post("/sign-in", &form).await;
    site.keep(&answer);
    let csrf = site.csrf().await;
    site.post("/sign-out", &[("csrf", &csrf)]).await;
    assert_eq!(site.get("/apps").await.status(), StatusCode::SEE_OTHER, "left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_signs_in_where_his_session_ended_long_ago_is_in_at_once() {
    let mut site = Site::signed_in(Plan::default()).await;
    site.house.advance(Span::from_hours(13));
    // The browser still sends the old cookie, and no page was asked for in between.
    let answer = site.post("/sign-in", &[("name", "admin"), ("password", PASSWORD)]).await;
    site.keep(&answer);
    assert_eq!(site.get("/apps").await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_wrong_passwords_lock_the_name_for_a_while() {
    let site = Site::signed_in(Plan::default()).await;
    for _ in 0..10 {
        site.post("/sign-in", &[("name", "admin"), ("password", "wrong wrong wrong")]).await;
    }
    let right = [("name", "admin"), ("password", PASSWORD)];
    assert_eq!(site.post("/sign-in", &right).await.status(), StatusCode::TOO_MANY_REQUESTS);
    site.house.advance(Span::from_secs(16 * 60));
    assert_eq!(site.post("/sign-in", &right).await.status(), StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_name_is_free_again_with_a_new_password() {
    let site = Site::open_over(Plan::default(), Net { behind_proxy: true, ..Net::default() }).await.set_up().await;
    let sign_in = async |password: &str, from: &str| {
        let form = [("name", "admin"), ("password", password)];
        let request = site.request(reqwest::Method::POST, "/sign-in").header("origin", &site.origin);
        request.header("x-forwarded-for", from).filled(&form).send().await.unwrap().status()
    };
    for _ in 0..10 {
        sign_in("wrong wrong wrong", "192.0.2.1").await;
    }
    assert_eq!(sign_in(PASSWORD, "192.0.2.2").await, StatusCode::TOO_MANY_REQUESTS, "the name is locked everywhere");
    let new = "another long enough password";
    site.house.ask(Command::PasswordSet { name: Some("admin".into()), password: Typed::new(new) }).await.unwrap();
    assert_eq!(sign_in(new, "192.0.2.1").await, StatusCode::TOO_MANY_REQUESTS, "the address is locked still");
    assert_eq!(sign_in(new, "192.0.2.2").await, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_locked_himself_out_gets_in_with_a_one_time_token() {
    let site = Site::open(Plan::default()).await;
    for _ in 0..10 {
        site.post("/sign-in", &[("name", "admin"), ("password", "wrong wrong wrong")]).await;
    }
    let right = [("name", "admin"), ("password", PASSWORD)];
    assert_eq!(site.post("/sign-in", &right).await.status(), StatusCode::TOO_MANY_REQUESTS);
    let once = site.house.engine.bootstrap().await.unwrap();
    let form = [("token", once.expose()), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(site.post("/set-up", &form).await.status(), StatusCode::SEE_OTHER);
}
