//! What the target's own admin does with groups: no request, no count, no rule of the connector.

use serde_json::Value as Json;

use crate::sandbox::attribute::Resource;
use crate::sandbox::crowd::GroupSeed;
use crate::sandbox::roster::{Assigned, GroupView};
use crate::sandbox::service::Sandbox;

impl Sandbox {
    /// All groups, oldest first.
    pub fn groups(&self) -> Vec<GroupView> {
        let directory = self.0.directory();
        directory.roster.groups().map(|group| GroupView::of(&directory.roster, group)).collect()
    }

    /// Adds a group that some third party made, and gives its id.
    pub fn add_group(&self, display_name: &str, members: &[&str]) -> String {
        let members = members.iter().map(|&id| id.to_owned()).collect();
        self.add_group_like(&GroupSeed { display_name: display_name.to_owned(), members, ..GroupSeed::default() })
    }

    /// Adds a group with the roles that it gives and requires, and gives its id. Members are ids.
    pub fn add_group_like(&self, seed: &GroupSeed) -> String {
        let at = self.0.clock.now();
        let mut directory = self.0.directory();
        let id = if seed.id.is_empty() { directory.fresh_id() } else { seed.id.clone() };
        let assigned = seed.members.iter().map(|user| (user.clone(), 1)).collect();
        directory.insert_group(seed.group(id.clone(), assigned, at));
        id
    }

    /// Gives a group another name. Returns whether there is such a group.
    pub fn rename_group(&self, id: &str, display_name: &str) -> bool {
        self.change_group(id, |body, _| {
            body.insert("displayName".to_owned(), Json::from(display_name));
        })
    }

    /// Puts a user into a group. Returns whether there is such a group.
    pub fn put_into_group(&self, id: &str, user: &str) -> bool {
        self.change_group(id, |_, assigned| {
            assigned.insert(user.to_owned(), 1);
        })
    }

    /// Takes a user out of a group. Returns whether there is such a group.
    pub fn take_out_of_group(&self, id: &str, user: &str) -> bool {
        self.change_group(id, |_, assigned| {
            assigned.remove(user);
        })
    }

    /// Removes a group. Returns whether there was one.
    pub fn remove_group(&self, id: &str) -> bool {
        let mut directory = self.0.directory();
        let found = directory.roster.find(id);
        if let Some(number) = found {
            directory.roster.remove(number);
        }
        found.is_some()
    }

    /// Gives a user a role, beside those that groups give.
    pub fn give_role(&self, user: &str, role: &str) {
        self.0.directory().roster.give(user, role);
    }

    fn change_group(&self, id: &str, change: impl FnOnce(&mut Resource, &mut Assigned)) -> bool {
        let at = self.0.clock.now();
        let mut directory = self.0.directory();
        let Some(number) = directory.roster.find(id) else { return false };
        let Some(group) = directory.roster.group(number) else { return false };
        let (mut body, mut assigned) = (group.body.clone(), group.assigned.clone());
        change(&mut body, &mut assigned);
        directory.roster.rewrite(number, body, assigned, at);
        true
    }
}
