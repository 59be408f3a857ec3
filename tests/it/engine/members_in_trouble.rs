//! Members when the target fails, is slow, or does what it was asked and doesn't say so: nothing twice, nothing lost, others go on.

use usher::clock::Span;
use usher::provision::edge::EdgeState;
use usher::provision::event::StatusKind;
use usher::sandbox::Faults;
use usher::scim::target::Method;

use super::house::{House, Plan, people};
use super::members::{STAFF, app, count, rules};
use super::tap::Mishap;

const BOTH: &str = "fn entitlements(user) { [grant(\"group\", \"Staff\"), grant(\"group\", \"Others\")] }";
const NOBODY: &str = "fn entitlements(user) { [] }";

/// 150 people with accounts, and two groups; none is in one.
async fn gathered() -> (House, String, String) {
    let none = rules(NOBODY);
    let house = House::build(Plan { rules: &none, ..Plan::default() }).await;
    let (staff, others) = (house.new_group("Staff").await, house.new_group("Others").await);
    house.import(&people(150), true).await.unwrap();
    house.sync().await;
    (house, staff, others)
}

/// Members with how often each is listed, which a set would not show.
fn listed(house: &House, group: &str) -> usize {
    house.sandbox.groups().into_iter().find(|each| each.id == group).unwrap().members.len()
}

async fn rested(house: &House) {
    for _ in 0..4 {
        house.advance(Span::from_hours(1));
        house.sync().await;
    }
    assert_eq!(house.tap.ahead(), 0, "each mishap was met");
    house.sound().await;
    assert_eq!(house.sync().await.requests, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_a_chunk_of_many_everybody_is_in_once_and_the_other_group_is_not_kept_waiting() {
    let mishaps = [
        Mishap::RequestLost,
        Mishap::AnswerLost,
        Mishap::Instead(429, Some("120")),
        Mishap::Instead(500, None),
        Mishap::Instead(503, None),
        Mishap::After(500),
        Mishap::After(503),
    ];
    for mishap in mishaps {
        let (house, staff, others) = gathered().await;
        // A target that lists twice who is added twice shows what was sent again without need.
        house.sandbox.set_faults(Faults::parse(&["member-twice:1"]).unwrap());
        house.tap.next(Method::Patch, "/Groups/", mishap.clone());
        let both = rules(BOTH);
        house.apply(&Plan { rules: &both, ..Plan::default() }).await;
        house.sync().await;
        let there = [listed(&house, &staff), listed(&house, &others)];
        assert!(there.contains(&150), "{mishap:?} stops one group at most: {there:?}");
        rested(&house).await;
        assert_eq!([listed(&house, &staff), listed(&house, &others)], [150, 150], "{mishap:?}");
        let edges = house.edges().await;
        assert_eq!(count(&edges, EdgeState::Granted), 300, "ours, each of them: {mishap:?}");
        assert_eq!(house.ended(StatusKind::Failed).await, 0, "{mishap:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_to_a_removal_of_many_nobody_stays_who_should_not_and_strangers_do() {
    let mishaps = [
        Mishap::RequestLost,
        Mishap::AnswerLost,
        Mishap::Instead(429, Some("120")),
        Mishap::Instead(500, None),
        Mishap::After(500),
        Mishap::After(503),
    ];
    for mishap in mishaps {
        let (house, staff, _) = gathered().await;
        let with = rules(STAFF);
        house.apply(&Plan { rules: &with, ..Plan::default() }).await;
        house.sync().await;
        house.sandbox.put_into_group(&staff, "a-stranger");
        assert_eq!(listed(&house, &staff), 151);
        let none = rules(NOBODY);
        house.apply(&Plan { rules: &none, ..Plan::default() }).await;
        house.sync().await;
        house.decide_all(true).await;
        house.tap.next(Method::Patch, "/Groups/", mishap.clone());
        house.sync().await;
        rested(&house).await;
        assert_eq!(listed(&house, &staff), 1, "{mishap:?}");
        assert_eq!(house.edges().await, Vec::new(), "{mishap:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_asks_for_time_gets_it() {
    let (house, staff, _) = gathered().await;
    house.tap.next(Method::Patch, "/Groups/", Mishap::Instead(429, Some("600")));
    let with = rules(STAFF);
    house.apply(&Plan { rules: &with, ..Plan::default() }).await;
    house.tap.take();
    house.sync().await;
    assert_eq!(house.tap.member_changes().len(), 1, "the second chunk waits too");
    house.advance(Span::from_secs(590));
    house.sync().await;
    assert_eq!(house.tap.member_changes().len(), 0);
    house.advance(Span::from_secs(20));
    house.sync().await;
    assert_eq!(house.tap.member_changes().len(), 2);
    assert_eq!(listed(&house, &staff), 150);
    rested(&house).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_carried_out_unheard_is_looked_up_and_not_sent_again() {
    let (house, staff, _) = gathered().await;
    house.tap.next(Method::Patch, "/Groups/", Mishap::AnswerLost);
    // It can't be looked at at once either.
    house.tap.next(Method::Get, "/Groups/", Mishap::Instead(503, None));
    let with = rules(STAFF);
    house.apply(&Plan { rules: &with, ..Plan::default() }).await;
    house.tap.take();
    house.sync().await;
    rested(&house).await;
    let sent = house.tap.member_changes();
    let added = sent.iter().map(|each| each.body["Operations"][0]["value"].as_array().unwrap().len());
    assert_eq!(added.sum::<usize>(), 150, "each member is sent once");
    assert_eq!(listed(&house, &staff), 150);
    assert_eq!(count(&house.edges().await, EdgeState::Granted), 150, "what our request did is ours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_never_answers_is_given_up_in_time_and_asked_what_it_did() {
    for fault in ["timeout:#1:PATCH", "timeout-after-commit:#1:PATCH", "drop-after-commit:#1:PATCH"] {
        let with = rules(STAFF);
        let app = app("[limits]\ntimeout_secs = 1\n");
        let none = rules(NOBODY);
        let house = House::build(Plan { rules: &none, app: &app, ..Plan::default() }).await;
        let staff = house.new_group("Staff").await;
        house.import(&people(30), true).await.unwrap();
        house.sync().await;
        house.sandbox.set_faults(Faults::parse(&[fault, "member-twice:1"]).unwrap());
        house.apply(&Plan { rules: &with, app: &app, ..Plan::default() }).await;
        house.sync().await;
        rested(&house).await;
        assert_eq!(listed(&house, &staff), 30, "{fault}");
        assert_eq!(count(&house.edges().await, EdgeState::Granted), 30, "{fault}");
    }
}
