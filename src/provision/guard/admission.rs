//! Admission: the first gate, once per plan. Findings by the app's policy give each operation its verdict; the blast radius holds a
//! whole class. Pure.

use std::collections::BTreeMap;

use crate::connector::app::AppSpec;
use crate::directory::change::Cause;
use crate::provision::approval::Demand;
use crate::provision::guard::finding::{Class, Finding, FindingKind, Severity};
use crate::provision::guard::policy::Radius;
use crate::provision::operation::Kind;
use crate::provision::plan::{PlanCounts, PlanPage, Planned, Verdict};

/// What counts when a class is judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Budget {
    /// Class → operations admitted without approval in the rolling window.
    pub used: BTreeMap<Class, u64>,
    /// Active accounts: the larger of the number at the window's start and the number now plus what left within it.
    pub base: u64,
    /// Granted edges, likewise: the base of edge removals.
    pub edges: u64,
    /// Whether this is the app's first cycle: no limit on creates.
    pub first_cycle: bool,
    /// Deactivations and deletes of all apps within the window, and active accounts of all apps.
    pub everywhere: (u64, u64),
    /// Evaluations and rule errors of this plan.
    pub rule_errors: (u64, u64),
}

/// Over all apps, deactivate or delete (`reliability.md` section 4).
pub const LEAVE_EVERYWHERE: Radius = Radius { count: 50, percent: 5, absolute: 0 };
/// Rule errors that hold the app's whole batch: more than this share, in per cent, and at least [`RULE_ERRORS_MIN`].
pub const RULE_ERRORS_PERCENT: u64 = 10;
/// The least number of rule errors that holds the batch.
pub const RULE_ERRORS_MIN: u64 = 5;

/// The verdict that `findings` give under the app's policy.
pub fn verdict(findings: &[Finding]) -> Verdict {
    match findings.iter().map(|finding| finding.severity).max() {
        Some(Severity::Refuse) => Verdict::Refused,
        Some(Severity::Hold) => Verdict::Pending,
        Some(Severity::Clear) | None => Verdict::Queued,
    }
}

/// Gives findings the severities of the app's policy. What two must approve waits.
pub fn apply_policy(app: &AppSpec, findings: &mut [Finding]) {
    for finding in findings {
        let waits = app.app.approvals.two.contains(&Demand::Finding(finding.kind));
        let least = if waits { Severity::Hold } else { Severity::Clear };
        finding.severity = app.app.guard.severity(finding.kind).max(least);
    }
}

/// Which classes of a plan exceed the blast radius, each with a finding that gives the numbers.
pub fn exceeded(app: &AppSpec, counts: &PlanCounts, budget: &Budget) -> BTreeMap<Class, Finding> {
    let radius = &app.app.guard.blast_radius;
    let mut held = BTreeMap::new();
    for (class, number) in &counts.classes {
        if *class == Class::Create && budget.first_cycle {
            continue;
        }
        let total = number + budget.used.get(class).copied().unwrap_or(0);
        let everywhere = *class == Class::Leave
            && LEAVE_EVERYWHERE.exceeded_by(budget.everywhere.0 + number, budget.everywhere.1.max(budget.base));
        let (base, of) = match class {
            Class::EdgeRemoval => (budget.edges, "granted edges"),
            _ => (budget.base, "active accounts"),
        };
        let detail = if radius.exceeded(class, total, base) {
            format!("{total} {class} within 24 h, {base} {of}")
        } else if everywhere {
            let (total, base) = (budget.everywhere.0 + number, budget.everywhere.1.max(budget.base));
            format!("{total} {class} within 24 h over all apps, {base} {of} in all of them")
        } else {
            continue;
        };
        held.insert(class.clone(), Finding::new(FindingKind::BlastRadius, detail));
    }
    held
}

/// The finding that holds everything when too many rules failed; leavers decided by state or assignment are exempt.
pub fn too_many_rule_errors(budget: &Budget) -> Option<Finding> {
    let (evaluations, errors) = budget.rule_errors;
    (errors >= RULE_ERRORS_MIN && errors * 100 > evaluations * RULE_ERRORS_PERCENT)
        .then(|| Finding::new(FindingKind::RuleErrors, format!("{errors} of {evaluations} evaluations failed")))
}

/// Whether an operation is exempt from its class being held: an operator's act on one named user, or an update that an admin
/// saw and activated. It still counts.
fn exempt(planned: &Planned, class: &Class) -> bool {
    match (&planned.cause, class) {
        (Cause::Operator(_), Class::Leave) => planned.operation.kind == Kind::Deactivate,
        (Cause::Activation(_), Class::Update(_)) => true,
        _ => false,
    }
}

/// Whether state or assignment makes the user leave: no broken rule can be the reason.
fn leaves_without_a_rule(planned: &Planned) -> bool {
    planned.operation.kind.is_leaving() && !planned.findings.iter().any(|each| each.kind == FindingKind::OutOfScope)
}

/// Lays the plan's findings over a page: operations of held classes, and all but leavers after too many rule errors, wait.
/// Returns each operation's held class, in the page's order.
pub fn hold(page: &mut PlanPage, held: &BTreeMap<Class, Finding>, rule_errors: Option<&Finding>) -> Vec<Option<Class>> {
    page.operations
        .iter_mut()
        .map(|planned| {
            if planned.verdict == Verdict::Refused {
                return None;
            }
            if let Some(finding) = rule_errors
                && !leaves_without_a_rule(planned)
            {
                planned.findings.push(finding.clone());
                planned.verdict = Verdict::Pending;
            }
            let mut classes = Class::of(&planned.operation);
            classes.retain(|class| held.contains_key(class) && !exempt(planned, class));
            if !classes.is_empty() {
                planned.findings.extend(classes.iter().map(|class| held[class].clone()));
                planned.verdict = Verdict::Pending;
            }
            classes.into_iter().next()
        })
        .collect()
}
