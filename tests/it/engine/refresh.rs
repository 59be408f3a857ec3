//! The catalogue: refreshed on command, by schedule, and before the first plan that needs it.

use std::time::Duration;

use usher::clock::Span;
use usher::directory::Cause;
use usher::engine::answer::{EntitlementsAnswer, Meaning, RefreshAnswer};
use usher::engine::{Answer, Command};
use usher::id::AppName;
use usher::provision::entitlement::GROUP;
use usher::sandbox::Faults;

use super::house::{House, Plan, people};

const RULES: &str = "fn account(user) { #{ userName: user.email, displayName: user.display_name } }\n\
    fn entitlements(user) { [grant(\"group\", \"Sales\")] }";

fn granting() -> Plan<'static> {
    Plan { rules: RULES, ..Plan::default() }
}

fn app() -> AppName {
    AppName::new("app").unwrap()
}

async fn refresh(house: &House) -> RefreshAnswer {
    match house.ask(Command::Refresh { app: app() }).await.unwrap() {
        Answer::Refreshed(answer) => *answer,
        other => panic!("expected a refresh, got {other:?}"),
    }
}

async fn entitlements(house: &House, kind: Option<&str>) -> EntitlementsAnswer {
    let command = Command::Entitlements { app: app(), kind: kind.map(str::to_owned) };
    match house.ask(command).await.unwrap() {
        Answer::Entitlements(answer) => answer,
        other => panic!("expected entitlements, got {other:?}"),
    }
}

#[tokio::test]
async fn a_refresh_says_what_changed_and_what_that_means_for_the_rules() {
    let house = House::build(granting()).await;
    house.import(&people(5), true).await.unwrap();
    let first = refresh(&house).await;
    assert_eq!((first.diff.new.len(), first.concerns.len()), (0, 1));
    let concern = &first.concerns[0];
    assert_eq!((concern.name.as_str(), concern.users, concern.sample.len()), ("Sales", 5, 3));
    assert_eq!(concern.meaning, Meaning::Unknown);

    let sales = house.sandbox.add_group("Sales", &[]);
    let second = refresh(&house).await;
    assert_eq!((second.diff.words().as_str(), &second.concerns[0].meaning), ("new 1", &Meaning::Now));
    assert_eq!(house.engine.store().app(&app()).await.unwrap().sweep.unwrap().cause, Cause::Catalogue);
    let quiet = refresh(&house).await;
    assert!(quiet.diff.is_empty() && quiet.concerns[0].meaning == Meaning::Same, "{quiet:?}");

    house.sandbox.rename_group(&sales, "Revenue");
    let renamed = refresh(&house).await;
    assert_eq!(renamed.diff.words(), "renamed 1");
    assert_eq!(renamed.concerns[0].meaning, Meaning::RenamedTo("Revenue".into()));
    house.sandbox.rename_group(&sales, "Sales");
    let twin = house.sandbox.add_group("Sales", &[]);
    assert_eq!(refresh(&house).await.concerns[0].meaning, Meaning::Ambiguous);
    house.sandbox.remove_group(&twin);
    assert_eq!(refresh(&house).await.diff.words(), "gone 1");
    house.sandbox.remove_group(&sales);
    assert_eq!(refresh(&house).await.concerns[0].meaning, Meaning::Gone);
    let listed = entitlements(&house, Some(GROUP)).await.entitlements;
    assert_eq!((listed.len(), listed.iter().all(|each| each.gone.is_some())), (2, true));
    let unknown = house.ask(Command::Entitlements { app: app(), kind: Some("role".into()) }).await.unwrap_err();
    assert!(unknown.to_string().contains("it has group"), "{unknown}");
}

#[tokio::test]
async fn the_catalogue_is_read_before_the_first_plan_that_needs_it_and_not_again() {
    let house = House::build(Plan::default()).await;
    house.sandbox.add_group("Sales", &[]);
    house.import(&people(2), true).await.unwrap();
    house.sync().await;
    assert_eq!(entitlements(&house, None).await.refreshed, None, "rules that grant nothing need no catalogue");
    // The revision's preview is a plan.
    house.apply(&granting()).await;
    let answer = entitlements(&house, None).await;
    assert_eq!((answer.entitlements.len(), answer.refreshed.is_some()), (1, true));
    house.sync().await;
    assert_eq!(house.sync().await.requests, 0, "a quiet cycle sends nothing");
}

