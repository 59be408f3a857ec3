//! Assignments: which users get which app, why, and with which `app_role`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::directory::user::User;
use crate::directory::value::Value;
use crate::id::AppName;

/// An operator's `usher assign USER APP`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectAssignment {
    /// The app role, if one was given.
    pub app_role: Option<String>,
    /// Attribute overrides for this app only: user attribute → value, `None` = no value.
    pub overrides: BTreeMap<String, Option<Value>>,
}

/// One reason why a user has an app.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grant {
    /// The app is for everyone.
    Everyone,
    /// A role grants it.
    Role(String),
    /// A group grants it.
    Group(String),
    /// The app names the user.
    Named,
    /// An operator assigned it.
    Direct,
}

/// Who gets an app, as the app says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AssignRule {
    /// Every active user.
    pub everyone: bool,
    /// Holders of these roles.
    pub roles: Vec<String>,
    /// Members of these groups.
    pub groups: Vec<String>,
    /// These users, as `source:key`.
    pub users: Vec<String>,
    /// App roles that come with a role or group, keyed `role:NAME` or `group:NAME`.
    pub app_roles: BTreeMap<String, String>,
}

/// A user × app that is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// All reasons.
    pub grants: Vec<Grant>,
    /// Every app role that a grant brings (before `app_role_order` picks the highest).
    pub app_roles: BTreeSet<String>,
    /// Attribute overrides of a direct assignment.
    pub overrides: BTreeMap<String, Option<Value>>,
}

impl DirectAssignment {
    /// How, in words: `directly as ADMIN, with title = Lead`.
    pub fn words(&self) -> String {
        let role = self.app_role.as_ref().map(|role| format!(" as {role}")).unwrap_or_default();
        let set = |(name, value): (&String, &Option<Value>)| match value {
            Some(value) => format!("{name} = {value}"),
            None => format!("{name} empty"),
        };
        let overrides: Vec<String> = self.overrides.iter().map(set).collect();
        let with = if overrides.is_empty() { String::new() } else { format!(", with {}", overrides.join(", ")) };
        format!("directly{role}{with}")
    }
}

impl AssignRule {
    /// The assignment of `user` (holding `roles`, conditional ones included) to `app`; `None` if nothing grants it.
    pub fn assign(&self, app: &AppName, user: &User, roles: &BTreeSet<String>) -> Option<Assignment> {
        let mut grants = Vec::new();
        if self.everyone {
            grants.push(Grant::Everyone);
        }
        grants.extend(self.roles.iter().filter(|role| roles.contains(*role)).cloned().map(Grant::Role));
        grants.extend(self.groups.iter().filter(|group| user.groups.contains(*group)).cloned().map(Grant::Group));
        if !self.users.is_empty() && self.users.contains(&format!("{}:{}", user.source, user.key)) {
            grants.push(Grant::Named);
        }
        let direct = user.direct.get(app);
        if direct.is_some() {
            grants.push(Grant::Direct);
        }
        if grants.is_empty() {
            return None;
        }
        let mut app_roles: BTreeSet<String> =
            grants.iter().filter_map(|grant| self.app_role_of(grant)).cloned().collect();
        app_roles.extend(user.app_roles.get(app).cloned());
        app_roles.extend(direct.and_then(|direct| direct.app_role.clone()));
        Some(Assignment {
            grants,
            app_roles,
            overrides: direct.map(|direct| direct.overrides.clone()).unwrap_or_default(),
        })
    }

    fn app_role_of(&self, grant: &Grant) -> Option<&String> {
        match grant {
            Grant::Role(name) => self.app_roles.get(&format!("role:{name}")),
            Grant::Group(name) => self.app_roles.get(&format!("group:{name}")),
            Grant::Everyone => self.app_roles.get("everyone"),
            Grant::Named | Grant::Direct => None,
        }
    }
}
