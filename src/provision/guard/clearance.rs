//! Clearance: the second gate, at every attempt. Pure and cheap. What it returns lives from here to the send.

use crate::clock::Timestamp;
use crate::connector::app::AppSpec;
use crate::connector::capability::AppState;
use crate::digest::Digest;
use crate::provision::account::{Account, Presence};
use crate::provision::approval::Ruling;
use crate::provision::event::{Event, StatusKind};
use crate::provision::guard::finding::Severity;
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

/// Checks digest, generation, app state, approval and findings of `event` against what is true at `as_of`.
///
/// # Errors
/// [`Void`] with the reason in words.
pub fn clear(
    event: &Event,
    account: &Account,
    app: &AppSpec,
    connector: Digest,
    state: &AppState,
    as_of: Timestamp,
) -> Result<Cleared, Void> {
    let stale = |why: String| Err(Void::Stale(why));
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
    let needs_approval =
        event.batch.is_some() || event.findings.iter().any(|finding| finding.severity == Severity::Hold);
    let approved = event
        .decisions
        .last()
        .is_some_and(|decision| decision.ruling == Ruling::Approve && decision.payload == payload);
    if needs_approval && !approved {
        return stale("it needs an approval for this payload".to_owned());
    }
    if event.findings.iter().any(|finding| finding.severity == Severity::Refuse) {
        return stale("a guard refuses it".to_owned());
    }
    owned(&event.operation, account)?;
    Ok(Cleared { event: event.clone() })
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
