//! The fast lane: a leaver waits for no queue, no sweep and no membership, survives quarantine, and is never forgotten.

use std::sync::Arc;
use std::time::{Duration, Instant};

use usher::clock::Span;
use usher::connector::AppState;
use usher::directory::Standing;
use usher::engine::answer::{Check, StatusRow};
use usher::engine::command::Edit;
use usher::engine::context::Unwatched;
use usher::engine::{Answer, Command};
use usher::id::AppName;
use usher::provision::escalation::Escalation;
use usher::provision::event::StatusKind;
use usher::provision::operation::Kind;

use super::gate::Gate;
use super::house::{House, Plan, people};
use super::trouble::{active, doctor, fails, kick, push, show, state};

/// Creates are not held, however many.
const MANY: &str = "[assign]\nroles = [\"staff\"]\n[guard.blast_radius]\ncreate = { count = 100000, percent = 100 }\n";

fn app() -> AppName {
    AppName::new("app").unwrap()
}

async fn suspend(house: &House, key: &str) {
    house.edit(key, Edit::Stand(Standing::Suspended)).await;
}

/// Waits, loosely, until something is so.
async fn until(what: impl AsyncFn() -> bool) {
    let patience = async {
        while !what().await {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), patience).await.unwrap();
}

async fn status(house: &House) -> Vec<StatusRow> {
    match house.ask(Command::Status { user: None, app: None, limit: 3 }).await.unwrap() {
        Answer::Status(rows) => rows,
        other => panic!("{other:?}"),
    }
}

/// A sync that goes on by itself.
fn sync(house: &House) -> tokio::task::JoinHandle<Answer> {
    let (engine, actor) = (Arc::clone(&house.engine), house.actor.clone());
    tokio::spawn(async move {
        let command = Command::Sync { app: None, plan: None, workspace: None };
        engine.answer(&actor, command, &Unwatched).await.unwrap()
    })
}

