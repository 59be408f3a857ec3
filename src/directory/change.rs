//! Changes to the directory: rows of an import, edits by operators, and why they happened.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::directory::assignment::DirectAssignment;
use crate::directory::user::{Standing, User};
use crate::directory::value::Value;
use crate::id::{AppName, ImportId, OperatorId, RevisionNumber, UserId};

/// Why something was planned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// An import brought it.
    Import(ImportId),
    /// An operator's edit.
    Operator(OperatorId),
    /// A revision was activated.
    Activation(RevisionNumber),
    /// The app's schedule, or a cycle that an operator started.
    Cycle,
    /// The time that a policy named has come (`after = "30d"`).
    Due,
    /// A refresh found other entitlements at the target than before.
    Catalogue,
    /// A reconcile found the target otherwise than we left it.
    Reconcile,
}

/// What one row of a source says about one user. An absent field is *unchanged*; `Some(None)` is *no value*.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRow {
    /// The source's key of the user.
    pub key: String,
    /// Attributes the row speaks about.
    pub attributes: BTreeMap<String, Option<Value>>,
    /// The standing, if the source has a state column.
    pub standing: Option<Standing>,
    /// All roles, if the source has roles.
    pub roles: Option<BTreeSet<String>>,
    /// All groups, if the source has groups.
    pub groups: Option<BTreeSet<String>>,
    /// App roles the row speaks about.
    pub app_roles: BTreeMap<AppName, Option<String>>,
    /// The manager's key.
    pub manager: Option<Option<String>>,
}

impl SourceRow {
    /// `user` after this row. The revision rises only if something changed. A row that says nothing of the standing brings a
    /// suspended or deleted user back to active: being in the source is being there (re-hire).
    #[must_use]
    pub fn apply(&self, user: &User, at: Timestamp) -> User {
        let mut next = user.clone();
        for (name, value) in &self.attributes {
            match value.as_ref().filter(|value| !value.is_empty()) {
                Some(value) => next.attributes.insert(name.clone(), value.clone()),
                None => next.attributes.remove(name),
            };
        }
        next.standing = self.standing.unwrap_or(Standing::Active);
        if let Some(roles) = &self.roles {
            next.roles.clone_from(roles);
        }
        if let Some(groups) = &self.groups {
            next.groups.clone_from(groups);
        }
        for (app, role) in &self.app_roles {
            match role {
                Some(role) => next.app_roles.insert(app.clone(), role.clone()),
                None => next.app_roles.remove(app),
            };
        }
        if let Some(manager) = &self.manager {
            next.manager.clone_from(manager);
        }
        bump(user, next, at)
    }
}

/// An operator's edit of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserEdit {
    /// Lay a standing over the source's.
    Stand(Standing),
    /// Lift a manual standing; the source's counts again.
    Restore,
    /// Override an attribute; `None` = no value.
    Override {
        /// Attribute name as in [`crate::directory::source::SourceTarget`].
        attribute: String,
        /// The value.
        value: Option<Value>,
    },
    /// Lift an override.
    Lift {
        /// Attribute name.
        attribute: String,
    },
    /// Assign an app directly.
    Assign {
        /// The app.
        app: AppName,
        /// How.
        assignment: DirectAssignment,
    },
    /// Take a direct assignment back.
    Unassign {
        /// The app.
        app: AppName,
    },
    /// Several at once: all of them, or none.
    Several {
        /// In order.
        edits: Vec<UserEdit>,
        /// The user's revision that they were made from; `None` = whatever it is.
        from: Option<u64>,
    },
}

impl UserEdit {
    /// `user` after this edit. The revision rises only if something changed.
    #[must_use]
    pub fn apply(&self, user: &User, at: Timestamp) -> User {
        let mut next = user.clone();
        self.lay_over(&mut next);
        bump(user, next, at)
    }

    fn lay_over(&self, next: &mut User) {
        match self {
            Self::Stand(standing) => next.manual.standing = Some(*standing),
            Self::Restore => next.manual.standing = None,
            Self::Override { attribute, value } => {
                next.manual.attributes.insert(attribute.clone(), value.clone());
            }
            Self::Lift { attribute } => {
                next.manual.attributes.remove(attribute);
            }
            Self::Assign { app, assignment } => {
                next.direct.insert(app.clone(), assignment.clone());
            }
            Self::Unassign { app } => {
                next.direct.remove(app);
            }
            Self::Several { edits, .. } => edits.iter().for_each(|edit| edit.lay_over(next)),
        }
    }
}

fn bump(before: &User, mut next: User, at: Timestamp) -> User {
    if next != *before {
        next.revision = before.revision + 1;
        next.changed_at = at;
    }
    next
}

/// A user an import changes: staged aside, applied after the commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedRow {
    /// Known, or minted for a new key.
    pub user: UserId,
    /// What the source says.
    pub row: SourceRow,
}
