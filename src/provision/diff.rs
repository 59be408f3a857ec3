//! Desired × ledger → what must be done for one pair. Pure: access, desired account, ledger entry and observation in, one draft out.

use std::collections::BTreeMap;

use crate::clock::{Span, Timestamp};
use crate::connector::app::{AdoptMode, AppSpec, LeavingPolicy, OnExisting};
use crate::connector::descriptor::{Deactivation, UsernameChange};
use crate::directory::user::User;
use crate::directory::value::Value;
use crate::provision::account::{Account, Observation, Origin, Presence};
use crate::provision::desired::{Desired, Wanted};
use crate::provision::edge::EdgeChange;
use crate::provision::guard::finding::{Finding, FindingKind};
use crate::provision::leaving::{Access, Leaving};
use crate::provision::operation::{Change, Kind, Operation};
use crate::provision::plan::SkipReason;

/// How long an absence is believed.
pub const ABSENCE_HOLDS: Span = Span::from_hours(24);

/// What one pair is computed from.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    /// The app.
    pub app: &'a AppSpec,
    /// The user.
    pub user: &'a User,
    /// The ledger entry.
    pub account: &'a Account,
    /// Whether he should have the app.
    pub access: &'a Access,
    /// The account he should have; `None` for leavers.
    pub desired: Option<&'a Desired>,
    /// The engine's externalId for the user.
    pub external_id: &'a str,
    /// Why the target could not be looked at, if it could not.
    pub unseen: Option<&'a str>,
    /// Edges to add and remove; for a leaver, those that are taken back.
    pub edges: &'a [EdgeChange],
    /// The one time of the plan.
    pub as_of: Timestamp,
}

/// What must be done for one pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Draft {
    /// An operation, with what comparing already found.
    Operation(Box<Operation>, Vec<Finding>),
    /// Nothing, for a reason that people should know.
    Skip(SkipReason),
    /// As desired.
    Quiet,
    /// Frozen by the policy `nothing`.
    Kept,
    /// Neither entitled nor with an account.
    NotConcerned,
}

/// Whether the pair would be created or linked and must be looked up at the target first.
pub fn needs_lookup(account: &Account, access: &Access, as_of: Timestamp) -> bool {
    matches!(access, Access::Entitled(_))
        && matches!(account.presence, Presence::None | Presence::Deleted | Presence::Lost)
        && account.observation.at().is_none_or(|at| at.plus(ABSENCE_HOLDS) <= as_of)
}

/// What must be done for `pair`.
pub fn draft(pair: Pair<'_>) -> Draft {
    match pair.account.presence {
        Presence::Unlinked if matches!(pair.access, Access::Entitled(_)) => return Draft::Skip(SkipReason::Unlinked),
        Presence::Unlinked => return Draft::NotConcerned,
        Presence::Conflict => return Draft::Skip(SkipReason::Conflict { note: pair.account.note.clone() }),
        _ => {}
    }
    match (pair.access, pair.desired) {
        (Access::Leaving(leaving), _) => leave(pair, *leaving),
        (Access::Entitled(_), None) => Draft::NotConcerned,
        (Access::Entitled(_), Some(desired)) => match pair.account.presence {
            Presence::None | Presence::Deleted | Presence::Lost => arrive(pair, desired),
            Presence::Unknown if !pair.account.is_ours() => Draft::Skip(SkipReason::NotObserved {
                why: "whether the last create took place is not known yet".to_owned(),
            }),
            Presence::Deactivated | Presence::DeactivatedThere => reactivate(pair, desired),
            _ => change(pair, desired),
        },
    }
}

/// An operation of `kind` for `pair`, without changes.
pub fn bare(pair: Pair<'_>, kind: Kind) -> Operation {
    let wanted_name = pair.desired.and_then(Desired::user_name);
    Operation {
        kind,
        app: pair.app.name.clone(),
        user: pair.user.id,
        label: pair.user.label(),
        remote_id: pair.account.remote_id.clone(),
        user_name: pair.account.user_name().or(wanted_name).unwrap_or_default().to_owned(),
        external_id: None,
        changes: Vec::new(),
        edges: Vec::new(),
        released: Vec::new(),
        origin: pair.account.origin,
        generation: pair.account.generation,
        reason: pair.access.words(),
    }
}

