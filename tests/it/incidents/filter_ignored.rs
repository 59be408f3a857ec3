//! **Filter ignored.** A target answered every search with its whole list, another one with nobody. One tool took the first row for the
//! account that it had searched, and gave a new employee the account of somebody else; the other found nobody, and made second accounts
//! for people who had one.
//!
//! Here a filter counts only after it was proven: a value that nobody has must find nobody, a known one its owner. Where it lies, the
//! whole list is read. If it starts to lie later, the target's refusal of a second account ends it: nobody is taken over, nothing is
//! made twice, and a person decides.

use serde_json::json;
use usher::provision::operation::Kind;
use usher::sandbox::Faults;

use crate::engine::house::{House, Plan, people};

use super::scene::at_rest;

const LIES: [&str; 2] = ["filter-ignored:1", "filter-empty:1"];

fn seeds() -> Vec<serde_json::Value> {
    let seed = |name: &str| json!({ "userName": name, "displayName": "Theirs", "active": true });
    vec![seed("stranger@example.com"), seed("p0@example.com"), seed("p7@example.com")]
}

fn each_once(house: &House) {
    let names: Vec<String> = house.sandbox.accounts().into_iter().map(|account| account.user_name).collect();
    assert_eq!(names.len(), house.accounts().len(), "no two accounts with one name: {names:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_lies_from_the_start_is_not_used() {
    for lie in LIES {
        let house = House::build(Plan { seeds: seeds(), ..Plan::default() }).await;
        house.sandbox.set_faults(Faults::parse(&[lie]).unwrap());
        let theirs = house.sandbox.third_party();
        house.import(&people(4), true).await.unwrap();
        house.sync().await;
        let pending = house.pending().await;
        assert_eq!(pending.len(), 1, "{lie}: {pending:?}");
        assert_eq!(
            (pending[0].operation.kind, pending[0].operation.user_name.as_str()),
            (Kind::Link, "p0@example.com")
        );
        assert_eq!(house.sandbox.third_party(), theirs, "{lie}");
        each_once(&house);
        assert_eq!(house.accounts().len(), 3 + 3, "{lie}: the others have their own");
        house.decide_all(false).await;
        at_rest(&house).await;
        assert_eq!(house.sandbox.third_party(), theirs, "{lie}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_that_starts_to_lie_takes_nobody_over_and_makes_nothing_twice() {
    for lie in LIES {
        let house = House::build(Plan { seeds: seeds(), ..Plan::default() }).await;
        house.import(&people(6).replace("p0@", "q0@"), true).await.unwrap();
        house.sync().await;
        assert_eq!(house.accounts().len(), 3 + 6);
        let theirs = house.sandbox.third_party();
        house.sandbox.set_faults(Faults::parse(&[lie]).unwrap());
        house.import(&people(9).replace("p0@", "q0@"), true).await.unwrap();
        house.sync().await;
        assert_eq!(house.sandbox.third_party(), theirs, "{lie}");
        each_once(&house);
        assert!(house.accounts().contains_key("p6@example.com"), "{lie}: who has none gets one");
        let p7 = house.sandbox.accounts().into_iter().find(|account| account.user_name == "p7@example.com").unwrap();
        assert!(p7.third_party, "{lie}: it is still theirs");
        house.sandbox.set_faults(Faults::default());
        house.sync().await;
        assert_eq!(house.sandbox.third_party(), theirs, "{lie}");
    }
}
