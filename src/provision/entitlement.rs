//! Entitlements: what an app can grant, as its last refresh showed it. Rules name them; edges are bound to their ids.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// The kind that `/Groups` has.
pub const GROUP: &str = "group";

/// Which one: kind and id at the target. Names change, ids do not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntitlementKey {
    /// `group`, `role`, `licence`, …
    pub kind: String,
    /// Its id at the target; the value itself for canonical values.
    pub remote_id: String,
}

/// One entitlement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlement {
    /// Which one.
    pub key: EntitlementKey,
    /// What rules and people call it: a rename at the target changes only this.
    pub name: String,
    /// Whether we created it (create-if-missing). What others created is never renamed or deleted; what we created is never deleted
    /// by itself.
    pub created: bool,
    /// When it was first seen.
    pub since: Timestamp,
    /// When a complete refresh no longer showed it; `None` = it is there.
    pub gone: Option<Timestamp>,
}

/// All entitlements of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// By key.
    pub entitlements: BTreeMap<EntitlementKey, Entitlement>,
    /// The last refresh; `None` = never.
    pub refreshed: Option<Timestamp>,
}

/// What a name means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named<'a> {
    /// Exactly one.
    One(&'a Entitlement),
    /// Several: refused, until one of them is renamed at the target.
    Ambiguous(Vec<&'a Entitlement>),
    /// None of those that are there.
    Unknown,
}

impl Catalogue {
    /// What `name` of `kind` means. Names are compared exactly first, then without case; what is gone does not count.
    pub fn named(&self, kind: &str, name: &str) -> Named<'_> {
        let there = || self.entitlements.values().filter(|each| each.key.kind == kind && each.gone.is_none());
        let mut hits: Vec<&Entitlement> = there().filter(|each| each.name == name).collect();
        if hits.is_empty() {
            let folded = name.to_lowercase();
            hits = there().filter(|each| each.name.to_lowercase() == folded).collect();
        }
        match hits.as_slice() {
            [] => Named::Unknown,
            [one] => Named::One(one),
            _ => Named::Ambiguous(hits),
        }
    }
}
