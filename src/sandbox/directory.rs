//! The sandbox's accounts and groups in memory, in order of creation, with indexes by id, userName and externalId.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value as Json, json};

use crate::clock::Timestamp;
use crate::connector::MembershipRead;
use crate::entropy::{Entropy, SeededEntropy};
use crate::sandbox::account::{Account, Rendered};
use crate::sandbox::attribute::Resource;
use crate::sandbox::roster::{Group, Roster};

/// All that a sandbox keeps.
#[derive(Debug)]
pub(super) struct Directory {
    entropy: SeededEntropy,
    next: u64,
    accounts: BTreeMap<u64, Account>,
    ids: HashMap<String, u64>,
    names: HashMap<String, Vec<u64>>,
    external: HashMap<String, Vec<u64>>,
    /// Groups and who is in them.
    pub(super) roster: Roster,
    /// Whether users show their groups.
    users_show_groups: bool,
}

impl Directory {
    /// An empty one whose ids come from `seed`, and which shows memberships as `read` says.
    pub(super) fn new(seed: u64, read: MembershipRead) -> Self {
        Self {
            entropy: SeededEntropy::new(seed),
            next: 0,
            accounts: BTreeMap::new(),
            ids: HashMap::new(),
            names: HashMap::new(),
            external: HashMap::new(),
            roster: Roster::default(),
            users_show_groups: matches!(read, MembershipRead::Group | MembershipRead::User),
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
        self.roster.forget(&account.id);
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
        self.roster.insert(number, group);
        number
    }

    /// An account as it goes over the wire, `groups` included (RFC 7643 section 4.1.2).
    pub(super) fn render<'a>(&'a self, account: &'a Account, users_url: &str) -> Rendered<'a> {
        let shown = if self.users_show_groups { self.roster.groups_of(&account.id) } else { Vec::new() };
        let one = |group: &&Group| json!({ "value": group.id, "display": group.name(), "type": "direct" });
        let groups: Vec<Json> = shown.iter().map(one).collect();
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
