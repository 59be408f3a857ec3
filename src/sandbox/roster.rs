//! Groups, who was put into them, and who shows as a member: a group may require roles, and then shows whoever holds them all.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use serde_json::Value as Json;

use crate::clock::Timestamp;
use crate::sandbox::attribute::Resource;

/// Who was put into a group: ids, and how often each is listed (once, unless the target duplicates).
pub(super) type Assigned = BTreeMap<String, u32>;

/// A group as the sandbox keeps it.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// The target's id.
    pub(super) id: String,
    /// Attributes, without `id`, `meta`, `schemas` and `members`.
    pub(super) body: Resource,
    /// Who was put into it.
    pub(super) assigned: Assigned,
    /// Roles that whoever is put into it gets.
    pub(super) gives: BTreeSet<String>,
    /// Roles that a user must hold, all of them, to show as a member; none = whoever was put into it shows.
    pub(super) requires: BTreeSet<String>,
    /// When it was made.
    pub(super) created: Timestamp,
    /// When it last changed.
    pub(super) modified: Timestamp,
    /// It was there before any client came.
    pub(super) third_party: bool,
}

impl Group {
    /// `displayName`.
    pub(super) fn name(&self) -> &str {
        self.body.get("displayName").and_then(Json::as_str).unwrap_or_default()
    }
}

/// All groups, with indexes by id and by who was put into them.
#[derive(Debug, Default)]
pub(super) struct Roster {
    groups: BTreeMap<u64, Group>,
    ids: HashMap<String, u64>,
    /// Groups by the id of a user who was put into them.
    assigned: HashMap<String, BTreeSet<u64>>,
    /// Roles that the target's own admin gave, by user id.
    roles: HashMap<String, BTreeSet<String>>,
    /// Groups that require roles.
    computing: BTreeSet<u64>,
}

impl Roster {
    /// Adds a group under a number of its own.
    pub(super) fn insert(&mut self, number: u64, group: Group) {
        self.ids.insert(group.id.clone(), number);
        for user in group.assigned.keys() {
            self.assigned.entry(user.clone()).or_default().insert(number);
        }
        if !group.requires.is_empty() {
            self.computing.insert(number);
        }
        self.groups.insert(number, group);
    }

    /// The number of the group with this id.
    pub(super) fn find(&self, id: &str) -> Option<u64> {
        self.ids.get(id).copied()
    }

    /// A group by its number.
    pub(super) fn group(&self, number: u64) -> Option<&Group> {
        self.groups.get(&number)
    }

    /// All groups, oldest first.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.values()
    }

    /// Gives a group another body and other members.
    pub(super) fn rewrite(&mut self, number: u64, body: Resource, assigned: Assigned, at: Timestamp) {
        let Some(group) = self.groups.get_mut(&number) else { return };
        for gone in group.assigned.keys().filter(|user| !assigned.contains_key(*user)) {
            if let Some(groups) = self.assigned.get_mut(gone) {
                groups.remove(&number);
            }
        }
        for new in assigned.keys().filter(|user| !group.assigned.contains_key(*user)) {
            self.assigned.entry(new.clone()).or_default().insert(number);
        }
        group.body = body;
        group.assigned = assigned;
        group.modified = at;
    }

    /// Removes a group.
    pub(super) fn remove(&mut self, number: u64) {
        let Some(group) = self.groups.remove(&number) else { return };
        self.ids.remove(&group.id);
        self.computing.remove(&number);
        for user in group.assigned.keys() {
            if let Some(groups) = self.assigned.get_mut(user) {
                groups.remove(&number);
            }
        }
    }

    /// Forgets a user who was removed.
    pub(super) fn forget(&mut self, user: &str) {
        self.roles.remove(user);
        for number in self.assigned.remove(user).unwrap_or_default() {
            if let Some(group) = self.groups.get_mut(&number) {
                group.assigned.remove(user);
            }
        }
    }

    /// Gives a user a role, as the target's own admin would.
    pub(super) fn give(&mut self, user: &str, role: &str) {
        self.roles.entry(user.to_owned()).or_default().insert(role.to_owned());
    }

    /// The roles that a user holds: those given by hand, and those of the groups that he was put into.
    fn held(&self, user: &str) -> BTreeSet<&str> {
        let by_hand = self.roles.get(user).into_iter().flatten();
        let groups = self.assigned.get(user).into_iter().flatten().filter_map(|number| self.groups.get(number));
        by_hand.chain(groups.flat_map(|group| &group.gives)).map(String::as_str).collect()
    }

    /// Whom a group shows as members, each as often as it lists him.
    pub(super) fn members<'a>(&'a self, group: &'a Group) -> Vec<&'a str> {
        if group.requires.is_empty() {
            let often = |(user, times): (&'a String, &u32)| std::iter::repeat_n(user.as_str(), *times as usize);
            return group.assigned.iter().flat_map(often).collect();
        }
        let known: BTreeSet<&String> = self.roles.keys().chain(self.assigned.keys()).collect();
        known.into_iter().map(String::as_str).filter(|user| satisfies(&self.held(user), group)).collect()
    }

    /// The groups that show a user as a member, oldest first.
    pub(super) fn groups_of(&self, user: &str) -> Vec<&Group> {
        let plain = self.assigned.get(user).into_iter().flatten().filter(|number| !self.computing.contains(number));
        let mut numbers: BTreeSet<u64> = plain.copied().collect();
        if !self.computing.is_empty() {
            let held = self.held(user);
            let shows = |number: &&u64| self.groups.get(number).is_some_and(|group| satisfies(&held, group));
            numbers.extend(self.computing.iter().filter(shows));
        }
        numbers.iter().filter_map(|number| self.groups.get(number)).collect()
    }
}

fn satisfies(held: &BTreeSet<&str>, group: &Group) -> bool {
    group.requires.iter().all(|role| held.contains(role.as_str()))
}

/// What a test or a curious person sees of a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct GroupView {
    /// The target's id.
    pub id: String,
    /// displayName.
    pub display_name: String,
    /// Ids of those it shows as members, repeated as often as it lists them.
    pub members: Vec<String>,
    /// Ids of those who were put into it.
    pub assigned: Vec<String>,
    /// It was there before any client came.
    pub third_party: bool,
    /// All stored attributes.
    pub body: Json,
}

impl GroupView {
    /// What `roster` shows of `group`.
    pub(super) fn of(roster: &Roster, group: &Group) -> Self {
        Self {
            id: group.id.clone(),
            display_name: group.name().to_owned(),
            members: roster.members(group).into_iter().map(str::to_owned).collect(),
            assigned: group.assigned.keys().cloned().collect(),
            third_party: group.third_party,
            body: Json::Object(group.body.clone()),
        }
    }
}
