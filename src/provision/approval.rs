//! Approvals: a decision by an operator, for exactly one payload; and what two operators must agree on.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::OperatorId;
use crate::provision::guard::finding::{Finding, FindingKind};
use crate::provision::operation::{Kind, Operation};

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

impl Decision {
    /// Who decided what and when, and why, as a half sentence about the change.
    pub fn words(&self) -> String {
        let did = match self.ruling {
            Ruling::Approve => "approved",
            Ruling::Reject => "rejected",
        };
        let why = if self.comment.is_empty() { String::new() } else { format!(": {}", self.comment) };
        format!("{} {did} it at {}{why}", self.name, self.at)
    }
}

/// Something that two different operators must approve: one word of `approvals.two`. What is named there waits for them, also if it
/// would not wait otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Demand {
    /// Every operation of a kind.
    Kind(Kind),
    /// Every operation with a finding.
    Finding(FindingKind),
    /// Everything that is held because its class exceeded the blast radius.
    Batch,
}

impl Demand {
    /// Whether an operation with `findings` is meant.
    pub fn concerns(self, operation: &Operation, findings: &[Finding]) -> bool {
        let found = |wanted| findings.iter().any(|finding| finding.kind == wanted);
        match self {
            Self::Kind(wanted) => operation.kinds().contains(&wanted),
            Self::Finding(wanted) => found(wanted),
            Self::Batch => found(FindingKind::BlastRadius),
        }
    }
}

impl FromStr for Demand {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        if word == "batch" {
            return Ok(Self::Batch);
        }
        if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.word() == word) {
            return Ok(Self::Kind(kind));
        }
        word.parse().map(Self::Finding).map_err(|_| {
            let kinds: Vec<&str> = Kind::ALL.into_iter().map(Kind::word).collect();
            format!(
                "`{word}` is nothing that two can approve; use a kind ({}), a finding (privileged, third_party_account, …) or batch",
                kinds.join(", ")
            )
        })
    }
}

impl TryFrom<String> for Demand {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        word.parse()
    }
}

impl From<Demand> for String {
    fn from(demand: Demand) -> Self {
        demand.to_string()
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => f.write_str(kind.word()),
            Self::Finding(kind) => f.write_str(&kind.word()),
            Self::Batch => f.write_str("batch"),
        }
    }
}
