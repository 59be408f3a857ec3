//! What several samples are made of.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use usher::access::Role;
use usher::clock::{Span, Timestamp};
use usher::connector::{App, AppState, Connector};
use usher::digest::Digest;
use usher::directory::change::Cause;
use usher::directory::value::Value;
use usher::engine::answer::{AppAnswer, LastReconcile, LeaverAnswer, WaitingAnswer};
use usher::engine::pending::{Asking, Because, Pending, RulePlace};
use usher::entropy::SeededEntropy;
use usher::id::{AppName, BatchId, EventId, OperatorId, PlanId, UserId};
use usher::provision::account::Presence;
use usher::provision::approval::{Decision, Ruling};
use usher::provision::edge::{EdgeChange, EdgeState};
use usher::provision::escalation::Escalation;
use usher::provision::event::{Event, Progress, Status, StatusKind};
use usher::provision::guard::finding::{Finding, FindingKind};
use usher::provision::operation::{Change, Kind, Operation};
use usher::server::console::layout::Viewer;
use usher::store::query::Counts;

/// A value that does harm wherever it is not escaped.
pub(crate) const HARMFUL: &str = "<script>alert(1)</script>\"'&";
/// The time.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_772_366_400_000);

pub(crate) fn viewer(role: Role) -> Viewer {
    Viewer { name: HARMFUL.to_owned(), role, csrf: "form_sample".to_owned() }
}

pub(crate) fn app_name() -> AppName {
    AppName::new("nulab").unwrap()
}

pub(crate) fn user() -> UserId {
    UserId::mint(NOW, &SeededEntropy::new(1))
}

pub(crate) fn batch() -> BatchId {
    BatchId::mint(NOW, &SeededEntropy::new(2))
}

/// An event of a kind, with harm in whatever people, rules and targets say.
pub(crate) fn event(number: u64, kind: Kind) -> Event {
    let text = Some(Value::Text(HARMFUL.to_owned()));
    let change = Change { path: format!("title[type eq {HARMFUL}]"), old: text.clone(), new: text };
    let edge =
        EdgeChange { kind: "group".to_owned(), remote_id: HARMFUL.to_owned(), name: HARMFUL.to_owned(), add: true };
    let operation = Operation {
        kind,
        app: app_name(),
        user: user(),
        label: HARMFUL.to_owned(),
        remote_id: Some(HARMFUL.to_owned()),
        user_name: HARMFUL.to_owned(),
        external_id: None,
        changes: vec![change],
        edges: vec![edge],
        released: Vec::new(),
        origin: None,
        generation: 1,
        reason: HARMFUL.to_owned(),
    };
    let decision = decision(Ruling::Approve);
    Event {
        id: EventId(number),
        operation: Arc::new(operation),
        payload: Digest::default(),
        findings: vec![
            Finding::new(FindingKind::ThirdPartyAccount, HARMFUL),
            Finding::new(FindingKind::AdoptionDiffers, HARMFUL),
        ],
        plan: PlanId::mint(NOW, &SeededEntropy::new(3)),
        cause: Cause::Cycle,
        batch: None,
        status: Status::Pending,
        generation: 2,
        attempts: 0,
        decisions: vec![decision],
        filed_at: NOW.minus(Span::from_hours(30)),
        waiting_since: NOW.minus(Span::from_hours(30)),
        changed_at: NOW,
        basis: Digest::default(),
        progress: Progress::default(),
        app_digest: Digest::default(),
        escalated: Some(NOW),
    }
}

pub(crate) fn decision(ruling: Ruling) -> Decision {
    Decision {
        ruling,
        operator: OperatorId::mint(NOW, &SeededEntropy::new(4)),
        name: HARMFUL.to_owned(),
        claimed: true,
        own: true,
        comment: HARMFUL.to_owned(),
        at: NOW.minus(Span::from_secs(600)),
        payload: Digest::default(),
    }
}

/// An event that waits, with all that an approver sees.
pub(crate) fn pending(number: u64, kind: Kind) -> Pending {
    let event = event(number, kind);
    let rules = vec![RulePlace { path: event.operation.changes[0].path.clone(), place: HARMFUL.to_owned() }];
    let harm = || vec![HARMFUL.to_owned()];
    let because = Because { what: HARMFUL.to_owned(), by: harm(), at: Some(NOW) };
    let asking = Asking {
        email: Some(HARMFUL.to_owned()),
        key: HARMFUL.to_owned(),
        because,
        rules,
        approvers: 2,
        approved: harm(),
        deciders: harm(),
        stuck: Some(HARMFUL.to_owned()),
        expires: Some(NOW),
        ..Asking::default()
    };
    Pending { event, asking }
}

pub(crate) fn connector() -> Connector {
    let (_, text) = usher::connector::builtin().into_iter().find(|(file, _)| *file == "nulab-pass.toml").unwrap();
    Connector::parse(Path::new("connectors/nulab-pass.toml"), text).unwrap()
}

/// An app that stands in `state`, with something of everything.
pub(crate) fn app(state: AppState) -> AppAnswer {
    let file = r#"
        connector = "nulab-pass"
        base_url = "https://example.com/scim?<script>alert(1)</script>"
        credential = "file:secrets/nulab.token"
        rules = "nulab.rhai"
        schedule = "*/5 * * * *"
        app_role_order = ["<script>alert(1)</script>", "ADMIN"]
        [assign]
        roles = ["<script>alert(1)</script>"]
        app_roles = { "role:<script>alert(1)</script>" = "<script>alert(1)</script>" }
        [approvals]
        two = ["privileged", "batch"]
        [guard]
        protected = ["<script>alert(1)</script>"]
        protected_groups = ["<script>alert(1)</script>"]
        findings = { rename = "hold" }
        [reconcile]
        attributes = { title = "adopt" }
    "#;
    let mut definition = App::parse(Path::new("apps/nulab.toml"), file).unwrap();
    definition.title = HARMFUL.to_owned();
    let leaver = LeaverAnswer {
        event: EventId(9),
        label: HARMFUL.to_owned(),
        kind: Kind::Deactivate,
        status: StatusKind::Queued,
        since: NOW.minus(Span::from_hours(30)),
        escalation: Some(Escalation::Overdue),
        reason: HARMFUL.to_owned(),
    };
    let counts = Counts {
        accounts: BTreeMap::from([(Presence::Active, 59), (Presence::Conflict, 1)]),
        events: StatusKind::ALL.into_iter().map(|status| (status, 7)).collect(),
        dirty: 3,
        edges: BTreeMap::from([(EdgeState::Granted, 5)]),
    };
    AppAnswer {
        name: app_name(),
        app: definition,
        state,
        counts,
        last_cycle: Some(NOW.minus(Span::from_secs(300))),
        escalated: 2,
        reconciled: Some(LastReconcile { at: NOW, drift: 3, incomplete: Some(HARMFUL.to_owned()) }),
        findings: vec![Finding::new(FindingKind::SameRefusal, HARMFUL)],
        waiting: WaitingAnswer {
            leavers: vec![leaver],
            queued: BTreeMap::from([(Kind::Update, 4)]),
            more: 2,
            unseen: None,
        },
        learned: vec![HARMFUL.to_owned()],
        notes: vec![HARMFUL.to_owned()],
    }
}
