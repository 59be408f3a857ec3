//! One account, three ways: what we pushed, what the rules want, what is there. Pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::connector::app::AdoptMode;
use crate::connector::descriptor::Deactivation;
use crate::connector::reconcile::{Drift, MembershipDrift};
use crate::digest::Digest;
use crate::directory::value::Value;
use crate::engine::perform::Context;
use crate::engine::perform::meaning::{covers, value_at};
use crate::engine::plan::Judged;
use crate::provision::account::{Account, Origin, Presence};
use crate::provision::desired::Wanted;
use crate::provision::drift::{Correction, DriftKind, DriftLine, EdgeSight, Fate};
use crate::provision::edge::{Edge, EdgeState};
use crate::provision::leaving::Access;
use crate::scim::decode::Resource;
use crate::scim::encode::shape;
use crate::store::query::PairRow;

/// A value that is not as we pushed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// The attribute path.
    pub(super) path: String,
    /// What is there.
    pub(super) actual: Option<Value>,
}

/// What is not as we pushed it, by meaning; whatever the rules say now. Read-only attributes and those that are sent on create alone are
/// the target's.
pub(super) fn differences(cx: Context<'_>, account: &Account, resource: &Resource) -> Vec<Difference> {
    let connector = cx.connector();
    let mut differences = Vec::new();
    for (path, pushed) in account.pushed.iter().filter(|(_, pushed)| !pushed.is_empty()) {
        let rule = connector.rule(path);
        // A password is never shown, and never told.
        let apart = matches!(path.as_str(), "active" | "password");
        let theirs = apart || rule.is_some_and(|rule| rule.read_only || rule.create_only);
        if theirs || (path == "externalId" && !cx.keeps_external_id()) {
            continue;
        }
        let actual = value_at(resource, path);
        let sent = shape(connector, path, pushed);
        if sent.is_empty() || actual.as_ref().is_some_and(|actual| covers(actual, &sent) || covers(actual, pushed)) {
            continue;
        }
        differences.push(Difference { path: path.clone(), actual });
    }
    differences
}

/// Whether the account is active where the ledger says that it is not, or the other way round.
pub(super) fn stands_otherwise(account: &Account, resource: &Resource) -> bool {
    match resource.active {
        Some(true) => account.is_inactive(),
        Some(false) => matches!(account.presence, Presence::Active | Presence::Kept),
        None => false,
    }
}

/// What was found of one account.
pub(super) struct Compared {
    /// Lines for the report.
    pub(super) lines: Vec<DriftLine>,
    /// What the ledger must learn.
    pub(super) correction: Correction,
    /// Attributes that are repaired now, with what is there.
    pub(super) repaired: BTreeMap<String, Digest>,
    /// Attributes that differ.
    pub(super) differing: BTreeSet<String>,
}

/// What the run knows beside the account.
pub(super) struct Around<'a> {
    /// The app and what it taught us.
    pub(super) cx: Context<'a>,
    /// Whether any account shows an attribute: what none shows may be there all the same.
    pub(super) shows: &'a dyn Fn(&str) -> bool,
    /// Attributes of this account whose repair was begun before.
    pub(super) repaired: Option<&'a BTreeMap<String, Digest>>,
}

/// Compares one account that was read by its id.
pub(super) fn compare(around: &Around<'_>, judged: &Judged, resource: &Resource) -> Compared {
    let row = &judged.row;
    let mut compared = Compared::new(row);
    stand(around, judged, resource, &mut compared);
    let policy = &around.cx.spec.app.reconcile;
    let mut adopted: BTreeMap<String, Option<Value>> = row.adopted.clone();
    adopted.retain(|path, _| policy.drift(path) == Drift::Adopt);
    for difference in differences(around.cx, &row.account, resource) {
        let wanted = judged.desired.as_ref().and_then(|desired| desired.attributes.get(&difference.path));
        // What was found at an adoption and the rules say nothing of was never ours.
        let never_ours = row.account.found.contains(&difference.path) && wanted.is_none();
        if never_ours || wanted.is_some_and(|wanted| wanted.create_only || wanted.deferred) {
            continue;
        }
        value(around, judged, (difference, wanted), &mut compared, &mut adopted);
    }
    if adopted != row.adopted {
        compared.correction.adopted = Some(adopted);
    }
    compared
}

impl Compared {
    /// Nothing found.
    pub(super) fn new(row: &PairRow) -> Self {
        Self {
            lines: Vec::new(),
            correction: Correction::new(row.user.id, row.account.generation),
            repaired: BTreeMap::new(),
            differing: BTreeSet::new(),
        }
    }

