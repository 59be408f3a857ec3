//! A user: a person in the directory, with what the source says and what operators laid over it, kept apart.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::directory::assignment::DirectAssignment;
use crate::directory::value::Value;
use crate::id::{AppName, SourceName, UserId};

/// Where a user stands. Ordered: a later one is stronger when several reasons to leave apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Works here.
    Active,
    /// Away, or missing from a full import.
    Suspended,
    /// Gone: a tombstone that keeps the id, so that the same key is the same person again.
    Deleted,
}

/// What operators laid over the source's values; survives imports until lifted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manual {
    /// A manual suspension or deletion.
    pub standing: Option<Standing>,
    /// Attribute overrides; `None` = overridden to *no value*.
    pub attributes: BTreeMap<String, Option<Value>>,
}

/// A person in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Minted at first import, kept for ever.
    pub id: UserId,
    /// Where the user comes from.
    pub source: SourceName,
    /// The source's stable key: with `source` it finds the user again.
    pub key: String,
    /// What the source says.
    pub standing: Standing,
    /// What operators laid over it.
    pub manual: Manual,
    /// Attributes by name: the standard ones (see [`crate::directory::source::STANDARD_ATTRIBUTES`]) and `custom.<name>`.
    pub attributes: BTreeMap<String, Value>,
    /// Roles the source gives. Roles by condition are computed when planning.
    pub roles: BTreeSet<String>,
    /// Groups the source gives.
    pub groups: BTreeSet<String>,
    /// The `app_role` the source gives, per app.
    pub app_roles: BTreeMap<AppName, String>,
    /// The manager's key in the same source.
    pub manager: Option<String>,
    /// Direct assignments made by operators.
    pub direct: BTreeMap<AppName, DirectAssignment>,
    /// Rises by one with every change.
    pub revision: u64,
    /// When the last change was committed.
    pub changed_at: Timestamp,
}

impl User {
    /// A new, empty, active user.
    pub fn new(id: UserId, source: SourceName, key: String, at: Timestamp) -> Self {
        Self {
            id,
            source,
            key,
            standing: Standing::Active,
            manual: Manual::default(),
            attributes: BTreeMap::new(),
            roles: BTreeSet::new(),
            groups: BTreeSet::new(),
            app_roles: BTreeMap::new(),
            manager: None,
            direct: BTreeMap::new(),
            revision: 0,
            changed_at: at,
        }
    }

    /// Where the user stands, overrides included: a manual standing wins over the source's unless the source's is stronger.
    pub fn effective_standing(&self) -> Standing {
        self.manual.standing.map_or(self.standing, |manual| manual.max(self.standing))
    }

    /// An attribute, overrides included; `None` = no value.
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        match self.manual.attributes.get(name) {
            Some(overridden) => overridden.as_ref(),
            None => self.attributes.get(name),
        }
        .filter(|value| !value.is_empty())
    }

    /// An attribute as text: of a list the first.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attribute(name)? {
            Value::Text(text) => Some(text),
            Value::List(items) => items.iter().find_map(Value::as_text),
            _ => None,
        }
    }

    /// What people call this user in tables: display name, else given and family name, else e-mail, else key.
    pub fn label(&self) -> String {
        if let Some(name) = self.text("display_name") {
            return name.to_owned();
        }
        match (self.text("given_name"), self.text("family_name")) {
            (Some(given), Some(family)) => format!("{given} {family}"),
            (Some(one), None) | (None, Some(one)) => one.to_owned(),
            (None, None) => self.text("email").unwrap_or(&self.key).to_owned(),
        }
    }
}

/// The manager of a user, as far as one app needs him.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manager {
    /// Who.
    pub user: UserId,
    /// Display name.
    pub label: String,
    /// E-mail.
    pub email: Option<String>,
    /// The id of his account in this app, if he has an active one of ours.
    pub remote_id: Option<String>,
}
