//! Reconcile where targets show things in other ways, by schedule, and over many rounds of other people's edits.

use std::time::Duration;

use usher::clock::Span;
use usher::engine::{Answer, Command};
use usher::id::AppName;
use usher::provision::drift::{DriftKind, Fate, ReconcileReport};
use usher::provision::edge::EdgeState;

use super::house::{House, Plan, people};

const GROUPS: &str = "fn account(user) { #{ userName: user.email, title: user.title, displayName: user.display_name } }\n\
                      fn entitlements(user) { [grant(\"group\", \"Crew\")] }";
const REPAIR: &str = "[assign]\nroles = [\"staff\"]\n[reconcile]\ndefault = \"repair\"\nmemberships = \"repair\"\n";

fn name() -> AppName {
    AppName::new("app").unwrap()
}

async fn reconcile(house: &House) -> ReconcileReport {
    let writes = house.sandbox.writes();
    match house.ask(Command::Reconcile { app: name(), last: false }).await.unwrap() {
        Answer::Reconciled(report) => {
            assert_eq!(house.sandbox.writes(), writes);
            *report
        }
        other => panic!("expected a report, got {other:?}"),
    }
}

/// Four people with accounts and in the group *Crew*, at a target with `quirks`; the group's id.
async fn crew(quirks: &[(&str, &str)]) -> (House, String) {
    let stranger = serde_json::json!({ "userName": "stranger@example.com", "title": "Theirs" });
    let plan = Plan { app: REPAIR, rules: GROUPS, seeds: vec![stranger], quirks, ..Plan::default() };
    let house = House::build(plan).await;
    let group = house.sandbox.add_group("Crew", &[]);
    house.refresh().await;
    house.import(&people(4), true).await.unwrap();
    house.sync().await;
    assert_eq!(house.sync().await.writes, 0);
    (house, group)
}

fn id(house: &House, number: usize) -> String {
    let wanted = format!("p{number}@example.com");
    house.sandbox.accounts().into_iter().find(|account| account.user_name == wanted).unwrap().id
}

fn members(house: &House, group: &str) -> usize {
    house.sandbox.groups().iter().find(|each| each.id == group).unwrap().assigned.len()
}