fn leave(pair: Pair<'_>, leaving: Leaving) -> Draft {
    let account = pair.account;
    let wire = &pair.app.connector.users;
    let policy = leaving.policy(pair.app);
    let there = matches!(account.presence, Presence::Active | Presence::Kept | Presence::Unknown);
    let deletable = wire.delete && (account.origin == Some(Origin::Created) || pair.app.app.leaving.delete_adopted);
    match policy {
        _ if !account.is_ours() => Draft::NotConcerned,
        LeavingPolicy::Nothing if there => Draft::Kept,
        LeavingPolicy::Nothing => Draft::Quiet,
        LeavingPolicy::Delete if deletable && pair.app.app.leaving.delete_after == Span::default() => {
            Draft::Operation(Box::new(bare(pair, Kind::Delete)), Vec::new())
        }
        LeavingPolicy::Deactivate | LeavingPolicy::Delete if there => match wire.deactivate {
            Deactivation::None => Draft::Skip(SkipReason::NotPossible {
                why: format!("{} can't deactivate accounts; remove this one by hand", pair.app.connector.title),
            }),
            Deactivation::Active | Deactivation::Delete => {
                let edges = if wire.deactivate == Deactivation::Active { pair.edges.to_vec() } else { Vec::new() };
                Draft::Operation(Box::new(Operation { edges, ..bare(pair, Kind::Deactivate) }), Vec::new())
            }
        },
        LeavingPolicy::Deactivate if pair.edges.is_empty() => Draft::Quiet,
        LeavingPolicy::Deactivate => Draft::Operation(Box::new(memberships(pair, pair.edges.to_vec())), Vec::new()),
        LeavingPolicy::Delete => delete_later(pair, deletable),
    }
}

fn delete_later(pair: Pair<'_>, deletable: bool) -> Draft {
    if !pair.app.connector.users.delete {
        let why = format!("{} does not offer deletion; remove the account by hand", pair.app.connector.title);
        return Draft::Skip(SkipReason::NotPossible { why });
    }
    let due = pair.account.deactivated_at.unwrap_or(pair.as_of).plus(pair.app.app.leaving.delete_after);
    if due > pair.as_of {
        return Draft::Skip(SkipReason::NotYet { due });
    }
    let mut findings = Vec::new();
    if !deletable {
        findings.push(Finding::new(FindingKind::DeleteAdopted, pair.account.user_name().unwrap_or_default()));
    }
    Draft::Operation(Box::new(bare(pair, Kind::Delete)), findings)
}

fn arrive(pair: Pair<'_>, desired: &Desired) -> Draft {
    let account = pair.account;
    if let Some(why) = pair.unseen {
        return Draft::Skip(SkipReason::NotObserved { why: why.to_owned() });
    }
    let mut findings = Vec::new();
    match &account.observation {
        Observation::Unknown => {
            return Draft::Skip(SkipReason::NotObserved { why: "the target was not looked at yet".to_owned() });
        }
        Observation::Absent { .. } => {}
        Observation::Ours { remote_id, values, .. } => {
            return Draft::Operation(Box::new(link(pair, desired, remote_id, values)), findings);
        }
        Observation::ThirdParty { remote_id, matched_on, values, .. } => {
            return third_party(pair, desired, remote_id, matched_on, values);
        }
        Observation::OwnedByOther { remote_id, owner, .. } => {
            findings.push(Finding::new(FindingKind::OwnedByOther, format!("account {remote_id} belongs to {owner}")));
            return Draft::Operation(Box::new(link(pair, desired, remote_id, &BTreeMap::new())), findings);
        }
        Observation::Ambiguous { remote_ids, .. } => {
            findings.push(Finding::new(FindingKind::Ambiguous, format!("accounts {}", remote_ids.join(", "))));
        }
    }
    match account.presence {
        Presence::Lost => findings.push(Finding::new(FindingKind::Recreation, account.note.clone())),
        Presence::Deleted => {
            findings.push(Finding::new(FindingKind::Rehire, "the account that was deleted is created anew"));
        }
        _ => {}
    }
    Draft::Operation(Box::new(create(pair, desired)), findings)
}

fn third_party(
    pair: Pair<'_>,
    desired: &Desired,
    remote_id: &str,
    matched_on: &str,
    values: &BTreeMap<String, Value>,
) -> Draft {
    let mut findings = Vec::new();
    match pair.app.app.on_existing {
        OnExisting::Skip => {
            return Draft::Skip(SkipReason::Existing { remote_id: remote_id.to_owned() });
        }
        OnExisting::Hold => {
            let detail = format!("account {remote_id}, found by {matched_on}");
            findings.push(Finding::new(FindingKind::ThirdPartyAccount, detail));
        }
        OnExisting::Adopt => {}
    }
    if let Some(detail) = differing(pair, desired, values) {
        findings.push(Finding::new(FindingKind::AdoptionDiffers, detail));
    }
    Draft::Operation(Box::new(link(pair, desired, remote_id, values)), findings)
}

