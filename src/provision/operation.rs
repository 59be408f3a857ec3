//! Operations: one self-contained instruction for one pair. The executor has no choice left.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Hasher};
use crate::directory::value::Value;
use crate::id::{AppName, UserId};
use crate::provision::account::Origin;
use crate::provision::edge::EdgeChange;
use crate::provision::guard::finding::Finding;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Take an existing account into the ledger; writes nothing at the target.
    Link,
    /// Create an account.
    Create,
    /// Change attributes.
    Update,
    /// Change matching attributes (userName, externalId).
    Rename,
    /// `active = false`.
    Deactivate,
    /// Bring attributes up to date and set `active = true`.
    Reactivate,
    /// Remove the account for good.
    Delete,
}

impl Kind {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 7] =
        [Self::Link, Self::Create, Self::Update, Self::Rename, Self::Deactivate, Self::Reactivate, Self::Delete];

    /// The word in commands, files and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Link => "link",
            Self::Create => "create",
            Self::Update => "update",
            Self::Rename => "rename",
            Self::Deactivate => "deactivate",
            Self::Reactivate => "reactivate",
            Self::Delete => "delete",
        }
    }

    /// Shown while it runs (`design.md` section 5).
    pub fn running(self) -> &'static str {
        match self {
            Self::Link => "Linking",
            Self::Create => "Provisioning",
            Self::Update => "Modifying",
            Self::Rename => "Renaming",
            Self::Deactivate => "Deactivating",
            Self::Reactivate => "Reactivating",
            Self::Delete => "Deleting",
        }
    }

    /// Shown when it is done.
    pub fn done(self) -> &'static str {
        match self {
            Self::Link => "Linked",
            Self::Create => "Provisioned",
            Self::Update => "Modified",
            Self::Rename => "Renamed",
            Self::Deactivate => "Deactivated",
            Self::Reactivate => "Reactivated",
            Self::Delete => "Deleted",
        }
    }

    /// Whether it takes access away: the fast lane, never given up.
    pub fn is_leaving(self) -> bool {
        matches!(self, Self::Deactivate | Self::Delete)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Old → new of one attribute path. `None` = no value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The attribute path.
    pub path: String,
    /// What we last pushed or found.
    pub old: Option<Value>,
    /// What it must become.
    pub new: Option<Value>,
}

/// One instruction for one pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// What it does.
    pub kind: Kind,
    /// The app.
    pub app: AppName,
    /// The user.
    pub user: UserId,
    /// What people call the user, for tables and the history.
    pub label: String,
    /// The account's id at the target; `None` for a create.
    pub remote_id: Option<String>,
    /// The userName the account has or will have: what lookups search for.
    pub user_name: String,
    /// The externalId that a create sends; what makes a hit after an unknown create ours.
    pub external_id: Option<String>,
    /// Old → new, sorted by path. For a create, old is always `None`. `active` is never among them: it follows from the kind.
    pub changes: Vec<Change>,
    /// Entitlements to add and remove.
    pub edges: Vec<EdgeChange>,
    /// Attribute paths no longer managed: forgotten by the ledger, left at the target.
    pub released: Vec<String>,
    /// Origin of the account that is acted on; for a link, what it will become.
    pub origin: Option<Origin>,
    /// The account's generation that this was computed against; the event gets the next one.
    pub generation: u64,
    /// Why, in words: which grant, which leaving reason.
    pub reason: String,
}

impl Operation {
    /// The payload an approval is for (`design.md` section 7): kind, user, app, origin of the base URL, remote id, canonical
    /// diff and edges, connector digest, account generation, findings. Not the import or the revision as such.
    pub fn payload_digest(&self, base_url_origin: &str, connector: Digest, findings: &[Finding]) -> Digest {
        let mut hasher = Hasher::new();
        self.content(&mut hasher);
        hasher.text(base_url_origin).value(&connector).number(self.generation);
        for finding in findings.iter().filter(|finding| !finding.kind.is_about_the_plan()) {
            hasher.value(&finding.kind).text(&finding.detail);
        }
        hasher.finish()
    }

    /// The kinds that it amounts to: a reactivation that brings values or memberships is an update too, and one that brings another
    /// userName a rename.
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds = vec![self.kind];
        if self.kind == Kind::Reactivate {
            let renames = self.changes.iter().any(|change| change.path == "userName");
            let updates = !self.edges.is_empty() || self.changes.iter().any(|change| change.path != "userName");
            kinds.extend(renames.then_some(Kind::Rename));
            kinds.extend(updates.then_some(Kind::Update));
        }
        kinds
    }

    /// The payload a mute is for: what would be sent, without the generation (which rises with every event) and the findings. What
    /// takes an account away is the same request whatever the reason: the reason counts too, so that nobody who is deleted stays
    /// because he was not to be suspended.
    pub fn mute_digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        self.content(&mut hasher);
        if self.kind.is_leaving() {
            hasher.text(&self.reason);
        }
        hasher.finish()
    }

    /// Over what would be sent, and to which account.
    pub fn content_digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        self.content(&mut hasher);
        hasher.finish()
    }

    fn content(&self, hasher: &mut Hasher) {
        hasher.value(&self.kind).text(self.app.as_str()).value(&self.user).value(&self.remote_id).text(&self.user_name);
        for change in &self.changes {
            hasher.text(&change.path);
            hasher.value(&change.old.as_ref().map(Value::in_canonical_form));
            hasher.value(&change.new.as_ref().map(Value::in_canonical_form));
        }
        hasher.value(&self.edges);
    }

    /// `pushed` as it is after this operation succeeded.
    pub fn pushed_after(&self, pushed: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
        if self.kind == Kind::Create {
            let set = self.changes.iter().filter_map(|change| Some((change.path.clone(), change.new.clone()?)));
            return set.collect();
        }
        let mut after = pushed.clone();
        for path in &self.released {
            after.remove(path);
        }
        for change in &self.changes {
            match &change.new {
                Some(value) => after.insert(change.path.clone(), value.clone()),
                None => after.remove(&change.path),
            };
        }
        after
    }
}
