//! Why an account is as it is, as answers show it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::directory::value::Value;
use crate::engine::explained;
use crate::server::api::words::{Kind, Presence, Status};

/// One account, explained.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Explained {
    /// The user's id.
    pub user: String,
    /// What people call the user.
    pub name: String,
    /// The app.
    pub app: String,
    /// The time that is meant; null = now.
    pub at: Option<String>,
    /// The revision that is active, or was then; null for a draft.
    pub revision: Option<String>,
    /// Whether the user should have the app; null = it is not known any more.
    pub entitled: Option<bool>,
    /// Why, in words.
    pub because: String,
    /// What grants the app.
    pub grants: Vec<Grant>,
    /// The app role that counts.
    pub app_role: Option<String>,
    /// Whether there is an account.
    pub presence: Presence,
    /// The same, as people read it.
    pub shown: String,
    /// The userName last pushed.
    pub user_name: Option<String>,
    /// The account's id at the target.
    pub remote_id: Option<String>,
    /// Attributes, by path.
    pub attributes: Vec<Attribute>,
    /// Entitlements.
    pub entitlements: Vec<ExplainedEntitlement>,
    /// What waits, is muted or blocked, in sentences.
    pub in_the_way: Vec<String>,
    /// What is not as it should be, in sentences.
    pub differences: Vec<String>,
    /// What can't be said, in sentences.
    pub unknown: Vec<String>,
    /// What was done, newest first.
    pub events: Vec<ExplainedEvent>,
}

/// One reason why a user has an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Grant {
    /// `role sales`, `everyone`, …
    pub grant: String,
    /// Where the user has it from.
    pub from: String,
    /// The app role that it brings.
    pub app_role: Option<String>,
}

/// One attribute.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Attribute {
    /// Its path.
    #[schema(example = "displayName")]
    pub path: String,
    /// What the rules want; null = no value, or nothing is wanted.
    pub desired: Option<serde_json::Value>,
    /// The line that gives it.
    #[schema(example = "rules/nulab-pass.rhai:14")]
    pub line: Option<String>,
    /// What was pushed last, or found when the account was adopted.
    pub pushed: Option<serde_json::Value>,
    /// By which event.
    pub pushed_by: Option<String>,
    /// What the last reconcile saw, if it was something else.
    pub actual: Option<serde_json::Value>,
    /// Anything else, in words.
    pub note: String,
    /// Whether what was pushed is not what it should be.
    pub differs: bool,
}

/// One entitlement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExplainedEntitlement {
    /// `group`, `role`, …
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Whether the rules grant it.
    pub wanted: Option<bool>,
    /// The line that grants it.
    pub line: Option<String>,
    /// How it stands, in words; empty = not at all.
    pub shown: String,
    /// Whether it is not as it should be.
    pub differs: bool,
}

/// One event in a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExplainedEvent {
    /// Which.
    pub id: String,
    /// When its status last changed.
    pub at: String,
    /// What it does.
    pub kind: Kind,
    /// Where it stands, or stood then.
    pub status: Status,
    /// As people read it.
    pub shown: String,
    /// Who or what caused it.
    pub cause: String,
}

fn json(value: Option<&Value>) -> Option<serde_json::Value> {
    value.map(Value::to_json)
}

impl From<explained::Explained> for Explained {
    fn from(explained: explained::Explained) -> Self {
        let grant = |line: explained::GrantLine| {
            let explained::GrantLine { grant, from, app_role } = line;
            Grant { grant, from, app_role }
        };
        Self {
            user: explained.user.to_string(),
            name: explained.label,
            app: explained.app.to_string(),
            at: explained.at.map(|at| at.to_string()),
            revision: explained.revision.map(|(number, _)| number.to_string()),
            entitled: explained.access.entitled,
            because: explained.access.words,
            grants: explained.access.grants.into_iter().map(grant).collect(),
            app_role: explained.access.app_role,
            presence: explained.account.presence.into(),
            shown: explained.account.words,
            user_name: explained.account.user_name,
            remote_id: explained.account.remote_id,
            attributes: explained.attributes.into_iter().map(Attribute::from).collect(),
            entitlements: explained.entitlements.into_iter().map(ExplainedEntitlement::from).collect(),
            in_the_way: explained.in_the_way,
            differences: explained.differences,
            unknown: explained.unknown,
            events: explained.events.into_iter().map(ExplainedEvent::from).collect(),
        }
    }
}

impl From<explained::AttributeLine> for Attribute {
    fn from(line: explained::AttributeLine) -> Self {
        Self {
            desired: json(line.desired.as_ref()),
            pushed: json(line.pushed.as_ref()),
            actual: json(line.actual.as_ref()),
            path: line.path,
            line: line.line,
            pushed_by: line.pushed_by.map(|(event, _)| event.to_string()),
            note: line.note,
            differs: line.differs,
        }
    }
}

impl From<explained::EntitlementLine> for ExplainedEntitlement {
    fn from(line: explained::EntitlementLine) -> Self {
        let explained::EntitlementLine { kind, name, wanted, line, stands, differs, .. } = line;
        Self { kind, name, wanted, line, shown: stands, differs }
    }
}

impl From<explained::EventLine> for ExplainedEvent {
    fn from(line: explained::EventLine) -> Self {
        Self {
            id: line.event.to_string(),
            at: line.at.to_string(),
            kind: line.kind.into(),
            status: line.status.into(),
            shown: line.shown,
            cause: line.cause,
        }
    }
}
