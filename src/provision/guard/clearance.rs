//! Clearance: the second gate, at every attempt. Pure and cheap. What it returns lives from here to the send.

use crate::clock::Timestamp;
use crate::connector::app::AppSpec;
use crate::connector::capability::AppState;
use crate::connector::groups::GroupMode;
use crate::digest::Digest;
use crate::provision::account::{Account, Presence};
use crate::provision::edge::EdgeChange;
use crate::provision::entitlement::GROUP;
use crate::provision::event::{Event, StatusKind};
use crate::provision::guard::checks::{self, Deed};
use crate::provision::guard::finding::{Finding, Severity};
use crate::provision::operation::{Kind, Operation};

/// An operation that may be sent now. Only [`clear`] makes one; it is never stored or deserialised, and the encoder of requests
/// accepts nothing else.
#[derive(Debug)]
pub struct Cleared {
    event: Event,
}

impl Cleared {
    /// The operation.
    pub fn operation(&self) -> &Operation {
        &self.event.operation
    }

    /// Its event.
    pub fn event(&self) -> &Event {
        &self.event
    }
}

/// Why an operation may not be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Void {
    /// The app does not take operations now; the event waits.
    #[error("the app is not live: {0}")]
    AppStopped(String),
    /// What it was computed against is no more; it is planned again.
    #[error("{0}")]
    Stale(String),
}

/// What is true at the moment of clearance, beside the app.
#[derive(Debug, Clone, Copy)]
pub struct Today<'a> {
    /// Digest of the connector.
    pub connector: Digest,
    /// How the app stands.
    pub state: &'a AppState,
    /// The time.
    pub as_of: Timestamp,
    /// Why the user is protected now. Needed only if the event was planned under another digest of the app.
    pub protection: &'a [Finding],
}

/// Checks digest, generation, app state, approval and findings of `event` against what is true today.
///
/// # Errors
/// [`Void`] with the reason in words.
pub fn clear(event: &Event, account: &Account, app: &AppSpec, today: Today<'_>) -> Result<Cleared, Void> {
    if event.progress.account_done {
        return Err(Void::Stale("the account part is done, only memberships are left".to_owned()));
    }
    admitted(event, account, app, today)?;
    owned(&event.operation, account)?;
    Ok(Cleared { event: event.clone() })
}

/// One membership change that may be sent now. Only [`clear_edge`] makes one; it is never stored or deserialised, and the encoder of
/// member changes accepts nothing else.
#[derive(Debug, Clone, Copy)]
pub struct ClearedEdge<'a> {
    change: &'a EdgeChange,
    group: &'a str,
    member: &'a str,
    user_name: Option<&'a str>,
}

impl<'a> ClearedEdge<'a> {
    /// True = add.
    pub fn adds(&self) -> bool {
        self.change.add
    }

    /// The group's id at the target.
    pub fn group(&self) -> &'a str {
        self.group
    }

    /// The account's id at the target.
    pub fn member(&self) -> &'a str {
        self.member
    }

    /// Its userName.
    pub fn user_name(&self) -> Option<&'a str> {
        self.user_name
    }
}

/// Checks one edge of `event`, as [`clear`] checks the account part: the payload it was admitted with names the edge, and the account
/// is ours. `group` is the id of the entitlement (known late for a group that is created first).
///
/// # Errors
/// [`Void`] with the reason in words.
pub fn clear_edge<'a>(
    event: &'a Event,
    account: &'a Account,
    (change, group): (&EdgeChange, &'a str),
    app: &AppSpec,
    today: Today<'_>,
) -> Result<ClearedEdge<'a>, Void> {
    let stale = |why: &str| Err(Void::Stale(why.to_owned()));
    if !event.progress.account_done {
        return stale("the account part is not done yet");
    }
    admitted(event, account, app, today)?;
    let named = |each: &&EdgeChange| {
        let same_id = each.remote_id == group || each.remote_id.is_empty();
        each.kind == change.kind
            && each.add == change.add
            && same_id
            && (each.remote_id == group || each.name == change.name)
    };
    let Some(change) = event.operation.edges.iter().find(named) else {
        return stale("the operation does not name this membership");
    };
    if group.is_empty() {
        return stale("the group does not exist yet");
    }
    if !app.app.entitlements.memberships {
        return stale("memberships are switched off");
    }
    let Some(member) = account.remote_id.as_deref().filter(|_| account.is_ours()) else {
        return stale("the account is not in the ledger");
    };
    let created = matches!(event.operation.kind, Kind::Create | Kind::Link);
    if !created && event.operation.remote_id.as_deref() != Some(member) {
        return stale("the account is another one than the operation names");
    }
    Ok(ClearedEdge { change, group, member, user_name: account.user_name() })
}

