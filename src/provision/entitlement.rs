//! Entitlements: what an app can grant, as its last refresh showed it. Rules name them; edges are bound to their ids.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::digest::{Digest, Hasher};

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
    /// When it last changed: what was planned before was planned with another catalogue.
    pub changed: Option<Timestamp>,
}

/// What a refresh found that is not as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueDiff {
    /// Never seen before.
    pub new: Vec<Entitlement>,
    /// Called otherwise now.
    pub renamed: Vec<Renamed>,
    /// Not in a complete listing any more, as they were.
    pub gone: Vec<Entitlement>,
    /// Gone before, and there again.
    pub returned: Vec<Entitlement>,
    /// Names that several have now: rules can't grant them.
    pub ambiguous: Vec<Ambiguous>,
}

/// An entitlement that is called otherwise now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renamed {
    /// As it is now.
    pub entitlement: Entitlement,
    /// What it was called.
    pub before: String,
}

/// A name that several entitlements have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ambiguous {
    /// `group`, `role`, …
    pub kind: String,
    /// The name.
    pub name: String,
    /// Whose it is.
    pub remote_ids: Vec<String>,
}

impl CatalogueDiff {
    /// Whether anything is not as it was. (What is ambiguous becomes so by one of the other changes.)
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.renamed.is_empty() && self.gone.is_empty() && self.returned.is_empty()
    }

    /// In words, with numbers; empty if nothing changed.
    pub fn words(&self) -> String {
        let ambiguous = if self.is_empty() { 0 } else { self.ambiguous.len() };
        let counts = [
            ("new", self.new.len()),
            ("renamed", self.renamed.len()),
            ("gone", self.gone.len()),
            ("returned", self.returned.len()),
            ("ambiguous", ambiguous),
        ];
        let said = counts.iter().filter(|(_, number)| *number > 0).map(|(word, number)| format!("{word} {number}"));
        said.collect::<Vec<_>>().join(", ")
    }
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
    /// Over what names mean: plans are computed anew when it changes.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        for (key, each) in &self.entitlements {
            hasher.value(key).text(&each.name).value(&each.gone.is_some());
        }
        hasher.value(&self.refreshed.is_some());
        hasher.finish()
    }

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

impl Catalogue {
    /// What a refresh at `at` changes: the entitlements to be written, and the difference for people. `seen` is what the target
    /// listed, with names; what has no name keeps the one it had, and is left out if it never had one. Only kinds that were listed
    /// completely lose those that were not seen.
    pub fn compare(
        &self,
        seen: &[(EntitlementKey, String)],
        complete_kinds: &BTreeSet<String>,
        at: Timestamp,
    ) -> (Vec<Entitlement>, CatalogueDiff) {
        let mut diff = CatalogueDiff::default();
        let mut written = Vec::new();
        let seen: BTreeMap<&EntitlementKey, &str> = seen.iter().map(|(key, name)| (key, name.as_str())).collect();
        for (key, name) in &seen {
            let Some(known) = self.entitlements.get(key) else {
                if !name.is_empty() {
                    let name = (*name).to_owned();
                    let new = Entitlement { key: (*key).clone(), name, created: false, since: at, gone: None };
                    written.push(new.clone());
                    diff.new.push(new);
                }
                continue;
            };
            let name = if name.is_empty() { known.name.as_str() } else { name };
            let now = Entitlement { name: name.to_owned(), gone: None, ..known.clone() };
            if known.gone.is_some() {
                diff.returned.push(now.clone());
            }
            if known.name != name {
                diff.renamed.push(Renamed { entitlement: now.clone(), before: known.name.clone() });
            }
            if now != *known {
                written.push(now);
            }
        }
        for known in self.entitlements.values() {
            let there = known.gone.is_some() || seen.contains_key(&known.key);
            if !there && complete_kinds.contains(&known.key.kind) {
                diff.gone.push(known.clone());
                written.push(Entitlement { gone: Some(at), ..known.clone() });
            }
        }
        diff.ambiguous = self.ambiguous_after(&written);
        (written, diff)
    }

    /// Names that several entitlements have once `written` is laid over these.
    fn ambiguous_after(&self, written: &[Entitlement]) -> Vec<Ambiguous> {
        let over: BTreeMap<&EntitlementKey, &Entitlement> = written.iter().map(|each| (&each.key, each)).collect();
        let kept = self.entitlements.values().filter(|each| !over.contains_key(&each.key));
        let mut names: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
        for each in kept.chain(over.values().copied()).filter(|each| each.gone.is_none()) {
            names.entry((&each.key.kind, &each.name)).or_default().push(each.key.remote_id.clone());
        }
        let several = names.into_iter().filter(|(_, ids)| ids.len() > 1);
        several
            .map(|((kind, name), mut remote_ids)| {
                remote_ids.sort();
                Ambiguous { kind: kind.to_owned(), name: name.to_owned(), remote_ids }
            })
            .collect()
    }
}
