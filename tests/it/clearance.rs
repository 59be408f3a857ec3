//! Clearance, the last gate before the wire: what was approved is what is sent, once, to what is ours.

use usher::clock::{Span, Timestamp};
use usher::connector::AppState;
use usher::connector::app::AppSpec;
use usher::digest::Digest;
use usher::directory::{Standing, Value};
use usher::id::{BatchId, EventId, OperatorId, PlanId};
use usher::provision::account::{Account, Origin, Presence};
use usher::provision::approval::{Decision, Ruling};
use usher::provision::event::{Event, Status, StatusKind};
use usher::provision::guard::clearance::{Today, Void, clear};
use usher::provision::operation::Kind;
use usher::provision::plan::{Planned, Verdict};
use usher::provision::{Finding, FindingKind};
use usher::store::query::PairRow;

use crate::plan::world::{self, AS_OF, World, filed, row, set, user};

/// An event with all that clearance looks at.
struct Gate {
    world: World,
    event: Event,
    account: Account,
    connector: Digest,
    state: AppState,
    at: Timestamp,
    protection: Vec<Finding>,
}

impl Gate {
    /// `planned` for `pair`, filed, and approved if it has to be.
    fn of(world: World, pair: &PairRow, planned: Planned) -> Self {
        let account = filed(pair, &planned, StatusKind::Queued).account;
        let mut event = Event {
            progress: usher::provision::event::Progress::default(),
            app_digest: usher::digest::Digest::default(),
            escalated: None,
            id: EventId(5),
            operation: planned.operation,
            payload: planned.payload,
            findings: planned.findings,
            plan: PlanId(uuid::Uuid::from_u128(1)),
            cause: planned.cause,
            batch: None,
            status: Status::Queued { due: AS_OF, last: None },
            generation: account.generation,
            attempts: 0,
            decisions: Vec::new(),
            filed_at: AS_OF,
            waiting_since: AS_OF,
            changed_at: AS_OF,
            basis: planned.basis,
        };
        if planned.verdict == Verdict::Pending {
            event.decisions.push(decision(Ruling::Approve, event.payload));
        }
        let connector = world.connector();
        Self { world, event, account, connector, state: AppState::Live, at: AS_OF, protection: Vec::new() }
    }

    fn create() -> Self {
        let world = World::new("");
        let pair = row(user(1));
        let planned = world.operation(&pair);
        Self::of(world, &pair, planned)
    }

    fn update() -> Self {
        let world = World::new("");
        let mut pair = world.created(user(1));
        set(&mut pair.user, "title", "Captain");
        let planned = world.operation(&pair);
        Self::of(world, &pair, planned)
    }

    fn deactivation() -> Self {
        let world = World::new("");
        let mut pair = world.created(user(1));
        pair.user.standing = Standing::Suspended;
        pair.user.revision += 1;
        let planned = world.operation(&pair);
        Self::of(world, &pair, planned)
    }

    /// An adoption, held and approved.
    fn adoption() -> Self {
        let world = World::new("");
        let mut pair = row(user(1));
        pair.account.observation = world::third_party(&[("userName", "u1@example.test".into())]);
        let planned = world.operation(&pair);
        assert_eq!(planned.verdict, Verdict::Pending);
        Self::of(world, &pair, planned)
    }

    fn ask(&self) -> Result<Kind, Void> {
        self.ask_of(&self.world.spec)
    }

    fn ask_of(&self, spec: &AppSpec) -> Result<Kind, Void> {
        let today =
            Today { connector: self.connector, state: &self.state, as_of: self.at, protection: &self.protection };
        let cleared = clear(&self.event, &self.account, spec, today)?;
        Ok(cleared.operation().kind)
    }

    fn is_stale(&self, words: &str) {
        match self.ask() {
            Err(Void::Stale(why)) => assert!(why.contains(words), "{why:?} does not say {words:?}"),
            other => panic!("expected `{words}`, got {other:?}"),
        }
    }
}

fn decision(ruling: Ruling, payload: Digest) -> Decision {
    Decision {
        ruling,
        operator: OperatorId(uuid::Uuid::from_u128(1)),
        name: "approver".to_owned(),
        claimed: false,
        own: false,
        comment: String::new(),
        at: AS_OF,
        payload,
    }
}

