//! Events: the life of one operation. One transition function; an illegal step is an error (`design.md` section 5).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::connector::app::Approvals;
use crate::digest::Digest;
use crate::directory::change::Cause;
use crate::id::{AppName, BatchId, EventId, PlanId, UserId};
use crate::provision::approval::{Decision, Ruling};
use crate::provision::edge::EdgeRefusal;
use crate::provision::guard::finding::{Finding, Severity};
use crate::provision::operation::{Kind, Operation};
use crate::provision::outcome::Failure;

/// Where an event stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// An approver must release it.
    Pending,
    /// Admitted; waits for its turn, or until `due` for another attempt.
    Queued {
        /// Not before.
        due: Timestamp,
        /// What the last attempt failed with.
        last: Option<Failure>,
    },
    /// Intent is on disk; the request may be out.
    Running {
        /// Since when.
        since: Timestamp,
    },
    /// The outcome is unknown and is being found out by lookup.
    Verifying {
        /// When the request may have gone out.
        since: Timestamp,
        /// Not before.
        due: Timestamp,
    },
    /// Done.
    Succeeded {
        /// Something worth telling, in words; empty mostly.
        note: String,
    },
    /// Given up.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// A guard or the rules forbade it; the findings say why.
    Refused,
    /// An approver rejected it; the decision says who and why.
    Rejected,
    /// A newer desired state took its place.
    Superseded {
        /// The event that did; `None` = nothing is left to do.
        by: Option<EventId>,
    },
    /// Nobody decided in time.
    Expired,
}

/// Statuses without their data: for filters, counters and block headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusKind {
    /// Waits for an approver.
    Pending,
    /// Waits for its turn.
    Queued,
    /// May be out.
    Running,
    /// Being found out.
    Verifying,
    /// Done.
    Succeeded,
    /// Given up.
    Failed,
    /// Forbidden.
    Refused,
    /// Rejected by an approver.
    Rejected,
    /// Replaced by a newer one.
    Superseded,
    /// Not decided in time.
    Expired,
}

impl StatusKind {
    /// All, in the order of declaration.
    pub const ALL: [Self; 10] = [
        Self::Pending,
        Self::Queued,
        Self::Running,
        Self::Verifying,
        Self::Succeeded,
        Self::Failed,
        Self::Refused,
        Self::Rejected,
        Self::Superseded,
        Self::Expired,
    ];

    /// The word in commands and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Verifying => "verifying",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::Superseded => "superseded",
            Self::Expired => "expired",
        }
    }

    /// Whether nothing more happens to the event.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Queued | Self::Running | Self::Verifying)
    }

    /// The table of legal steps. `Queued → Queued` is a retry or an early `retry` by ops; `Verifying → Verifying` another look;
    /// `Queued → Succeeded` and `Queued → Failed` are for events whose account part is done and whose edges have ended.
    pub fn may_become(self, next: Self) -> bool {
        use StatusKind::{Expired, Failed, Pending, Queued, Rejected, Running, Succeeded, Superseded, Verifying};
        matches!(
            (self, next),
            (Pending, Queued | Rejected | Superseded | Expired)
                | (Queued, Queued | Running | Superseded | Rejected | Succeeded | Failed)
                | (Running, Queued | Verifying | Succeeded | Failed | Superseded)
                | (Verifying, Verifying | Queued | Succeeded | Failed | Superseded)
        )
    }
}

impl fmt::Display for StatusKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl Status {
    /// Without the data.
    pub fn kind(&self) -> StatusKind {
        match self {
            Self::Pending => StatusKind::Pending,
            Self::Queued { .. } => StatusKind::Queued,
            Self::Running { .. } => StatusKind::Running,
            Self::Verifying { .. } => StatusKind::Verifying,
            Self::Succeeded { .. } => StatusKind::Succeeded,
            Self::Failed { .. } => StatusKind::Failed,
            Self::Refused => StatusKind::Refused,
            Self::Rejected => StatusKind::Rejected,
            Self::Superseded { .. } => StatusKind::Superseded,
            Self::Expired => StatusKind::Expired,
        }
    }

    /// What people see (`design.md` section 5, *shown as*).
    pub fn shown(&self, kind: Kind) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Queued { .. } => "Queued",
            Self::Running { .. } => kind.running(),
            Self::Verifying { .. } => "Verifying",
            Self::Succeeded { .. } => kind.done(),
            Self::Failed { .. } => "Failed",
            Self::Refused => "Blocked",
            Self::Rejected => "Rejected",
            Self::Superseded { .. } => "Superseded",
            Self::Expired => "Expired",
        }
    }
}

/// An illegal step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("event {event} is {from} and can't become {to}")]
pub struct IllegalStep {
    /// Which event.
    pub event: EventId,
    /// Where it stands.
    pub from: StatusKind,
    /// Where it was to go.
    pub to: StatusKind,
}

