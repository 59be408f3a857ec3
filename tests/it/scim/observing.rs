//! Looking users up, reading the whole list, probing filters, testing a connection, keeping to the rate.

use std::time::Duration;

use serde_json::json;
use usher::connector::capability::{FilterProbe, Learned};
use usher::directory::value::Value;
use usher::engine::perform::{
    Class, Lesson, TestReport, Throttle, absorb, first_contact, listing, lookup, probe_filters, test::Verdict,
    test_connection,
};
use usher::entropy::SeededEntropy;
use usher::provision::account::Observation;
use usher::provision::desired::{Desired, Wanted};
use usher::provision::operation::Kind;
use usher::provision::outcome::FailureClass;
use usher::scim::target::Method;

use super::model::{Fault, Filters, Habits, Stage, own_external_id, spec, start, user};

fn ann() -> Desired {
    let attributes = [("userName".to_owned(), Wanted::plain(Value::from("ann@example.com")))];
    Desired { attributes: attributes.into(), grants: Vec::new() }
}

async fn looked(stage: &Stage) -> Observation {
    lookup(stage.context(), user(1), &own_external_id(user(1)), &ann()).await.unwrap().observation
}

async fn listed(stage: &Stage) -> Observation {
    let listing = listing(stage.context()).await.unwrap();
    listing.observe(stage.context(), user(1), &own_external_id(user(1)), &ann()).await.unwrap()
}

fn empty(habits: Habits) -> Stage {
    Stage::new(Kind::Create, habits, "[paging]\npage_size = 2\n")
}

fn crowd(stage: &Stage, number: usize) {
    for index in 0..number {
        stage.model.seed(json!({ "userName": format!("user{index}@example.com") }), start());
    }
}

#[tokio::test]
async fn filter_and_list_say_the_same() {
    type Expected = fn(&Observation) -> bool;
    let cases: [(serde_json::Value, Expected); 4] = [
        (json!({ "userName": "bob@example.com" }), |seen| matches!(seen, Observation::Absent { .. })),
        (
            json!({ "userName": "ANN@example.com" }),
            |seen| matches!(seen, Observation::ThirdParty { matched_on, .. } if matched_on == "userName"),
        ),
        (json!({ "userName": "old@example.com", "externalId": own_external_id(user(1)) }), |seen| {
            matches!(seen, Observation::Ours { .. })
        }),
        (
            json!({ "userName": "ann@example.com", "externalId": own_external_id(user(2)) }),
            |seen| matches!(seen, Observation::OwnedByOther { owner, .. } if *owner == user(2)),
        ),
    ];
    for (account, expected) in cases {
        let stage = empty(Habits::default());
        crowd(&stage, 5);
        stage.model.seed(account, start());
        let (by_filter, by_list) = (looked(&stage).await, listed(&stage).await);
        assert!(expected(&by_filter), "{by_filter:?}");
        assert_eq!(by_filter, by_list);
    }
}

#[tokio::test]
async fn an_account_of_another_user_in_the_ledger_is_owned_by_other() {
    let mut stage = empty(Habits::default());
    let id = stage.model.seed(json!({ "userName": "ann@example.com" }), start());
    stage.ledger.0.insert(id, user(2));
    assert!(matches!(looked(&stage).await, Observation::OwnedByOther { owner, .. } if owner == user(2)));
}

#[tokio::test]
async fn several_accounts_of_one_name_are_ambiguous() {
    let stage = empty(Habits::default());
    stage.model.seed(json!({ "userName": "ann@example.com" }), start());
    stage.model.seed(json!({ "userName": "Ann@example.com" }), start());
    assert!(matches!(looked(&stage).await, Observation::Ambiguous { remote_ids, .. } if remote_ids.len() == 2));
}

#[tokio::test]
async fn an_ignored_filter_is_noticed_and_the_list_is_read() {
    let stage = empty(Habits { filters: Filters::Ignored, ..Habits::default() });
    crowd(&stage, 5);
    let looked = lookup(stage.context(), user(1), &own_external_id(user(1)), &ann()).await.unwrap();
    assert!(matches!(looked.observation, Observation::Absent { .. }));
    assert!(looked.lessons.iter().any(|lesson| matches!(lesson, Lesson::Filter(_, FilterProbe::Fails(_)))));
}

