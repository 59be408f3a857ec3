//! Targets that fail: a moment's pause, quarantine and its probes, and that nothing is lost meanwhile.

use std::sync::Arc;
use std::time::Duration;

use usher::clock::Span;
use usher::connector::AppState;
use usher::directory::Standing;
use usher::engine::active::ActiveApp;
use usher::engine::answer::{AppAnswer, Check};
use usher::engine::command::Edit;
use usher::engine::{Answer, Command};
use usher::id::AppName;
use usher::provision::event::StatusKind;
use usher::sandbox::Faults;
use usher::scim::target::Method;
use usher::store::query::EventQuery;

use super::gate::Gate;
use super::house::{House, NOON, Plan, people};

fn app() -> AppName {
    AppName::new("app").unwrap()
}

pub(super) async fn active(house: &House) -> Arc<ActiveApp> {
    Arc::clone(&house.engine.active().await.unwrap().apps[&app()])
}

pub(super) async fn state(house: &House) -> AppState {
    house.engine.store().app(&app()).await.unwrap().state
}

pub(super) fn fails(house: &House, faults: &[&str]) {
    house.sandbox.set_faults(Faults::parse(faults).unwrap());
}

pub(super) async fn push(house: &House) -> u64 {
    house.engine.push(&active(house).await, &|| false).await.unwrap().attempts
}

pub(super) async fn show(house: &House) -> AppAnswer {
    match house.ask(Command::AppShow { app: app() }).await.unwrap() {
        Answer::App(answer) => *answer,
        other => panic!("{other:?}"),
    }
}

pub(super) async fn doctor(house: &House) -> Vec<Check> {
    match house.ask(Command::Doctor { workspace: None }).await.unwrap() {
        Answer::Doctor(checks) => checks,
        other => panic!("{other:?}"),
    }
}

/// Everybody looks again: what a change or a timer does.
pub(super) async fn kick(house: &House) {
    house.ask(Command::Retry { events: Vec::new() }).await.unwrap();
}

/// Twelve people with accounts, and a change for each.
async fn changed(gate: Option<Arc<Gate>>) -> House {
    let house = House::build(Plan { gate, ..Plan::default() }).await;
    house.import(&people(12), true).await.unwrap();
    house.sync().await;
    assert_eq!(house.accounts().len(), 12);
    house.import(&people(12).replace("Title", "Other"), true).await.unwrap();
    house
}

