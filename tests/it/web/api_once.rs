//! A write that is sent twice is done once.

use std::sync::Arc;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use usher::access::Role;
use usher::access::credential::TokenKind;
use usher::clock::Span;

use super::caller::{Caller, Reply};
use super::site::Site;
use crate::engine::gate::Gate;
use crate::engine::house::{Plan, people};

async fn keyed(caller: &Caller<'_>, key: &str, path: &str, body: &Value) -> Reply {
    caller.send(caller.request(Method::PATCH, path).header("idempotency-key", key).json(body)).await
}

async fn with_one() -> Site {
    let site = Site::signed_in(Plan::default()).await;
    site.house.import(&people(1), true).await.unwrap();
    site
}

fn revision(reply: &Reply) -> u64 {
    reply.json()["user"]["revision"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_gives_the_first_answer_again() {
    let site = with_one().await;
    let program = Caller::program(&site).await;
    let lead = json!({"set": {"title": "Lead"}});
    let first = keyed(&program, "one", "/users/k0", &lead).await;
    assert_eq!((first.status, first.header("idempotent-replayed")), (StatusCode::OK, ""));
    program.done(Method::PATCH, "/users/k0", &json!({"set": {"title": "Boss"}})).await;
    let again = keyed(&program, "one", "/users/k0", &lead).await;
    assert_eq!((again.header("idempotent-replayed"), again.header("etag")), ("true", first.header("etag")));
    assert_eq!(again.text, first.text);
    let now = program.found("/users/k0").await;
    assert_eq!(now["user"]["attributes"]["title"], "Boss", "nothing was done twice");
    let other = keyed(&program, "one", "/users/k0", &json!({"set": {"title": "Chief"}})).await;
    assert_eq!((other.status.as_u16(), &other.json()["type"]), (422, &json!("/problems/idempotency-key-reused")));
    let elsewhere = keyed(&program, "one", "/users/k1", &lead).await;
    assert_eq!(elsewhere.status, StatusCode::UNPROCESSABLE_ENTITY, "another address is another request");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_belongs_to_whoever_sent_it_and_is_forgotten_after_a_day() {
    let site = with_one().await;
    let (one, two) = (Caller::program(&site).await, Caller::program(&site).await);
    let lead = json!({"set": {"title": "Lead"}});
    let first = keyed(&one, "mine", "/users/k0", &lead).await;
    let other = keyed(&two, "mine", "/users/k0", &json!({"set": {"title": "Boss"}})).await;
    assert_eq!((other.status, revision(&other)), (StatusCode::OK, revision(&first) + 1));
    let viewer = Caller::with_token(&site, TokenKind::Service, Role::Viewer).await;
    assert_eq!(keyed(&viewer, "mine", "/users/k0", &lead).await.status, StatusCode::FORBIDDEN);
    site.house.advance(Span::from_hours(23));
    assert_eq!(keyed(&one, "mine", "/users/k0", &lead).await.header("idempotent-replayed"), "true");
    site.house.advance(Span::from_hours(2));
    let later = keyed(&one, "mine", "/users/k0", &lead).await;
    assert_eq!((later.header("idempotent-replayed"), revision(&later)), ("", revision(&other) + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_for_want_of_a_right_is_not_kept_and_a_key_must_be_one() {
    let site = with_one().await;
    let program = Caller::program(&site).await;
    let long = "x".repeat(201);
    for key in ["", "two words", long.as_str()] {
        let reply = keyed(&program, key, "/users/k0", &json!({"set": {"title": "Lead"}})).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{key}");
    }
    let wrong = json!({"set": {"no_such_attribute": "x"}});
    assert_eq!(keyed(&program, "wrong", "/users/k0", &wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let again = keyed(&program, "wrong", "/users/k0", &wrong).await;
    assert_eq!((again.status.as_u16(), again.header("idempotent-replayed")), (422, "true"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_the_same_write_at_the_same_time_one_is_done() {
    let site = with_one().await;
    let program = Caller::program(&site).await;
    let lead = json!({"set": {"title": "Lead"}});
    let before = program.found("/users/k0").await["user"]["revision"].as_u64().unwrap();
    let all: Vec<_> = (0..8).map(|_| keyed(&program, "at-once", "/users/k0", &lead)).collect();
    let replies = futures_util::future::join_all(all).await;
    let fresh = |reply: &&Reply| reply.status == StatusCode::OK && reply.header("idempotent-replayed").is_empty();
    assert_eq!(replies.iter().filter(fresh).count(), 1);
    for reply in &replies {
        let under_way = reply.status == StatusCode::CONFLICT && reply.json()["type"] == "/problems/request-under-way";
        assert!(reply.status == StatusCode::OK || under_way, "{}", reply.text);
    }
    assert_eq!(program.found("/users/k0").await["user"]["revision"].as_u64().unwrap(), before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_goes_on_when_the_caller_hangs_up_and_its_answer_waits_for_him() {
    let gate = Gate::open();
    let site = Site::signed_in(Plan { gate: Some(Arc::clone(&gate)), ..Plan::default() }).await;
    site.house.import(&people(1), true).await.unwrap();
    let program = Caller::program(&site).await;
    let sync =
        || program.request(Method::POST, "/sync").header("idempotency-key", "sync-1").json(&json!({"app": "app"}));
    gate.close();
    let call = tokio::spawn(sync().send());
    while gate.waiting() == 0 {
        tokio::task::yield_now().await;
    }
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled(), "he hung up while it was sent");
    let meanwhile = program.send(sync()).await;
    assert_eq!((meanwhile.status.as_u16(), &meanwhile.json()["type"]), (409, &json!("/problems/request-under-way")));
    gate.open_for_good();
    let done = loop {
        let reply = program.send(sync()).await;
        if reply.status != StatusCode::CONFLICT {
            break reply;
        }
    };
    assert_eq!((done.status, done.header("idempotent-replayed")), (StatusCode::OK, "true"), "{}", done.text);
    assert_eq!(done.json()["items"][0]["ended"], json!({"succeeded": 1}));
    assert_eq!(site.house.accounts().len(), 1);
}