#[tokio::test]
async fn a_catalogue_that_cannot_be_read_stops_no_account() {
    let house = House::build(Plan::default()).await;
    house.import(&people(2), true).await.unwrap();
    house.sync().await;
    house.sandbox.set_faults(Faults::parse(&["503:#1:GET"]).unwrap());
    house.apply(&granting()).await;
    assert_eq!(entitlements(&house, None).await.refreshed, None);
    house.sandbox.set_faults(Faults::parse(&["503:#1:GET"]).unwrap());
    let active = house.engine.active().await.unwrap();
    let why = house.engine.ensure_catalogue(&active.apps[&app()]).await.unwrap().unwrap();
    assert!(why.starts_with("the catalogue could not be read: ") && why.contains("503"), "{why}");
    house.sandbox.set_faults(Faults::parse(&["503:#1:GET"]).unwrap());
    house.import(&people(3), true).await.unwrap();
    house.sync().await;
    assert_eq!(house.accounts().len(), 3);
}

#[tokio::test]
async fn the_schedule_refreshes_and_a_changed_catalogue_is_planned_again() {
    let rules = "fn account(user) { #{ userName: user.email } }";
    let house = House::build(Plan {
        rules,
        app: "[assign]\nroles = [\"staff\"]\n[entitlements]\nrefresh = \"*/10 * * * *\"\n",
        ..Plan::default()
    })
    .await;
    house.sync().await;
    house.sandbox.add_group("Sales", &[]);
    let serving = tokio::spawn(std::sync::Arc::clone(&house.engine).serve());
    // A kick means "look again": before its time nothing is read.
    house.ask(Command::AppResume { app: app() }).await.unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(house.engine.store().refreshed(&app()).await.unwrap(), None);
    let patience = async {
        loop {
            // The first round sets the date: later rounds may come to it.
            house.advance(Span::from_secs(600));
            house.ask(Command::AppResume { app: app() }).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
            let record = house.engine.store().app(&app()).await.unwrap();
            let refreshed = house.engine.store().refreshed(&app()).await.unwrap();
            // Swept, too: the sweep that the change opened is done.
            if refreshed.is_some() && record.sweep.is_none() {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), patience).await.unwrap();
    assert_eq!(entitlements(&house, None).await.entitlements[0].name, "Sales");
    house.engine.stop();
    serving.await.unwrap();
}

#[tokio::test]
async fn what_an_app_file_cannot_mean_is_refused() {
    let house = House::build(Plan::default()).await;
    let base = house.engine.store().active_revision().await.unwrap().map(|revision| revision.number);
    for (connector, app, expected) in [
        ("generic-scim2", "[entitlements]\ncreate_missing = true\nmemberships = false\n", "nobody is ever put into"),
        ("generic-scim2", "[entitlements]\nrefresh = \"every day\"\n", "cron expression of five fields"),
        ("generic-scim2", "[reconcile]\nattributes = { active = \"repair\" }\n", "not compared as an attribute"),
        ("generic-scim2", "[reconcile]\nmemberships = \"adopt\"\n", "adopt"),
        ("generic-scim2", "[entitlements]\nfrequency = \"1h\"\n", "frequency"),
        ("nullplatform", "[entitlements]\ncreate_missing = true\n", "can't create groups"),
        ("nulab-pass", "[entitlements]\nrefresh = \"0 3 * * *\"\n", "neither groups nor other entitlements"),
        ("generic-scim2", "schedule = \"every day\"\n", "apps/app.toml:5:12: `every day` is no cron expression"),
        ("generic-scim2", "schedule = \"61 * * * *\"\n", "no cron expression"),
        ("generic-scim2", "timezone = \"Mars/X\"\n", "apps/app.toml:5:1: `Mars/X` is no IANA time zone"),
        ("generic-scim2", "[entitlements]\nrefresh = \"99 99 * * *\"\n", "no cron expression"),
        (
            "generic-scim2",
            "[guard]\nprotected = [\"hr:1\", \"1002\"]\n",
            "apps/app.toml:6:22: guard.protected has `1002`",
        ),
        ("generic-scim2", "[guard]\nprotected = [\"departmnt=Ops\"]\n", "unknown attribute `departmnt`"),
        ("generic-scim2", "[guard]\nprivileged = [\"roles\"]\n", "names nothing"),
        ("generic-scim2", "[guard.findings]\nowned_by_other = \"clear\"\n", "no policy makes it less than hold"),
        ("generic-scim2", "[guard.blast_radius]\nleave = { count = 1, percent = 500 }\n", "more than all"),
        ("generic-scim2", "[limits]\ntimeout_secs = 0\n", "timeout_secs is 0"),
        ("generic-scim2", "[assign]\nusers = [\"1001\"]\n", "source:key"),
        ("generic-scim2", "app_role_order = [\"A\", \"A\"]\n", "twice"),
        ("nulab-pass", "[leaving]\non_unassign = \"delete\"\n", "can't delete accounts"),
    ] {
        let bundle = house.bundle(&Plan { connector, app, ..Plan::default() });
        let command = Command::Apply { bundle, base, comment: String::new(), dry_run: true };
        let error = house.ask(command).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{app}: {error}");
    }
}
