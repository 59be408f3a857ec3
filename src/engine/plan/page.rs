//! One page: judged pairs → operations with findings and verdicts, and what was skipped and why.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::connector::app::{AdoptMode, AppSpec, OnExisting};
use crate::connector::descriptor::UsernameChange;
use crate::digest::Digest;
use crate::directory::change::Cause;
use crate::engine::plan::judge::Judged;
use crate::id::{ImportId, UserId};
use crate::provision::account::{Account, MuteReason, Origin, Presence};
use crate::provision::desired::Desired;
use crate::provision::diff::{self, Draft, Pair};
use crate::provision::edge::EdgeState;
use crate::provision::entitlement::Catalogue;
use crate::provision::event::StatusKind;
use crate::provision::granting::{self, Granting, Resolved};
use crate::provision::guard::finding::{Finding, FindingKind};
use crate::provision::guard::{admission, checks};
use crate::provision::leaving::Access;
use crate::provision::operation::{Kind, Operation};
use crate::provision::plan::{PlanPage, Planned, SkipReason, Skipped, Verdict};

/// All that a page is computed from.
#[derive(Debug)]
pub struct PageInput<'a> {
    /// The one time of the plan.
    pub as_of: Timestamp,
    /// The app.
    pub app: &'a AppSpec,
    /// Digest of the connector.
    pub connector: Digest,
    /// The pairs, judged, with fresh observations in their accounts.
    pub pairs: &'a [Judged],
    /// What the target can grant.
    pub catalogue: &'a Catalogue,
    /// Folded userName → who else has or wants it.
    pub owners: &'a BTreeMap<String, Vec<UserId>>,
    /// Pairs whose target could not be looked at, and why.
    pub unseen: &'a BTreeMap<UserId, String>,
    /// Imports that shrank by more than goes unasked, and were applied: what shrank, in words.
    pub shrunk: &'a BTreeMap<ImportId, String>,
}

/// userNames are compared without case (RFC 7643 section 4.1.1), and as people read them.
pub fn fold_name(name: &str) -> String {
    crate::text::folded(name)
}

/// Refuses, on a page that is planned already, what takes a userName that somebody on a later page wants too (`rivals`).
pub fn contest(page: &mut PlanPage, rivals: &BTreeMap<UserId, UserId>, (app, connector): (&AppSpec, Digest)) {
    for planned in &mut page.operations {
        let Some(rival) = rivals.get(&planned.operation.user).filter(|_| takes_name(app, planned)) else { continue };
        let mut finding = checks::duplicate(&planned.operation.user_name, *rival);
        finding.severity = app.app.guard.severity(finding.kind);
        if !planned.findings.iter().any(|each| each.kind == finding.kind) {
            planned.findings.push(finding);
            planned.verdict = admission::verdict(&planned.findings);
            planned.payload = planned.operation.payload_digest(&app.app.origin(), connector, &planned.findings);
        }
    }
}

/// Whether the account gets a userName by it that it does not have in the ledger.
fn takes_name(app: &AppSpec, planned: &Planned) -> bool {
    let operation = &planned.operation;
    match operation.kind {
        Kind::Create => true,
        Kind::Link => {
            app.app.on_existing == OnExisting::Adopt
                || planned.findings.iter().any(|finding| finding.kind == FindingKind::ThirdPartyAccount)
        }
        _ => operation.changes.iter().any(|change| change.path == "userName" && change.old.is_some()),
    }
}

/// Plans one page.
pub fn plan_page(input: &PageInput<'_>) -> PlanPage {
    let mut page = PlanPage::default();
    for judged in input.pairs {
        page.users.push(judged.row.user.id);
        plan_pair(input, judged, &mut page);
    }
    page.sort();
    page
}

fn plan_pair(input: &PageInput<'_>, judged: &Judged, page: &mut PlanPage) {
    let user = judged.row.user.id;
    let account = &judged.row.account;
    let mut skip = |reason| page.skipped.push(Skipped { user, label: judged.row.user.label(), reason });
    if let Some(open) = &judged.row.open {
        if matches!(open.status, StatusKind::Running | StatusKind::Verifying) {
            return skip(SkipReason::InFlight { event: open.event });
        }
        if judged.unchanged {
            return skip(SkipReason::AlreadyOpen { event: open.event });
        }
    }
    if judged.unchanged {
        page.unchanged += 1;
        return;
    }
    let resolved = resolve(input, judged);
    let pair = Pair {
        app: input.app,
        user: &judged.row.user,
        account,
        access: &judged.access,
        desired: judged.desired.as_ref(),
        external_id: &judged.external_id,
        unseen: input.unseen.get(&user).map(String::as_str),
        edges: &resolved.changes,
        as_of: input.as_of,
    };
    let draft = match &judged.fault {
        Some(fault) => faulty(pair, fault),
        None => diff::draft(pair),
    };
    if !resolved.forgotten.is_empty() {
        page.forgotten.push((user, resolved.forgotten));
    }
    match draft {
        Draft::Operation(operation, mut findings) => {
            if !matches!(operation.kind, Kind::Link | Kind::Rename) {
                findings.extend(resolved.findings);
            }
            match admit(input, judged, *operation, findings) {
                Ok(planned) => page.operations.push(planned),
                Err(reason) => skip(reason),
            }
        }
        other => without_operation(judged, other, resolved.findings, page),
    }
}

