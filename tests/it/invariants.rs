//! The invariants of the planner over random worlds: users, accounts, policies and connectors of every kind. Each property names
//! the invariant it stands for (`ARCHITECTURE.md`).

mod strategy;

use std::collections::BTreeMap;

use proptest::prelude::*;
use usher::clock::Timestamp;
use usher::directory::Standing;
use usher::provision::account::{Observation, Origin, Presence};
use usher::provision::event::{Status, StatusKind};
use usher::provision::guard::admission;
use usher::provision::operation::{Change, Kind, Operation};
use usher::provision::outcome::{Failure, FailureClass};
use usher::provision::plan::{SkipReason, Verdict};
use usher::provision::{FindingKind, Severity};
use usher::store::query::PairRow;

use crate::plan::world::{AS_OF, World};
use strategy::{Setting, setting};

/// Rounds after which nothing may be left to plan: link, rename, the rest, and one to see that it is quiet.
const ROUNDS_MAX: usize = 4;

fn row_of<'a>(rows: &'a [PairRow], operation: &Operation) -> &'a PairRow {
    rows.iter().find(|row| row.user.id == operation.user).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Invariant 5: from any state, without new changes, planning and doing comes to rest.
    #[test]
    fn applying_a_plan_leaves_nothing_to_plan(Setting { world, mut rows } in setting()) {
        for _ in 0..ROUNDS_MAX {
            let page = world.plan(&rows);
            world.apply(&mut rows, &page);
        }
        let page = world.plan(&rows);
        prop_assert!(page.operations.is_empty(), "{:#?}", page.operations);
    }

    /// Invariant 10: the same input gives the same page, whatever its order.
    #[test]
    fn shuffled_input_gives_the_same_page_byte_for_byte(
        (setting, shuffled) in setting().prop_flat_map(|setting| {
            let rows = setting.rows.clone();
            (Just(setting), Just(rows).prop_shuffle())
        })
    ) {
        let bytes = |rows: &[PairRow]| postcard::to_allocvec(&setting.world.plan(rows)).unwrap();
        prop_assert_eq!(bytes(&setting.rows), bytes(&shuffled));
        prop_assert_eq!(bytes(&setting.rows), bytes(&setting.rows));
    }

    /// Invariant 2: what is not in the ledger is in no operation but a link, which waits for consent or is the app's policy.
    #[test]
    fn only_what_the_ledger_owns_is_changed_or_removed(Setting { world, rows } in setting()) {
        let page = world.plan(&rows);
        for planned in &page.operations {
            let operation = &planned.operation;
            let row = row_of(&rows, operation);
            let account = &row.account;
            if matches!(planned.verdict, Verdict::Refused) {
                continue;
            }
            match operation.kind {
                Kind::Update | Kind::Rename | Kind::Deactivate | Kind::Reactivate | Kind::Delete => {
                    prop_assert!(account.is_ours());
                    prop_assert_eq!(&operation.remote_id, &account.remote_id);
                    if operation.kind == Kind::Delete {
                        prop_assert!(account.origin == Some(Origin::Created) || world.spec.app.leaving.delete_adopted);
                    }
                }
                Kind::Create => {
                    prop_assert!(!account.is_ours() && operation.remote_id.is_none());
                    let absent = matches!(account.observation, Observation::Absent { .. });
                    prop_assert!(absent, "created although {:?}", account.observation);
                }
                Kind::Link => {
                    prop_assert!(operation.changes.is_empty() && operation.released.is_empty());
                    match &account.observation {
                        Observation::Ours { .. } => {}
                        Observation::ThirdParty { .. } => prop_assert!(
                            planned.verdict == Verdict::Pending
                                || world.spec.app.on_existing == usher::connector::OnExisting::Adopt
                        ),
                        Observation::OwnedByOther { .. } => prop_assert_eq!(planned.verdict, Verdict::Pending),
                        other => prop_assert!(false, "linked although {:?}", other),
                    }
                }
            }
        }
    }

    /// Invariant 7: a rule error never removes anything, and is always told.
    #[test]
    fn a_rule_error_never_causes_a_removal(Setting { world, rows } in setting()) {
        let page = world.plan(&rows);
        for judged in rows.iter().map(|row| world.judge(row.clone())).filter(|judged| judged.fault.is_some()) {
            let user = judged.row.user.id;
            prop_assert_eq!(judged.row.user.effective_standing(), Standing::Active, "a leaver waits for no rule");
            for planned in page.operations.iter().filter(|planned| planned.operation.user == user) {
                prop_assert!(!planned.operation.kind.is_leaving());
                prop_assert_eq!(planned.verdict, Verdict::Refused);
                prop_assert!(planned.operation.changes.is_empty() && planned.operation.edges.is_empty());
            }
        }
    }

    /// Invariant 6: leavers come first, and none is forgotten.
    #[test]
    fn leavers_come_first_and_none_is_forgotten(Setting { world, rows } in setting()) {
        let page = world.plan(&rows);
        let order: Vec<bool> = page.operations.iter().map(|planned| planned.operation.kind.is_leaving()).collect();
        prop_assert!(order.is_sorted_by(|a, b| a >= b), "{:?}", order);
        for row in &rows {
            let active = matches!(row.account.presence, Presence::Active | Presence::Unknown) && row.account.is_ours();
            if row.user.effective_standing() == Standing::Active || !active {
                continue;
            }
            let user = row.user.id;
            let planned = page.operations.iter().any(|each| each.operation.user == user && each.operation.kind.is_leaving());
            let told = page.skipped.iter().any(|skipped| skipped.user == user);
            prop_assert!(planned || told, "{user} leaves without a trace");
        }
    }

    /// A page speaks of every pair, once at most, and never sends what is sent only on create.
    #[test]
    fn a_page_is_well_formed(Setting { world, rows } in setting()) {
        let page = world.plan(&rows);
        prop_assert_eq!(page.users.len(), rows.len());
        let mut times: BTreeMap<_, usize> = BTreeMap::new();
        for planned in &page.operations {
            *times.entry(planned.operation.user).or_default() += 1;
            let row = row_of(&rows, &planned.operation);
            let paths: Vec<&str> = planned.operation.changes.iter().map(|change| change.path.as_str()).collect();
            prop_assert!(paths.is_sorted() && !paths.contains(&"active"));
            prop_assert_eq!(planned.operation.generation, row.account.generation);
            if planned.operation.kind != Kind::Create {
                prop_assert!(!paths.contains(&"timezone"), "create_only");
            }
            if planned.operation.kind == Kind::Update {
                prop_assert!(planned.verdict == Verdict::Refused || !planned.operation.changes.is_empty());
            }
            if row.account.origin == Some(Origin::Adopted) && planned.operation.kind == Kind::Update {
                match world.spec.app.adopt_mode {
                    usher::connector::AdoptMode::Observe => prop_assert!(paths.is_empty()),
                    usher::connector::AdoptMode::Fill => {
                        let filled = |change: &Change| change.old.is_none() || !row.account.found.contains(&change.path);
                        prop_assert!(planned.operation.changes.iter().all(filled));
                    }
                    usher::connector::AdoptMode::Overwrite => {}
                }
            }
        }
        prop_assert!(times.values().all(|times| *times == 1));
    }

    /// Verdict and severities agree, and the payload's digest is the one that clearance will compute.
    #[test]
    fn verdict_and_payload_follow_from_findings_and_operation(Setting { world, rows } in setting()) {
        for planned in &world.plan(&rows).operations {
            prop_assert_eq!(planned.verdict, admission::verdict(&planned.findings));
            let origin = world.spec.app.origin();
            let digest = planned.operation.payload_digest(&origin, world.connector(), &planned.findings);
            prop_assert_eq!(planned.payload, digest);
            for finding in &planned.findings {
                prop_assert!(finding.severity >= finding.kind.least_severity());
            }
        }
    }

    /// What is open is not asked again while nothing changed; while a request may be out, nothing is planned at all.
    #[test]
    fn what_is_open_is_asked_once(Setting { world, rows } in setting(), status in open_status()) {
        let page = world.plan(&rows);
        for planned in page.operations.iter().filter(|planned| planned.verdict != Verdict::Refused) {
            let row = crate::plan::world::filed(row_of(&rows, &planned.operation), planned, status);
            // Alone on the page he has no rival for his name; those that had one are refused and not open.
            let again = world.plan(std::slice::from_ref(&row));
            prop_assert!(again.operations.is_empty(), "{:#?}", again.operations);
            let reason = &again.skipped[0].reason;
            let in_flight = matches!(status, StatusKind::Running | StatusKind::Verifying);
            prop_assert_eq!(in_flight, matches!(reason, SkipReason::InFlight { .. }));
            prop_assert_eq!(!in_flight, matches!(reason, SkipReason::AlreadyOpen { .. }));
        }
    }

    /// The event's table: legal steps are taken, illegal ones are errors that leave the event as it was.
    #[test]
    fn every_step_of_an_event_is_in_the_table(steps in prop::collection::vec(status(), 1..12)) {
        let mut event = event();
        for next in steps {
            let before = event.clone();
            let (from, to) = (before.status.kind(), next.kind());
            match event.step(next.clone(), AS_OF.plus_millis(1)) {
                Ok(()) => {
                    prop_assert!(from.may_become(to) && !from.is_final());
                    prop_assert_eq!(&event.status, &next);
                }
                Err(illegal) => {
                    // Ended without having begun: only an event whose account part is done.
                    let unbegun = from == StatusKind::Queued && matches!(to, StatusKind::Succeeded | StatusKind::Failed);
                    prop_assert!(!from.may_become(to) || unbegun);
                    prop_assert_eq!((illegal.from, illegal.to), (from, to));
                    prop_assert_eq!(&event, &before);
                }
            }
        }
    }
}

