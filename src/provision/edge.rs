//! Edges: the ledger's entries of memberships and other entitlements, one for each entitlement of each account.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::EventId;
use crate::provision::entitlement::EntitlementKey;
use crate::provision::outcome::Failure;

/// How an edge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeState {
    /// To be added by the open event.
    Adding,
    /// We added it: ours, and the only kind that is ever removed.
    Granted,
    /// It was there before us: it satisfies the rule and is never removed.
    Found,
    /// To be removed by the open event; it was granted.
    Removing,
    /// The outcome of a request is not known yet: looked up before anything is sent again.
    Unknown,
}

/// The ledger entry of one entitlement of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Which entitlement.
    pub key: EntitlementKey,
    /// Its name when it was granted, for people.
    pub name: String,
    /// How it stands.
    pub state: EdgeState,
    /// The event that last concerned it.
    pub event: Option<EventId>,
    /// Since when it stands so.
    pub since: Timestamp,
    /// False = sent successfully, and still the target does not show it: *not effective at the target*. Never sent again.
    pub effective: bool,
}

impl Edge {
    /// How it stands, as people see it.
    pub fn shown(&self) -> &'static str {
        match self.state {
            EdgeState::Adding => "to be added",
            EdgeState::Granted if !self.effective => "not effective at the target",
            EdgeState::Granted => "granted",
            EdgeState::Found => "was there before us",
            EdgeState::Removing => "to be removed",
            EdgeState::Unknown => "being looked up",
        }
    }

    /// Whether an event is at it.
    pub fn is_open(&self) -> bool {
        matches!(self.state, EdgeState::Adding | EdgeState::Removing | EdgeState::Unknown)
    }
}

/// One entitlement to add or remove with an operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EdgeChange {
    /// `group`, `role`, …
    pub kind: String,
    /// The entitlement's id at the target; empty = it is created first (create-if-missing).
    pub remote_id: String,
    /// Its name, for people.
    pub name: String,
    /// True = add, false = remove.
    pub add: bool,
}

impl EdgeChange {
    /// Whether `key` and `name` are the entitlement that is meant; one that is created first has no id yet.
    pub fn is(&self, key: &EntitlementKey, name: &str) -> bool {
        self.kind == key.kind && self.remote_id == key.remote_id && (!key.remote_id.is_empty() || self.name == name)
    }

    /// Its key.
    pub fn key(&self) -> EntitlementKey {
        EntitlementKey { kind: self.kind.clone(), remote_id: self.remote_id.clone() }
    }

    /// What is done, in words.
    pub fn words(&self) -> String {
        let verb = if self.add { "add to" } else { "remove from" };
        format!("{verb} {} “{}”", self.kind, self.name)
    }
}

/// What happens to an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EdgeStep {
    /// An event that adds or removes it was filed.
    Planned {
        /// True = add.
        add: bool,
    },
    /// The event ended before anything was sent.
    PutBack,
    /// The target took the addition.
    Added,
    /// It was looked at before anything was sent, and it was there.
    Seen,
    /// The target took the removal, or it was gone already.
    Removed,
    /// The request may or may not have been carried out.
    Lost,
    /// The request was certainly not carried out; it is sent again later.
    NotSent {
        /// True = add.
        add: bool,
    },
    /// The target refused it for good.
    Refused {
        /// True = add.
        add: bool,
    },
    /// It concerns nobody any more: its account or its entitlement is gone, or the rules let go of what was there before us.
    Forgotten,
}

/// An illegal step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an edge that is {from:?} can't take the step {step:?}")]
pub struct IllegalEdgeStep {
    /// How it stands; `None` = it is not in the ledger.
    pub from: Option<EdgeState>,
    /// What was to happen.
    pub step: EdgeStep,
}

