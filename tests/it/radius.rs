//! The blast radius through the real engine and store: plans side by side, processes that end, clocks that jump, policies that become
//! stricter while operations wait.

mod sequences;
mod town;

use usher::clock::Span;
use usher::directory::Standing;
use usher::directory::change::SourceRow;
use usher::engine::context::Unwatched;
use usher::engine::cycle::Scope;
use usher::engine::{Answer, Command};
use usher::provision::FindingKind;
use usher::provision::event::StatusKind;
use usher::provision::guard::finding::Class;
use usher::provision::plan::{PlanSummary, Verdict};
use usher::scim::Method;
use usher::store::query::Preview;

use crate::scim::model::Fault;
use town::{RULES, Town, bundle, name};

/// Runs a story on a runtime of its own.
fn tell(story: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(story);
}

/// At most this many leavers a day, whatever the share.
fn at_most(number: u64) -> String {
    format!("[guard.blast_radius]\nleave_small = {number}\nleave = {{ count = {number}, percent = 0 }}\n")
}

fn gone(people: std::ops::RangeInclusive<u64>) -> Vec<(u64, Standing)> {
    people.map(|number| (number, Standing::Suspended)).collect()
}

fn says(summary: &PlanSummary, kind: FindingKind) -> Option<String> {
    summary.findings.iter().find(|finding| finding.kind == kind).map(ToString::to_string)
}

#[test]
fn two_apps_planned_at_once_do_not_both_slip_under_the_limit_over_all_apps() {
    tell(async {
        let wide = at_most(1_000);
        let mut town = Town::build(&[("one", &wide), ("two", &wide)], 100).await;
        town.bring(gone(1..=35)).await;
        let active = town.engine.active().await.unwrap();
        let (one, two) = (active.app(&name("one")).unwrap(), active.app(&name("two")).unwrap());
        let (one, two) = tokio::join!(
            town.engine.plan_and_push(&one, Scope::All, None, &Unwatched),
            town.engine.plan_and_push(&two, Scope::All, None, &Unwatched),
        );
        let held = [one.unwrap().0, two.unwrap().0].map(|plan| says(&plan, FindingKind::BlastRadius));
        let told: Vec<&String> = held.iter().flatten().collect();
        assert_eq!(told.len(), 1, "one of them is held: {held:?}");
        assert!(
            told[0].contains("70 deactivations and deletes within 24 h over all apps, 200 active accounts"),
            "{told:?}"
        );
        let pending = town.count("one", StatusKind::Pending).await + town.count("two", StatusKind::Pending).await;
        assert_eq!(pending, 35);
    });
}

#[test]
fn a_plan_whose_process_ended_does_not_use_up_the_day() {
    tell(async {
        for steps in [20, 40, 60, 80, 100] {
            let mut town = Town::build(&[("one", &at_most(3))], 10).await;
            town.bring(gone(1..=3)).await;
            town.crash_while_planning("one", steps).await;
            town.sync().await;
            let leavers = town.leavers("one").await;
            let done = leavers.iter().filter(|event| event.status.kind() == StatusKind::Succeeded).count();
            assert_eq!((done, town.count("one", StatusKind::Pending).await), (3, 0), "after {steps} steps");
        }
    });
}

#[test]
fn later_leavers_join_the_open_batch_and_what_is_released_does_not_count() {
    tell(async {
        let mut town = Town::build(&[("one", &at_most(2))], 20).await;
        town.bring(gone(1..=3)).await;
        town.sync().await;
        town.bring(gone(4..=4)).await;
        town.sync().await;
        let leavers = town.leavers("one").await;
        let batches: std::collections::BTreeSet<_> = leavers.iter().map(|event| event.batch).collect();
        assert_eq!((leavers.len(), batches.len(), batches.contains(&None)), (4, 1, false), "one batch of four");
        town.decide(true).await;
        town.sync().await;
        assert_eq!(town.count("one", StatusKind::Pending).await, 0);
        let window = town.engine.store().window(&name("one"), town.engine.clock().now()).await.unwrap();
        assert_eq!(window.used.get(&Class::Leave), None, "released operations leave the window");
        town.bring(gone(5..=6)).await;
        town.sync().await;
        assert_eq!(town.count("one", StatusKind::Pending).await, 0, "the day still has room for two");
        town.bring(gone(7..=7)).await;
        town.sync().await;
        assert_eq!(town.count("one", StatusKind::Pending).await, 1, "and not for a third");
        town.clock.advance(Span::from_hours(26));
        town.bring(gone(8..=8)).await;
        town.sync().await;
        assert_eq!(town.count("one", StatusKind::Pending).await, 2, "an open batch is joined the day after too");
    });
}

#[test]
fn who_comes_back_drops_out_of_the_batch_and_the_rest_stays_approvable() {
    tell(async {
        let mut town = Town::build(&[("one", &at_most(2))], 10).await;
        town.bring(gone(1..=4)).await;
        town.sync().await;
        town.bring(vec![(2, Standing::Active)]).await;
        town.sync().await;
        assert_eq!(town.count("one", StatusKind::Pending).await, 3);
        town.decide(true).await;
        town.sync().await;
        let done = town.leavers("one").await.into_iter().filter(|event| event.status.kind() == StatusKind::Succeeded);
        let mut labels: Vec<String> = done.map(|event| event.operation.label.clone()).collect();
        labels.sort();
        assert_eq!(labels, ["Person 1", "Person 3", "Person 4"]);
    });
}