    fn say(&mut self, what: &str) {
        if !self.correction.what.is_empty() {
            self.correction.what.push_str("; ");
        }
        self.correction.what.push_str(what);
    }
}

/// A line about a pair.
pub(super) fn line(row: &PairRow, kind: DriftKind, fate: Fate) -> DriftLine {
    let remote_id = row.account.remote_id.as_deref().unwrap_or_default();
    DriftLine { user: Some(row.user.id), ..DriftLine::new(kind, fate, &row.user.label(), remote_id) }
}

/// Whether the account is active.
fn stand(around: &Around<'_>, judged: &Judged, resource: &Resource, compared: &mut Compared) {
    let row = &judged.row;
    let Some(active) = resource.active.filter(|_| stands_otherwise(&row.account, resource)) else { return };
    let app = around.cx.spec;
    let can = app.connector.users.deactivate == Deactivation::Active;
    let (kind, fate, presence, what) = match (&judged.access, active) {
        (Access::Leaving(leaving), true) => {
            let freezes = leaving.policy(app) == crate::connector::app::LeavingPolicy::Nothing;
            let fate = if freezes { Fate::Reported } else { Fate::Deactivated };
            (
                DriftKind::LeaverActive,
                fate,
                Some(Presence::Active),
                "the leaver's account is active again at the target",
            )
        }
        (Access::Entitled(_), true) => {
            let what = "somebody activated the account at the target";
            (DriftKind::Reactivated, Fate::Noted, Some(Presence::Active), what)
        }
        (Access::Entitled(_), false) if can && row.account.presence == Presence::Active && judged.fault.is_none() => {
            let what = "somebody deactivated the account at the target";
            (DriftKind::Deactivated, Fate::Held, Some(Presence::DeactivatedThere), what)
        }
        // A leaver whose deactivation is still to come.
        (Access::Leaving(_), false) if row.account.presence == Presence::Active => return,
        (_, false) => (DriftKind::Deactivated, Fate::Reported, None, ""),
    };
    compared.lines.push(line(row, kind, fate));
    if fate != Fate::Reported
        && let Some(presence) = presence
    {
        compared.correction.presence = Some(presence);
        compared.correction.urgent = kind == DriftKind::LeaverActive;
        compared.say(what);
    }
}

fn value(
    around: &Around<'_>,
    judged: &Judged,
    (difference, wanted): (Difference, Option<&Wanted>),
    compared: &mut Compared,
    adopted: &mut BTreeMap<String, Option<Value>>,
) {
    let row = &judged.row;
    let Difference { path, actual } = difference;
    let (fate, note) = fate(around, judged, wanted, (&path, actual.as_ref()));
    let desired = wanted.and_then(|wanted| wanted.value.clone());
    compared.differing.insert(path.clone());
    let as_wanted = match (&actual, &desired) {
        (Some(actual), Some(desired)) => covers(actual, &shape(around.cx.connector(), &path, desired)),
        (actual, desired) => actual.is_none() && desired.is_none(),
    };
    match fate {
        // Somebody made by hand what the rules want: the form that we would push is what counts as pushed.
        Fate::Repaired | Fate::Adopted if as_wanted => {
            compared.correction.values.insert(path.clone(), desired.clone());
            compared.say(&format!("{path} is at the target as the rules want it"));
        }
        Fate::Repaired => {
            compared.repaired.insert(path.clone(), Digest::of(&actual));
            compared.correction.values.insert(path.clone(), actual.clone());
            compared.say(&format!("{path} was changed at the target"));
        }
        Fate::Adopted => {
            compared.correction.values.insert(path.clone(), actual.clone());
            adopted.insert(path.clone(), actual.clone());
            compared.say(&format!("{path} was changed at the target and is kept so"));
        }
        _ => {}
    }
    let pushed = row.account.pushed.get(&path).cloned();
    let note = if as_wanted { "as the rules want it".to_owned() } else { note };
    let known = line(row, DriftKind::Changed, fate);
    compared.lines.push(DriftLine { subject: path, pushed, desired, actual, note, ..known });
}

