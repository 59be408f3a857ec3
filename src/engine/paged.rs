//! Lists that programs read page by page: what is asked for, and one page of it. A page may be shorter than its limit, or empty, while
//! there is a next one: it ends where enough rows were looked at.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::directory::user::User;
use crate::engine::answer::StatusRow;
use crate::engine::command::UserRef;
use crate::engine::desk::status::HistoryFilter;
use crate::engine::pending::Pending;
use crate::id::{AppName, EventId, ImportId, UserId};
use crate::page::Page;
use crate::provision::account::Presence;
use crate::provision::guard::finding::FindingKind;
use crate::store::query::Import;

/// One page of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Paged {
    /// Users by id.
    Users {
        /// Part of a name, e-mail or key.
        search: Option<String>,
        /// Who have this role, by condition or from the source.
        role: Option<String>,
        /// The cursor.
        after: Option<UserId>,
        /// At most this many.
        limit: usize,
    },
    /// Pairs by app and user.
    Accounts {
        /// Of one user.
        user: Option<UserRef>,
        /// Of one app.
        app: Option<AppName>,
        /// In one of these presences; empty = any.
        presences: Vec<Presence>,
        /// The cursor.
        after: Option<(AppName, UserId)>,
        /// At most this many.
        limit: usize,
    },
    /// What waits for a decision, newest first.
    Approvals {
        /// Of one user.
        user: Option<UserRef>,
        /// App, kind, cursor and limit count; it is pending in any case.
        filter: HistoryFilter,
        /// With this finding.
        finding: Option<FindingKind>,
    },
    /// Generations, newest first.
    Imports {
        /// The cursor.
        before: Option<ImportId>,
        /// At most this many.
        limit: usize,
    },
}

/// One page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageAnswer {
    /// Users.
    Users(Page<User, UserId>),
    /// Pairs.
    Accounts(Page<StatusRow, (AppName, UserId)>),
    /// What waits.
    Approvals(Page<Pending, EventId>),
    /// Generations.
    Imports(Page<Import, ImportId>),
}

/// All roles, as they were counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolesAnswer {
    /// When users were counted.
    pub counted_at: Timestamp,
    /// By name.
    pub roles: Vec<RoleLine>,
}

/// One role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleLine {
    /// Its name.
    pub name: String,
    /// Under which condition users have it beside those who have it from their source; `None` = from the source alone.
    pub condition: Option<String>,
    /// Apps that it grants.
    pub apps: Vec<AppName>,
    /// How many users have it, those who are not active included.
    pub users: u64,
}