fn open_status() -> impl Strategy<Value = StatusKind> {
    prop::sample::select(vec![StatusKind::Pending, StatusKind::Queued, StatusKind::Running, StatusKind::Verifying])
}

fn status() -> impl Strategy<Value = Status> {
    let failure =
        || Failure { class: FailureClass::Server, status: Some(503), detail: String::new(), retry_after: None };
    prop::sample::select(vec![
        Status::Pending,
        Status::Queued { due: AS_OF, last: None },
        Status::Queued { due: Timestamp::from_millis(1), last: Some(failure()) },
        Status::Running { since: AS_OF },
        Status::Verifying { since: AS_OF, due: AS_OF },
        Status::Succeeded { note: String::new() },
        Status::Failed { failure: failure() },
        Status::Refused,
        Status::Rejected,
        Status::Superseded { by: None },
        Status::Expired,
    ])
}

fn event() -> usher::provision::Event {
    let world = World::new("");
    let planned = world.operation(&crate::plan::world::row(crate::plan::world::user(1)));
    usher::provision::Event {
        progress: usher::provision::event::Progress::default(),
        app_digest: usher::digest::Digest::default(),
        escalated: None,
        id: usher::id::EventId(5),
        operation: planned.operation,
        payload: planned.payload,
        findings: planned.findings,
        plan: usher::id::PlanId(uuid::Uuid::from_u128(1)),
        cause: planned.cause,
        batch: None,
        status: Status::Pending,
        generation: 1,
        attempts: 0,
        decisions: Vec::new(),
        filed_at: AS_OF,
        waiting_since: AS_OF,
        changed_at: AS_OF,
        basis: planned.basis,
    }
}

