//! Approvers: what they see, who may decide, two of them, and how a team of one gets on.

use usher::access::{Actor, FourEyes, Role};
use usher::clock::Span;
use usher::directory::Standing;
use usher::engine::answer::{Check, CheckLevel};
use usher::engine::command::Edit;
use usher::engine::context::Unwatched;
use usher::engine::pending::{Choice, Chosen, Leaver, Pending};
use usher::engine::{Answer, Command};
use usher::id::AppName;
use usher::provision::event::StatusKind;
use usher::provision::guard::finding::FindingKind;
use usher::provision::operation::Kind;
use usher::store::query::ImportState;

use super::house::{House, Plan, people};

fn held() -> Plan<'static> {
    Plan { app: "[assign]\nroles = [\"staff\"]\n[approvals]\ncreate = true\n", ..Plan::default() }
}

fn two() -> Plan<'static> {
    Plan { app: "[assign]\nroles = [\"staff\"]\n[approvals]\ntwo = [\"create\"]\n", ..Plan::default() }
}

async fn waiting(house: &House) -> Vec<Pending> {
    match house.ask(Command::Approvals { app: None, limit: 100 }).await.unwrap() {
        Answer::Approvals(waiting) => waiting,
        other => panic!("{other:?}"),
    }
}

async fn checked(house: &House, subject: &str) -> Check {
    match house.ask(Command::Doctor { workspace: None }).await.unwrap() {
        Answer::Doctor(checks) => checks.into_iter().find(|check| check.subject == subject).unwrap(),
        other => panic!("{other:?}"),
    }
}

async fn leavers(house: &House) -> Vec<Leaver> {
    match house.ask(Command::Leavers { app: None }).await.unwrap() {
        Answer::Leavers(leavers) => leavers,
        other => panic!("{other:?}"),
    }
}

async fn another(house: &House, name: &str) -> Actor {
    let (role, os_account) = (Role::Approver, Some(name.to_owned()));
    house.ask(Command::OperatorAdd { name: name.into(), role, os_account, user: None }).await.unwrap();
    house.engine.actor(name, None).await.unwrap()
}

async fn chosen(house: &House, choice: Choice) -> Chosen {
    let command = Command::Decide { choice, shown: None, approve: true, comment: String::new(), dry_run: true };
    match house.ask(command).await.unwrap() {
        Answer::Chosen(chosen) => chosen,
        other => panic!("{other:?}"),
    }
}

