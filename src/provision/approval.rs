//! Approvals: a decision by an operator, for exactly one payload.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::OperatorId;

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// Release it.
    Approve,
    /// Drop it and do not ask again for the same payload.
    Reject,
}

/// One decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What.
    pub ruling: Ruling,
    /// Who.
    pub operator: OperatorId,
    /// The operator's name then, for the history.
    pub name: String,
    /// Whether the name was claimed with `--as` rather than proved by the OS account.
    pub claimed: bool,
    /// Whether the requester decided about his own act (only under four eyes `record`).
    pub own: bool,
    /// Why.
    pub comment: String,
    /// When.
    pub at: Timestamp,
    /// The payload that was on screen.
    pub payload: Digest,
}
