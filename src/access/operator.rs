//! Someone who may act in Usher.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{OperatorId, UserId};

/// What an operator may do; each includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Decides.
    Approver,
    /// Apps, rules, imports, operators.
    Admin,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Viewer => "viewer",
            Self::Approver => "approver",
            Self::Admin => "admin",
        })
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "viewer" => Ok(Self::Viewer),
            "approver" => Ok(Self::Approver),
            "admin" => Ok(Self::Admin),
            other => Err(format!("`{other}` is no role; use admin, approver or viewer")),
        }
    }
}

/// Whether an approver may decide about what he himself caused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FourEyes {
    /// Yes, with a comment, and it is marked (what `init` writes).
    #[default]
    Record,
    /// No.
    Enforce,
}

impl fmt::Display for FourEyes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Record => "record",
            Self::Enforce => "enforce",
        })
    }
}

impl FromStr for FourEyes {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "record" => Ok(Self::Record),
            "enforce" => Ok(Self::Enforce),
            other => Err(format!("four eyes is `record` or `enforce`, not `{other}`")),
        }
    }
}

/// Someone who may act in Usher.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operator {
    /// Kept for ever.
    pub id: OperatorId,
    /// Unique among operators.
    pub name: String,
    /// What he may do.
    pub role: Role,
    /// The OS account that proves him on this machine.
    pub os_account: Option<String>,
    /// The directory user he is, if any.
    pub user: Option<UserId>,
    /// Disabled operators stay in the history.
    pub disabled: bool,
    /// Since when.
    pub since: Timestamp,
}

impl Operator {
    /// Whether he may approve and reject.
    pub fn can_decide(&self) -> bool {
        !self.disabled && self.role >= Role::Approver
    }
}