#[test]
fn the_table_of_steps_is_the_one_of_the_design() {
    use StatusKind::{Expired, Failed, Pending, Queued, Rejected, Running, Succeeded, Superseded, Verifying};
    let table: [(StatusKind, &[StatusKind]); 4] = [
        (Pending, &[Queued, Rejected, Superseded, Expired]),
        // Succeeded, failed: the last edge ended, the account part was done before.
        (Queued, &[Queued, Running, Rejected, Superseded, Succeeded, Failed]),
        // Superseded: void at the attempt, before anything was sent.
        (Running, &[Queued, Verifying, Succeeded, Failed, Superseded]),
        (Verifying, &[Queued, Verifying, Succeeded, Failed, Superseded]),
    ];
    for from in StatusKind::ALL {
        let legal = table.iter().find(|(status, _)| *status == from).map_or(&[][..], |(_, legal)| legal);
        assert_eq!(from.is_final(), legal.is_empty(), "{from}");
        for to in StatusKind::ALL {
            assert_eq!(from.may_become(to), legal.contains(&to), "{from} → {to}");
        }
    }
}

#[test]
fn no_policy_word_takes_a_finding_below_its_least_severity() {
    for (kind, least) in [
        (FindingKind::RuleError, Severity::Refuse),
        (FindingKind::UnlistedAppRole, Severity::Refuse),
        (FindingKind::OwnedByOther, Severity::Hold),
    ] {
        for said in [Severity::Clear, Severity::Hold, Severity::Refuse] {
            let mut policy = usher::provision::guard::GuardPolicy::default();
            policy.findings.insert(kind, said);
            assert_eq!(policy.severity(kind), said.max(least), "{kind:?}");
        }
    }
}

/// Properties over worlds in which nothing happens prove nothing.
#[test]
fn the_random_worlds_hold_every_kind_of_operation_and_verdict() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen: BTreeMap<(Kind, Verdict), usize> = BTreeMap::new();
    let mut skipped: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..400 {
        let Setting { world, rows } = setting().new_tree(&mut runner).unwrap().current();
        let page = world.plan(&rows);
        for planned in &page.operations {
            *seen.entry((planned.operation.kind, planned.verdict)).or_default() += 1;
        }
        for each in &page.skipped {
            let word = format!("{:?}", each.reason).split([' ', '{']).next().unwrap_or_default().to_owned();
            *skipped.entry(word).or_default() += 1;
        }
    }
    for kind in Kind::ALL {
        let sendable = [Verdict::Queued, Verdict::Pending].iter().filter_map(|verdict| seen.get(&(kind, *verdict)));
        assert!(sendable.sum::<usize>() > 5, "{kind} is too rare: {seen:?}");
    }
    for word in
        ["NotObserved", "Existing", "Kept", "LeftAlone", "Released", "NotPossible", "NotYet", "Unlinked", "Conflict"]
    {
        assert!(skipped.contains_key(word), "{word} never happens: {skipped:?}");
    }
}