#[test]
fn what_waits_for_a_target_counts_however_long_it_waits() {
    tell(async {
        let mut town = Town::build(&[("one", &at_most(2))], 10).await;
        town.bring(gone(1..=2)).await;
        town.plan("one").await;
        town.clock.advance(Span::from_hours(30));
        town.bring(gone(3..=4)).await;
        town.plan("one").await;
        assert_eq!(town.count("one", StatusKind::Pending).await, 2, "four would go out within a minute");
        town.push("one").await;
        assert_eq!(town.count("one", StatusKind::Pending).await, 2);
    });
}

#[test]
fn an_operation_that_waits_meets_the_policy_of_today() {
    let stricter = [
        ("", "[guard]\nprotected = [\"hr:k1\"]\n", RULES.to_owned()),
        ("", "[approvals]\ndeactivate = true\n", RULES.to_owned()),
        ("", "", format!("{RULES}\nfn is_protected(user) {{ user.title == \"Title 1\" }}")),
    ];
    for (before, after, rules) in stricter {
        tell(async {
            let mut town = Town::build(&[("one", before)], 10).await;
            town.bring(gone(1..=1)).await;
            town.plan("one").await;
            town.apply(bundle(&[("one", after)], &rules)).await;
            // The sweep has not come to the pair yet, and the pusher goes first.
            town.push("one").await;
            let old = town.leavers("one").await.remove(0);
            assert_eq!(old.status.kind(), StatusKind::Superseded, "{after} {rules}");
            town.sync().await;
            let leavers = town.leavers("one").await;
            assert_eq!(leavers[0].status.kind(), StatusKind::Pending, "{after} {rules}: {:?}", leavers[0].findings);
            town.decide(true).await;
            town.sync().await;
            assert_eq!(town.leavers("one").await[0].status.kind(), StatusKind::Succeeded);
        });
    }
}

#[test]
fn a_standing_approval_is_not_lost_to_a_revision_with_the_same_result() {
    tell(async {
        let mut town = Town::build(&[("one", "[approvals]\ndeactivate = true\n")], 10).await;
        town.bring(gone(1..=1)).await;
        town.plan("one").await;
        town.decide(true).await;
        town.apply(bundle(&[("one", "[approvals]\ndeactivate = true\n[limits]\nconcurrency = 3\n")], RULES)).await;
        town.push("one").await;
        let leavers = town.leavers("one").await;
        assert_eq!((leavers.len(), leavers[0].status.kind()), (1, StatusKind::Succeeded));
    });
}

#[test]
fn a_plan_says_what_is_parked_and_what_follows_from_an_import_that_shrank() {
    tell(async {
        let mut town = Town::build(&[("one", "")], 10).await;
        let shrinks = vec!["6 users are missing, of 7 (85 %)".to_owned()];
        let row = SourceRow { key: "k1".into(), standing: Some(Standing::Suspended), ..SourceRow::default() };
        let id = town.bring_rows(vec![row], Preview { missing: 6, shrinks, ..Preview::default() }).await;
        let Answer::Plan(plan) = town.ask(Command::Plan { app: None, user: None, draft: None }).await else { panic!() };
        let planned = &plan.apps[0].operations[0];
        let note = planned.findings.iter().find(|finding| finding.kind == FindingKind::SourceShrunk);
        assert!(note.is_some_and(|note| note.detail.contains(&id.to_string())), "{planned:?}");
        assert_eq!(planned.verdict, Verdict::Queued, "a note, no hold");
        let json = serde_json::to_value(&plan).unwrap();
        assert_eq!(json["apps"][0]["operations"][0]["findings"][0]["kind"], "source_shrunk");
        town.clock.advance(Span::from_hours(1));
        town.park(&["5 users are missing, of 10 (50 %)"]).await;
        let Answer::Plan(plan) = town.ask(Command::Plan { app: None, user: None, draft: None }).await else { panic!() };
        let told = says(&plan.apps[0].summary, FindingKind::SourceParked).unwrap();
        assert!(told.contains("of source hr: 5 users are missing") && told.contains("usher imports apply"), "{told}");
    });
}

#[test]
fn two_users_of_one_name_are_both_refused_however_far_apart_they_are() {
    tell(async {
        let rules = "fn account(user) { #{ userName: if user.key == \"k1\" || user.key == \"k777\" { \"same@example.com\" } else { user.email } } }";
        let mut town = Town::empty(&[("one", "")], rules).await;
        town.bring((1..=777).map(|number| (number, Standing::Active)).collect()).await;
        town.sync().await;
        assert_eq!(town.count("one", StatusKind::Refused).await, 2);
        assert_eq!(town.count("one", StatusKind::Succeeded).await, 775);
    });
}

#[test]
fn users_refused_for_the_same_reason_are_one_finding_at_the_end_of_a_sync_and_at_the_app() {
    tell(async {
        let mut town = Town::build(&[("one", "")], 5).await;
        for _ in 0..3 {
            let body = r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"400","detail":"locale xx is unknown"}"#;
            town.models[&name("one")].fault(Method::Post, Fault::Instead(400, body.to_owned()));
        }
        town.bring((11..=14).map(|number| (number, Standing::Active)).collect()).await;
        let answers = town.sync().await;
        let told = &answers[0].findings;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].detail.starts_with("3 users (") && told[0].detail.contains("locale xx"), "{told:?}");
        let Answer::App(app) = town.ask(Command::AppShow { app: name("one") }).await else { panic!() };
        assert_eq!(app.findings, *told);
        assert_eq!(town.count("one", StatusKind::Failed).await, 3);
        assert_eq!(town.leavers("one").await.len(), 0);
    });
}
