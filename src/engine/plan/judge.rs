//! Access first, then the desired account: what the rules say of one pair.

use std::collections::{BTreeMap, BTreeSet};

use crate::connector::app::{AppSpec, LeavingPolicy};
use crate::connector::reconcile::Drift;
use crate::digest::{Digest, Hasher};
use crate::directory::assignment::Assignment;
use crate::directory::change::Cause;
use crate::directory::user::Standing;
use crate::id::InstanceId;
use crate::provision::account::external_id;
use crate::provision::desired::Desired;
use crate::provision::guard::checks;
use crate::provision::guard::finding::{Finding, FindingKind};
use crate::provision::leaving::{Access, Leaving, highest_app_role};
use crate::provision::operation::Kind;
use crate::rules::{Evaluated, RuleError, RuleFault, Rules, Subject};
use crate::store::query::PairRow;

/// What the rules say of one pair.
#[derive(Debug, Clone)]
pub struct Judged {
    /// What the store knows.
    pub row: PairRow,
    /// Why the pair is looked at.
    pub cause: Cause,
    /// Over all that the pair depends on.
    pub basis: Digest,
    /// Nothing it depends on changed since it was last settled: no rule ran.
    pub unchanged: bool,
    /// All roles, those by condition included.
    pub roles: BTreeSet<String>,
    /// Whether the user should have the app.
    pub access: Access,
    /// The engine's externalId for the user.
    pub external_id: String,
    /// The account he should have; `None` for leavers and after a fault.
    pub desired: Option<Desired>,
    /// The rules failed, or several app roles can't be ranked.
    pub fault: Option<Finding>,
    /// The entitlement rules failed: attributes flow, edges stay.
    pub entitlement_fault: Option<String>,
    /// Whether `in_scope` or `account` ran.
    pub evaluated: bool,
    /// Why the rules say that the user is protected; a rule that fails protects him.
    pub protected: Option<String>,
}

/// Judges one pair of `app`.
///
/// `catalogue` is the digest of what the target can grant.
pub fn judge(
    app: &AppSpec,
    rules: &Rules,
    (instance, catalogue): (InstanceId, Digest),
    row: PairRow,
    cause: Cause,
) -> Judged {
    let basis = basis(app, rules.grant().then_some(catalogue), &row);
    let unchanged = row.account.basis == Some(basis) && !waits_for_time(app, &row);
    let external_id = external_id(instance, row.user.id);
    let mut judged = Judged {
        row,
        cause,
        basis,
        unchanged,
        roles: BTreeSet::new(),
        access: Access::Leaving(Leaving::Unassigned),
        external_id,
        desired: None,
        fault: None,
        entitlement_fault: None,
        evaluated: false,
        protected: None,
    };
    if !unchanged {
        judged.ask(app, rules);
        judged.protected = protected(rules, &judged.row, &judged.roles, &judged.external_id);
    }
    judged
}

/// What the guards of `app` say of the user of a pair, whatever is done to his account: for an operation that was planned earlier.
pub fn protection(app: &AppSpec, rules: &Rules, instance: InstanceId, row: &PairRow, kind: Kind) -> Vec<Finding> {
    let (roles, unsure) = match rules.roles(&row.user) {
        Ok(roles) => (roles, None),
        Err(fault) => (row.user.roles.clone(), Some(fault.to_string())),
    };
    let by_rule = protected(rules, row, &roles, &external_id(instance, row.user.id));
    // Who may be protected by a role that can't be told is.
    let by_role = app.app.guard.protected.iter().any(|item| item.starts_with("role:"));
    let leaves = row.user.effective_standing() != Standing::Active;
    let by_rule = by_rule.or(unsure.filter(|_| by_role && !leaves));
    checks::protection(app, (&row.user, &roles, by_rule.as_deref()), kind)
}

fn protected(rules: &Rules, row: &PairRow, roles: &BTreeSet<String>, external_id: &str) -> Option<String> {
    let overrides = BTreeMap::new();
    let manager = row.manager.as_ref();
    rules.protected(&Subject { user: &row.user, roles, app_role: None, external_id, manager, overrides: &overrides })
}

