//! Groups that are there before any client comes, the roles behind them, and what other resource types list.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::clock::Timestamp;
use crate::connector::Connector;
use crate::sandbox::attribute::Resource;
use crate::sandbox::directory::Directory;
use crate::sandbox::roster::{Assigned, Group};
use crate::sandbox::seed::SandboxError;

/// Third-party groups that a sandbox starts with, as `--groups FILE` says them.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Crowd {
    /// The groups.
    #[serde(rename = "Groups")]
    pub groups: Vec<GroupSeed>,
    /// Roles that the target's own admin gave, by userName or id.
    #[serde(rename = "Roles")]
    pub roles: BTreeMap<String, Vec<String>>,
    /// What other resource types list, by path (`/Roles`).
    #[serde(rename = "Listed")]
    pub listed: BTreeMap<String, Vec<Json>>,
    /// This many made-up groups beside them.
    #[serde(skip)]
    pub made_up: u32,
}

/// One of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct GroupSeed {
    /// Its id; made up if empty.
    pub id: String,
    /// Its name.
    pub display_name: String,
    /// Its externalId, if not empty.
    pub external_id: String,
    /// Who was put into it, by userName or id.
    pub members: Vec<String>,
    /// Roles that whoever is put into it gets.
    pub gives: BTreeSet<String>,
    /// Roles that a user must hold, all of them, to show as a member; none = whoever was put into it shows.
    pub requires: BTreeSet<String>,
}

impl Crowd {
    /// Reads a seed file's text: a list of groups, or an object with `Groups`, `Roles` and `Listed`.
    pub(super) fn from_json(path: &Path, text: &str) -> Result<Self, SandboxError> {
        let wrong =
            |error: serde_json::Error| SandboxError::NotGroups { path: path.to_owned(), why: error.to_string() };
        if text.trim_start().starts_with('[') {
            return Ok(Self { groups: serde_json::from_str(text).map_err(wrong)?, ..Self::default() });
        }
        serde_json::from_str(text).map_err(wrong)
    }

    /// Puts everything in place.
    ///
    /// # Errors
    /// [`SandboxError::NoMember`] names a member that is no seeded account.
    pub(super) fn settle(
        &self,
        directory: &mut Directory,
        connector: &Connector,
        at: Timestamp,
    ) -> Result<(), SandboxError> {
        let made_up = (1..=self.made_up).map(|number| made_up(directory, connector, number, self.made_up));
        let made_up: Vec<GroupSeed> = made_up.collect();
        for (who, roles) in &self.roles {
            let user = account(directory, who).ok_or_else(|| SandboxError::NoMember(who.clone()))?;
            roles.iter().for_each(|role| directory.roster.give(&user, role));
        }
        for seed in self.groups.iter().chain(&made_up) {
            let mut assigned = Assigned::new();
            for who in &seed.members {
                assigned.insert(account(directory, who).ok_or_else(|| SandboxError::NoMember(who.clone()))?, 1);
            }
            let id = if seed.id.is_empty() { directory.fresh_id() } else { seed.id.clone() };
            directory.insert_group(seed.group(id, assigned, at));
        }
        Ok(())
    }
}

impl GroupSeed {
    /// The group that it becomes.
    pub(super) fn group(&self, id: String, assigned: Assigned, at: Timestamp) -> Group {
        let mut body = Resource::from_iter([("displayName".to_owned(), json!(self.display_name))]);
        if !self.external_id.is_empty() {
            body.insert("externalId".to_owned(), json!(self.external_id));
        }
        let (gives, requires) = (self.gives.clone(), self.requires.clone());
        Group { id, body, assigned, gives, requires, created: at, modified: at, third_party: true }
    }
}

/// The id of the account with this userName or id.
fn account(directory: &Directory, who: &str) -> Option<String> {
    let named = directory.holder(who, None).map(|account| account.id.clone());
    named.or_else(|| directory.find(who).map(|_| who.to_owned()))
}

/// A group that is recognisable as made up; the seeded accounts are dealt out over all of them. Where memberships are computed, each
/// gives and requires a role of its own, and every third one requires that of the first, too.
fn made_up(directory: &Directory, connector: &Connector, number: u32, all: u32) -> GroupSeed {
    let dealt = directory.accounts().enumerate().filter(|(index, _)| *index % all as usize == number as usize - 1);
    let members = dealt.map(|(_, (_, account))| account.id.clone()).collect();
    let role = |number: u32| format!("role-{number}");
    let (mut gives, mut requires) = (BTreeSet::new(), BTreeSet::new());
    if connector.groups.computed {
        gives.insert(role(number));
        requires.insert(role(number));
        if number.is_multiple_of(3) {
            requires.insert(role(1));
        }
    }
    GroupSeed { display_name: format!("Group {number}"), members, gives, requires, ..GroupSeed::default() }
}
