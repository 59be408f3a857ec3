//! Any target, any faults: at most one account of ours, nobody else's touched, every event ends or waits.

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;
use usher::clock::Span;
use usher::provision::operation::Kind;
use usher::provision::outcome::Outcome;
use usher::scim::target::Method;

use super::model::{Duplicates, Fault, Filters, Habits, Stage, start, until_done};

fn faults() -> impl Strategy<Value = Vec<(Method, Fault)>> {
    let method = prop_oneof![
        3 => Just(Method::Post),
        3 => Just(Method::Get),
        2 => Just(Method::Patch),
        1 => Just(Method::Put),
        1 => Just(Method::Delete)
    ];
    let status = prop_oneof![Just(500_u16), Just(502), Just(503), Just(429)];
    let fault = prop_oneof![
        Just(Fault::NotSent),
        Just(Fault::RequestLost),
        Just(Fault::AnswerLost),
        status.clone().prop_map(|status| Fault::Instead(status, "<html>busy</html>".to_owned())),
        status.prop_map(|status| Fault::After(status, String::new())),
    ];
    vec((method, fault), 0..6)
}

prop_compose! {
    fn habits()(
        filters in prop_oneof![
            4 => Just(Filters::Honest), 1 => Just(Filters::Ignored), 1 => Just(Filters::Blind), 1 => Just(Filters::Refused)
        ],
        duplicates in prop_oneof![
            Just(Duplicates::Conflict), Just(Duplicates::ConflictWithoutScim), Just(Duplicates::ServerError)
        ],
        keeps_external_id: bool,
        active_as_text: bool,
        ignores_paths: bool,
        echo: bool,
    ) -> Habits {
        Habits { filters, duplicates, keeps_external_id, active_as_text, ignores_paths, echo, ..Habits::default() }
    }
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_create_makes_one_account_or_says_why_not(habits in habits(), faults in faults(), trusted: bool) {
        let mut stage = Stage::create(habits);
        if !trusted {
            stage.learned.filters.clear();
        }
        for (method, fault) in faults {
            stage.model.fault(method, fault);
        }
        let ended = run(until_done(&mut stage));
        prop_assert!(stage.model.len() <= 1);
        prop_assert!(ended.is_err() || stage.model.len() == 1, "{ended:?}");
    }

    #[test]
    fn an_account_that_was_there_before_is_never_taken_nor_touched(habits in habits(), faults in faults()) {
        let mut stage = Stage::create(habits);
        stage.model.clock.advance(Span::from_hours(1));
        let id = stage.model.seed(json!({ "userName": "ANN@example.com", "displayName": "Other" }), start());
        let before = stage.model.account(&id);
        for (method, fault) in faults {
            stage.model.fault(method, fault);
        }
        let ended = run(until_done(&mut stage));
        prop_assert!(matches!(ended, Err(Outcome::Conflict(_) | Outcome::Failed(_))), "{ended:?}");
        prop_assert_eq!(stage.model.account(&id), before);
        prop_assert_eq!(stage.model.len(), 1);
    }

    #[test]
    fn a_deactivation_ends_with_an_inactive_account(habits in habits(), faults in faults()) {
        let mut stage = Stage::on_account(Kind::Deactivate, habits, "");
        for (method, fault) in faults {
            stage.model.fault(method, fault);
        }
        let ended = run(until_done(&mut stage));
        prop_assert!(ended.is_ok(), "{ended:?}");
        let account = stage.model.account(stage.remote_id()).unwrap();
        prop_assert_eq!(&account["active"], &json!(false));
        prop_assert_eq!(&account["title"], &json!("set by hand"));
    }

    #[test]
    fn an_update_ends_with_the_new_value_and_leaves_the_rest(habits in habits(), faults in faults(), put: bool) {
        let connector = if put { "[users]\nupdate = \"put\"\n" } else { "" };
        let mut stage = Stage::on_account(Kind::Update, habits, connector);
        stage.changes(&[("displayName", Some("Ann"), Some("Anna"))]);
        for (method, fault) in faults {
            stage.model.fault(method, fault);
        }
        let ended = run(until_done(&mut stage));
        prop_assert!(ended.is_ok(), "{ended:?}");
        let account = stage.model.account(stage.remote_id()).unwrap();
        prop_assert_eq!(&account["displayName"], &json!("Anna"));
        prop_assert_eq!(&account["title"], &json!("set by hand"));
        prop_assert_eq!(&account["active"], &json!(true));
    }
}