/// Over user revision, app digest, assignment (a function of both) and references; where rules grant entitlements, over what there
/// is to grant.
fn basis(app: &AppSpec, catalogue: Option<Digest>, row: &PairRow) -> Digest {
    let mut hasher = Hasher::new();
    hasher.value(&row.user.id).number(row.user.revision).value(&app.digest).value(&row.manager);
    if let Some(catalogue) = catalogue {
        hasher.value(&catalogue);
    }
    hasher.finish()
}

/// A deactivated account whose policy deletes it later is looked at in every cycle.
fn waits_for_time(app: &AppSpec, row: &PairRow) -> bool {
    let leaving = &app.app.leaving;
    row.account.is_inactive()
        && (leaving.on_delete == LeavingPolicy::Delete || leaving.on_unassign == LeavingPolicy::Delete)
}

impl Judged {
    fn ask(&mut self, app: &AppSpec, rules: &Rules) {
        self.roles = match rules.roles(&self.row.user) {
            Ok(roles) => roles,
            // Whoever is not active leaves whatever the conditions say: no rule may keep a leaver's account.
            Err(_) if self.row.user.effective_standing() != Standing::Active => self.row.user.roles.clone(),
            Err(fault) => return self.fail(&fault),
        };
        let assignment = app.app.assign.assign(&app.name, &self.row.user, &self.roles);
        self.access = Access::decide(&self.row.user, assignment);
        if let Access::Entitled(assignment) = self.access.clone() {
            self.ask_for_account(app, rules, &assignment);
        }
    }

    fn ask_for_account(&mut self, app: &AppSpec, rules: &Rules, assignment: &Assignment) {
        let app_role = match highest_app_role(assignment, &app.app.app_role_order) {
            Ok(role) => role.map(str::to_owned),
            Err(unlisted) => {
                self.fault = Some(Finding::new(FindingKind::UnlistedAppRole, unlisted));
                return;
            }
        };
        self.evaluated = true;
        let evaluated = evaluate(rules, self, app_role.as_deref(), &assignment.overrides);
        match evaluated {
            Ok(Evaluated { in_scope: false, .. }) => self.access = Access::Leaving(Leaving::Unassigned),
            Ok(Evaluated { desired, entitlements, .. }) => {
                let mut desired = desired.unwrap_or_default();
                match entitlements {
                    Ok(grants) => desired.grants = grants,
                    Err(fault) => self.entitlement_fault = Some(fault.to_string()),
                }
                self.keep_adopted(app, &mut desired);
                self.desired = Some(desired);
            }
            Err(fault) => self.fail(&fault),
        }
    }

    /// What a reconcile adopted stays as it is at the target for as long as the app's policy says *adopt*.
    fn keep_adopted(&self, app: &AppSpec, desired: &mut Desired) {
        for (path, value) in &self.row.adopted {
            if app.app.reconcile.drift(path) == Drift::Adopt
                && let Some(wanted) = desired.attributes.get_mut(path)
            {
                wanted.value.clone_from(value);
            }
        }
    }

    fn fail(&mut self, fault: &RuleFault) {
        self.evaluated = true;
        self.fault = Some(Finding::new(FindingKind::RuleError, fault.to_string()));
    }
}

/// Evaluates once; a pair that trips the time fuse is tried once more, alone, with ten times the time.
fn evaluate(
    rules: &Rules,
    judged: &Judged,
    app_role: Option<&str>,
    overrides: &BTreeMap<String, Option<crate::directory::value::Value>>,
) -> Result<Evaluated, RuleFault> {
    let subject = Subject {
        user: &judged.row.user,
        roles: &judged.roles,
        app_role,
        external_id: &judged.external_id,
        manager: judged.row.manager.as_ref(),
        overrides,
    };
    match rules.evaluate(&subject) {
        Err(RuleError::Fuse(_)) => rules.evaluate_patiently(&subject),
        other => other.map_err(RuleError::into_fault),
    }
}