/// What becomes of a changed value, and why nothing does although the policy says so.
fn fate(
    around: &Around<'_>,
    judged: &Judged,
    wanted: Option<&Wanted>,
    (path, actual): (&str, Option<&Value>),
) -> (Fate, String) {
    let reported = |why: &str| (Fate::Reported, why.to_owned());
    let (app, account) = (around.cx.spec, &judged.row.account);
    let policy = match path {
        // Who somebody is at the target changes only where the app says so by name.
        "userName" | "externalId" => match app.app.reconcile.attributes.get(path) {
            Some(Drift::Repair) => Drift::Repair,
            _ => Drift::Report,
        },
        _ => app.app.reconcile.drift(path),
    };
    if policy == Drift::Report || account.presence == Presence::Kept {
        return reported("");
    }
    if judged.fault.is_some() {
        return reported("the rules fail for this user");
    }
    if matches!(judged.access, Access::Leaving(_)) || wanted.is_none() {
        return reported("");
    }
    let found = account.origin == Some(Origin::Adopted) && account.found.contains(path);
    let fills = app.app.adopt_mode == AdoptMode::Fill && actual.is_none();
    if found && app.app.adopt_mode != AdoptMode::Overwrite && !fills {
        return reported("found when the account was adopted, and left as it is (adopt_mode)");
    }
    if policy == Drift::Adopt {
        return (Fate::Adopted, String::new());
    }
    if actual.is_none() && !(around.shows)(path) {
        return reported("no account shows this attribute: the target may keep it all the same");
    }
    let again = around.repaired.and_then(|repaired| repaired.get(path)) == Some(&Digest::of(&actual.cloned()));
    if again {
        return reported("it was sent again after the last reconcile, and did not stay");
    }
    (Fate::Repaired, String::new())
}

/// Compares the edges of one account with the groups that it is shown in. `name_of` gives what a group that we have no edge in is
/// called.
pub(super) fn memberships(
    around: &Around<'_>,
    row: &PairRow,
    shown: &BTreeSet<String>,
    name_of: &dyn Fn(&str) -> Option<String>,
    compared: &mut Compared,
) {
    for edge in row.edges.iter().filter(|edge| name_of(&edge.key.remote_id).is_some()) {
        membership(around, row, edge, shown.contains(&edge.key.remote_id), compared);
    }
    for group in shown.iter().filter(|group| !row.edges.iter().any(|edge| edge.key.remote_id == **group)) {
        let subject = name_of(group).unwrap_or_else(|| group.clone());
        compared.lines.push(DriftLine { subject, ..line(row, DriftKind::MembershipAdded, Fate::Kept) });
    }
}

/// Compares one edge with what the target shows.
pub(super) fn membership(around: &Around<'_>, row: &PairRow, edge: &Edge, there: bool, compared: &mut Compared) {
    let computed = around.cx.connector().groups.computed;
    let repairs = around.cx.spec.app.reconcile.memberships == MembershipDrift::Repair
        && around.cx.spec.app.entitlements.memberships
        && row.account.presence == Presence::Active;
    let removed = if repairs { Fate::Repaired } else { Fate::Reported };
    let found = match (edge.state, there) {
        // Nothing is under way for the pair: what became of the request is seen now.
        (EdgeState::Unknown, true) => Some((None, Some(EdgeSight::There))),
        (EdgeState::Unknown, false) => Some((None, Some(EdgeSight::Gone))),
        (EdgeState::Granted, true) if !edge.effective => {
            Some((Some((DriftKind::Effective, Fate::Noted)), Some(EdgeSight::There)))
        }
        (EdgeState::Granted, false) if computed => {
            let learns = edge.effective.then_some(EdgeSight::NotEffective);
            Some((Some((DriftKind::NotEffective, Fate::Noted)), learns))
        }
        (EdgeState::Granted | EdgeState::Found, false) => {
            Some((Some((DriftKind::MembershipRemoved, removed)), repairs.then_some(EdgeSight::Gone)))
        }
        _ => None,
    };
    let Some((said, learns)) = found else { return };
    if let Some((kind, fate)) = said {
        let note = if edge.state == EdgeState::Found { "it was there before us" } else { "" }.to_owned();
        compared.lines.push(DriftLine { subject: edge.name.clone(), note, ..line(row, kind, fate) });
    }
    if let Some(sight) = learns {
        compared.correction.edges.push((edge.key.clone(), sight));
        let what = match sight {
            EdgeSight::There => "shows at the target",
            EdgeSight::Gone => "was taken away at the target",
            EdgeSight::NotEffective => "is not effective at the target",
        };
        compared.say(&format!("{} “{}” {what}", edge.key.kind, edge.name));
    }
}