#[tokio::test]
async fn an_unproven_filter_is_not_trusted_with_an_absence() {
    let mut stage = empty(Habits { filters: Filters::Blind, ..Habits::default() });
    stage.learned = Learned::default();
    stage.model.seed(json!({ "userName": "ann@example.com" }), start());
    assert!(matches!(looked(&stage).await, Observation::ThirdParty { .. }));
}

#[tokio::test]
async fn an_incomplete_list_proves_no_absence() {
    for habits in [
        Habits { pages_repeat: true, ..Habits::default() },
        Habits { total_results: Some(50), ..Habits::default() },
        Habits { total_results: Some(3), ..Habits::default() },
    ] {
        let mut stage = empty(habits);
        crowd(&stage, 5);
        stage.learned = Learned::default();
        let listing = listing(stage.context()).await.unwrap();
        assert!(listing.incomplete.is_some());
        let seen = listing.observe(stage.context(), user(1), &own_external_id(user(1)), &ann()).await;
        assert!(seen.unwrap_err().detail.contains("can't be found"));
        assert!(lookup(stage.context(), user(1), &own_external_id(user(1)), &ann()).await.is_err());
    }
}

#[tokio::test]
async fn a_wrong_total_is_ignored_where_the_connector_says_so() {
    let mut stage = empty(Habits { total_results: Some(3), ..Habits::default() });
    stage.spec.connector.paging.total_is_right = false;
    crowd(&stage, 5);
    let listing = listing(stage.context()).await.unwrap();
    assert_eq!((listing.incomplete, listing.accounts), (None, 5));
}

#[tokio::test]
async fn probes_tell_honest_filters_from_liars() {
    let probed = async |filters: Filters, accounts: usize| {
        let mut stage = empty(Habits { filters, ..Habits::default() });
        stage.learned = Learned::default();
        crowd(&stage, accounts);
        let lessons = probe_filters(stage.context(), &SeededEntropy::new(5)).await.unwrap();
        absorb(&stage.learned, stage.spec.digest, &lessons).unwrap().filters["userName"].clone()
    };
    assert_eq!(probed(Filters::Honest, 3).await, FilterProbe::Works);
    assert_eq!(probed(Filters::Honest, 0).await, FilterProbe::HalfProven);
    for liar in [Filters::Ignored, Filters::Blind, Filters::Refused] {
        assert!(matches!(probed(liar, 3).await, FilterProbe::Fails(_)), "{liar:?}");
    }
}

#[tokio::test]
async fn the_first_account_of_an_empty_target_proves_the_filter() {
    for (filters, works) in [(Filters::Honest, true), (Filters::Blind, false)] {
        let mut stage = Stage::create(Habits { filters, ..Habits::default() });
        for probe in stage.learned.filters.values_mut() {
            *probe = FilterProbe::HalfProven;
        }
        let performed = stage.perform().await;
        let learned = absorb(&stage.learned, stage.learned.basis, &performed.lessons).unwrap();
        assert_eq!(learned.filters["userName"] == FilterProbe::Works, works);
    }
}

#[tokio::test]
async fn a_test_says_in_sentences_what_it_found() {
    let tried = async |habits: Habits, fault: Option<Fault>| -> TestReport {
        let stage = empty(habits);
        crowd(&stage, 3);
        if let Some(fault) = fault {
            stage.model.fault(Method::Get, fault);
        }
        test_connection(stage.context(), &SeededEntropy::new(5)).await
    };
    let good = tried(Habits::default(), None).await;
    assert!(good.is_good());
    assert!(good.tried[0].sentence.contains("3 accounts"), "{good:?}");
    assert!(good.tried.iter().any(|one| one.about == "filter on userName" && one.verdict == Verdict::Good));
    for (status, class) in
        [(401, FailureClass::Credential), (403, FailureClass::Credential), (404, FailureClass::NotScim)]
    {
        let bad = tried(Habits::default(), Some(Fault::Instead(status, String::new()))).await;
        assert!(!bad.is_good());
        assert_eq!(bad.failure.unwrap().class, class);
    }
    let page = tried(Habits::default(), Some(Fault::Instead(200, "<html>hello</html>".to_owned()))).await;
    assert_eq!(page.failure.unwrap().class, FailureClass::NotScim);
}