/// A group that may be created now. Only [`clear_group`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct ClearedGroup<'a> {
    name: &'a str,
}

impl<'a> ClearedGroup<'a> {
    /// What it is to be called.
    pub fn name(&self) -> &'a str {
        self.name
    }
}

/// Checks that `event` wants somebody in a group that does not exist yet, and that the app lets us create it.
///
/// # Errors
/// [`Void`] with the reason in words.
pub fn clear_group<'a>(
    event: &'a Event,
    account: &Account,
    change: &EdgeChange,
    app: &AppSpec,
    today: Today<'_>,
) -> Result<ClearedGroup<'a>, Void> {
    let stale = |why: &str| Err(Void::Stale(why.to_owned()));
    admitted(event, account, app, today)?;
    let policy = &app.app.entitlements;
    if !policy.create_missing || !policy.memberships || app.connector.groups.mode != GroupMode::Full {
        return stale("the app does not let us create groups");
    }
    let named = |each: &&EdgeChange| *each == change && each.add && each.remote_id.is_empty() && each.kind == GROUP;
    match event.operation.edges.iter().find(named) {
        Some(change) if event.progress.account_done => Ok(ClearedGroup { name: &change.name }),
        _ => stale("the operation does not name this group"),
    }
}

/// Everything but ownership: app state, due time, status, generation, payload, approval, findings.
fn admitted(event: &Event, account: &Account, app: &AppSpec, today: Today<'_>) -> Result<(), Void> {
    let stale = |why: String| Err(Void::Stale(why));
    let Today { connector, state, as_of, .. } = today;
    if !state.may_push() {
        return Err(Void::AppStopped(format!("{state:?}")));
    }
    if let crate::provision::event::Status::Queued { due, .. } = &event.status
        && *due > as_of
    {
        return stale(format!("not due before {due}"));
    }
    if event.status.kind() != StatusKind::Queued {
        return stale(format!("the event is {}", event.status.kind()));
    }
    if account.open_event != Some(event.id) || account.generation != event.generation {
        return stale(format!(
            "the account is at generation {}, the event at {}",
            account.generation, event.generation
        ));
    }
    let payload = event.operation.payload_digest(&app.app.origin(), connector, &event.findings);
    if payload != event.payload {
        return stale("the payload, the connector or the base URL changed since it was planned".to_owned());
    }
    guarded(event, account, app, today.protection).map_err(Void::Stale)
}

/// What the guards said when it was filed and what they say today: the stricter one counts. An approval lifts what the approver saw,
/// and nothing else.
fn guarded(event: &Event, account: &Account, app: &AppSpec, protection: &[Finding]) -> Result<(), String> {
    let rated = |finding: &Finding| finding.severity.max(app.app.guard.severity(finding.kind));
    let held = usize::from(event.findings.iter().any(|finding| rated(finding) == Severity::Hold));
    // Asked of the policy as it is now: what two must approve today is not sent with one approval of yesterday.
    let (needed, approved) = (event.approvers(&app.app.approvals).max(held), event.approvals().len());
    if approved < needed {
        return Err(match approved {
            0 => "it needs an approval for this payload".to_owned(),
            _ => format!("{needed} different operators must approve it, {approved} did"),
        });
    }
    if let Some(finding) = event.findings.iter().find(|finding| rated(finding) == Severity::Refuse) {
        return Err(format!("a guard refuses it: {}", finding.kind.title()));
    }
    let mut today = checks::again(Deed { app, account, operation: &event.operation });
    today.extend_from_slice(protection);
    let known = |finding: &Finding| {
        event.findings.iter().any(|each| each.kind == finding.kind && each.detail == finding.detail)
    };
    match today.iter().find(|finding| app.app.guard.severity(finding.kind) > Severity::Clear && !known(finding)) {
        Some(new) => Err(format!("the guards say more of it now than when it was planned: {}", new.kind.title())),
        None => Ok(()),
    }
}

/// What we did not create or adopt, we never touch: the last check before the wire.
fn owned(operation: &Operation, account: &Account) -> Result<(), Void> {
    let stale = |why: &str| Err(Void::Stale(why.to_owned()));
    match operation.kind {
        _ if account.presence == Presence::Unlinked => stale("the account is disassociated"),
        Kind::Create if account.is_ours() => stale("the ledger has an account already"),
        Kind::Link if account.is_ours() => stale("the ledger has an account already"),
        Kind::Create | Kind::Link => Ok(()),
        _ if !account.is_ours() || account.remote_id != operation.remote_id => {
            stale("the account is not in the ledger")
        }
        _ => Ok(()),
    }
}
