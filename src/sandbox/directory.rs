//! The sandbox's accounts and groups in memory, in order of creation, with indexes by id, userName and externalId.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value as Json, json};

use crate::clock::Timestamp;
use crate::entropy::{Entropy, SeededEntropy};
use crate::sandbox::account::{Account, Group, Rendered};
use crate::sandbox::attribute::Resource;

/// All that a sandbox keeps.
#[derive(Debug)]
pub(super) struct Directory {
    entropy: SeededEntropy,
    next: u64,
    accounts: BTreeMap<u64, Account>,
    ids: HashMap<String, u64>,
    names: HashMap<String, Vec<u64>>,
    external: HashMap<String, Vec<u64>>,
    groups: BTreeMap<u64, Group>,
    group_ids: HashMap<String, u64>,
    /// Groups by the id of a member.
    memberships: HashMap<String, BTreeSet<u64>>,
}

impl Directory {
    /// An empty one whose ids come from `seed`.
    pub(super) fn new(seed: u64) -> Self {
        Self {
            entropy: SeededEntropy::new(seed),
            next: 0,
            accounts: BTreeMap::new(),
            ids: HashMap::new(),
            names: HashMap::new(),
            external: HashMap::new(),
            groups: BTreeMap::new(),
            group_ids: HashMap::new(),
            memberships: HashMap::new(),
        }
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// An id that no resource has.
    pub(super) fn fresh_id(&self) -> String {
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// Adds an account and gives its number.
    pub(super) fn insert(&mut self, account: Account) -> u64 {
        let number = self.number();
        self.ids.insert(account.id.clone(), number);
        self.index(number, &account.body);
        self.accounts.insert(number, account);
        number
    }

    /// The number of the account with this id.
    pub(super) fn find(&self, id: &str) -> Option<u64> {
        self.ids.get(id).copied()
    }

    /// An account by its number.
    pub(super) fn account(&self, number: u64) -> Option<&Account> {
        self.accounts.get(&number)
    }

    /// All accounts, oldest first.
    pub(super) fn accounts(&self) -> impl Iterator<Item = (u64, &Account)> {
        self.accounts.iter().map(|(number, account)| (*number, account))
    }

    /// Numbers of the accounts whose userName (in any case) or externalId is `text`.
    pub(super) fn indexed(&self, attribute: &str, text: &str) -> Option<&[u64]> {
        let found = if attribute.eq_ignore_ascii_case("userName") {
            self.names.get(&text.to_lowercase())
        } else if attribute.eq_ignore_ascii_case("externalId") {
            self.external.get(text)
        } else {
            return None;
        };
        Some(found.map_or(&[], Vec::as_slice))
    }

    /// Another valid account than `except` that has this userName in any case.
    pub(super) fn holder(&self, user_name: &str, except: Option<u64>) -> Option<&Account> {
        let numbers = self.indexed("userName", user_name)?;
        numbers.iter().filter(|number| Some(**number) != except).filter_map(|n| self.account(*n)).find(|a| !a.invalid)
    }

    /// Gives an account another body.
    pub(super) fn rewrite(&mut self, number: u64, body: Resource, at: Timestamp, invalid: bool) {
        let Some(account) = self.accounts.get_mut(&number) else { return };
        let old = std::mem::take(&mut account.body);
        account.modified = at;
        account.invalid = invalid;
        self.unindex(number, &old);
        self.index(number, &body);
        if let Some(account) = self.accounts.get_mut(&number) {
            account.body = body;
        }
    }

    /// Removes an account and its memberships.
    pub(super) fn remove(&mut self, number: u64) {
        let Some(account) = self.accounts.remove(&number) else { return };
        self.ids.remove(&account.id);
        self.unindex(number, &account.body);
        for group in self.memberships.remove(&account.id).unwrap_or_default() {
            if let Some(group) = self.groups.get_mut(&group) {
                group.members.remove(&account.id);
            }
        }
    }

    fn index(&mut self, number: u64, body: &Resource) {
        if let Some(name) = body.get("userName").and_then(Json::as_str) {
            self.names.entry(name.to_lowercase()).or_default().push(number);
        }
        if let Some(external) = body.get("externalId").and_then(Json::as_str) {
            self.external.entry(external.to_owned()).or_default().push(number);
        }
    }

    fn unindex(&mut self, number: u64, body: &Resource) {
        let forget = |index: &mut HashMap<String, Vec<u64>>, key: &str| {
            if let Some(numbers) = index.get_mut(key) {
                numbers.retain(|known| *known != number);
                if numbers.is_empty() {
                    index.remove(key);
                }
            }
        };
        if let Some(name) = body.get("userName").and_then(Json::as_str) {
            forget(&mut self.names, &name.to_lowercase());
        }
        if let Some(external) = body.get("externalId").and_then(Json::as_str) {
            forget(&mut self.external, external);
        }
    }

    /// Adds a group.
    pub(super) fn insert_group(&mut self, group: Group) -> u64 {
        let number = self.number();
        self.group_ids.insert(group.id.clone(), number);
        for member in &group.members {
            self.memberships.entry(member.clone()).or_default().insert(number);
        }
        self.groups.insert(number, group);
        number
    }

    /// The number of the group with this id.
    pub(super) fn find_group(&self, id: &str) -> Option<u64> {
        self.group_ids.get(id).copied()
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
    pub(super) fn rewrite_group(&mut self, number: u64, body: Resource, members: BTreeSet<String>, at: Timestamp) {
        let Some(group) = self.groups.get_mut(&number) else { return };
        for gone in group.members.difference(&members) {
            if let Some(groups) = self.memberships.get_mut(gone) {
                groups.remove(&number);
            }
        }
        for new in members.difference(&group.members) {
            self.memberships.entry(new.clone()).or_default().insert(number);
        }
        group.body = body;
        group.members = members;
        group.modified = at;
    }

    /// Removes a group.
    pub(super) fn remove_group(&mut self, number: u64) {
        let Some(group) = self.groups.remove(&number) else { return };
        self.group_ids.remove(&group.id);
        for member in &group.members {
            if let Some(groups) = self.memberships.get_mut(member) {
                groups.remove(&number);
            }
        }
    }

    /// An account as it goes over the wire, `groups` included (RFC 7643 section 4.1.2).
    pub(super) fn render<'a>(&'a self, account: &'a Account, users_url: &str) -> Rendered<'a> {
        let of = |group: &u64| {
            let group = self.groups.get(group)?;
            Some(json!({ "value": group.id, "display": group.body.get("displayName"), "type": "direct" }))
        };
        let groups: Vec<Json> = self.memberships.get(&account.id).into_iter().flatten().filter_map(of).collect();
        Rendered {
            kind: "User",
            id: &account.id,
            body: &account.body,
            created: account.created,
            modified: account.modified,
            location: format!("{users_url}/{}", account.id),
            computed: (!groups.is_empty()).then_some(("groups", Json::Array(groups))),
        }
    }
}
