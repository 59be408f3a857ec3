//! What proves an operator over the network: a password, a token, the one-time token of a new store. Only what can't be turned back
//! is kept.

use serde::{Deserialize, Serialize};

use crate::access::operator::Role;
use crate::clock::{Span, Timestamp};
use crate::digest::Digest;
use crate::id::{AppName, OperatorId, TokenId};
use crate::secret::Secret;

/// How long a proof of the person counts for what is grave (`reliability.md` section 4, *sign-in*).
pub const PROOF_COUNTS: Span = Span::from_secs(15 * 60);
/// How long a personal token may decide after it was issued.
pub const PERSONAL_DECIDES: Span = Span::from_hours(12);
/// How long a token lives unless told otherwise.
pub const TOKEN_LIVES: Span = Span::from_days(90);

/// How somebody proved who he is, and when that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Means {
    /// The kernel said which OS account it is: the command line on this machine.
    OsAccount,
    /// A session in the console or the API.
    Session {
        /// When the person last proved himself.
        proved_at: Timestamp,
    },
    /// A token that a person got at sign-in.
    PersonalToken {
        /// When.
        issued_at: Timestamp,
    },
    /// A token that a program has.
    ServiceToken,
}

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenKind {
    /// A person's, for the command line on another machine.
    Personal,
    /// A program's: never decides.
    Service,
}

/// A token for the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Which.
    pub id: TokenId,
    /// Whose acts it makes.
    pub operator: OperatorId,
    /// What for, in words.
    pub name: String,
    /// Personal or a program's.
    pub kind: TokenKind,
    /// What it may do; never more than its operator.
    pub role: Role,
    /// What is kept of it.
    pub digest: Digest,
    /// Since when.
    pub issued_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A password's hash, in PHC form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasswordHash {
    /// The hash.
    pub phc: String,
    /// Since when.
    pub set_at: Timestamp,
}

/// A secret that somebody typed, or is shown once, on its way between the door and the engine. Never printed, logged or stored.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Typed(String);

impl Typed {
    /// Takes the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text as a secret that is wiped.
    pub fn into_secret(self) -> Secret {
        Secret::new(self.0)
    }

    /// The text: for the one place that shows it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Typed(…)")
    }
}

/// A secret of an app as it is kept: nobody reads it but whoever sends to the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret {
    /// The app.
    pub app: AppName,
    /// Scheme, host and port that it may be sent to; bound to it by the seal.
    pub origin: String,
    /// The box.
    pub sealed: Vec<u8>,
    /// Who entered it.
    pub by: OperatorId,
    /// When.
    pub at: Timestamp,
}

/// Somebody at an OpenID provider who is an operator here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenIdentity {
    /// The provider.
    pub issuer: String,
    /// Who it is there, for ever.
    pub subject: String,
    /// Who it is here.
    pub operator: OperatorId,
    /// Since when.
    pub since: Timestamp,
}

/// How somebody signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// With his password.
    Password,
    /// At the OpenID provider.
    OpenId,
}

/// When and how somebody signed in last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// When.
    pub at: Timestamp,
    /// How.
    pub way: Way,
}

impl SealedSecret {
    /// What a secret is bound to.
    pub fn place<'a>(app: &'a AppName, origin: &'a str) -> [&'a str; 3] {
        ["a secret of an app", app.as_str(), origin]
    }
}
