//! What a command needs, checked once at the engine's door.

use serde::{Deserialize, Serialize};

use crate::access::actor::Actor;
use crate::access::operator::Role;

/// What a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    /// To look.
    Read,
    /// To put failures right: retry.
    Retry,
    /// To approve and reject.
    Decide,
    /// To change the directory, apps, rules, operators.
    Administer,
}

/// Not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} is {role} and may not do this; it needs {needs}")]
pub struct Denied {
    /// Who.
    pub name: String,
    /// What he is.
    pub role: Role,
    /// What would do.
    pub needs: Role,
}

impl Permission {
    /// The least role that has it.
    pub fn needs(self) -> Role {
        match self {
            Self::Read | Self::Retry => Role::Viewer,
            Self::Decide => Role::Approver,
            Self::Administer => Role::Admin,
        }
    }

    /// # Errors
    /// [`Denied`] if the actor's role is not enough.
    pub fn check(self, actor: &Actor) -> Result<(), Denied> {
        if actor.role >= self.needs() {
            return Ok(());
        }
        Err(Denied { name: actor.name.clone(), role: actor.role, needs: self.needs() })
    }
}