#[test]
fn the_rate_starts_at_ten_with_a_burst_of_twenty_and_halves_on_too_many() {
    let throttle = Throttle::new(&spec("", "https://scim.example.com/v2"));
    let now = tokio::time::Instant::now();
    assert!((0..20).all(|_| throttle.reserve(Class::Write, now).is_zero()));
    let waits: Vec<u128> = (0..10).map(|_| throttle.reserve(Class::Write, now).as_millis()).collect();
    assert_eq!((waits[0], waits[9]), (100, 1000));
    assert!(throttle.reserve(Class::Write, now + Duration::from_secs(2)).is_zero());
    throttle.too_many(Class::Write);
    throttle.too_many(Class::Write);
    assert_eq!(throttle.rate(Class::Write), Some(5.0));
    for _ in 0..10_000 {
        throttle.went_well(Class::Write);
    }
    assert_eq!(throttle.rate(Class::Write), Some(50.0));
    assert_eq!(Throttle::new(&super::model::spec("", "http://127.0.0.1:9")).rate(Class::Write), None);
}

#[tokio::test]
async fn discovery_narrows_what_the_connector_says_and_is_told() {
    let mut stage = empty(Habits::default());
    let config = r#"{"patch":{"supported":"false"},"filter":{"supported":false,"maxResults":1},"unknown":[]}"#;
    stage.learned = Learned::default();
    stage.spec.connector.paging.page_size = 2;
    // The sample and two probes are read first.
    for _ in 0..3 {
        stage.model.fault(Method::Get, Fault::Instead(200, r#"{"totalResults":0}"#.to_owned()));
    }
    stage.model.fault(Method::Get, Fault::Instead(200, config.to_owned()));
    stage
        .model
        .fault(Method::Get, Fault::Instead(200, r#"[{"name":"User","endpoint":"https://other/Persons"}]"#.to_owned()));
    let lessons = first_contact(stage.context(), &SeededEntropy::new(5)).await.unwrap();
    stage.learned = absorb(&stage.learned, stage.spec.digest, &lessons).unwrap();
    assert_eq!((stage.learned.patch_supported, stage.learned.results_max), (Some(false), Some(1)));
    assert!(stage.learned.remarks.iter().any(|remark| remark.contains("https://other/Persons")));
    assert_eq!(stage.context().page_size(), 1);
    assert_eq!(absorb(&stage.learned, stage.spec.digest, &lessons), None);
}

#[test]
fn each_class_has_its_own_rate_under_one_roof_and_a_deactivation_takes_its_place_at_once() {
    let now = tokio::time::Instant::now();
    let throttle = Throttle::between(10.0, 50.0);
    for _ in 0..60 {
        throttle.reserve(Class::Write, now);
    }
    assert_eq!(throttle.reserve(Class::Write, now).as_millis(), 4_100, "sixty others wait");
    assert!(throttle.reserve(Class::Deactivation, now).is_zero(), "a leaver waits for none of them");
    // Reads have a bucket of their own, and wait for the roof: 62 went under it, 20 of them at once.
    assert_eq!(throttle.reserve(Class::Read, now).as_millis(), 860);
    let slow = "[http]\nrate_max = 40\nper_minute = { memberships = 30, writes = 180 }\n";
    let throttle = Throttle::new(&spec(slow, "https://scim.example.com/v2"));
    let rate = |class| throttle.rate(class).unwrap();
    assert_eq!((rate(Class::Membership), rate(Class::Write), rate(Class::Read)), (0.5, 3.0, 10.0));
    for class in [Class::Membership, Class::Write, Class::Read, Class::Deactivation] {
        for _ in 0..10_000 {
            throttle.went_well(class);
        }
    }
    assert_eq!((rate(Class::Membership), rate(Class::Write), rate(Class::Read)), (0.5, 3.0, 40.0));
    throttle.too_many(Class::Read);
    assert_eq!((rate(Class::Read), rate(Class::Deactivation)), (20.0, 40.0), "the others are not slowed down");
}