#[test]
fn what_was_admitted_and_did_not_change_is_cleared() {
    assert_eq!(Gate::create().ask(), Ok(Kind::Create));
    assert_eq!(Gate::update().ask(), Ok(Kind::Update));
    assert_eq!(Gate::deactivation().ask(), Ok(Kind::Deactivate));
    assert_eq!(Gate::adoption().ask(), Ok(Kind::Link));
}

#[test]
fn another_payload_than_the_one_admitted_is_void() {
    let changed = "the payload, the connector or the base URL changed";
    let mut gate = Gate::update();
    std::sync::Arc::make_mut(&mut gate.event.operation).changes[0].new = Some(Value::from("Admiral"));
    gate.is_stale(changed);
    let mut gate = Gate::update();
    std::sync::Arc::make_mut(&mut gate.event.operation).kind = Kind::Delete;
    gate.is_stale(changed);
    let mut gate = Gate::update();
    std::sync::Arc::make_mut(&mut gate.event.operation).user = world::id(2);
    gate.is_stale(changed);
    let mut gate = Gate::update();
    std::sync::Arc::make_mut(&mut gate.event.operation).remote_id = Some("t-9".to_owned());
    gate.account.remote_id = Some("t-9".to_owned());
    gate.is_stale(changed);
    let mut gate = Gate::adoption();
    gate.event.findings.clear();
    gate.is_stale(changed);
}

#[test]
fn another_connector_or_origin_of_the_base_url_is_void() {
    let changed = "the payload, the connector or the base URL changed";
    let mut gate = Gate::update();
    gate.connector = Digest::of("another");
    gate.is_stale(changed);
    let mut gate = Gate::update();
    gate.world.spec.app.base_url = "https://elsewhere.example.test/v2".to_owned();
    gate.is_stale(changed);
    let mut gate = Gate::update();
    gate.world.spec.app.base_url = "https://scim.example.test:8443/v2".to_owned();
    gate.is_stale(changed);
}

#[test]
fn another_path_of_the_same_origin_is_no_other_target() {
    let mut gate = Gate::update();
    gate.world.spec.app.base_url = "https://scim.example.test/v3".to_owned();
    assert_eq!(gate.ask(), Ok(Kind::Update));
}

#[test]
fn an_account_that_moved_on_is_void() {
    let mut gate = Gate::update();
    gate.account.generation += 1;
    gate.is_stale("generation");
    let mut gate = Gate::update();
    gate.event.generation -= 1;
    gate.is_stale("generation");
    let mut gate = Gate::update();
    gate.account.open_event = Some(EventId(6));
    gate.is_stale("generation");
    let mut gate = Gate::update();
    gate.account.open_event = None;
    gate.is_stale("generation");
}

#[test]
fn what_was_held_needs_an_approval_for_exactly_its_payload() {
    let needs = "needs an approval for this payload";
    let mut gate = Gate::adoption();
    gate.event.decisions.clear();
    gate.is_stale(needs);
    let mut gate = Gate::adoption();
    gate.event.decisions[0].payload = Digest::of("another payload");
    gate.is_stale(needs);
    let mut gate = Gate::adoption();
    gate.event.decisions[0].ruling = Ruling::Reject;
    gate.is_stale(needs);
    let mut gate = Gate::adoption();
    let payload = gate.event.payload;
    gate.event.decisions.push(decision(Ruling::Reject, payload));
    gate.is_stale(needs);
}

#[test]
fn a_member_of_a_held_batch_needs_an_approval_whatever_its_findings() {
    let mut gate = Gate::deactivation();
    gate.event.batch = Some(BatchId(uuid::Uuid::from_u128(1)));
    gate.is_stale("needs an approval");
    let payload = gate.event.payload;
    gate.event.decisions.push(decision(Ruling::Approve, payload));
    assert_eq!(gate.ask(), Ok(Kind::Deactivate));
    let mut gate = Gate::deactivation();
    gate.event.findings.push(Finding::new(FindingKind::BlastRadius, "11 of 100"));
    gate.is_stale("needs an approval");
}

#[test]
fn an_approval_does_not_lift_a_refusal() {
    let mut gate = Gate::adoption();
    gate.event.findings[0].severity = usher::provision::Severity::Refuse;
    gate.is_stale("a guard refuses it");
}

