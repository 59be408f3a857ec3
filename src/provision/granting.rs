//! Which edges an account gains and loses: what the rules grant, resolved through the catalogue, against the ledger. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::connector::app::AppSpec;
use crate::connector::groups::GroupMode;
use crate::provision::desired::GrantedEntitlement;
use crate::provision::edge::{Edge, EdgeChange, EdgeState};
use crate::provision::entitlement::{Catalogue, EntitlementKey, GROUP, Named};
use crate::provision::guard::finding::{Finding, FindingKind};

/// What one pair's edges are computed from.
#[derive(Debug, Clone, Copy)]
pub struct Granting<'a> {
    /// The app.
    pub app: &'a AppSpec,
    /// What the target has.
    pub catalogue: &'a Catalogue,
    /// The ledger's edges of the account.
    pub edges: &'a [Edge],
    /// What the rules grant; `None` = they could not be asked: edges stay as they are.
    pub grants: Option<&'a [GrantedEntitlement]>,
}

/// What must be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    /// Edges to add and remove, sorted.
    pub changes: Vec<EdgeChange>,
    /// Grants that are not carried out, and what people should know of those that are.
    pub findings: Vec<Finding>,
    /// Edges that leave the ledger without a request.
    pub forgotten: Vec<EntitlementKey>,
}

/// What the rules want, as far as the target has it.
#[derive(Default)]
struct Wanted {
    /// Those that are there.
    keys: BTreeMap<EntitlementKey, String>,
    /// Names that mean nothing certain now: edges that bear them stay.
    kept: BTreeSet<String>,
    /// Groups to be created.
    missing: BTreeSet<String>,
}

/// What must be done for the edges of one account.
pub fn resolve(granting: Granting<'_>) -> Resolved {
    let mut resolved = Resolved::default();
    let Some(grants) = granting.grants else { return resolved };
    let here: Vec<&Edge> = granting.edges.iter().filter(|edge| !granting.is_gone(edge, &mut resolved)).collect();
    let wanted = granting.want(grants, &here, &mut resolved.findings);
    for edge in &here {
        let stays = wanted.keys.contains_key(&edge.key) || wanted.kept.contains(&fold(&edge.name));
        match (edge.state, stays) {
            (EdgeState::Granted | EdgeState::Removing | EdgeState::Unknown, false) => {
                resolved.changes.push(change(&edge.key, &edge.name, false));
            }
            (EdgeState::Found, false) => resolved.forgotten.push(edge.key.clone()),
            (EdgeState::Unknown, true) => resolved.changes.push(change(&edge.key, &edge.name, true)),
            // To be added: computed below as if it were not there, for nothing was sent yet.
            (EdgeState::Adding, _) | (EdgeState::Granted | EdgeState::Found | EdgeState::Removing, true) => {}
        }
    }
    let there: BTreeSet<&EntitlementKey> =
        here.iter().filter(|edge| edge.state != EdgeState::Adding).map(|edge| &edge.key).collect();
    let new = wanted.keys.iter().filter(|(key, _)| !there.contains(*key));
    resolved.changes.extend(new.map(|(key, name)| change(key, name, true)));
    resolved.changes.extend(wanted.missing.iter().map(|name| {
        let key = EntitlementKey { kind: GROUP.to_owned(), remote_id: String::new() };
        change(&key, name, true)
    }));
    granting.finish(resolved)
}

/// What a leaver loses beside his account, if the app says so: what we granted, nothing else.
pub fn revoked(app: &AppSpec, catalogue: &Catalogue, edges: &[Edge]) -> Vec<EdgeChange> {
    if !app.app.leaving.revoke_on_leave || !app.app.entitlements.memberships || !changes_members(app) {
        return Vec::new();
    }
    let ours = |edge: &&Edge| matches!(edge.state, EdgeState::Granted | EdgeState::Removing | EdgeState::Unknown);
    let there = |edge: &&Edge| catalogue.entitlements.get(&edge.key).is_none_or(|known| known.gone.is_none());
    let mut changes: Vec<EdgeChange> =
        edges.iter().filter(ours).filter(there).map(|edge| change(&edge.key, &edge.name, false)).collect();
    changes.sort();
    changes
}

fn change(key: &EntitlementKey, name: &str, add: bool) -> EdgeChange {
    EdgeChange { kind: key.kind.clone(), remote_id: key.remote_id.clone(), name: name.to_owned(), add }
}

fn fold(name: &str) -> String {
    name.to_lowercase()
}

fn changes_members(app: &AppSpec) -> bool {
    matches!(app.connector.groups.mode, GroupMode::Full | GroupMode::MembershipOnly)
}

