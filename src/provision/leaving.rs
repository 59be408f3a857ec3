//! Access is decided first, without the account rules: who is entitled, who leaves, and what the leaving policy asks for
//! (`design.md` section 4).

use serde::{Deserialize, Serialize};

use crate::connector::app::{AppSpec, LeavingPolicy};
use crate::directory::assignment::{Assignment, Grant};
use crate::directory::user::{Standing, User};

/// Why a user leaves an app. Ordered: a later one is stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leaving {
    /// No grant is left, or `in_scope` says no.
    Unassigned,
    /// Suspended in the directory.
    Suspended,
    /// Deleted in the directory.
    Deleted,
}

impl Leaving {
    /// In words, for the reason of an operation.
    pub fn words(self) -> &'static str {
        match self {
            Self::Unassigned => "the app is no longer assigned",
            Self::Suspended => "the user is suspended",
            Self::Deleted => "the user was deleted",
        }
    }

    /// What the app's policy asks for.
    pub fn policy(self, app: &AppSpec) -> LeavingPolicy {
        match self {
            Self::Unassigned => app.app.leaving.on_unassign,
            Self::Suspended => app.app.leaving.on_suspend,
            Self::Deleted => app.app.leaving.on_delete,
        }
    }
}

/// Whether a user should have the app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Access {
    /// Yes.
    Entitled(Assignment),
    /// No.
    Leaving(Leaving),
}

impl Access {
    /// From the user's standing and assignment; `in_scope` is asked later, of entitled users only.
    pub fn decide(user: &User, assignment: Option<Assignment>) -> Self {
        match (user.effective_standing(), assignment) {
            (Standing::Deleted, _) => Self::Leaving(Leaving::Deleted),
            (Standing::Suspended, _) => Self::Leaving(Leaving::Suspended),
            (Standing::Active, None) => Self::Leaving(Leaving::Unassigned),
            (Standing::Active, Some(assignment)) => Self::Entitled(assignment),
        }
    }

    /// The reason of an operation, in words.
    pub fn words(&self) -> String {
        match self {
            Self::Leaving(leaving) => leaving.words().to_owned(),
            Self::Entitled(assignment) => {
                let grants: Vec<String> = assignment.grants.iter().map(grant_words).collect();
                format!("assigned {}", grants.join(" and "))
            }
        }
    }
}

fn grant_words(grant: &Grant) -> String {
    match grant {
        Grant::Everyone => "to everyone".to_owned(),
        Grant::Role(name) => format!("by role {name}"),
        Grant::Group(name) => format!("by group {name}"),
        Grant::Named => "by name".to_owned(),
        Grant::Direct => "directly".to_owned(),
    }
}

/// The one app role of several grants: the highest of `order`; `Err` names an unlisted role that stands beside another.
///
/// # Errors
/// The unlisted role.
pub fn highest_app_role<'a>(assignment: &'a Assignment, order: &[String]) -> Result<Option<&'a str>, String> {
    let mut roles = assignment.app_roles.iter();
    match (roles.next(), assignment.app_roles.len()) {
        (None, _) => Ok(None),
        (Some(only), 1) => Ok(Some(only)),
        _ => {
            let rank = |role: &String| order.iter().position(|listed| listed == role);
            if let Some(unlisted) = assignment.app_roles.iter().find(|role| rank(role).is_none()) {
                return Err(unlisted.clone());
            }
            Ok(assignment.app_roles.iter().max_by_key(|role| rank(role)).map(String::as_str))
        }
    }
}
