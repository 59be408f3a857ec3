//! Deciding: one, many, a batch, by mouse and by keyboard; two who decide at once; and who may not.

use usher::access::FourEyes;
use usher::engine::command::Command;
use usher::id::EventId;
use usher::provision::event::StatusKind;

use super::driver::Browser;
use super::place::Place;

/// The number of the card that stands at `position`, from 0.
async fn card(browser: &Browser, position: usize) -> EventId {
    let script = format!("return document.querySelectorAll('#decisions .event')[{position}].id");
    browser.run(&script).await.as_str().unwrap().trim_start_matches("event-").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_is_approved_after_its_diff_was_seen_and_another_is_rejected_with_a_comment() {
    let place = Place::open(FourEyes::Record).await;
    let browser = place.signed_in("mira").await;
    browser.goto("/approvals?app=chat").await;
    let (first, second) = (card(&browser, 0).await, card(&browser, 1).await);
    let shown = browser.text(&format!("#event-{first}")).await;
    for seen in ["title", "Engineer", "Becomes", "people.rhai:", "approval"] {
        assert!(shown.contains(seen), "{seen}: {shown}");
    }
    browser.click(&format!("#pick-{first}")).await;
    browser.leave_by("#decisions button[value=approve]").await;
    assert_eq!(browser.path().await, "/approvals?app=chat");
    assert!(browser.text(".told").await.contains(&format!("{first}")));
    place.ask(Command::Sync { app: None, plan: None, workspace: None }).await;
    assert_eq!(place.event(first).await.status.kind(), StatusKind::Succeeded);
    browser.click(&format!("#pick-{second}")).await;
    browser.fill("#comment", "not one of us").await;
    browser.leave_by("#decisions button[value=reject]").await;
    let rejected = place.event(second).await;
    assert_eq!(
        (rejected.status.kind(), rejected.decisions[0].comment.as_str()),
        (StatusKind::Rejected, "not one of us")
    );
    browser.goto("/approvals/decided").await;
    let lately = browser.text("main").await;
    assert!(lately.contains("not one of us") && lately.contains("mira"), "{lately}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_batch_is_looked_at_and_approved_as_a_whole() {
    let place = Place::open(FourEyes::Record).await;
    let browser = place.signed_in("mira").await;
    browser.goto("/approvals").await;
    assert!(browser.text(".batch").await.contains("3 link in docs"), "{}", browser.text(".batch").await);
    browser.leave_by(".batch .actions a").await;
    assert_eq!(browser.count("#decisions .event").await, 3);
    browser.fill(".panel [name=comment]", "ours from before").await;
    browser.leave_by(".panel button[value=approve]").await;
    assert!(browser.text("main").await.contains("Nothing of this batch waits any more"));
    assert_eq!(place.events("docs", StatusKind::Pending).await.len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_caused_a_change_can_not_approve_it_under_four_eyes() {
    let place = Place::open(FourEyes::Enforce).await;
    let browser = place.signed_in("ada").await;
    browser.goto("/approvals?app=chat").await;
    let first = card(&browser, 0).await;
    browser.click(&format!("#pick-{first}")).await;
    browser.fill("#comment", "mine").await;
    browser.leave_by("#decisions button[value=approve]").await;
    assert!(browser.text(".told").await.contains("four eyes"));
    assert_eq!(place.event(first).await.status.kind(), StatusKind::Pending);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_move_tick_and_decide() {
    let place = Place::open(FourEyes::Record).await;
    let browser = place.signed_in("mira").await;
    browser.goto("/approvals?app=chat").await;
    let (first, second, third) = (card(&browser, 0).await, card(&browser, 1).await, card(&browser, 2).await);
    browser.press("?").await;
    assert!(browser.text("dialog[open]").await.contains("approve what is ticked"));
    browser.click("dialog[open] button").await;
    browser.press("jjx").await;
    assert_eq!(browser.run("return document.querySelector('.event.at .pick').checked").await, true);
    browser.press("aseen").await;
    browser.enter().await;
    let approved = place.event(second).await;
    assert_eq!((approved.status.kind(), approved.decisions[0].comment.as_str()), (StatusKind::Queued, "seen"));
    assert_eq!(place.event(first).await.status.kind(), StatusKind::Pending);
    browser.press("jjkjrno").await;
    browser.enter().await;
    let rejected = place.event(third).await;
    assert_eq!((rejected.status.kind(), rejected.decisions[0].comment.as_str()), (StatusKind::Rejected, "no"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enter_in_a_comment_decides_nothing_by_itself() {
    let place = Place::open(FourEyes::Record).await;
    let browser = place.signed_in("mira").await;
    browser.goto("/approvals?app=chat").await;
    let first = card(&browser, 0).await;
    browser.click(&format!("#pick-{first}")).await;
    browser.fill("#comment", "thinking\u{e007}").await;
    browser.goto("/approvals?app=chat").await;
    assert_eq!(place.event(first).await.status.kind(), StatusKind::Pending);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_of_two_is_told_who_decided_before_him_and_how() {
    let place = Place::open(FourEyes::Record).await;
    let (mira, ada) = (place.signed_in("mira").await, place.signed_in("ada").await);
    mira.goto("/approvals?app=chat").await;
    ada.goto("/approvals?app=chat").await;
    let first = card(&mira, 0).await;
    for (browser, comment, verdict) in [(&mira, "leave it", "reject"), (&ada, "known", "approve")] {
        browser.click(&format!("#pick-{first}")).await;
        browser.fill("#comment", comment).await;
        browser.leave_by(&format!("#decisions button[value={verdict}]")).await;
    }
    let told = ada.text(".told").await;
    assert!(
        told.contains("not decided") && told.contains("mira rejected it at") && told.contains("leave it"),
        "{told}"
    );
    assert_eq!(place.event(first).await.status.kind(), StatusKind::Rejected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_viewer_sees_what_waits_and_a_quarantined_app_and_can_decide_nothing() {
    let place = Place::open(FourEyes::Record).await;
    let browser = place.signed_in("vera").await;
    browser.goto("/approvals").await;
    assert!(browser.count("article.event").await >= 6);
    assert_eq!(browser.count("button[value=approve]").await, 0);
    browser.goto("/apps/mail").await;
    let shown = browser.text("#app-now .notice").await;
    assert!(shown.contains("In quarantine") && shown.contains("Nothing but probes is sent"), "{shown}");
    assert_eq!(browser.count("form[action$='/pause'], form[action$='/resume']").await, 0);
    browser.goto("/").await;
    assert!(browser.text("main").await.contains("is in quarantine"));
}