async fn leaves(house: &House) -> bool {
    house
        .engine
        .store()
        .waiting(&app(), 0)
        .await
        .unwrap()
        .leavers
        .iter()
        .any(|event| event.status.kind() == StatusKind::Running)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_in_flight_goes_before_a_leaver_with_thousands_queued() {
    let gate = Gate::open();
    let house = House::build(Plan { gate: Some(Arc::clone(&gate)), app: MANY, ..Plan::default() }).await;
    house.import(&people(5), true).await.unwrap();
    house.sync().await;
    house.import(&people(2_500), true).await.unwrap();
    gate.close();
    let syncing = sync(&house);
    until(async || {
        house.engine.store().counts(&app()).await.unwrap().events.get(&StatusKind::Queued).is_some_and(|n| *n > 2_000)
            && gate.waiting() == 4
    })
    .await;
    let serving = tokio::spawn(Arc::clone(&house.engine).serve());
    let before = gate.log().len();
    suspend(&house, "hr:k1").await;
    // He is planned although the pusher and its queue are stuck, and claimed before what was claimed before him.
    until(async || leaves(&house).await).await;
    assert_eq!(gate.log().len(), before, "four were in flight, and still are");
    gate.admit(1);
    until(async || gate.log().len() > before).await;
    let next = gate.log()[before].clone();
    assert!(next.starts_with("PATCH /Users/"), "the very next request is his, not {next}");
    gate.open_for_good();
    until(async || !house.accounts()["p1@example.com"]).await;
    house.engine.stop();
    serving.await.unwrap();
    syncing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_waits_for_no_sweep_that_waits_for_its_pusher() {
    let gate = Gate::open();
    let house = House::build(Plan { gate: Some(Arc::clone(&gate)), app: MANY, ..Plan::default() }).await;
    house.import(&people(3), true).await.unwrap();
    house.sync().await;
    // More than are filed ahead of a pusher: the sweep comes to a halt in the middle.
    house.import(&people(6_500), true).await.unwrap();
    gate.close();
    let syncing = sync(&house);
    until(async || {
        house.engine.store().counts(&app()).await.unwrap().events.get(&StatusKind::Queued).is_some_and(|n| *n >= 4_990)
            && gate.waiting() == 4
    })
    .await;
    let before = gate.log().len();
    suspend(&house, "hr:k1").await;
    // One outcome, and the sweep looks up from its work.
    gate.admit(1);
    until(async || leaves(&house).await).await;
    gate.admit(2);
    until(async || gate.log()[before..].iter().any(|line| line.starts_with("PATCH"))).await;
    let sent: Vec<String> = gate.log()[before..].to_vec();
    assert!(sent.len() <= 4, "{sent:?}");
    gate.open_for_good();
    until(async || !house.accounts()["p1@example.com"]).await;
    house.engine.stop();
    syncing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_healthy_target_knows_of_a_leaver_within_a_second() {
    let house = House::build(Plan::default()).await;
    house.import(&people(20), true).await.unwrap();
    house.sync().await;
    let serving = tokio::spawn(Arc::clone(&house.engine).serve());
    tokio::time::sleep(Duration::from_millis(20)).await;
    let mut times = Vec::new();
    for number in 0..9 {
        let (key, name) = (format!("hr:k{number}"), format!("p{number}@example.com"));
        let before = Instant::now();
        suspend(&house, &key).await;
        // The clock of the house stands still: no timer of any length is on the way.
        until(async || !house.accounts()[&name]).await;
        times.push(before.elapsed());
    }
    times.sort();
    // Loosely: the machine may be busy, so the middle one counts.
    assert!(times[4] < Duration::from_secs(1), "{times:?}");
    house.engine.stop();
    serving.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_probe_of_a_quarantined_app_is_the_leavers_deactivation_and_the_rest_follows() {
    let gate = Gate::open();
    let house = House::build(Plan { gate: Some(Arc::clone(&gate)), ..Plan::default() }).await;
    house.import(&people(10), true).await.unwrap();
    house.sync().await;
    house.import(&people(10).replace("Title", "Other"), true).await.unwrap();
    fails(&house, &["401:1"]);
    house.sync().await;
    assert!(matches!(state(&house).await, AppState::Quarantined { .. }));
    suspend(&house, "hr:k9").await;
    let before = gate.log().len();
    house.engine.plan_leavers(&active(&house).await).await.unwrap();
    assert_eq!(push(&house).await, 0);
    assert_eq!(gate.log().len(), before, "planned, and nothing is sent");
    assert_eq!(show(&house).await.waiting.leavers[0].label, "Given9 Family9");
    // It fails once more: still the only request.
    house.advance(Span::from_hours(1));
    let app = active(&house).await;
    assert!(!house.engine.probe(&app).await.unwrap());
    assert_eq!(gate.log().len(), before + 1);
    assert!(gate.log()[before].starts_with("PATCH /Users/"), "{:?}", gate.log()[before]);
    let AppState::Quarantined { probes: 1, next_probe, .. } = state(&house).await else { panic!() };
    assert_eq!(next_probe, house.now().plus(Span::from_hours(2)));
    fails(&house, &[]);
    house.advance(Span::from_hours(2));
    assert!(house.engine.probe(&app).await.unwrap());
    assert!(!house.accounts()["p9@example.com"], "the probe did it");
    assert_eq!(state(&house).await, AppState::Live);
    push(&house).await;
    let titled = house
        .sandbox
        .accounts()
        .into_iter()
        .filter(|account| account.body["title"].as_str().unwrap().starts_with("Other"));
    assert_eq!(titled.count(), 9, "then the rest");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_who_cannot_be_delivered_escalates_after_an_hour_and_louder_after_a_day() {
    let house = House::build(Plan::default()).await;
    house.import(&people(10), true).await.unwrap();
    house.sync().await;
    fails(&house, &["400:1:PATCH"]);
    suspend(&house, "hr:k9").await;
    house.sync().await;
    let leaver = show(&house).await.waiting.leavers.remove(0);
    assert_eq!((leaver.status, leaver.escalation), (StatusKind::Queued, None), "a refusal is no end");
    assert!(leaver.reason.contains("400"), "the target's words stay: {}", leaver.reason);
    assert_eq!(state(&house).await, AppState::Live);
    house.advance(Span::from_secs(3_599));
    assert_eq!(show(&house).await.waiting.leavers[0].escalation, None);
    for (pause, level, word) in
        [(1, Escalation::Escalated, "escalated"), (23 * 3_600, Escalation::Overdue, "ESCALATED, OVERDUE")]
    {
        house.advance(Span::from_secs(pause));
        assert_eq!(show(&house).await.waiting.leavers[0].escalation, Some(level));
        // Shown first, although the rows end before him.
        let rows = status(&house).await;
        assert_eq!((rows.len(), rows[0].label.as_str()), (3, "Given9 Family9"));
        assert!(rows[0].shown.ends_with(word), "{}", rows[0].shown);
        assert!(rows[0].reason.starts_with(word) && rows[0].reason.contains("400"), "{}", rows[0].reason);
        let checks = doctor(&house).await;
        let check = checks.iter().find(|check| check.subject == "leavers not delivered to app").unwrap();
        assert!(check.finding.contains(&format!("Given9 Family9 ({word})")), "{}", check.finding);
    }
    // Tried daily, for as long as it takes.
    for _ in 0..10 {
        house.advance(Span::from_days(2));
        let before = house.sandbox.writes();
        push(&house).await;
        assert!(house.sandbox.writes() > before);
    }
    fails(&house, &[]);
    house.advance(Span::from_days(2));
    push(&house).await;
    assert!(!house.accounts()["p9@example.com"]);
    assert!(show(&house).await.waiting.leavers.is_empty());
    assert!(doctor(&house).await.iter().all(|check| !check.subject.starts_with("leavers not delivered")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_who_waits_for_an_approver_escalates_too() {
    let approved = "[assign]\nroles = [\"staff\"]\n[approvals]\ndeactivate = true\n";
    let house = House::build(Plan { app: approved, ..Plan::default() }).await;
    house.import(&people(5), true).await.unwrap();
    house.sync().await;
    suspend(&house, "hr:k2").await;
    house.sync().await;
    assert_eq!(house.pending().await[0].operation.kind, Kind::Deactivate);
    house.advance(Span::from_hours(25));
    // Planned anew meanwhile, and still as old.
    house.import(&people(5).replace("Family2", "Renamed2"), true).await.unwrap();
    house.sync().await;
    let leaver = show(&house).await.waiting.leavers.remove(0);
    assert_eq!((leaver.status, leaver.escalation), (StatusKind::Pending, Some(Escalation::Overdue)));
    let rows = status(&house).await;
    assert!(
        rows[0].reason.starts_with("ESCALATED, OVERDUE") && rows[0].reason.contains("approv"),
        "{}",
        rows[0].reason
    );
    house.decide_all(true).await;
    house.sync().await;
    assert!(!house.accounts()["p2@example.com"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_app_forgets_no_leaver() {
    let house = House::build(Plan::default()).await;
    house.import(&people(4), true).await.unwrap();
    house.sync().await;
    house.ask(Command::AppPause { app: app() }).await.unwrap();
    let serving = tokio::spawn(Arc::clone(&house.engine).serve());
    suspend(&house, "hr:k0").await;
    until(async || !show(&house).await.waiting.leavers.is_empty()).await;
    kick(&house).await;
    assert!(house.accounts()["p0@example.com"], "nothing is sent");
    house.ask(Command::AppResume { app: app() }).await.unwrap();
    until(async || !house.accounts()["p0@example.com"]).await;
    house.engine.stop();
    serving.await.unwrap();
}

const ASKED: &str = "[assign]\nroles = [\"staff\"]\n[approvals]\ndeactivate = true\n";

async fn leavers(house: &House) -> usize {
    match house.ask(Command::Leavers { app: None }).await.unwrap() {
        Answer::Leavers(leavers) => leavers.len(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejection_speaks_of_that_leaving_and_of_no_later_one() {
    let house = House::build(Plan { app: ASKED, ..Plan::default() }).await;
    house.import(&people(4), true).await.unwrap();
    house.sync().await;
    suspend(&house, "hr:k0").await;
    house.sync().await;
    house.decide_all(false).await;
    house.sync().await;
    assert_eq!((house.pending().await.len(), leavers(&house).await), (0, 1), "he stays, and is listed");
    house.edit("hr:k0", Edit::Stand(Standing::Deleted)).await;
    house.sync().await;
    assert_eq!(house.pending().await.len(), 1, "deleted is more than suspended: asked again");
    house.decide_all(false).await;
    house.edit("hr:k0", Edit::Restore).await;
    house.sync().await;
    assert_eq!(leavers(&house).await, 0, "he is back, and no leaver");
    house.edit("hr:k0", Edit::Stand(Standing::Deleted)).await;
    house.sync().await;
    assert_eq!(house.pending().await.len(), 1, "whoever came back and leaves is asked about again");
    house.decide_all(true).await;
    house.sync().await;
    assert!(!house.accounts()["p0@example.com"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_is_not_ours_of_a_leaver_stays_in_sight() {
    let house = House::build(Plan::default()).await;
    house.import(&people(4), true).await.unwrap();
    house.sync().await;
    let (user, app) = (usher::engine::command::UserRef("hr:k0".into()), app());
    house.ask(Command::Disassociate { user: user.clone(), app: app.clone() }).await.unwrap();
    suspend(&house, "hr:k0").await;
    house.sync().await;
    assert_eq!(leavers(&house).await, 1);
    let error = house.ask(Command::Rematch { user: user.clone(), app: app.clone() }).await.unwrap_err().to_string();
    assert!(error.contains("deactivate it at the target by hand"), "{error}");
    assert_eq!(leavers(&house).await, 1, "listed still");
    house.edit("hr:k0", Edit::Restore).await;
    house.ask(Command::Rematch { user, app }).await.unwrap();
    house.sync().await;
    suspend(&house, "hr:k0").await;
    house.sync().await;
    assert!(!house.accounts()["p0@example.com"], "linked again, and deactivated");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_app_whose_file_goes_leaves_nobody_behind_unsaid() {
    let house = House::build(Plan::default()).await;
    house.import(&people(4), true).await.unwrap();
    house.sync().await;
    house.ask(Command::AppPause { app: app() }).await.unwrap();
    suspend(&house, "hr:k0").await;
    house.sync().await;
    let base = house.engine.store().active_revision().await.unwrap().map(|revision| revision.number);
    let mut bundle = house.bundle(&Plan::default());
    bundle.files.remove("apps/app.toml");
    for dry_run in [true, false] {
        let apply = Command::Apply { bundle: bundle.clone(), base, comment: String::new(), dry_run };
        let Answer::Applied(applied) = house.ask(apply).await.unwrap() else { panic!("expected an answer to apply") };
        let left = &applied.plan.abandoned[..];
        assert!(matches!(left, [one] if one.app == app() && (one.accounts, one.waiting) == (4, 1)), "{left:?}");
        assert!(left[0].warning().contains("4 accounts stay active"), "{}", left[0].warning());
    }
    let gone = |checks: Vec<Check>| checks.into_iter().find(|check| check.subject == "apps that are gone");
    assert!(gone(doctor(&house).await).unwrap().finding.contains("1 waiting event is not sent"));
    let number = base.unwrap();
    house.ask(Command::Rollback { number, comment: "not meant".into(), over: None }).await.unwrap();
    assert_eq!(gone(doctor(&house).await), None);
    house.ask(Command::AppResume { app: app() }).await.unwrap();
    house.sync().await;
    assert!(!house.accounts()["p0@example.com"], "he is found again where he waited");
}