/// The one transition function. `None` = not in the ledger. What was *found* is never removed, whatever is asked.
///
/// # Errors
/// [`IllegalEdgeStep`] if the table has no such step.
pub fn step(from: Option<EdgeState>, step: EdgeStep) -> Result<Option<EdgeState>, IllegalEdgeStep> {
    use EdgeState::{Adding, Found, Granted, Removing, Unknown};
    Ok(match (from, step) {
        (None | Some(Adding), EdgeStep::Planned { add: true }) => Some(Adding),
        (Some(Granted | Removing), EdgeStep::Planned { add: false }) => Some(Removing),
        // It is looked up before anything is sent, whichever way.
        (Some(Unknown), EdgeStep::Planned { .. } | EdgeStep::PutBack) => Some(Unknown),
        (Some(Adding), EdgeStep::PutBack) => None,
        (Some(Removing), EdgeStep::PutBack) => Some(Granted),
        (Some(Adding | Unknown), EdgeStep::Added) => Some(Granted),
        (Some(Adding), EdgeStep::Seen) => Some(Found),
        // Our request may have brought it about: it is ours.
        (Some(Unknown), EdgeStep::Seen) => Some(Granted),
        (Some(Removing | Unknown), EdgeStep::Removed) => None,
        (Some(Adding | Removing | Unknown), EdgeStep::Lost) => Some(Unknown),
        (Some(Adding | Unknown), EdgeStep::NotSent { add: true }) => Some(Adding),
        (Some(Removing | Unknown), EdgeStep::NotSent { add: false }) => Some(Removing),
        (Some(Adding | Unknown), EdgeStep::Refused { add: true }) => None,
        (Some(Removing | Unknown), EdgeStep::Refused { add: false }) => Some(Granted),
        (_, EdgeStep::Forgotten) => None,
        _ => return Err(IllegalEdgeStep { from, step }),
    })
}

/// What came of one edge of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeOutcome {
    /// The target took the addition.
    Added {
        /// False = it does not show there.
        effective: bool,
    },
    /// It was there before anything was sent.
    Seen,
    /// The target took the removal.
    Removed {
        /// It was gone before.
        already: bool,
    },
    /// Certainly not carried out; again at `due`.
    Retry {
        /// Why.
        failure: Failure,
        /// When.
        due: Timestamp,
    },
    /// It may have been carried out: looked up at `due` before anything is sent again.
    Unknown {
        /// Why we do not know.
        failure: Failure,
        /// When to look.
        due: Timestamp,
    },
    /// Refused for good.
    Refused(Failure),
    /// Cleared at planning, void at the attempt: planned again.
    Void {
        /// Why, in words.
        why: String,
    },
}

impl EdgeOutcome {
    /// The step that the edge takes.
    pub fn step(&self, add: bool) -> EdgeStep {
        match self {
            Self::Added { .. } => EdgeStep::Added,
            Self::Seen => EdgeStep::Seen,
            Self::Removed { .. } => EdgeStep::Removed,
            Self::Retry { .. } => EdgeStep::NotSent { add },
            Self::Unknown { .. } => EdgeStep::Lost,
            Self::Refused(_) => EdgeStep::Refused { add },
            Self::Void { .. } => EdgeStep::PutBack,
        }
    }

    /// Whether nothing more happens to the edge for this event.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Retry { .. } | Self::Unknown { .. })
    }

    /// In words, for the history.
    pub fn words(&self) -> String {
        match self {
            Self::Added { effective: true } => "done".to_owned(),
            Self::Added { effective: false } => "sent, but not effective at the target".to_owned(),
            Self::Seen => "was there already".to_owned(),
            Self::Removed { already: false } => "done".to_owned(),
            Self::Removed { already: true } => "already gone".to_owned(),
            Self::Retry { failure, .. } => format!("not done yet: {}", failure.detail),
            Self::Unknown { failure, .. } => format!("not known whether it is done: {}", failure.detail),
            Self::Refused(failure) => format!("refused: {}", failure.detail),
            Self::Void { why } => format!("not sent: {why}"),
        }
    }
}

/// An edge that the target refused for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EdgeRefusal {
    /// Which one.
    pub change: EdgeChange,
    /// The target's words.
    pub detail: String,
}
