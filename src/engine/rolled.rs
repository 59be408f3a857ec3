//! What a page of users by name answers: each with where he has an account.

use serde::{Deserialize, Serialize};

use crate::directory::user::User;
use crate::id::{AppName, EventId};
use crate::provision::account::{MuteReason, Presence};
use crate::store::roll::RollPage;

/// A page of users by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RollAnswer {
    /// Who, and the cursors.
    pub page: RollPage,
    /// Those on this page.
    pub users: Vec<RolledUser>,
}

/// One user of a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolledUser {
    /// The user.
    pub user: User,
    /// Where he has an account or had one, or something is planned.
    pub accounts: Vec<RolledAccount>,
}

/// One account in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledAccount {
    /// The app.
    pub app: AppName,
    /// Whether there is one.
    pub presence: Presence,
    /// The open event of the pair, if there is one.
    pub open: Option<EventId>,
    /// What ended badly and holds until something changes.
    pub muted: Option<MuteReason>,
}
