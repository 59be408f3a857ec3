//! What LDIF entries say about each other: DNs name members and managers, keys name users.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::directory::source::{Source, SourceTarget};
use crate::import::columns::MissingColumn;
use crate::import::dn::Dn;
use crate::import::gather::Read;
use crate::import::read::ReadError;

/// Object classes that make an entry a group even without members (RFC 4519, RFC 2307, Active Directory).
const GROUP_CLASSES: [&str; 5] = ["group", "groupofnames", "groupofuniquenames", "groupofmembers", "posixgroup"];

/// Object classes of people (RFC 4519, RFC 2798, RFC 2307, Active Directory) ...
const PERSON_CLASSES: [&str; 5] = ["person", "organizationalperson", "inetorgperson", "posixaccount", "user"];
/// ... and of what is none although it has one of these too.
const NOT_PERSON_CLASSES: [&str; 4] =
    ["computer", "contact", "msds-managedserviceaccount", "msds-groupmanagedserviceaccount"];

/// Whether the object classes of an entry make it a person.
pub(crate) fn is_person(classes: &[String]) -> bool {
    let has = |known: &[&str]| classes.iter().any(|class| known.iter().any(|known| class.eq_ignore_ascii_case(known)));
    has(&PERSON_CLASSES) && !has(&NOT_PERSON_CLASSES)
}

/// Whether an object class means *group*.
pub(crate) fn is_group_class(class: &str) -> bool {
    GROUP_CLASSES.iter().any(|known| class.eq_ignore_ascii_case(known))
}

/// A group entry.
#[derive(Debug)]
pub(crate) struct GroupEntry {
    pub(crate) dn: String,
    pub(crate) name: Option<String>,
    pub(crate) members: Vec<String>,
}

/// The entries of all LDIF files of a generation, as far as they name each other.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    people: HashMap<String, String>,
    groups: Vec<GroupEntry>,
    skipped: u64,
    used: bool,
}

impl Tree {
    /// The user of `key` stands at `dn`.
    pub(crate) fn person(&mut self, dn: &str, key: String) {
        self.used = true;
        self.people.insert(normal(dn), key);
    }

    /// A group.
    pub(crate) fn group(&mut self, group: GroupEntry) {
        self.used = true;
        self.groups.push(group);
    }

    /// An entry that is neither.
    pub(crate) fn skip(&mut self) {
        self.used = true;
        self.skipped += 1;
    }

    /// Puts memberships and managers into the rows. With `full`, group entries that are mapped must be there.
    pub(crate) fn resolve(&self, source: &Source, full: bool, read: &mut Read) -> Result<(), ReadError> {
        if !self.used {
            return Ok(());
        }
        read.tree = true;
        if full && self.groups.is_empty() && !source.group_members.is_empty() {
            let columns = vec![MissingColumn {
                file: None,
                column: source.group_members.join(", "),
                target: "groups, by group entries".to_owned(),
            }];
            return Err(ReadError::MissingColumns { columns });
        }
        if self.skipped > 0 {
            read.notes.push(format!("{} entries are neither users nor groups and were left out", self.skipped));
        }
        let names = self.group_names();
        if source.mapping.contains_key(&SourceTarget::Groups) {
            self.name_groups(&names, read);
        }
        if !self.groups.is_empty() {
            self.memberships(&names, read);
            let all_named = source.mapping.contains_key(&SourceTarget::Groups);
            read.known_groups = (!full && !all_named).then(|| names.values().cloned().collect());
        }
        if source.mapping.contains_key(&SourceTarget::Manager) {
            self.managers(full, read);
        }
        Ok(())
    }

    /// Normal DN → what the group is called.
    fn group_names(&self) -> HashMap<String, String> {
        let called = |group: &GroupEntry| {
            let first = || Dn::parse(&group.dn).map(|dn| dn.first_value().to_owned());
            group.name.clone().or_else(first).unwrap_or_else(|| group.dn.clone())
        };
        self.groups.iter().map(|group| (normal(&group.dn), called(group))).collect()
    }

    /// `memberOf` names groups by DN: people call them by name.
    fn name_groups(&self, names: &HashMap<String, String>, read: &mut Read) {
        for at in &mut read.rows {
            let Some(groups) = at.row.groups.take() else { continue };
            let named = groups.into_iter().map(|group| match Dn::parse(&group) {
                Some(dn) => names.get(dn.normal()).cloned().unwrap_or_else(|| dn.first_value().to_owned()),
                None => group,
            });
            at.row.groups = Some(named.collect());
        }
    }

    fn memberships(&self, names: &HashMap<String, String>, read: &mut Read) {
        let keys: HashSet<&str> = read.rows.iter().map(|at| at.row.key.as_str()).collect();
        let mut groups_of: HashMap<String, BTreeSet<String>> = HashMap::new();
        let mut strangers = 0u64;
        for group in &self.groups {
            let Some(name) = names.get(&normal(&group.dn)) else { continue };
            for member in &group.members {
                let key = match self.people.get(&normal(member)) {
                    Some(key) => key.as_str(),
                    None if keys.contains(member.as_str()) => member.as_str(),
                    None => {
                        strangers += 1;
                        continue;
                    }
                };
                groups_of.entry(key.to_owned()).or_default().insert(name.clone());
            }
        }
        for at in &mut read.rows {
            let groups = groups_of.remove(&at.row.key).unwrap_or_default();
            at.row.groups.get_or_insert_default().extend(groups);
        }
        if strangers > 0 {
            read.notes.push(format!(
                "{strangers} members of groups are no users of this import (nested groups are not followed) and were left out"
            ));
        }
    }

    /// A manager named by DN becomes a key. One who is not in the import is unknown: no value when the import is full, otherwise
    /// left as he was.
    fn managers(&self, full: bool, read: &mut Read) {
        let mut unknown = 0u64;
        for at in &mut read.rows {
            let Some(Some(manager)) = &at.row.manager else { continue };
            let Some(dn) = Dn::parse(manager) else { continue };
            at.row.manager = match self.people.get(dn.normal()) {
                Some(key) => Some(Some(key.clone())),
                None => {
                    unknown += 1;
                    full.then_some(None)
                }
            };
        }
        if unknown > 0 {
            let fate = if full { "have no manager now" } else { "keep the manager they had" };
            read.notes.push(format!("{unknown} users name a manager who is not in the import: they {fate}"));
        }
    }
}

/// The form to compare by; what is no DN compares as it is.
fn normal(dn: &str) -> String {
    Dn::parse(dn).map_or_else(|| dn.trim().to_lowercase(), |dn| dn.normal().to_owned())
}
