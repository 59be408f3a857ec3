//! What a command needs, checked once at the engine's door.

use serde::{Deserialize, Serialize};

use crate::access::actor::Actor;
use crate::access::credential::{Means, PERSONAL_DECIDES, PROOF_COUNTS};
use crate::access::operator::Role;
use crate::clock::Timestamp;

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
pub enum Denied {
    /// The role is not enough.
    #[error("{name} is {role} and may not do this; it needs {needs}")]
    Role {
        /// Who.
        name: String,
        /// What he is.
        role: Role,
        /// What would do.
        needs: Role,
    },
    /// A program asked for what only people decide.
    #[error(
        "decisions need a person: sign in, use a personal token that is at most 12 hours old, or the command line on the machine itself"
    )]
    NeedsPerson,
    /// The last proof is too old for something grave.
    #[error("this needs your password once more: the last time was too long ago")]
    NeedsProof,
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
        Err(Denied::Role { name: actor.name.clone(), role: actor.role, needs: self.needs() })
    }
}

/// What is grave (decisions, activations, operators, secrets) asks for a person who proved himself lately.
///
/// # Errors
/// [`Denied::NeedsPerson`] for programs, [`Denied::NeedsProof`] for people whose last proof is too old.
pub fn check_proof(actor: &Actor, now: Timestamp) -> Result<(), Denied> {
    match actor.means {
        Means::OsAccount => Ok(()),
        Means::Session { proved_at } if now <= proved_at.plus(PROOF_COUNTS) => Ok(()),
        Means::Session { .. } => Err(Denied::NeedsProof),
        Means::PersonalToken { issued_at } if now <= issued_at.plus(PERSONAL_DECIDES) => Ok(()),
        Means::PersonalToken { .. } | Means::ServiceToken => Err(Denied::NeedsPerson),
    }
}
