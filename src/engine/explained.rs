//! What `usher explain` answers: what one account should be and why, what was pushed, what stands in the way, and what differs.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::directory::value::Value;
use crate::id::{AppName, EventId, RevisionNumber, UserId};
use crate::provision::account::Presence;
use crate::provision::event::StatusKind;
use crate::provision::operation::Kind;

/// One pair, explained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explained {
    /// Who.
    pub user: UserId,
    /// What people call the user.
    pub label: String,
    /// Where.
    pub app: AppName,
    /// The time that is meant; `None` = now.
    pub at: Option<Timestamp>,
    /// The revision that is active, or was then, and since when.
    pub revision: Option<(RevisionNumber, Option<Timestamp>)>,
    /// Whether he should have the app.
    pub access: AccessLine,
    /// How the account stands.
    pub account: AccountLine,
    /// By attribute path.
    pub attributes: Vec<AttributeLine>,
    /// Entitlements.
    pub entitlements: Vec<EntitlementLine>,
    /// What waits, is muted or blocked, and by whom; in sentences.
    pub in_the_way: Vec<String>,
    /// What is not as it should be, in sentences.
    pub differences: Vec<String>,
    /// What was done, newest first.
    pub events: Vec<EventLine>,
    /// What can't be said, in sentences.
    pub unknown: Vec<String>,
}

/// Whether a user should have an app, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessLine {
    /// `None` = it is not known any more.
    pub entitled: Option<bool>,
    /// In words.
    pub words: String,
    /// What grants the app.
    pub grants: Vec<GrantLine>,
    /// The app role that counts.
    pub app_role: Option<String>,
}

/// One reason why a user has an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantLine {
    /// `role sales`, `everyone`.
    pub grant: String,
    /// Where the user has it from: the source, a condition, an operator.
    pub from: String,
    /// The app role it brings.
    pub app_role: Option<String>,
}

/// How an account stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountLine {
    /// Whether there is one.
    pub presence: Presence,
    /// In words.
    pub words: String,
    /// The userName last pushed.
    pub user_name: Option<String>,
    /// Its id at the target.
    pub remote_id: Option<String>,
    /// Since which event it stands so.
    pub since: Option<(EventId, Timestamp)>,
}

/// One attribute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AttributeLine {
    /// Its path.
    pub path: String,
    /// What the rules want; `None` = no value, or nothing is wanted.
    pub desired: Option<Value>,
    /// The line that gives it: `rules/nulab-pass.rhai:14`.
    pub line: Option<String>,
    /// What was pushed last, or found when the account was linked.
    pub pushed: Option<Value>,
    /// By which event, and when.
    pub pushed_by: Option<(EventId, Timestamp)>,
    /// What the last reconcile saw, if it was something else.
    pub actual: Option<Value>,
    /// Anything else, in words: sent on create only, no longer managed.
    pub note: String,
    /// Whether the pushed value is not the desired one, and should be.
    pub differs: bool,
}

/// One entitlement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntitlementLine {
    /// `group`, `role`, …
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Whether the rules grant it; `None` = it is not known any more.
    pub wanted: Option<bool>,
    /// The line of the `grant(…)`.
    pub line: Option<String>,
    /// How the ledger has it, in words; empty = not at all.
    pub stands: String,
    /// The event that last concerned it, and since when it stands so.
    pub since: Option<(Option<EventId>, Timestamp)>,
    /// Whether it is not as it should be.
    pub differs: bool,
}

/// One event in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventLine {
    /// Which.
    pub event: EventId,
    /// When its status last changed.
    pub at: Timestamp,
    /// What it does.
    pub kind: Kind,
    /// Where it stands, or stood then.
    pub status: StatusKind,
    /// As people see it.
    pub shown: String,
    /// Who or what caused it.
    pub cause: String,
}
