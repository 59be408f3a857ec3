//! Who is acting: an operator, and how we know.

use serde::{Deserialize, Serialize};

use crate::access::credential::Means;
use crate::access::operator::Role;
use crate::id::{OperatorId, UserId};

/// The operator behind a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Which operator.
    pub operator: OperatorId,
    /// The operator's name.
    pub name: String,
    /// What he may do.
    pub role: Role,
    /// The directory user he is, if any.
    pub user: Option<UserId>,
    /// True = named with `--as`, not proved by the OS account.
    pub claimed: bool,
    /// How he proved who he is.
    pub means: Means,
}
