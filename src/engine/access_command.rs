//! Commands about who may do what, what proves it, and what operators did; with their answers.

use serde::{Deserialize, Serialize};

use crate::access::credential::{SignIn, Typed};
use crate::access::operator::{Operator, Role};
use crate::access::permission::Permission;
use crate::clock::Timestamp;
use crate::id::{AppName, UserId};

/// One request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessCommand {
    /// Operators, and how each signs in.
    People,
    /// Give an operator another role.
    SetRole {
        /// Who.
        name: String,
        /// What he may do from now on.
        role: Role,
    },
    /// Let a disabled operator in again.
    Enable {
        /// Who.
        name: String,
    },
    /// What operators did, beside decisions.
    Deeds {
        /// Of this operator, by name.
        operator: Option<String>,
        /// At or after.
        since: Option<Timestamp>,
        /// Before.
        until: Option<Timestamp>,
        /// Older than this entry.
        before: Option<u64>,
        /// At most this many.
        limit: usize,
    },
    /// Which apps keep their secret in the store, and since when. Never the secrets.
    Secrets,
    /// Seal an app's secret.
    SecretSet {
        /// The app.
        app: AppName,
        /// The secret.
        secret: Typed,
    },
    /// Forget an app's secret.
    SecretDrop {
        /// The app.
        app: AppName,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessAnswer {
    /// Operators, and how each signs in.
    People(Vec<Person>),
    /// What operators did.
    Deeds {
        /// Newest first.
        deeds: Vec<Deed>,
        /// Pass this as `before`.
        next: Option<u64>,
    },
    /// Apps whose secret lies in the store, or should.
    Secrets(Vec<KeptSecret>),
}

/// An operator, and how he signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who.
    pub operator: Operator,
    /// Since when he has a password.
    pub password_since: Option<Timestamp>,
    /// The OpenID provider he comes from.
    pub issuer: Option<String>,
    /// His last sign-in.
    pub last: Option<SignIn>,
    /// His tokens, expired ones left out.
    pub tokens: usize,
}

/// What an operator did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deed {
    /// Its entry in the chain.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub operator: String,
    /// What, in words.
    pub what: String,
    /// The app it is about.
    pub app: Option<AppName>,
    /// The user it is about, and what people call him now.
    #[serde(default)]
    pub user: Option<(UserId, String)>,
}

/// An app whose secret lies in the store, or should.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptSecret {
    /// The app.
    pub app: AppName,
    /// Where the secret is sent.
    pub origin: String,
    /// When it was sealed, and by whom; `None` = it is missing.
    pub sealed: Option<(Timestamp, String)>,
}

impl AccessCommand {
    /// What the operator needs.
    pub fn permission(&self) -> Permission {
        match self {
            Self::People | Self::Deeds { .. } | Self::Secrets => Permission::Read,
            Self::SetRole { .. } | Self::Enable { .. } | Self::SecretSet { .. } | Self::SecretDrop { .. } => {
                Permission::Administer
            }
        }
    }

    /// Whether it asks for a person who proved himself lately.
    pub fn is_grave(&self) -> bool {
        self.permission() == Permission::Administer
    }
}
