//! The breaker: what counts, how often, and what it says.

use usher::clock::{Span, Timestamp};
use usher::engine::breaker::{Breaker, Verdict};
use usher::entropy::SeededEntropy;
use usher::id::UserId;
use usher::provision::outcome::{Done, Failure, FailureClass, Outcome};

const START: Timestamp = Timestamp::from_millis(1_772_366_400_000);

fn user(number: u64) -> UserId {
    UserId::mint(START, &SeededEntropy::new(number))
}

fn failed(class: FailureClass, status: Option<u16>) -> Outcome {
    let failure = Failure { class, status, detail: format!("{class:?}"), retry_after: None };
    Outcome::Retry { failure, due: START }
}

fn down() -> Outcome {
    failed(FailureClass::Server, Some(503))
}

fn done() -> Outcome {
    Outcome::Succeeded(Done {
        remote_id: None,
        found: Default::default(),
        found_active: true,
        replaced: None,
        note: String::new(),
    })
}

fn at(seconds: u64) -> Timestamp {
    START.plus(Span::from_secs(seconds))
}

fn is_open(breaker: &Breaker) -> bool {
    matches!(breaker.verdict(), Verdict::Open(_))
}

#[test]
fn five_users_in_a_row_open_it_and_one_user_five_times_does_not() {
    for outcome in [
        down(),
        failed(FailureClass::Endpoint, None),
        failed(FailureClass::NotScim, Some(200)),
        failed(FailureClass::Server, Some(408)),
    ] {
        let (mut many, mut one) = (Breaker::default(), Breaker::default());
        for number in 0..4 {
            many.saw(user(number), &outcome, at(number));
            one.saw(user(0), &outcome, at(number));
        }
        assert_eq!(many.verdict(), Verdict::Closed);
        many.saw(user(4), &outcome, at(4));
        one.saw(user(0), &outcome, at(4));
        assert!(is_open(&many), "{outcome:?}");
        assert_eq!(one.verdict(), Verdict::Closed, "{outcome:?}");
    }
}

#[test]
fn an_answer_in_between_begins_the_row_anew() {
    let mut breaker = Breaker::default();
    for number in 0..8 {
        let outcome = if number == 4 { done() } else { down() };
        breaker.saw(user(number), &outcome, at(100 * number));
    }
    assert_eq!(breaker.verdict(), Verdict::Closed);
    assert_eq!(breaker.failing(), Some("Server"));
}

#[test]
fn a_refused_user_never_counts_nor_does_a_429_or_a_doubt() {
    let refusals = [
        failed(FailureClass::Refused, Some(400)),
        failed(FailureClass::Refused, Some(403)),
        failed(FailureClass::Conflict, Some(409)),
        failed(FailureClass::Refused, Some(413)),
        failed(FailureClass::Refused, Some(422)),
        failed(FailureClass::Missing, Some(404)),
        failed(FailureClass::NotEffective, None),
        failed(FailureClass::RateLimited, Some(429)),
        // A 409 that may only lag behind, and a doubt: classed as the server's, and not its failure.
        failed(FailureClass::Server, Some(409)),
        failed(FailureClass::Server, None),
    ];
    for outcome in refusals {
        let mut breaker = Breaker::default();
        for number in 0..200 {
            breaker.saw(user(number), &outcome, at(0));
        }
        assert_eq!(breaker.verdict(), Verdict::Closed, "{outcome:?}");
        assert_eq!(breaker.failing(), None, "{outcome:?}");
    }
}

#[test]
fn half_of_twenty_within_a_minute_open_it() {
    let mixed = |from: u64, seconds: u64| {
        let mut breaker = Breaker::default();
        for number in 0..20 {
            let outcome = if number % 2 == 0 { down() } else { done() };
            breaker.saw(user(number), &outcome, at(from + number * seconds));
        }
        breaker
    };
    assert!(is_open(&mixed(0, 1)), "twenty seconds");
    assert_eq!(mixed(0, 10).verdict(), Verdict::Closed, "three minutes");
    let mut one_user = Breaker::default();
    for number in 0..40 {
        let (who, outcome) = if number % 2 == 0 { (0, down()) } else { (number, done()) };
        one_user.saw(user(who), &outcome, at(number));
    }
    assert_eq!(one_user.verdict(), Verdict::Closed, "twenty failures of one user are one");
}

#[test]
fn forty_per_cent_of_a_cycle_are_quarantine_however_many_rounds_it_took() {
    let mut breaker = Breaker::default();
    for number in 0..25 {
        let outcome = if number % 5 < 2 { down() } else { done() };
        breaker.saw(user(number), &outcome, at(number * 120));
        // As between two pushing rounds.
        if number < 24 {
            assert_eq!(breaker.verdict(), Verdict::Closed, "{number}");
            breaker.clear();
        }
    }
    let Verdict::Quarantine(why) = breaker.verdict() else { panic!("{:?}", breaker.verdict()) };
    assert!(why.starts_with("10 of 25 users failed in one cycle"), "{why}");
    breaker.begin_cycle();
    assert_eq!(breaker.verdict(), Verdict::Closed);
}

#[test]
fn who_failed_and_then_succeeded_is_not_counted_against_the_cycle() {
    let mut breaker = Breaker::default();
    for number in 0..25 {
        breaker.saw(user(number), &down(), at(number * 120));
        breaker.saw(user(number), &done(), at(number * 120 + 5));
    }
    assert_eq!(breaker.verdict(), Verdict::Closed);
}

#[test]
fn two_refused_credentials_or_one_confirmed_403_are_quarantine() {
    let mut breaker = Breaker::default();
    breaker.saw(user(1), &failed(FailureClass::Credential, Some(401)), at(0));
    assert_eq!(breaker.verdict(), Verdict::Closed);
    breaker.saw(user(1), &failed(FailureClass::Credential, Some(401)), at(5));
    let Verdict::Quarantine(why) = breaker.verdict() else { panic!("{:?}", breaker.verdict()) };
    assert!(why.contains("credential"), "{why}");
    let mut breaker = Breaker::default();
    breaker.saw(user(1), &failed(FailureClass::Credential, Some(403)), at(0));
    assert!(matches!(breaker.verdict(), Verdict::Quarantine(_)));
}