/// How far an event came whose operation has edges: first its account, then the edges, each by its entitlement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Nothing is left to do for the account itself: the edges are claimable.
    pub account_done: bool,
    /// The intent of at least one edge was put on disk.
    pub begun: bool,
    /// Edges that the target refused for good.
    pub refused: Vec<EdgeRefusal>,
    /// What is worth telling, in words: of the account part, and of edges that are not effective.
    pub notes: Vec<String>,
    /// An edge was void at its attempt, and why: the pair is planned again.
    pub void: Option<String>,
}

impl Progress {
    /// As an operation is filed: one without anything for the account begins with its edges.
    pub fn of(operation: &Operation) -> Self {
        let account_done = operation.kind == Kind::Update
            && operation.changes.is_empty()
            && operation.released.is_empty()
            && !operation.edges.is_empty();
        Self { account_done, ..Self::default() }
    }

    /// What was refused, in words.
    pub fn refusals(&self) -> String {
        let each = |refusal: &EdgeRefusal| format!("{}: {}", refusal.change.words(), refusal.detail);
        self.refused.iter().map(each).collect::<Vec<_>>().join("; ")
    }
}

/// The life of one operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Numbered by the store.
    pub id: EventId,
    /// The instruction. It never changes, and many look at it.
    pub operation: Arc<Operation>,
    /// Digest of the payload: what an approval is for.
    pub payload: Digest,
    /// What the guards said.
    pub findings: Vec<Finding>,
    /// The plan it came from.
    pub plan: PlanId,
    /// Why it was planned.
    pub cause: Cause,
    /// The held batch it belongs to, if the class exceeded the blast radius.
    pub batch: Option<BatchId>,
    /// Where it stands.
    pub status: Status,
    /// The account's generation that the event has taken.
    pub generation: u64,
    /// Attempts so far.
    pub attempts: u32,
    /// Decisions, oldest first. Approvals count for this payload, see [`Event::approvals`].
    pub decisions: Vec<Decision>,
    /// When it was filed.
    pub filed_at: Timestamp,
    /// When the pair first waited for this (an expired event continues the old one's age).
    pub waiting_since: Timestamp,
    /// When the status last changed.
    pub changed_at: Timestamp,
    /// Digest to remember as the account's basis when it succeeds.
    pub basis: Digest,
    /// How far it came.
    pub progress: Progress,
    /// Digest of the app that it was planned under.
    pub app_digest: Digest,
    /// Nobody decided in time about an earlier event that asked the same: since when.
    pub escalated: Option<Timestamp>,
}

impl Event {
    /// Whether it waits for an approver.
    pub fn is_waiting(&self) -> bool {
        self.status == Status::Pending
    }

    /// Whether it may not be sent before an approver released it.
    pub fn is_held(&self) -> bool {
        self.batch.is_some() || self.findings.iter().any(|finding| finding.severity == Severity::Hold)
    }

    /// Whether an approver's time to decide about it is limited: leavers and adoptions never expire.
    pub fn may_expire(&self) -> bool {
        !self.operation.kind.is_leaving() && self.operation.kind != Kind::Link
    }

    /// How many different operators must approve it under an app's `policy`.
    pub fn approvers(&self, policy: &Approvals) -> usize {
        if policy.asks_two(&self.operation, &self.findings) { 2 } else { usize::from(self.is_held()) }
    }

    /// Approvals of this payload, each by another operator; none if the last word was a rejection.
    pub fn approvals(&self) -> Vec<&Decision> {
        let mut approvals: Vec<&Decision> = Vec::new();
        for decision in &self.decisions {
            let known = approvals.iter().any(|other| other.operator == decision.operator);
            match decision.ruling {
                Ruling::Reject => approvals.clear(),
                Ruling::Approve if decision.payload == self.payload && !known => approvals.push(decision),
                Ruling::Approve => {}
            }
        }
        approvals
    }

    /// The app.
    pub fn app(&self) -> &AppName {
        &self.operation.app
    }

    /// The user.
    pub fn user(&self) -> UserId {
        self.operation.user
    }

    /// Takes one step.
    ///
    /// # Errors
    /// [`IllegalStep`] if the table has no such step; the event is unchanged.
    pub fn step(&mut self, next: Status, at: Timestamp) -> Result<(), IllegalStep> {
        let (from, to) = (self.status.kind(), next.kind());
        let unbegun = from == StatusKind::Queued && matches!(to, StatusKind::Succeeded | StatusKind::Failed);
        if !from.may_become(to) || (unbegun && !self.progress.account_done) {
            return Err(IllegalStep { event: self.id, from, to });
        }
        self.status = next;
        self.changed_at = at;
        Ok(())
    }

    /// Whether nothing was ever sent for it.
    pub fn is_unsent(&self) -> bool {
        self.attempts == 0 && !self.progress.begun
    }

    /// What people see.
    pub fn shown(&self) -> &'static str {
        self.status.shown(self.operation.kind)
    }
}
