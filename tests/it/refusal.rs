//! Users refused for the same reason: one finding.

use usher::clock::Timestamp;
use usher::provision::FindingKind;
use usher::provision::event::{Event, Status};
use usher::provision::outcome::{Failure, FailureClass};
use usher::provision::refusal::alike;

use crate::plan::world::{World, row, user};

/// User `number`'s create, refused with `status` and `detail`.
fn refused(number: u128, status: u16, detail: &str) -> Event {
    let planned = World::new("").operation(&row(user(number)));
    let class = if status == 409 { FailureClass::Conflict } else { FailureClass::Refused };
    let failure = Failure { class, status: Some(status), detail: detail.to_owned(), retry_after: None };
    let at = Timestamp::default();
    Event {
        progress: usher::provision::event::Progress::default(),
        id: usher::id::EventId(u64::try_from(number).unwrap()),
        operation: planned.operation,
        payload: planned.payload,
        findings: planned.findings,
        plan: usher::id::PlanId(uuid::Uuid::from_u128(1)),
        cause: planned.cause,
        batch: None,
        status: Status::Failed { failure },
        generation: 1,
        attempts: 1,
        decisions: Vec::new(),
        filed_at: at,
        waiting_since: at,
        changed_at: at,
        basis: planned.basis,
        app_digest: usher::digest::Digest::default(),
        escalated: None,
    }
}

#[test]
fn the_same_words_about_several_users_are_one_finding() {
    let said = |number: u128| {
        format!(
            "the target answered 400 (invalidValue): u{number}@example.test: locale `xx` is unknown (id 00{number}4711)"
        )
    };
    let mut events: Vec<Event> = (1..=4).map(|number| refused(number, 400, &said(number))).collect();
    events.push(refused(5, 413, "the target answered 413"));
    let findings = alike(&events);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].kind, FindingKind::SameRefusal);
    let detail = &findings[0].detail;
    assert!(
        detail.starts_with("4 users (User 1, User 2, User 3, …): the target answered 400 (invalidValue):"),
        "{detail}"
    );
    assert!(detail.contains("locale `xx` is unknown") && !detail.contains("example.test"), "{detail}");
}

#[test]
fn one_user_twice_is_no_pattern_and_other_failures_are_other_things() {
    let twice = [refused(1, 422, "no"), refused(1, 422, "no")];
    assert_eq!(alike(&twice), []);
    let mut down = [refused(1, 503, "down"), refused(2, 503, "down")];
    assert_eq!(alike(&down), []);
    for event in &mut down {
        event.status = Status::Refused;
    }
    assert_eq!(alike(&down), []);
}

#[test]
fn different_reasons_are_different_findings_most_users_first() {
    let reasons = [(1, 400, "bad"), (2, 400, "bad"), (3, 409, "taken"), (4, 409, "taken"), (5, 409, "taken")];
    let events: Vec<Event> = reasons.iter().map(|(number, status, words)| refused(*number, *status, words)).collect();
    let details: Vec<String> = alike(&events).into_iter().map(|finding| finding.detail).collect();
    assert_eq!(details.len(), 2);
    assert!(details[0].starts_with("3 users") && details[1].starts_with("2 users"), "{details:?}");
}

#[test]
fn a_leaver_who_is_refused_and_tried_again_counts_with_the_others() {
    let mut events = [refused(1, 403, "not allowed"), refused(2, 403, "not allowed")];
    let Status::Failed { failure } = events[0].status.clone() else { panic!() };
    events[0].status = Status::Queued { due: Timestamp::default(), last: Some(failure) };
    assert_eq!(alike(&events).len(), 1);
}