impl Granting<'_> {
    /// An edge whose entitlement is gone is forgotten, with a note if it was ours.
    fn is_gone(&self, edge: &Edge, resolved: &mut Resolved) -> bool {
        let gone = self.catalogue.entitlements.get(&edge.key).is_some_and(|known| known.gone.is_some());
        if gone {
            resolved.forgotten.push(edge.key.clone());
            if edge.state != EdgeState::Found {
                let detail = format!("{} “{}”", edge.key.kind, edge.name);
                resolved.findings.push(Finding::new(FindingKind::EntitlementGone, detail));
            }
        }
        gone
    }

    fn want(&self, grants: &[GrantedEntitlement], here: &[&Edge], findings: &mut Vec<Finding>) -> Wanted {
        let mut wanted = Wanted::default();
        for grant in grants {
            let (kind, name) = (grant.kind.as_str(), grant.name.as_str());
            if let Some(why) = self.not_grantable(kind, name) {
                findings.push(Finding::new(FindingKind::NotGrantable, why));
                wanted.kept.insert(fold(name));
                continue;
            }
            match self.catalogue.named(kind, name) {
                Named::One(one) => drop(wanted.keys.insert(one.key.clone(), one.name.clone())),
                Named::Ambiguous(several) => {
                    let ids: Vec<&str> = several.iter().map(|each| each.key.remote_id.as_str()).collect();
                    let detail = format!("{kind} “{name}”: {}", ids.join(", "));
                    findings.push(Finding::new(FindingKind::AmbiguousEntitlement, detail));
                    wanted.kept.insert(fold(name));
                }
                Named::Unknown => self.unknown(kind, name, here, &mut wanted, findings),
            }
        }
        wanted
    }

    fn unknown(&self, kind: &str, name: &str, here: &[&Edge], wanted: &mut Wanted, findings: &mut Vec<Finding>) {
        let known = here
            .iter()
            .find(|edge| edge.state != EdgeState::Adding && edge.key.kind == kind && fold(&edge.name) == fold(name));
        wanted.kept.insert(fold(name));
        let policy = &self.app.app.entitlements;
        let label = known.and_then(|edge| self.catalogue.entitlements.get(&edge.key)).map(|each| each.name.as_str());
        let detail = match (known, label) {
            (Some(_), Some(label)) => {
                format!("no {kind} “{name}” at the target; it is called “{label}” there now, and who is in it stays")
            }
            (Some(_), None) => format!("no {kind} “{name}” at the target any more; who is in it stays"),
            (None, _) if policy.create_missing && self.app.connector.groups.mode == GroupMode::Full => {
                wanted.missing.insert(name.to_owned());
                return;
            }
            (None, _) if policy.create_missing => {
                format!("no {kind} “{name}” at the target, and this kind of target does not let us create groups")
            }
            (None, _) if self.catalogue.refreshed.is_none() => {
                format!("no {kind} “{name}” is known: the target's groups were never read")
            }
            (None, _) => format!("no {kind} “{name}” at the target"),
        };
        findings.push(Finding::new(FindingKind::UnknownEntitlement, detail));
    }

    /// Why a kind of entitlement can't be granted as a membership.
    fn not_grantable(&self, kind: &str, name: &str) -> Option<String> {
        if kind != GROUP {
            let source = self.app.connector.entitlements.iter().find(|source| source.kind == kind);
            let attribute = source.map(|source| source.attribute.as_str()).filter(|attribute| !attribute.is_empty());
            return Some(match attribute {
                Some(attribute) => format!("{kind} “{name}” is the attribute `{attribute}` of the account"),
                None => format!("{kind} “{name}”: only groups have members"),
            });
        }
        match self.app.connector.groups.mode {
            GroupMode::Full | GroupMode::MembershipOnly => None,
            GroupMode::ReadOnly => Some(format!("group “{name}”: this kind of target lets nobody change groups")),
            GroupMode::None => Some(format!("group “{name}”: this kind of target has no groups")),
        }
    }

    fn finish(&self, mut resolved: Resolved) -> Resolved {
        resolved.changes.sort();
        if !self.app.app.entitlements.memberships && !resolved.changes.is_empty() {
            let (adds, removals): (Vec<_>, Vec<_>) = resolved.changes.drain(..).partition(|change| change.add);
            let detail = format!("{} not added, {} not removed", adds.len(), removals.len());
            resolved.findings.push(Finding::new(FindingKind::MembershipsOff, detail));
        }
        if self.app.connector.groups.unverified && !resolved.changes.is_empty() {
            let title = &self.app.connector.title;
            let detail =
                format!("{title} does not publish it; what connector `{}` says is a guess", self.app.connector.name);
            resolved.findings.push(Finding::new(FindingKind::UnverifiedForm, detail));
        }
        resolved.forgotten.sort();
        resolved.findings.sort_by(|a, b| (a.kind, &a.detail).cmp(&(b.kind, &b.detail)));
        resolved
    }
}