#[test]
fn an_app_that_is_stopped_gets_nothing() {
    let why = || "broken".to_owned();
    for state in [
        AppState::Paused { by: why(), at: AS_OF },
        AppState::Quarantined { since: AS_OF, why: why(), next_probe: AS_OF, probes: 1 },
        AppState::Disabled { since: AS_OF, why: why() },
    ] {
        let mut gate = Gate::update();
        gate.state = state.clone();
        assert!(matches!(gate.ask(), Err(Void::AppStopped(_))), "{state:?}");
    }
    let mut gate = Gate::update();
    gate.state = AppState::Untested;
    assert_eq!(gate.ask(), Ok(Kind::Update));
}

#[test]
fn what_is_not_due_waits() {
    let mut gate = Gate::update();
    gate.event.status = Status::Queued { due: AS_OF.plus(Span::from_secs(5)), last: None };
    gate.is_stale("not due");
    gate.at = AS_OF.plus(Span::from_secs(5));
    assert_eq!(gate.ask(), Ok(Kind::Update));
}

#[test]
fn only_queued_events_are_cleared() {
    let mut gate = Gate::update();
    for status in [
        Status::Pending,
        Status::Running { since: AS_OF },
        Status::Verifying { since: AS_OF, due: AS_OF },
        Status::Succeeded { note: String::new() },
        Status::Refused,
        Status::Rejected,
        Status::Superseded { by: None },
        Status::Expired,
    ] {
        let word = status.kind().word();
        gate.event.status = status;
        gate.is_stale(word);
    }
}

#[test]
fn what_the_ledger_does_not_own_is_not_touched() {
    for mut gate in [Gate::update(), Gate::deactivation()] {
        gate.account.origin = None;
        gate.is_stale("not in the ledger");
        gate.account.origin = Some(Origin::Created);
        gate.account.remote_id = Some("someone else's".to_owned());
        gate.is_stale("not in the ledger");
        gate.account.remote_id = None;
        gate.is_stale("not in the ledger");
    }
    for presence in [Presence::None, Presence::Deleted, Presence::Lost, Presence::Conflict] {
        let mut gate = Gate::update();
        gate.account.presence = presence;
        gate.is_stale("not in the ledger");
    }
}

#[test]
fn an_account_that_is_there_is_neither_created_nor_linked_again() {
    for mut gate in [Gate::create(), Gate::adoption()] {
        gate.account.origin = Some(Origin::Created);
        gate.account.remote_id = Some("r-1".to_owned());
        gate.account.presence = Presence::Active;
        gate.is_stale("the ledger has an account already");
    }
}

#[test]
fn a_disassociated_pair_gets_nothing_at_all() {
    for mut gate in [Gate::create(), Gate::adoption(), Gate::update(), Gate::deactivation()] {
        gate.account.presence = Presence::Unlinked;
        gate.is_stale("disassociated");
    }
}

// --- a policy that became stricter after the event was filed --------------------------------------------------------------------------

impl Gate {
    /// What the same gate says under another app file; the connector stays.
    fn under(&self, app: &str) -> Result<Kind, Void> {
        self.ask_of(&World::new(app).spec)
    }

    fn is_stale_under(&self, app: &str, words: &str) {
        match self.under(app) {
            Err(Void::Stale(why)) => assert!(why.contains(words), "{why:?} does not say {words:?}"),
            other => panic!("expected `{words}` under {app:?}, got {other:?}"),
        }
    }

    /// Filed under a policy that lets a new ADMIN pass.
    fn admin(app: &str) -> Self {
        let world = World::new(app);
        let mut fry = user(1);
        fry.app_roles.insert(world::app_name(), "ADMIN".to_owned());
        let pair = row(fry);
        let planned = world.operation(&pair);
        Self::of(world, &pair, planned)
    }
}

const PRIVILEGED: &str = "[guard]\nprivileged = [\"roles:ADMIN\"]\n";
const CLEARED: &str = "[guard]\nprivileged = [\"roles:ADMIN\"]\n[guard.findings]\nprivileged = \"clear\"\n";
const REFUSED: &str = "[guard]\nprivileged = [\"roles:ADMIN\"]\n[guard.findings]\nprivileged = \"refuse\"\n";

#[test]
fn a_value_that_is_privileged_since_is_not_sent() {
    let gate = Gate::admin("");
    assert_eq!(gate.ask(), Ok(Kind::Create));
    gate.is_stale_under(PRIVILEGED, "the guards say more of it now");
    assert_eq!(gate.under(CLEARED), Ok(Kind::Create), "said, but cleared by the policy");
}