/// A pair for which nothing is to be done.
fn without_operation(judged: &Judged, draft: Draft, findings: Vec<Finding>, page: &mut PlanPage) {
    let user = judged.row.user.id;
    let settled = findings.is_empty();
    if !settled {
        page.ungranted.push((user, findings));
    }
    let mut skip = |reason| page.skipped.push(Skipped { user, label: judged.row.user.label(), reason });
    match draft {
        Draft::Skip(SkipReason::Released { paths }) => {
            skip(SkipReason::Released { paths: paths.clone() });
            page.released.push((user, paths));
            page.quiet.push((user, judged.basis));
        }
        Draft::Skip(reason) => skip(reason),
        // What can't be granted is said in every plan until it can: the pair is looked at each time.
        Draft::Quiet if !settled => page.unchanged += 1,
        Draft::Quiet => page.quiet.push((user, judged.basis)),
        Draft::Kept => {
            skip(SkipReason::Kept);
            page.kept.push(user);
        }
        Draft::NotConcerned if judged.row.open.is_some() => page.quiet.push((user, judged.basis)),
        Draft::NotConcerned | Draft::Operation(..) => page.unchanged += 1,
    }
}

/// The edges of one pair: what the rules grant, or what a leaver loses.
fn resolve(input: &PageInput<'_>, judged: &Judged) -> Resolved {
    let (account, edges) = (&judged.row.account, &judged.row.edges);
    if judged.fault.is_some() || matches!(account.presence, Presence::Unlinked | Presence::Conflict) {
        return Resolved::default();
    }
    if matches!(judged.access, Access::Leaving(_)) {
        let changes = granting::revoked(input.app, input.catalogue, edges);
        return Resolved { changes, ..Resolved::default() };
    }
    // An adoption that only observes writes nothing, memberships included.
    let observes = account.origin == Some(Origin::Adopted) && input.app.app.adopt_mode == AdoptMode::Observe;
    let asked = judged.entitlement_fault.is_none() && !observes;
    let grants = judged.desired.as_ref().filter(|_| asked).map(|desired| desired.grants.as_slice());
    granting::resolve(Granting { app: input.app, catalogue: input.catalogue, edges, grants })
}

/// A rule fault changes nothing: a blocked event without a payload, never a removal.
fn faulty(pair: Pair<'_>, fault: &Finding) -> Draft {
    let kind = if pair.account.is_ours() { Kind::Update } else { Kind::Create };
    Draft::Operation(Box::new(diff::bare(pair, kind)), vec![fault.clone()])
}

fn admit(
    input: &PageInput<'_>,
    judged: &Judged,
    mut operation: Operation,
    mut findings: Vec<Finding>,
) -> Result<Planned, SkipReason> {
    let account = &judged.row.account;
    if judged.fault.is_none() {
        findings.extend(checks::all(checks::Subject {
            app: input.app,
            user: &judged.row.user,
            roles: &judged.roles,
            account,
            desired: judged.desired.as_ref(),
            operation: &operation,
            name_owner: name_owner(input, judged),
            protected_by_rule: judged.protected.as_deref(),
        }));
    }
    // A rule ran, and still he leaves: `in_scope` said so.
    if operation.kind.is_leaving() && judged.evaluated && judged.fault.is_none() {
        findings.push(Finding::new(FindingKind::OutOfScope, ""));
    }
    findings.extend(shrunk(input, judged, &operation));
    admission::apply_policy(input.app, &mut findings);
    let verdict = admission::verdict(&findings);
    if let Some(reason) = muted(input.app, account, &operation, verdict) {
        return Err(reason);
    }
    let origin = input.app.app.origin();
    if let Some(open) = judged.row.open.as_ref().filter(|_| already_under_way(judged, &operation)) {
        return Err(SkipReason::AlreadyOpen { event: open.event });
    }
    if let Some(open) = &judged.row.open {
        // The open event took the account's present generation: the same payload was computed one generation earlier.
        let mut before = operation.clone();
        before.generation = operation.generation.saturating_sub(1);
        if before.payload_digest(&origin, input.connector, &findings) == open.payload {
            return Err(SkipReason::AlreadyOpen { event: open.event });
        }
    }
    operation.generation = account.generation;
    let payload = operation.payload_digest(&origin, input.connector, &findings);
    let waits = findings.iter().any(|finding| waits_for_the_target(finding.kind));
    let basis = if settles(input.app, &operation, judged) && !waits { judged.basis } else { Digest::default() };
    Ok(Planned { operation: Arc::new(operation), findings, verdict, payload, cause: judged.cause.clone(), basis })
}