/// Which values of an account that would be adopted are not as the rules want them, and what becomes of them, in words.
fn differing(pair: Pair<'_>, desired: &Desired, values: &BTreeMap<String, Value>) -> Option<String> {
    let differing: Vec<String> = sendable(pair, desired)
        .filter(|(path, wanted)| !wanted.deferred && !sent_once(pair, path, wanted))
        .filter_map(|(path, wanted)| {
            let (old, new) = (values.get(path)?, wanted.value.as_ref()?);
            (!old.same(new)).then(|| format!("{path}: {old} → {new}"))
        })
        .collect();
    let becomes = match pair.app.app.adopt_mode {
        AdoptMode::Overwrite => "would be overwritten",
        AdoptMode::Fill | AdoptMode::Observe => "would be left as they are",
    };
    (!differing.is_empty()).then(|| format!("{becomes}: {}", differing.join(", ")))
}

fn link(pair: Pair<'_>, desired: &Desired, remote_id: &str, values: &BTreeMap<String, Value>) -> Operation {
    let found = values.get("userName").and_then(Value::as_text);
    // The very account of the ledger, lost and found again, stays what it was: one that we made is not adopted.
    let known = pair.account.remote_id.as_deref() == Some(remote_id);
    Operation {
        remote_id: Some(remote_id.to_owned()),
        user_name: found.or(desired.user_name()).unwrap_or_default().to_owned(),
        external_id: Some(pair.external_id.to_owned()),
        origin: pair.account.origin.filter(|_| known).or(Some(Origin::Adopted)),
        ..bare(pair, Kind::Link)
    }
}

fn create(pair: Pair<'_>, desired: &Desired) -> Operation {
    let mut values: BTreeMap<String, Value> = sendable(pair, desired)
        .filter(|(_, wanted)| !wanted.deferred)
        .filter_map(|(path, wanted)| Some((path.clone(), wanted.value.clone()?)))
        .collect();
    // externalId is the engine's; a rule may send another value where the target demands one.
    if pair.app.connector.users.keeps_external_id && !desired.attributes.contains_key("externalId") {
        values.insert("externalId".to_owned(), Value::from(pair.external_id));
    }
    let external_id = values.get("externalId").and_then(Value::as_text).map(str::to_owned);
    let changes = values.into_iter().map(|(path, new)| Change { path, old: None, new: Some(new) }).collect();
    Operation {
        remote_id: None,
        user_name: desired.user_name().unwrap_or_default().to_owned(),
        external_id,
        origin: Some(Origin::Created),
        changes,
        edges: pair.edges.iter().filter(|edge| edge.add).cloned().collect(),
        ..bare(pair, Kind::Create)
    }
}

/// Nothing but memberships.
fn memberships(pair: Pair<'_>, edges: Vec<EdgeChange>) -> Operation {
    Operation { edges, ..bare(pair, Kind::Update) }
}

fn reactivate(pair: Pair<'_>, desired: &Desired) -> Draft {
    // What he no longer should have goes first, while the account is still off; what is new comes with it and after.
    let removals: Vec<EdgeChange> = pair.edges.iter().filter(|edge| !edge.add).cloned().collect();
    if !removals.is_empty() {
        return Draft::Operation(Box::new(memberships(pair, removals)), Vec::new());
    }
    let (mut changes, released, _) = compare(pair, desired);
    let mut findings = Vec::new();
    match pair.account.presence {
        Presence::DeactivatedThere => {
            findings.push(Finding::new(FindingKind::DeactivatedByTarget, pair.account.note.clone()));
        }
        _ => findings.push(Finding::new(FindingKind::Rehire, "his own account is activated again")),
    }
    if let Some(change) = changes.iter().find(|change| change.path == "externalId" && change.old.is_some()) {
        findings.push(Finding::new(FindingKind::ExternalIdChange, renaming(change)));
    }
    if let Some(index) = changes.iter().position(|change| change.path == "userName") {
        match pair.app.connector.users.username_change {
            UsernameChange::InPlace => findings.push(Finding::new(FindingKind::Rename, renaming(&changes[index]))),
            // The name follows as a rename of its own once the account is active again.
            UsernameChange::Replaces | UsernameChange::Never => drop(changes.remove(index)),
        }
    }
    let edges = pair.edges.to_vec();
    Draft::Operation(Box::new(Operation { changes, edges, released, ..bare(pair, Kind::Reactivate) }), findings)
}

