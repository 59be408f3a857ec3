//! Approvals: what is held, what a decision binds, four eyes.

use usher::access::FourEyes;
use usher::engine::Answer;
use usher::engine::Command;
use usher::engine::pending::Choice;
use usher::provision::event::StatusKind;

use super::house::{House, Plan, people};

fn held() -> Plan<'static> {
    Plan { app: "[assign]\nroles = [\"staff\"]\n[approvals]\ncreate = true\n", ..Plan::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creates_wait_when_the_app_asks_and_a_rejection_is_not_asked_again() {
    let house = House::build(held()).await;
    house.import(&people(3), true).await.unwrap();
    house.sync().await;
    assert_eq!(house.sandbox.writes(), 0);
    assert_eq!(house.pending().await.len(), 3);
    house.sync().await;
    assert_eq!(house.pending().await.len(), 3, "the same payload keeps its event");
    let first = house.pending().await[0].id;
    let reject = Command::Decide {
        choice: Choice::of(vec![first]),
        shown: None,
        approve: false,
        comment: "not this one".into(),
        dry_run: false,
    };
    house.ask(reject).await.unwrap();
    house.decide_all(true).await;
    house.sync().await;
    assert_eq!(house.accounts().len(), 2);
    house.sync().await;
    assert!(house.pending().await.is_empty(), "a rejection mutes the payload");
    assert_eq!(house.ended(StatusKind::Rejected).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_payload_supersedes_what_was_asked() {
    let house = House::build(held()).await;
    house.import(&people(1), true).await.unwrap();
    house.sync().await;
    let old = house.pending().await[0].clone();
    house.import(&people(1).replace("Title0", "Chief"), true).await.unwrap();
    house.sync().await;
    let new = house.pending().await;
    assert_eq!(new.len(), 1);
    assert_ne!(new[0].id, old.id);
    let late = Command::Decide {
        choice: Choice::of(vec![old.id]),
        shown: None,
        approve: true,
        comment: "too late".into(),
        dry_run: false,
    };
    match house.ask(late).await.unwrap() {
        Answer::Decided(answers) => assert!(answers[0].refused.is_some()),
        other => panic!("{other:?}"),
    }
    house.decide_all(true).await;
    house.sync().await;
    assert_eq!(house.sandbox.accounts()[0].body["title"], "Chief");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_eyes_enforced_refuses_the_one_who_uploaded() {
    let house = House::build(Plan { four_eyes: FourEyes::Enforce, ..held() }).await;
    house.import(&people(1), true).await.unwrap();
    house.ask(Command::Sync { app: None, plan: None, workspace: None }).await.unwrap();
    let event = house.pending().await[0].clone();
    let approve = Command::Decide {
        choice: Choice::of(vec![event.id]),
        shown: None,
        approve: true,
        comment: "mine".into(),
        dry_run: false,
    };
    match house.ask(approve).await.unwrap() {
        Answer::Decided(answers) => {
            assert!(answers[0].refused.as_ref().is_some_and(|why| why.contains("four eyes")), "{answers:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(house.sandbox.writes(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_that_comes_by_first_does_not_hide_who_caused_what_is_approved() {
    let house = House::build(held()).await;
    house.import(&people(1), true).await.unwrap();
    house.sync().await;
    house.decide_all(true).await;
    house.sync().await;
    // The revision's own sweep is over: what comes now is caused by this upload alone.
    house.import(&people(2), true).await.unwrap();
    house.sync().await;
    let event = house.pending().await[0].clone();
    assert!(matches!(event.cause, usher::directory::Cause::Import(_)), "{:?}", event.cause);
    let silent = Command::Decide {
        choice: Choice::of(vec![event.id]),
        shown: None,
        approve: true,
        comment: String::new(),
        dry_run: false,
    };
    match house.ask(silent).await.unwrap() {
        Answer::Decided(answers) => {
            assert!(answers[0].refused.as_ref().is_some_and(|why| why.contains("--comment")), "{answers:?}");
        }
        other => panic!("{other:?}"),
    }
}
