//! **Truncated page.** A list ended early: an export broke off in the middle of the night, or a target answered the first page of its
//! accounts and called it all. One tool concluded that those who were not on the list had left, and deactivated them; another that their
//! accounts did not exist, and made second ones beside them.
//!
//! Here an export that lacks many is parked with the numbers, and one that breaks off in a row is no export. A list of a target that
//! lacks accounts makes no account, and takes none away; if it lies about its length as well, the target's refusal of a second account
//! ends it, and what was there stays as it was.

use serde_json::{Value as Json, json};
use usher::engine::{Answer, Command};
use usher::id::AppName;
use usher::provision::FindingKind;
use usher::provision::drift::DriftKind;
use usher::scim::target::Request;

use crate::engine::house::{House, Plan, people};

use super::scene::{at_rest, company, dropped, nothing_happens, parked, target};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_that_ends_early_waits_for_an_admin() {
    let house = company(Plan::default(), 60).await;
    let whole = people(60);
    let early: String = whole.lines().take(21).map(|line| format!("{line}\n")).collect();
    let (id, why) = parked(&house, &early).await;
    assert!(why.contains("40 users are missing, of 60"), "{why}");
    dropped(&house, id).await;
    // Broken off within a row: it is no export.
    let cut_off = house.import(&early[..early.len() - 12], true).await.unwrap_err().to_string();
    assert!(cut_off.contains("the file is cut off"), "{cut_off}");
    nothing_happens(&house).await;
    house.import(&whole, true).await.unwrap();
    at_rest(&house).await;
    assert_eq!(house.accounts().values().filter(|active| **active).count(), 60);
}

/// Lists of accounts end after the first rows; the length is the target's, or is made to fit.
fn cut(rows: usize, says_so: bool) -> impl Fn(&Request, &mut Json) + Send + Sync + 'static {
    move |request, body| {
        let list = request.path.split('?').next() == Some("/Users");
        if let Some(resources) = body.get_mut("Resources").and_then(Json::as_array_mut).filter(|_| list) {
            resources.truncate(if request.path.contains("startIndex=1&") { rows } else { 0 });
            if !says_so {
                body["totalResults"] = json!(rows);
            }
        }
    }
}

/// A target that can't be searched, where two of our three people have accounts already, far down the list.
async fn crowded() -> House {
    let seed = |name: String| json!({ "userName": name, "displayName": "Theirs", "active": true });
    let mut seeds: Vec<Json> = (0..30).map(|n| seed(format!("stranger{n}@example.com"))).collect();
    seeds.extend([seed("p0@example.com".into()), seed("p1@example.com".into())]);
    let quirks = [(
        "[filter]                               # RFC 7644 section 3.4.2.2\nsupported = true",
        "[filter]\nsupported = false",
    )];
    let house = House::build(Plan { seeds, quirks: &quirks, ..Plan::default() }).await;
    house.import(&people(3), true).await.unwrap();
    house
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_of_a_target_that_ends_early_makes_no_second_account() {
    for says_so in [true, false] {
        let house = crowded().await;
        let theirs = house.sandbox.third_party();
        house.tap.lie(cut(10, says_so));
        house.sync().await;
        let names: Vec<String> = house.sandbox.accounts().into_iter().map(|account| account.user_name).collect();
        for number in 0..3 {
            let known = format!("p{number}@example.com");
            assert!(names.iter().filter(|name| **name == known).count() <= 1, "{known} twice");
        }
        assert_eq!(house.sandbox.third_party(), theirs);
        if says_so {
            assert_eq!(house.sandbox.writes(), 0, "who can't be looked for is not made");
        }
        house.tap.tell_the_truth();
        house.advance(usher::clock::Span::from_days(2));
        for number in 0..3 {
            let (user, app) = (usher::engine::command::UserRef(format!("hr:k{number}")), AppName::new("app").unwrap());
            drop(house.ask(Command::Rematch { user, app }).await);
        }
        house.sync().await;
        assert_eq!(
            house.sandbox.third_party(),
            theirs,
            "adopted at most, and nothing is written before that is approved"
        );
        assert!(house.accounts()["p2@example.com"], "who had none has one");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reconcile_over_a_list_that_ends_early_loses_nobody() {
    for says_so in [true, false] {
        let house = company(Plan::default(), 12).await;
        let before = target(&house);
        house.tap.lie(cut(3, says_so));
        for _ in 0..2 {
            let command = Command::Reconcile { app: AppName::new("app").unwrap(), last: false };
            let Answer::Reconciled(report) = house.ask(command).await.unwrap() else { panic!() };
            assert_eq!(
                (report.count(DriftKind::Missing), report.count(DriftKind::Vanished)),
                (0, 0),
                "{:#?}",
                report.lines
            );
            house.advance(usher::clock::Span::from_hours(1));
        }
        nothing_happens(&house).await;
        assert!(
            house
                .pending()
                .await
                .iter()
                .all(|event| { !event.findings.iter().any(|finding| finding.kind == FindingKind::Recreation) })
        );
        house.tap.tell_the_truth();
        at_rest(&house).await;
        assert_eq!(target(&house), before);
    }
}
