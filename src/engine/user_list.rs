//! What a page of users by name answers: each with where he has an account.

use serde::{Deserialize, Serialize};

use crate::directory::user::User;
use crate::id::{AppName, EventId};
use crate::provision::account::{MuteReason, Presence};
use crate::store::user_index::UserPage;

/// A page of users by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserList {
    /// Who, and the cursors.
    pub page: UserPage,
    /// Those on this page.
    pub users: Vec<ListedUser>,
}

/// One user of a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ListedUser {
    /// The user.
    pub user: User,
    /// Where he has an account or had one, or something is planned.
    pub accounts: Vec<ListedAccount>,
}

/// One account in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedAccount {
    /// The app.
    pub app: AppName,
    /// Whether there is one.
    pub presence: Presence,
    /// The open event of the pair, if there is one.
    pub open: Option<EventId>,
    /// What ended badly and holds until something changes.
    pub muted: Option<MuteReason>,
}
