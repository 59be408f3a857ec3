//! Signing in, being asked once more, and forms that are not from here.

use usher::access::FourEyes;
use usher::clock::Span;
use usher::provision::event::StatusKind;

use super::driver::Browser;
use super::place::{Place, sign_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_signs_in_comes_back_to_where_he_wanted_to_be_and_leaves() {
    let place = Place::open(FourEyes::Record).await;
    let browser = Browser::open(&place.origin).await;
    browser.goto("/apps/chat").await;
    assert_eq!(browser.path().await, "/sign-in?next=/apps/chat");
    browser.fill("#name", "mira").await;
    browser.fill("#password", "not the password at all").await;
    browser.leave_by("button[type=submit]").await;
    assert!(browser.text("[role=alert]").await.contains("wrong"));
    sign_in(&browser, "mira").await;
    assert_eq!(browser.path().await, "/apps/chat");
    assert!(browser.text(".who").await.contains("mira · approver"));
    browser.leave_by(".who button").await;
    browser.goto("/approvals").await;
    assert_eq!(browser.path().await, "/sign-in?next=/approvals");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_ends_when_it_is_idle_and_a_late_decision_asks_for_the_password_again() {
    let place = Place::open(FourEyes::Record).await;
    let browser = place.signed_in("mira").await;
    browser.goto("/approvals").await;
    place.advance(Span::from_secs(16 * 60));
    browser.click(".event .pick").await;
    browser.leave_by("#decisions button[value=approve]").await;
    assert!(browser.path().await.starts_with("/sign-in?next=/approvals"), "{}", browser.path().await);
    assert!(browser.text("main").await.contains("the last time you proved yourself is a while ago"));
    sign_in(&browser, "mira").await;
    assert_eq!(browser.path().await, "/approvals");
    place.advance(Span::from_secs(31 * 60));
    browser.goto("/approvals").await;
    assert_eq!(browser.path().await, "/sign-in?next=/approvals");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_with_another_token_decides_nothing() {
    let place = Place::open(FourEyes::Record).await;
    let browser = place.signed_in("mira").await;
    browser.goto("/approvals").await;
    let before = place.events("chat", StatusKind::Pending).await.len();
    browser.run("document.querySelector('#decisions [name=csrf]').value = 'guessed'").await;
    browser.click(".event .pick").await;
    browser.leave_by("#decisions button[value=approve]").await;
    assert!(browser.text("main").await.contains("not from here"), "{}", browser.text("main").await);
    assert_eq!(place.events("chat", StatusKind::Pending).await.len(), before);
}