fn change(pair: Pair<'_>, desired: &Desired) -> Draft {
    let (changes, released, left_alone) = compare(pair, desired);
    let (matching, others): (Vec<Change>, Vec<Change>) =
        changes.into_iter().partition(|change| is_rename(change, pair.account));
    if !matching.is_empty() {
        return rename(pair, matching);
    }
    if !others.is_empty() || !pair.edges.is_empty() {
        let edges = pair.edges.to_vec();
        return Draft::Operation(
            Box::new(Operation { changes: others, edges, released, ..bare(pair, Kind::Update) }),
            Vec::new(),
        );
    }
    if !left_alone.is_empty() {
        return Draft::Skip(SkipReason::LeftAlone { paths: left_alone });
    }
    if !released.is_empty() {
        return Draft::Skip(SkipReason::Released { paths: released });
    }
    Draft::Quiet
}

/// A changed userName, or an externalId that replaces another one. A first externalId is an ordinary update.
fn is_rename(change: &Change, account: &Account) -> bool {
    match change.path.as_str() {
        "userName" => account.user_name().is_some(),
        "externalId" => change.old.is_some(),
        _ => false,
    }
}

fn rename(pair: Pair<'_>, changes: Vec<Change>) -> Draft {
    let mut findings = Vec::new();
    for change in &changes {
        let kind = match (change.path.as_str(), pair.app.connector.users.username_change) {
            ("externalId", _) => FindingKind::ExternalIdChange,
            (_, UsernameChange::InPlace) => FindingKind::Rename,
            (_, UsernameChange::Replaces) => FindingKind::RenameReplaces,
            (_, UsernameChange::Never) => FindingKind::RenameImpossible,
        };
        findings.push(Finding::new(kind, renaming(change)));
    }
    let new_name = changes.iter().find(|change| change.path == "userName").and_then(|change| change.new.as_ref());
    let new_name = new_name.and_then(Value::as_text).map(str::to_owned);
    let mut operation = bare(pair, Kind::Rename);
    // Lookups after a rename search for the name it gives.
    operation.user_name = new_name.unwrap_or(operation.user_name);
    operation.changes = changes;
    Draft::Operation(Box::new(operation), findings)
}

fn renaming(change: &Change) -> String {
    let show = |value: &Option<Value>| value.as_ref().map_or_else(|| "(none)".to_owned(), Value::to_string);
    format!("{}: {} → {}", change.path, show(&change.old), show(&change.new))
}

/// Old → new per attribute, the paths that are released, and those an adoption leaves alone.
fn compare(pair: Pair<'_>, desired: &Desired) -> (Vec<Change>, Vec<String>, Vec<String>) {
    let pushed = &pair.account.pushed;
    let (mut changes, mut left_alone) = (Vec::new(), Vec::new());
    for (path, wanted) in sendable(pair, desired) {
        if wanted.deferred || sent_once(pair, path, wanted) {
            continue;
        }
        let old = pushed.get(path).filter(|value| !value.is_empty());
        let fallback = || pair.app.connector.rule(path).and_then(|rule| rule.fallback.clone());
        let new = match (&wanted.value, old) {
            (Some(value), _) => Some(value.clone()),
            (None, Some(_)) => fallback(),
            (None, None) => None,
        };
        let same = match (old, &new) {
            (Some(old), Some(new)) => old.same(new),
            (None, None) => true,
            _ => false,
        };
        if same {
            continue;
        }
        if leaves_alone(pair, path, old.is_some()) {
            left_alone.push(path.clone());
        } else {
            changes.push(Change { path: path.clone(), old: old.cloned(), new });
        }
    }
    let released = pushed
        .keys()
        .filter(|path| !pair.account.found.contains(*path) && *path != "externalId")
        .filter(|path| !desired.attributes.contains_key(*path))
        .cloned()
        .collect();
    (changes, released, left_alone)
}

/// Whether the adoption mode forbids to write `path`, whose value was found at link time and is not ours.
fn leaves_alone(pair: Pair<'_>, path: &str, has_value: bool) -> bool {
    if pair.account.origin != Some(Origin::Adopted) {
        return false;
    }
    match pair.app.app.adopt_mode {
        AdoptMode::Overwrite => false,
        AdoptMode::Observe => true,
        AdoptMode::Fill => has_value && pair.account.found.contains(path),
    }
}

/// Whether the rule or the connector says that the attribute is sent on create and never again.
fn sent_once(pair: Pair<'_>, path: &str, wanted: &Wanted) -> bool {
    wanted.create_only || pair.app.connector.rule(path).is_some_and(|rule| rule.create_only)
}

/// What the connector lets us send at all: read-only attributes are the target's.
fn sendable<'a>(pair: Pair<'a>, desired: &'a Desired) -> impl Iterator<Item = (&'a String, &'a Wanted)> {
    desired.attributes.iter().filter(move |(path, _)| !pair.app.connector.rule(path).is_some_and(|rule| rule.read_only))
}
