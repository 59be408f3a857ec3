//! What one row changes about one user. Pure.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::directory::change::SourceRow;
use crate::directory::user::{Standing, User};
use crate::directory::value::Value;
use crate::provision::operation::Change;

/// In which way a known user changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Values change.
    Changed,
    /// Comes back from suspended or deleted.
    Returned,
    /// The source says: suspended or deleted.
    Left,
}

/// What a row changes about a known user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// In which way.
    pub kind: Kind,
    /// The row without what is so already.
    pub row: SourceRow,
    /// What an active user loses: `role:NAME`, `group:NAME`, `app_role:APP`.
    pub lost: Vec<String>,
    /// Attributes of an active user that go empty; `state` of one who was not, and comes back only because nothing is said any more.
    pub emptied: Vec<String>,
}

/// What a parked generation would do to one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedChange {
    /// In which way; `None` = the user is new.
    pub way: Option<Kind>,
    /// What people call him.
    pub label: String,
    /// His key in the source.
    pub key: String,
    /// Old and new values, by attribute.
    pub changes: Vec<Change>,
}

/// What a row means that says nothing of where its user stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsaid {
    /// Active: the source has no states.
    Active,
    /// Active too, but the source has states, and this one is empty: whoever left would come back by it.
    Emptied,
    /// He stands where he stood: this file has no states.
    Stays,
}

/// What `row` changes about `user`; `None` = nothing. Lists are compared as sets (RFC 7643 section 2.4).
pub fn compare(user: &User, row: &SourceRow, unsaid: Unsaid) -> Option<Difference> {
    let emptied_state = unsaid == Unsaid::Emptied && row.standing.is_none();
    let row = reduced(user, row, unsaid == Unsaid::Stays);
    let next = row.apply(user, user.changed_at);
    if next == *user {
        return None;
    }
    let kind = match (user.standing, next.standing) {
        (Standing::Active, Standing::Active) => Kind::Changed,
        (before, Standing::Active) if before != Standing::Active => Kind::Returned,
        (Standing::Active, _) => Kind::Left,
        _ => Kind::Changed,
    };
    let stays = user.standing == Standing::Active && next.standing == Standing::Active;
    let (lost, mut emptied) = if stays { losses(user, &next) } else { (Vec::new(), Vec::new()) };
    if kind == Kind::Returned && emptied_state {
        emptied.push("state".to_owned());
    }
    Some(Difference { kind, row, lost, emptied })
}

/// Adds the groups of `user` that a delta says nothing about: it speaks only of the `known` ones.
pub fn keep_other_groups(user: &User, row: &mut SourceRow, known: &BTreeSet<String>) {
    if let Some(groups) = &mut row.groups {
        groups.extend(user.groups.difference(known).cloned());
    }
}

/// What a row makes of a user, value by value; of a new one, if there is none before. Roles and groups are lists.
pub fn changes(before: Option<&User>, row: &SourceRow) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    let mut note = |path: &str, old: Option<Value>, new: Option<Value>| {
        if old != new {
            changes.push(Change { path: path.to_owned(), old, new });
        }
    };
    for (name, value) in &row.attributes {
        let new = value.clone().filter(|value| !value.is_empty());
        note(name, before.and_then(|user| user.attributes.get(name).cloned()), new);
    }
    let list = |names: &BTreeSet<String>| {
        let items: Vec<Value> = names.iter().map(|name| Value::from(name.as_str())).collect();
        (!items.is_empty()).then_some(Value::List(items))
    };
    for (path, new, old) in [
        ("roles", &row.roles, before.map(|user| &user.roles)),
        ("groups", &row.groups, before.map(|user| &user.groups)),
    ] {
        if let Some(new) = new {
            note(path, old.and_then(list), list(new));
        }
    }
    for (app, role) in &row.app_roles {
        let old = before.and_then(|user| user.app_roles.get(app));
        let text = |role: Option<&String>| role.map(|role| Value::from(role.as_str()));
        note(&format!("app_role.{app}"), text(old), text(role.as_ref()));
    }
    if let Some(manager) = &row.manager {
        let text = |key: Option<&String>| key.map(|key| Value::from(key.as_str()));
        note("manager", text(before.and_then(|user| user.manager.as_ref())), text(manager.as_ref()));
    }
    let standing = row.standing.unwrap_or(Standing::Active);
    let word = |standing: Standing| Some(Value::from(format!("{standing:?}").to_lowercase().as_str()));
    if before.is_none_or(|user| user.standing != standing) && (before.is_some() || standing != Standing::Active) {
        note("state", before.and_then(|user| word(user.standing)), word(standing));
    }
    changes
}

/// The row without what is so already.
fn reduced(user: &User, row: &SourceRow, keeps_standing: bool) -> SourceRow {
    let mut row = row.clone();
    row.attributes.retain(|name, value| {
        let value = value.as_ref().filter(|value| !value.is_empty());
        match (user.attributes.get(name), value) {
            (None, None) => false,
            // A text that only looks like another one written differently is still another one: only lists compare as sets.
            (Some(Value::List(_)), Some(new @ Value::List(_))) => !user.attributes[name].same(new),
            (Some(old), Some(new)) => old != new,
            _ => true,
        }
    });
    if keeps_standing && row.standing.is_none() {
        row.standing = Some(user.standing);
    }
    row.roles = row.roles.filter(|roles| *roles != user.roles);
    row.groups = row.groups.filter(|groups| *groups != user.groups);
    row.app_roles.retain(|app, role| user.app_roles.get(app) != role.as_ref());
    row.manager = row.manager.filter(|manager| *manager != user.manager);
    row
}

fn losses(user: &User, next: &User) -> (Vec<String>, Vec<String>) {
    let gone = |prefix: &str, before: &BTreeSet<String>, after: &BTreeSet<String>| -> Vec<String> {
        before.difference(after).map(|name| format!("{prefix}:{name}")).collect()
    };
    let mut lost = gone("role", &user.roles, &next.roles);
    lost.extend(gone("group", &user.groups, &next.groups));
    lost.extend(
        user.app_roles.keys().filter(|app| !next.app_roles.contains_key(app)).map(|app| format!("app_role:{app}")),
    );
    let mut emptied: Vec<String> =
        user.attributes.keys().filter(|name| !next.attributes.contains_key(*name)).cloned().collect();
    if user.manager.is_some() && next.manager.is_none() {
        emptied.push("manager".to_owned());
    }
    (lost, emptied)
}