/// A note on whatever is taken away because of an import that shrank.
fn shrunk(input: &PageInput<'_>, judged: &Judged, operation: &Operation) -> Option<Finding> {
    let Cause::Import(import) = &judged.cause else { return None };
    let what = input.shrunk.get(import)?;
    let takes = operation.kind.is_leaving()
        || operation.edges.iter().any(|edge| !edge.add)
        || operation.changes.iter().any(|change| change.new.is_none());
    takes.then(|| Finding::new(FindingKind::SourceShrunk, format!("{import}: {what}")))
}

/// Whether nothing is left to do for the pair once the operation succeeded; otherwise it is planned again. A reference that waits
/// does not count: the basis changes when the manager's account arrives.
fn settles(app: &AppSpec, operation: &Operation, judged: &Judged) -> bool {
    let comes_back = judged.row.account.is_inactive() && matches!(judged.access, Access::Entitled(_));
    match operation.kind {
        // Memberships are taken back before the account is active again.
        Kind::Update if comes_back => false,
        Kind::Create | Kind::Update | Kind::Delete | Kind::Deactivate => true,
        Kind::Reactivate => app.connector.users.username_change == UsernameChange::InPlace,
        Kind::Link | Kind::Rename => false,
    }
}

/// Whether the open event has done all but these very edges.
fn already_under_way(judged: &Judged, operation: &Operation) -> bool {
    let open = judged.row.open.as_ref().filter(|open| open.account_done && open.status != StatusKind::Pending);
    let Some(open) = open else { return false };
    let left: Vec<_> =
        judged.row.edges.iter().filter(|edge| edge.event == Some(open.event) && edge.is_open()).collect();
    let asks = |edge: &&crate::provision::edge::Edge| {
        operation
            .edges
            .iter()
            .any(|change| change.is(&edge.key, &edge.name) && change.add == (edge.state == EdgeState::Adding))
    };
    operation.kind == Kind::Update
        && operation.changes.is_empty()
        && operation.released.is_empty()
        && left.len() == operation.edges.len()
        && left.iter().all(asks)
}

/// A grant that can't be carried out is said in every plan until it can.
fn waits_for_the_target(kind: FindingKind) -> bool {
    use FindingKind::{AmbiguousEntitlement, MembershipsOff, NotGrantable, UnknownEntitlement};
    matches!(kind, AmbiguousEntitlement | MembershipsOff | NotGrantable | UnknownEntitlement)
}

fn name_owner(input: &PageInput<'_>, judged: &Judged) -> Option<UserId> {
    let name = judged.desired.as_ref().and_then(Desired::user_name)?;
    if !matches!(judged.access, Access::Entitled(_)) {
        return None;
    }
    input.owners.get(&fold_name(name))?.iter().find(|owner| **owner != judged.row.user.id).copied()
}

fn muted(app: &AppSpec, account: &Account, operation: &Operation, verdict: Verdict) -> Option<SkipReason> {
    let mute = account.mute.as_ref()?;
    // Once a mute was for any reason to leave: those of then are as they were.
    let same = mute.payload == operation.mute_digest() || mute.payload == operation.content_digest();
    let holds = mute.app == app.digest && same;
    let why = match mute.why {
        MuteReason::Failed => "it failed for good",
        MuteReason::Rejected if operation.kind.is_leaving() && account.presence == Presence::Active => {
            "it was rejected: a leaver still active"
        }
        MuteReason::Rejected => "it was rejected",
        // What made a guard refuse may be gone although the payload is the same.
        MuteReason::Refused if verdict == Verdict::Refused => "it was blocked",
        MuteReason::Refused => return None,
    };
    holds.then(|| SkipReason::Muted { event: mute.event, why: why.to_owned() })
}