fn all() -> Choice {
    Choice { all: true, ..Choice::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_team_of_one_is_never_stuck_under_enforced_four_eyes() {
    let house = House::build(Plan { four_eyes: FourEyes::Enforce, ..held() }).await;
    house.import(&people(1), true).await.unwrap();
    house.sync().await;
    let event = waiting(&house).await.remove(0);
    assert!(event.asking.deciders.is_empty());
    let why = event.asking.stuck.unwrap();
    assert!(why.contains("operators add") && why.contains("usher operators four-eyes record"), "{why}");
    for subject in ["approvers", "decisions"] {
        let check = checked(&house, subject).await;
        assert_eq!(check.level, CheckLevel::Bad, "{check:?}");
        assert!(check.finding.contains("four-eyes record"), "{check:?}");
    }
    let refused = house.decide(all(), true).await.remove(0).refused.unwrap();
    assert!(refused.contains("four eyes"), "{refused}");
    house.ask(Command::FourEyes { four_eyes: FourEyes::Record }).await.unwrap();
    assert_eq!(checked(&house, "decisions").await.level, CheckLevel::Good);
    let silent = house.decide_as(&house.actor, all(), true, "").await.unwrap().remove(0);
    assert!(silent.refused.unwrap().contains("--comment"));
    assert_eq!(house.decide(all(), true).await.remove(0).refused, None);
    house.sync().await;
    assert_eq!(house.accounts().len(), 1);
    let ended = house.engine.store().event(event.event.id).await.unwrap().unwrap();
    assert!(ended.decisions[0].own, "it is marked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_approvers_are_two_people_and_one_person_is_told_how_to_get_on() {
    let house = House::build(two()).await;
    house.import(&people(1), true).await.unwrap();
    house.sync().await;
    let event = waiting(&house).await.remove(0);
    assert_eq!((event.asking.approvers, event.asking.approved.len()), (2, 0));
    let why = event.asking.stuck.unwrap();
    assert!(why.contains("can't be two") && why.contains("approvals.two"), "{why}");
    assert_eq!(checked(&house, "approvers").await.level, CheckLevel::Bad);
    assert_eq!(checked(&house, "decisions").await.level, CheckLevel::Bad);
    let first = house.decide(all(), true).await.remove(0);
    assert_eq!((first.refused, first.approvers, first.missing), (None, 2, 1));
    assert!(house.decide(all(), true).await.remove(0).refused.unwrap().contains("another operator"));
    house.sync().await;
    assert_eq!(house.sandbox.writes(), 0);
    let bea = another(&house, "bea").await;
    assert_eq!(checked(&house, "decisions").await.level, CheckLevel::Good);
    let event = waiting(&house).await.remove(0);
    assert_eq!((event.asking.approved, event.asking.stuck), (vec!["admin".to_owned()], None));
    let second = house.decide_as(&bea, all(), true, "").await.unwrap().remove(0);
    assert_eq!((second.refused, second.missing), (None, 0));
    house.sync().await;
    assert_eq!(house.accounts().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn votes_for_a_payload_that_moved_are_void() {
    let house = House::build(two()).await;
    let bea = another(&house, "bea").await;
    house.import(&people(1), true).await.unwrap();
    house.sync().await;
    house.decide(all(), true).await;
    house.import(&people(1).replace("Title0", "Chief"), true).await.unwrap();
    house.sync().await;
    assert!(waiting(&house).await[0].asking.approved.is_empty());
    let one = house.decide_as(&bea, all(), true, "").await.unwrap().remove(0);
    assert_eq!(one.missing, 1, "hers is the first of two");
    assert_eq!(house.decide(all(), false).await.remove(0).refused, None, "one rejection ends it");
    assert!(waiting(&house).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_applied_a_parked_import_is_as_much_its_cause_as_who_uploaded_it() {
    let house = House::build(Plan { four_eyes: FourEyes::Enforce, ..held() }).await;
    let bea = another(&house, "bea").await;
    house.import(&people(5), true).await.unwrap();
    house.sync().await;
    house.decide_as(&bea, all(), true, "").await.unwrap();
    house.sync().await;
    // Three of five go: parked; applied by an admin who did not upload it.
    let boss =
        Command::OperatorAdd { name: "boss".into(), role: Role::Admin, os_account: Some("boss".into()), user: None };
    house.ask(boss).await.unwrap();
    let boss = house.engine.actor("boss", None).await.unwrap();
    house.advance(Span::from_secs(60));
    house.import(&people(2), true).await.unwrap();
    let Answer::Imports(imports) = house.ask(Command::Imports { limit: 10 }).await.unwrap() else { panic!() };
    let parked = imports.iter().find(|import| matches!(import.state, ImportState::Parked { .. }));
    let parked = parked.unwrap_or_else(|| panic!("{imports:#?}"));
    let apply = Command::ImportApply { id: parked.id, accept_shrink: None };
    house.engine.answer(&boss, apply, &Unwatched).await.unwrap();
    house.sync().await;
    let event = waiting(&house).await.remove(0);
    assert_eq!(event.asking.deciders, ["bea"]);
    assert_eq!(event.asking.because.by, ["admin", "boss"]);
    let choice = || Choice::of(vec![event.event.id]);
    for actor in [&house.actor, &boss] {
        let refused = house.decide_as(actor, choice(), true, "mine").await.unwrap().remove(0).refused;
        assert!(refused.is_some_and(|why| why.contains("four eyes")));
    }
    assert_eq!(house.decide_as(&bea, choice(), true, "").await.unwrap().remove(0).refused, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approver_sees_who_why_and_which_line_of_which_rule() {
    let rules = "fn account(user) {\n  #{\n    userName: user.email,\n    title: user.title,\n  }\n}";
    let app = "[assign]\nroles = [\"staff\"]\n[approvals]\nupdate = true\n";
    let house = House::build(Plan { app, rules, ..Plan::default() }).await;
    house.import(&people(2), true).await.unwrap();
    house.sync().await;
    house.import(&people(2).replace("Title1", "Chief"), false).await.unwrap();
    house.sync().await;
    let waits = waiting(&house).await.remove(0);
    let asking = &waits.asking;
    assert_eq!((asking.email.as_deref(), asking.key.as_str()), (Some("p1@example.com"), "hr:k1"));
    assert!(asking.because.what.contains("people.csv"), "{:?}", asking.because);
    assert_eq!(
        (asking.because.by.as_slice(), asking.deciders.as_slice()),
        (&["admin".to_owned()][..], &["admin".to_owned()][..])
    );
    assert_eq!(asking.place("title"), Some("rules/rules.rhai:4"));
    assert!(asking.current && asking.expires == Some(waits.event.filed_at.plus(Span::from_hours(72))));
    // Another revision moves the line and not the result: the event stands, and says of which revision its rules are.
    let moved = rules.replace("    userName", "    // His address.\n\n    userName");
    house.apply(&Plan { app, rules: &moved, ..Plan::default() }).await;
    house.sync().await;
    let stands = waiting(&house).await.remove(0);
    assert_eq!(stands.event.id, waits.event.id);
    assert_eq!((stands.asking.place("title"), stands.asking.current), (Some("rules/rules.rhai:4"), false));
    assert_eq!(stands.asking.revision, waits.asking.revision);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_by_filter_takes_exactly_what_was_shown() {
    let house = House::build(held()).await;
    house.import(&people(3), true).await.unwrap();
    house.sync().await;
    let creates =
        || Choice { kinds: vec![Kind::Create], findings: vec![FindingKind::ApprovalRequired], ..Choice::default() };
    let shown = chosen(&house, creates()).await.shown;
    assert_eq!(shown.count, 3);
    assert_eq!(shown, shown.to_string().parse().unwrap());
    house.import(&people(5), true).await.unwrap();
    house.sync().await;
    let decide = |shown| {
        let (choice, comment) = (creates(), "as shown".to_owned());
        Command::Decide { choice, shown: Some(shown), approve: true, comment, dry_run: false }
    };
    let Answer::Decided(decided) = house.ask(decide(shown.clone())).await.unwrap() else { panic!() };
    assert!(decided.len() == 3 && decided.iter().all(|one| one.refused.is_none()), "{decided:?}");
    assert_eq!(house.pending().await.len(), 2, "what joined since waits");
    assert!(house.ask(decide(shown)).await.is_err(), "and is not what was shown");
    let of_one = Choice { user: Some(usher::engine::command::UserRef("hr:k4".into())), ..Choice::default() };
    assert_eq!(chosen(&house, of_one).await.shown.count, 1);
    let old = || Choice { older_than: Some(Span::from_hours(2)), ..Choice::default() };
    let none = Command::Decide { choice: old(), shown: None, approve: true, comment: String::new(), dry_run: true };
    assert!(house.ask(none).await.is_err());
    house.advance(Span::from_hours(3));
    assert_eq!(chosen(&house, old()).await.shown.count, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_decided_as_it_was_shown_or_not_at_all() {
    let app = "[assign]\nroles = [\"staff\"]\n[guard.blast_radius]\nupdate = { count = 1, percent = 1 }\n";
    let house = House::build(Plan { app, ..Plan::default() }).await;
    house.import(&people(4), true).await.unwrap();
    house.sync().await;
    let promoted = people(4).replace("Title0", "Chief").replace("Title1", "Chief").replace("Title2", "Chief");
    house.import(&promoted, false).await.unwrap();
    house.sync().await;
    let batch = house.pending().await[0].batch.unwrap();
    let choice = || Choice { batches: vec![batch], ..Choice::default() };
    let shown = chosen(&house, choice()).await.shown;
    assert_eq!(shown.count, 3);
    // One joins, then one drops out.
    house.import(&promoted.replace("Title3", "Chief"), false).await.unwrap();
    house.sync().await;
    assert_eq!(chosen(&house, choice()).await.shown.count, 4, "it joined the batch");
    house.edit("hr:k0", Edit::Stand(Standing::Suspended)).await;
    house.sync().await;
    let decide = |shown| {
        let comment = "the reorganisation".to_owned();
        Command::Decide { choice: choice(), shown: Some(shown), approve: true, comment, dry_run: false }
    };
    let moved = house.ask(decide(shown)).await.unwrap_err().to_string();
    assert!(moved.contains("no longer what was shown"), "{moved}");
    let rest = chosen(&house, choice()).await.shown;
    assert_eq!(rest.count, 3);
    house.ask(decide(rest)).await.unwrap();
    house.sync().await;
    assert!(house.pending().await.is_empty());
    assert_eq!(house.sandbox.accounts().iter().filter(|account| account.body["title"] == "Chief").count(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_decides_is_asked_again_and_escalates_visibly() {
    let house = House::build(held()).await;
    house.import(&people(1), true).await.unwrap();
    house.sync().await;
    let asked = house.pending().await.remove(0);
    house.advance(Span::from_hours(73));
    house.sync().await;
    let again = waiting(&house).await;
    assert_eq!((again.len(), again[0].event.waiting_since), (1, asked.waiting_since));
    assert!(again[0].event.id != asked.id && again[0].event.escalated.is_some());
    assert_eq!(house.ended(StatusKind::Expired).await, 1);
    match house.ask(Command::AppShow { app: AppName::new("app").unwrap() }).await.unwrap() {
        Answer::App(app) => assert_eq!(app.escalated, 1),
        other => panic!("{other:?}"),
    }
    match house.ask(Command::Status { user: None, app: None, limit: 10 }).await.unwrap() {
        Answer::Status(rows) => assert!(rows[0].reason.contains("escalated"), "{}", rows[0].reason),
        other => panic!("{other:?}"),
    }
    assert!(checked(&house, "decisions").await.finding.contains("1 escalated"));
    house.decide_all(true).await;
    house.sync().await;
    assert_eq!(house.accounts().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rejected_leaver_stays_on_the_list_until_he_is_gone() {
    let app = "[assign]\nroles = [\"staff\"]\n[approvals]\ndeactivate = true\n";
    let house = House::build(Plan { app, ..Plan::default() }).await;
    house.import(&people(3), true).await.unwrap();
    house.sync().await;
    assert!(leavers(&house).await.is_empty());
    // One leaves the house, one loses the app.
    house.edit("hr:k0", Edit::Stand(Standing::Suspended)).await;
    house.import(&people(3).replace("Title1,staff", "Title1,"), false).await.unwrap();
    house.sync().await;
    assert_eq!(leavers(&house).await.len(), 1, "by the directory's word, as long as nobody rejected the other");
    house.decide_all(false).await;
    for _ in 0..2 {
        house.sync().await;
        let listed = leavers(&house).await;
        let mut names: Vec<&str> = listed.iter().map(|leaver| leaver.key.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["hr:k0", "hr:k1"]);
        assert!(listed.iter().all(|leaver| leaver.why.contains("rejected by admin")), "{listed:?}");
        house.advance(Span::from_days(30));
    }
    assert_eq!(checked(&house, "leavers still active").await.level, CheckLevel::Bad);
    let events = leavers(&house).await.iter().filter_map(|leaver| leaver.event).collect();
    house.ask(Command::Retry { events }).await.unwrap();
    house.sync().await;
    house.decide_all(true).await;
    house.sync().await;
    assert!(leavers(&house).await.is_empty());
    assert_eq!(house.accounts().values().filter(|active| **active).count(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_has_the_app_again_is_no_leaver_also_if_his_account_was_adopted_as_it_was() {
    let app = "[assign]\nroles = [\"staff\"]\n[approvals]\ndeactivate = true\n";
    let seeds = vec![serde_json::json!({ "userName": "p1@example.com", "displayName": "Before", "active": true })];
    let house = House::build(Plan { app, seeds, ..Plan::default() }).await;
    house.import(&people(3), true).await.unwrap();
    house.sync().await;
    house.decide_all(true).await;
    house.sync().await;
    house.advance(Span::from_secs(1));
    house.import(&people(3).replace("Title1,staff", "Title1,"), false).await.unwrap();
    house.sync().await;
    house.decide_all(false).await;
    assert_eq!(leavers(&house).await.len(), 1);
    house.advance(Span::from_secs(1));
    house.import(&people(3), false).await.unwrap();
    house.sync().await;
    assert_eq!(leavers(&house).await, []);
}