async fn edges(house: &House) -> usize {
    let counts = house.engine.store().counts(&name()).await.unwrap();
    usize::try_from(counts.edges.get(&EdgeState::Granted).copied().unwrap_or(0)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memberships_are_compared_wherever_the_target_shows_them() {
    for read in ["user", "filter"] {
        let (house, group) = crew(&[("read = \"group\"", &format!("read = \"{read}\""))]).await;
        assert_eq!(edges(&house).await, 4, "{read}");
        assert_eq!(reconcile(&house).await.drift(), 0, "{read}");
        let other = house.sandbox.add_group("Others", &[]);
        house.sandbox.put_into_group(&other, &id(&house, 1));
        house.sandbox.take_out_of_group(&group, &id(&house, 0));
        let report = reconcile(&house).await;
        assert_eq!(report.count(DriftKind::MembershipRemoved), 1, "{read}: {:#?}", report.lines);
        assert_eq!(report.count(DriftKind::MembershipAdded), 1, "{read}");
        assert!(house.sync().await.writes > 0, "{read}");
        assert_eq!((members(&house, &group), members(&house, &other)), (4, 1), "{read}");
        assert_eq!(reconcile(&house).await.drift(), 0, "{read}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_no_membership_shows_the_report_says_that_drift_is_unknown() {
    let (house, group) = crew(&[("read = \"group\"", "read = \"none\"")]).await;
    house.sandbox.take_out_of_group(&group, &id(&house, 0));
    let report = reconcile(&house).await;
    assert_eq!((report.drift(), edges(&house).await), (0, 4));
    assert!(report.notes.iter().any(|note| note.contains("unknown")), "{:?}", report.notes);
    assert_eq!(house.sync().await.writes, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_computed_membership_that_does_not_show_is_not_sent_again() {
    let (house, group) = crew(&[("computed = false", "computed = true")]).await;
    house.sandbox.take_out_of_group(&group, &id(&house, 0));
    let report = reconcile(&house).await;
    let line = report.lines.iter().find(|line| line.kind == DriftKind::NotEffective).unwrap();
    assert_eq!(line.fate, Fate::Noted);
    assert_eq!((house.sync().await.writes, edges(&house).await), (0, 4));
    house.sandbox.put_into_group(&group, &id(&house, 0));
    assert_eq!(reconcile(&house).await.count(DriftKind::Effective), 1);
    assert_eq!(reconcile(&house).await.drift(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_lists_nobody_is_read_account_by_account() {
    let (house, _) = crew(&[("list = true", "list = false")]).await;
    let account = id(&house, 0);
    house.sandbox.tamper(&account, |body| drop(body.insert("title".into(), "Chief".into())));
    let report = reconcile(&house).await;
    assert!(report.incomplete.as_ref().is_some_and(|why| why.contains("can't list")));
    assert_eq!((report.count(DriftKind::Changed), report.read.by_id, report.read.pages), (1, 4, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_matching_accounts_are_listed_and_blocked_and_never_decided_with_the_batch() {
    let mail = |user_name: &str, email: &str| serde_json::json!({ "userName": user_name, "emails": [{ "value": email, "primary": true }] });
    let seeds = vec![mail("a", "p0@example.com"), mail("b", "p0@example.com"), mail("c", "p1@example.com")];
    let rules = "fn account(user) { #{ userName: user.email, emails: [#{ value: user.email, primary: true }] } }";
    let quirks = [("match_on = [\"userName\"", "match_on = [\"emails.value\", \"userName\"")];
    let house = House::build(Plan { seeds, rules, quirks: &quirks, ..Plan::default() }).await;
    house.import(&people(2), true).await.unwrap();
    let report = reconcile(&house).await;
    assert_eq!(report.count(DriftKind::AdoptionAmbiguous), 1, "{:#?}", report.lines);
    assert_eq!(report.count(DriftKind::AdoptionDiffering), 1);
    house.sync().await;
    let pending = house.pending().await;
    assert_eq!(pending.len(), 1);
    match house.ask(Command::BatchShow { batch: pending[0].batch.unwrap() }).await.unwrap() {
        Answer::Batch(shown) => {
            assert_eq!((shown.exact.len(), shown.differing.len(), shown.ambiguous.len()), (0, 1, 1));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_schedule_reconciles_and_what_it_finds_is_planned() {
    let app = format!("{REPAIR}schedule = \"*/10 * * * *\"\n");
    let house = House::build(Plan { app: &app, ..Plan::default() }).await;
    house.import(&people(2), true).await.unwrap();
    house.sync().await;
    let account = id(&house, 0);
    house.sandbox.tamper(&account, |body| drop(body.insert("title".into(), "Chief".into())));
    let serving = tokio::spawn(std::sync::Arc::clone(&house.engine).serve());
    let title = || house.sandbox.accounts().into_iter().find(|one| one.id == account).unwrap().body["title"].clone();
    let patience = async {
        while title() != "Title0" {
            house.advance(Span::from_secs(600));
            house.ask(Command::AppResume { app: name() }).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), patience).await.unwrap();
    assert!(house.engine.store().report(&name()).await.unwrap().is_some());
    house.engine.stop();
    serving.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_others_edit_repairs_converge_and_third_parties_are_never_touched() {
    let (house, group) = crew(&[]).await;
    let stranger = house.sandbox.accounts().into_iter().find(|one| one.third_party).unwrap().id;
    house.sandbox.put_into_group(&group, &stranger);
    let theirs = house.sandbox.third_party();
    let mut state = 7_u64;
    let mut roll = |sides: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % sides
    };
    for round in 0..25 {
        for _ in 0..=roll(3) {
            let account = id(&house, usize::try_from(roll(4)).unwrap());
            let value = if roll(4) == 0 { serde_json::Value::Null } else { format!("Edit {round}").into() };
            match roll(4) {
                0 => drop(house.sandbox.tamper(&account, |body| drop(body.insert("title".into(), value)))),
                1 => drop(house.sandbox.tamper(&account, |body| drop(body.insert("displayName".into(), value)))),
                2 => drop(house.sandbox.tamper(&account, |body| drop(body.insert("nickName".into(), value)))),
                _ => drop(house.sandbox.take_out_of_group(&group, &account)),
            }
        }
        reconcile(&house).await;
        house.sync().await;
        assert_eq!(house.sync().await.writes, 0, "round {round}: at rest");
        for number in 0..4 {
            let account = id(&house, number);
            let body = house.sandbox.accounts().into_iter().find(|one| one.id == account).unwrap().body;
            assert_eq!(body["title"], format!("Title{number}"), "round {round}");
            assert_eq!(body["displayName"], format!("Given{number} Family{number}"), "round {round}");
        }
        assert_eq!(members(&house, &group), 5, "round {round}");
        assert_eq!(house.sandbox.third_party(), theirs, "round {round}");
        assert_eq!(reconcile(&house).await.drift(), 0, "round {round}");
    }
    assert_eq!(house.engine.store().verify().await.unwrap().problems, Vec::<String>::new());
}