#[test]
fn a_finding_that_the_policy_holds_since_needs_an_approval() {
    let mut gate = Gate::admin(CLEARED);
    assert_eq!(gate.ask(), Ok(Kind::Create));
    gate.is_stale_under(PRIVILEGED, "needs an approval");
    // Somebody approved it for another reason and saw the finding: the same digest, the approval stands.
    gate.event.decisions.push(decision(Ruling::Approve, gate.event.payload));
    assert_eq!(gate.under(PRIVILEGED), Ok(Kind::Create));
    gate.is_stale_under(REFUSED, "a guard refuses it");
}

#[test]
fn a_looser_policy_releases_nothing_by_itself() {
    let mut gate = Gate::admin(PRIVILEGED);
    assert_eq!(gate.ask(), Ok(Kind::Create), "approved");
    gate.event.decisions.clear();
    gate.is_stale_under(CLEARED, "needs an approval");
    gate.is_stale_under("", "needs an approval");
}

#[test]
fn an_approval_does_not_cover_what_the_approver_did_not_see() {
    let gate = Gate::adoption();
    assert_eq!(gate.ask(), Ok(Kind::Link));
    gate.is_stale_under("on_existing = \"skip\"\n", "the guards say more of it now");
    let mut gate = Gate::adoption();
    gate.protection = vec![Finding::new(FindingKind::ProtectedUser, "hr:k1")];
    gate.is_stale("now than when it was planned: the user is protected");
}

#[test]
fn an_adoption_by_policy_stops_with_the_policy() {
    let world = World::new("on_existing = \"adopt\"\n");
    let mut pair = row(user(1));
    pair.account.observation = world::third_party(&[("userName", "u1@example.test".into())]);
    let planned = world.operation(&pair);
    let gate = Gate::of(world, &pair, planned);
    assert_eq!(gate.ask(), Ok(Kind::Link));
    for stricter in ["", "on_existing = \"skip\"\n"] {
        gate.is_stale_under(stricter, "the guards say more of it now");
    }
}

#[test]
fn an_approval_that_is_asked_for_since_is_asked_for() {
    let gate = Gate::create();
    gate.is_stale_under("[approvals]\ncreate = true\n", "the guards say more of it now");
    let gate = Gate::deactivation();
    gate.is_stale_under("[approvals]\ndeactivate = true\n", "the guards say more of it now");
    assert_eq!(gate.under("[approvals]\ncreate = true\n"), Ok(Kind::Deactivate));
}

#[test]
fn a_user_who_is_protected_since_is_not_touched() {
    for mut gate in [Gate::create(), Gate::update(), Gate::deactivation()] {
        gate.protection = vec![Finding::new(FindingKind::ProtectedUser, "hr:k1")];
        gate.is_stale("the guards say more of it now");
        let clear = "[guard.findings]\nprotected_user = \"clear\"\n";
        assert!(gate.under(clear).is_ok());
    }
}

#[test]
fn what_two_must_approve_is_not_sent_with_one_approval() {
    let mut gate = Gate::adoption();
    gate.world.spec.app.approvals.two.insert("third_party_account".parse().unwrap());
    gate.is_stale("2 different operators must approve it, 1 did");
    gate.event.decisions.push(decision(Ruling::Approve, gate.event.payload));
    gate.is_stale("1 did");
    let second =
        Decision { operator: OperatorId(uuid::Uuid::from_u128(2)), ..decision(Ruling::Approve, gate.event.payload) };
    gate.event.decisions.push(Decision { payload: Digest::of("something else"), ..second.clone() });
    gate.is_stale("1 did");
    gate.event.decisions.push(second);
    assert_eq!(gate.ask().unwrap(), Kind::Link);
    gate.event.decisions.push(decision(Ruling::Reject, gate.event.payload));
    gate.is_stale("it needs an approval");
}

#[test]
fn a_policy_that_asks_for_two_since_stops_what_nobody_had_to_approve() {
    let mut gate = Gate::deactivation();
    assert_eq!(gate.ask().unwrap(), Kind::Deactivate);
    gate.world.spec.app.approvals.two.insert("deactivate".parse().unwrap());
    gate.is_stale("it needs an approval");
}
