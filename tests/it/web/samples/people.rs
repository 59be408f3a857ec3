//! What samples about people are made of: everybody and everything is called as badly as can be.

use std::sync::Arc;

use usher::access::Role;
use usher::clock::Timestamp;
use usher::digest::Digest;
use usher::directory::change::Cause;
use usher::directory::{User, Value};
use usher::engine::answer::ExportedEvent;
use usher::id::{AppName, EventId, OperatorId, PlanId, SourceName, UserId};
use usher::provision::Account;
use usher::provision::approval::{Decision, Ruling};
use usher::provision::edge::{Edge, EdgeChange, EdgeState};
use usher::provision::entitlement::EntitlementKey;
use usher::provision::entry::{Entry, Fact};
use usher::provision::event::{Event, Progress, Status};
use usher::provision::guard::finding::{Finding, FindingKind};
use usher::provision::operation::{Change, Kind, Operation};
use usher::provision::outcome::{Exchange, Failure, FailureClass};
use usher::server::console::layout::Viewer;

/// What would run, or end an attribute, if it stood in a page as it is.
pub(crate) const BAD: &str = "<script>alert(1)</script>\"'&<img src=x onerror=alert(1)>";
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_772_366_400_000);

pub(crate) fn viewer(role: Role) -> Viewer {
    Viewer { name: BAD.into(), role, csrf: "form_token".into() }
}

pub(crate) fn app() -> AppName {
    AppName::new("crm").unwrap()
}

pub(crate) fn user() -> User {
    let mut user = User::new(UserId::of_number(7), SourceName::new("hr").unwrap(), BAD.into(), NOW);
    for name in ["display_name", "email", "title", "department", "custom.note"] {
        user.attributes.insert(name.into(), BAD.into());
    }
    user.manual.attributes.insert("title".into(), Some(Value::from(BAD)));
    user.roles.insert(BAD.into());
    user.groups.insert(BAD.into());
    user.manager = Some(BAD.into());
    user
}

pub(crate) fn account() -> Account {
    let mut account = Account::new(app(), user().id);
    account.pushed.insert("userName".into(), BAD.into());
    account.remote_id = Some(BAD.into());
    account.note = BAD.into();
    account
}

pub(crate) fn edge() -> Edge {
    let key = EntitlementKey { kind: "group".into(), remote_id: BAD.into() };
    Edge { key, name: BAD.into(), state: EdgeState::Granted, event: Some(EventId(3)), since: NOW, effective: false }
}

pub(crate) fn operation(kind: Kind) -> Operation {
    Operation {
        kind,
        app: app(),
        user: user().id,
        label: BAD.into(),
        remote_id: Some(BAD.into()),
        user_name: BAD.into(),
        external_id: None,
        changes: vec![Change { path: "title".into(), old: Some(BAD.into()), new: Some(BAD.into()) }],
        edges: vec![EdgeChange { kind: "group".into(), remote_id: BAD.into(), name: BAD.into(), add: true }],
        released: vec!["nickName".into()],
        origin: None,
        generation: 4,
        reason: BAD.into(),
    }
}

pub(crate) fn failed() -> Status {
    let detail = BAD.to_owned();
    Status::Failed { failure: Failure { class: FailureClass::Refused, status: Some(400), detail, retry_after: None } }
}

pub(crate) fn event(number: u64, status: Status) -> Event {
    let ruling = if number.is_multiple_of(2) { Ruling::Approve } else { Ruling::Reject };
    Event {
        id: EventId(number),
        operation: Arc::new(operation(Kind::Update)),
        payload: Digest::of("payload"),
        findings: vec![Finding::new(FindingKind::ThirdPartyAccount, BAD)],
        plan: PlanId::of_number(5),
        cause: Cause::Cycle,
        batch: None,
        status,
        generation: 5,
        attempts: 1,
        decisions: vec![Decision {
            ruling,
            operator: OperatorId::of_number(1),
            name: BAD.into(),
            claimed: true,
            own: true,
            comment: BAD.into(),
            at: NOW,
            payload: Digest::of("payload"),
        }],
        filed_at: NOW,
        waiting_since: NOW,
        changed_at: NOW,
        basis: Digest::default(),
        progress: Progress::default(),
        app_digest: Digest::default(),
        escalated: Some(NOW),
    }
}

pub(crate) fn entries() -> Vec<Entry> {
    let exchange = Exchange {
        method: "PATCH".into(),
        path: format!("/Users/{BAD}"),
        status: Some(400),
        millis: 12,
        request: format!("{{\"title\": {}}}", serde_json::Value::from(BAD)),
        answer: BAD.into(),
    };
    let facts = [
        Fact::Attempted { attempt: 1, exchanges: vec![exchange] },
        Fact::AccountTouched { what: BAD.into(), operator: OperatorId::of_number(1) },
    ];
    let entry = |(sequence, fact)| Entry { sequence, at: NOW, event: None, app: None, user: None, fact };
    (1..).zip(facts).map(entry).collect()
}

/// One event of every status that shows differently.
pub(crate) fn exported() -> Vec<ExportedEvent> {
    let statuses = [
        failed(),
        Status::Pending,
        Status::Refused,
        Status::Rejected,
        Status::Succeeded { note: BAD.into() },
        Status::Queued { due: NOW, last: None },
        Status::Verifying { since: NOW, due: NOW },
    ];
    let one = |(number, status)| ExportedEvent {
        cause: BAD.into(),
        caused_by: Some(BAD.into()),
        event: event(number, status),
        entries: if number == 4 { Vec::new() } else { entries() },
    };
    (1..).zip(statuses).map(one).collect()
}