fn titled(house: &House) -> usize {
    house
        .sandbox
        .accounts()
        .iter()
        .filter(|account| account.body["title"].as_str().unwrap().starts_with("Other"))
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_fails_gets_a_pause_then_one_request_and_then_the_rest() {
    let house = changed(None).await;
    fails(&house, &["503:1:PATCH"]);
    let synced = house.sync().await;
    let AppState::BreakerOpen { since, next_try, tries: 0, why } = state(&house).await else { panic!("{synced:?}") };
    assert_eq!((since, next_try), (NOON, NOON.plus(Span::from_secs(30))));
    assert!(why.contains("users in a row failed") && why.contains("503"), "{why}");
    let trouble = synced.trouble.unwrap();
    assert!(trouble.contains("not answering since") && trouble.contains("one request tries it"), "{trouble}");
    let before = house.sandbox.requests();
    house.advance(Span::from_secs(29));
    assert_eq!((push(&house).await, house.sandbox.requests()), (0, before), "nothing is sent in the pause");
    house.advance(Span::from_secs(1));
    push(&house).await;
    assert_eq!(house.sandbox.requests(), before + 1, "one request tries it");
    let AppState::BreakerOpen { next_try, tries: 1, .. } = state(&house).await else { panic!() };
    assert_eq!(next_try, NOON.plus(Span::from_secs(90)), "the pauses double");
    fails(&house, &[]);
    house.advance(Span::from_secs(60));
    push(&house).await;
    assert_eq!((state(&house).await, titled(&house)), (AppState::Live, 12), "whatever was put off follows at once");
    assert!(house.engine.store().verify().await.unwrap().problems.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_for_an_hour_is_quarantine_with_rarer_and_rarer_probes_and_disabled_after_four_weeks() {
    let house = changed(None).await;
    fails(&house, &["503:1"]);
    house.sync().await;
    for _ in 0..20 {
        house.advance(Span::from_secs(300));
        push(&house).await;
    }
    let AppState::Quarantined { since, why, next_probe, .. } = state(&house).await else {
        panic!("{:?}", state(&house).await)
    };
    assert!(since >= NOON.plus(Span::from_hours(1)) && since <= NOON.plus(Span::from_secs(3_900)), "{since}");
    assert!(why.contains("not one answer for an hour"), "{why}");
    assert_eq!(next_probe, since.plus(Span::from_hours(1)));
    let shown = show(&house).await;
    assert_eq!(shown.waiting.queued.values().sum::<u64>(), 12, "{:?}", shown.waiting);
    assert_eq!(shown.waiting.words(), "what waits: update 12");
    let checks = doctor(&house).await;
    let check = checks.iter().find(|check| check.subject == "app app").unwrap();
    for words in ["in quarantine since", "503", "next probe", "update 12", "usher apps test app"] {
        assert!(check.finding.contains(words), "{words}: {}", check.finding);
    }
    // Probes: hourly, then rarer, in the end daily; each is on disk.
    let (mut pauses, mut probes) = (Vec::new(), 0);
    let app = active(&house).await;
    while let AppState::Quarantined { next_probe, .. } = state(&house).await {
        let now = house.now();
        pauses.push(next_probe.millis_since(now) / 3_600_000);
        house.advance(Span::from_secs(next_probe.millis_since(now).div_ceil(1000)));
        let before = house.sandbox.requests();
        assert!(!house.engine.probe(&app).await.unwrap());
        assert!(house.sandbox.requests() - before <= 2, "a probe is a request or two");
        probes += 1;
        assert!(probes < 100);
    }
    assert_eq!(&pauses[1..7], [2, 4, 8, 16, 24, 24]);
    assert!(matches!(state(&house).await, AppState::Disabled { .. }));
    // Only a person ends that.
    fails(&house, &[]);
    house.sync().await;
    assert_eq!(titled(&house), 0);
    house.ask(Command::AppResume { app: app.spec.name.clone() }).await.unwrap();
    house.sync().await;
    assert_eq!((state(&house).await, titled(&house)), (AppState::Live, 12), "nothing was lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_credential_stops_the_app_at_once_and_a_good_probe_starts_it() {
    let house = changed(None).await;
    fails(&house, &["401:1"]);
    let before = house.sandbox.requests();
    house.sync().await;
    let AppState::Quarantined { why, .. } = state(&house).await else { panic!("{:?}", state(&house).await) };
    assert!(why.contains("the credential is refused") && why.contains("401"), "{why}");
    let sent = house.sandbox.requests() - before;
    assert!(sent <= 10, "what was in flight, and no more: {sent}");
    fails(&house, &[]);
    assert!(house.engine.probe(&active(&house).await).await.unwrap());
    assert_eq!(state(&house).await, AppState::Live);
    push(&house).await;
    assert_eq!(titled(&house), 12, "also those whose next attempt was put off");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_403_counts_only_if_reading_is_forbidden_too_and_no_403_that_means_429_does() {
    let house = changed(None).await;
    fails(&house, &["403:1:PATCH"]);
    house.sync().await;
    assert_eq!(state(&house).await, AppState::Live, "twelve users are refused, the app is not");
    assert_eq!(house.ended(StatusKind::Failed).await, 12);
    let house = changed(None).await;
    fails(&house, &["403:1"]);
    house.sync().await;
    assert!(matches!(state(&house).await, AppState::Quarantined { .. }));
    let quirks = [("rate_limit_statuses = []", "rate_limit_statuses = [403]")];
    let house = House::build(Plan { quirks: &quirks, ..Plan::default() }).await;
    house.import(&people(12), true).await.unwrap();
    house.sync().await;
    house.import(&people(12).replace("Title", "Other"), true).await.unwrap();
    fails(&house, &["403:1"]);
    house.sync().await;
    assert_eq!(state(&house).await, AppState::Live, "too many requests are no fault");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_500_for_a_name_that_is_taken_is_a_409() {
    let house = House::build(Plan::default()).await;
    house.import(&people(12), true).await.unwrap();
    house.plan().await;
    // Somebody is quicker than we are.
    for number in 0..12 {
        let body = serde_json::json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": format!("p{number}@example.com")
        });
        assert_eq!(house.call("POST", "/Users", Some(body)).await.0, 201);
    }
    let theirs = house.sandbox.accounts();
    house.advance(Span::from_secs(600));
    fails(&house, &["409-as-500:1"]);
    // What the plan has seen is believed for a day: the creates are sent, and answered with 500.
    let synced = house.sync().await;
    assert_eq!(state(&house).await, AppState::Live, "{synced:?}");
    assert_eq!(house.sandbox.accounts(), theirs, "nobody's account was touched");
    assert_eq!(house.ended(StatusKind::Failed).await, 12, "{synced:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_dead_app_is_not_noticed_by_the_other() {
    let house = House::build(Plan::default()).await;
    let mut bundle = house.bundle(&Plan::default());
    let dead = bundle.files["apps/app.toml"].lines().map(|line| match line.starts_with("base_url") {
        // Nobody listens on port 9 of this machine.
        true => "base_url = \"http://127.0.0.1:9/scim/v2\"",
        false => line,
    });
    bundle.files.insert("apps/a-dead.toml".into(), dead.collect::<Vec<_>>().join("\n"));
    let base = house.engine.store().active_revision().await.unwrap().map(|revision| revision.number);
    house.ask(Command::Apply { bundle, base, comment: "two".into(), dry_run: false }).await.unwrap();
    house.import(&people(40), true).await.unwrap();
    let Answer::Synced(synced) = house.ask(Command::Sync { app: None, plan: None, workspace: None }).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(synced.len(), 2);
    assert!(synced[0].trouble.is_some(), "{synced:?}");
    assert_eq!((synced[1].ended.get(&StatusKind::Succeeded), synced[1].writes), (Some(&40), 40), "{synced:?}");
    let alone = House::build(Plan::default()).await;
    alone.import(&people(40), true).await.unwrap();
    let one = alone.sync().await;
    assert_eq!((one.requests, one.writes), (synced[1].requests, synced[1].writes), "not one request more or less");
    let query = EventQuery { app: Some(app()), limit: 100, ..EventQuery::default() };
    let mut filed = house.engine.store().events(query).await.unwrap().items;
    filed.sort_by_key(|event| event.id);
    let made: Vec<String> = house.sandbox.accounts().into_iter().map(|account| account.user_name).collect();
    // Some are in flight at once: the order is the same but for neighbours.
    for (place, event) in filed.iter().enumerate() {
        let there = made.iter().position(|name| *name == event.operation.user_name).unwrap();
        assert!(there.abs_diff(place) <= 8, "{place} became {there}");
    }
    // And while it serves.
    let serving = tokio::spawn(Arc::clone(&house.engine).serve());
    house.edit("hr:k7", Edit::Stand(Standing::Suspended)).await;
    let done = async {
        while house.accounts()["p7@example.com"] {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), done).await.unwrap();
    house.engine.stop();
    serving.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renewed_credential_is_tried_at_once() {
    let gate = Gate::open();
    let house = changed(Some(Arc::clone(&gate))).await;
    fails(&house, &["401:1"]);
    house.sync().await;
    let AppState::Quarantined { next_probe, .. } = state(&house).await else { panic!() };
    let serving = tokio::spawn(Arc::clone(&house.engine).serve());
    let comes_to = async |number: usize| {
        let patience = async {
            while gate.log().len() < number {
                kick(&house).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), patience).await.unwrap();
    };
    // A process that starts may have got what it lacked: it looks once.
    comes_to(gate.log().len() + 1).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let before = gate.log().len();
    for _ in 0..5 {
        kick(&house).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(gate.log().len(), before, "not again before its time");
    let AppState::Quarantined { next_probe: still, .. } = state(&house).await else { panic!() };
    assert_eq!(still, next_probe, "a look out of turn does not put off the next");
    fails(&house, &[]);
    gate.renew_credential();
    comes_to(before + 1).await;
    let patience = async {
        while titled(&house) < 12 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), patience).await.unwrap();
    assert_eq!(state(&house).await, AppState::Live);
    house.engine.stop();
    serving.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_wants_to_be_left_alone_is_but_for_leavers() {
    let gate = Gate::open();
    let house = changed(Some(Arc::clone(&gate))).await;
    for _ in 0..4 {
        gate.answer(Method::Patch, 429, Some("1800"));
    }
    let waiting = house.sync().await.waiting;
    assert!(waiting.get(&StatusKind::Queued).is_some_and(|number| *number >= 4), "{waiting:?}");
    let before = gate.log().len();
    push(&house).await;
    assert_eq!(gate.log().len(), before, "it said half an hour");
    house.edit("hr:k3", Edit::Stand(Standing::Suspended)).await;
    house.engine.plan_leavers(&active(&house).await).await.unwrap();
    push(&house).await;
    assert!(!house.accounts()["p3@example.com"], "a leaver is tried all the same");
    house.advance(Span::from_secs(1800));
    push(&house).await;
    // The leaver may have had his before the target said so.
    assert!(titled(&house) >= 11, "{}", titled(&house));
}

async fn to_be_planned(house: &House) -> usize {
    house.engine.store().dirty(&AppName::new("app").unwrap(), 100).await.unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_could_not_be_looked_up_is_looked_up_again_and_the_app_says_why_he_waits() {
    let house = House::build(Plan::default()).await;
    house.sync().await;
    fails(&house, &["503:1:GET"]);
    house.import(&people(4), true).await.unwrap();
    let before = house.sandbox.requests();
    let trouble = house.sync().await.trouble.unwrap();
    assert!(trouble.starts_with("4 users could not be looked up") && trouble.contains("503"), "{trouble}");
    assert!(house.sandbox.requests() - before < 12, "it is not asked again and again");
    assert!(show(&house).await.waiting.words().contains("503"), "and it is said why they wait");
    assert_eq!((house.accounts().len(), to_be_planned(&house).await), (0, 4), "nobody is forgotten");
    fails(&house, &[]);
    house.sync().await;
    assert_eq!((house.accounts().len(), to_be_planned(&house).await), (4, 0));
    assert_eq!(state(&house).await, AppState::Live);
    // One request that goes wrong, at a target that answers otherwise.
    fails(&house, &["429:#1:GET"]);
    house.import(&people(6), true).await.unwrap();
    house.sync().await;
    fails(&house, &[]);
    house.sync().await;
    assert_eq!(house.accounts().len(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_that_is_refused_for_reading_means_quarantine_too() {
    let house = House::build(Plan::default()).await;
    house.import(&people(4), true).await.unwrap();
    fails(&house, &["401:1"]);
    for _ in 0..2 {
        assert!(house.sync().await.trouble.unwrap().contains("401"));
    }
    assert!(matches!(state(&house).await, AppState::Quarantined { why, .. } if why.contains("401")));
    assert_eq!(to_be_planned(&house).await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_cannot_be_looked_at_is_asked_seldom_and_keeps_no_leaver_waiting() {
    let house = House::build(Plan::default()).await;
    house.import(&people(2), true).await.unwrap();
    house.sync().await;
    fails(&house, &["429:1:GET"]);
    house.import(&people(3), true).await.unwrap();
    let serving = tokio::spawn(Arc::clone(&house.engine).serve());
    let before = house.sandbox.requests();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let asked = house.sandbox.requests() - before;
    assert!(asked < 20, "{asked} requests in a moment");
    house.edit("hr:k0", Edit::Stand(Standing::Suspended)).await;
    let patience = async {
        while house.accounts()["p0@example.com"] {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), patience).await.unwrap();
    assert_eq!(to_be_planned(&house).await, 1, "whoever is new waits still");
    house.engine.stop();
    serving.await.unwrap();
}
