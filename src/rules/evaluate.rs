//! Rules over one subject: who holds a role, who is in scope, which account and which entitlements he should have.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rhai::{Dynamic, EvalAltResult, Position};

use crate::directory::User;
use crate::provision::Desired;
use crate::provision::desired::GrantedEntitlement;
use crate::rules::fault::{RuleError, RuleFault};
use crate::rules::load::{Function, Rules, Source};
use crate::rules::machine::Machine;
use crate::rules::person::{Person, Subject};
use crate::rules::sandbox::{self, DEADLINE, Hit, PATIENT_DEADLINE, Reading};
use crate::rules::shape::{self, Paths, Shape, Weight};

/// The split is trusted up to a quarter of each limit; beyond it the whole decides, so that both have the same verdict.
const TRUSTED_SHARE: usize = 4;

/// What rules say of one subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluated {
    /// False = the assignment is lost.
    pub in_scope: bool,
    /// The account he should have, with the entitlements if they are known; `None` if he is not in scope.
    pub desired: Option<Desired>,
    /// Sorted, without repeats; empty if he is not in scope. A fault here leaves the account's attributes flowing and its edges alone.
    pub entitlements: Result<Vec<GrantedEntitlement>, RuleFault>,
}

impl Rules {
    /// The roles of `user`: what the source gives, and those whose condition holds. Conditions see the source's roles, not each other's.
    ///
    /// # Errors
    /// A condition that fails, or is neither true nor false, for this user.
    pub fn roles(&self, user: &User) -> Result<BTreeSet<String>, RuleFault> {
        let mut roles = user.roles.clone();
        if self.conditions.is_empty() {
            return Ok(roles);
        }
        let overrides = BTreeMap::new();
        let subject =
            Subject { user, roles: &user.roles, app_role: None, external_id: "", manager: None, overrides: &overrides };
        let person = Person::build(&subject, self.condition_uses);
        for condition in &self.conditions {
            let program = &condition.program;
            let (result, reading) =
                Machine::run(program, &person, PATIENT_DEADLINE, |machine| machine.evaluate(program));
            let start = Position::new(1, 1);
            let result = settle(&condition.file, start, result, reading).map_err(RuleError::into_fault)?;
            match result.as_bool() {
                Ok(true) => drop(roles.insert(condition.role.clone())),
                Ok(false) => {}
                Err(_) => {
                    let message = format!("a condition is true or false; this one is {}", shape::name_of(&result));
                    return Err(RuleFault::at(&condition.file, start, message));
                }
            }
        }
        Ok(roles)
    }

    /// Evaluates the rules over one subject.
    ///
    /// # Errors
    /// [`RuleError::Fault`] if `in_scope` or `account` is wrong for him; [`RuleError::Fuse`] if any function ran into the deadline.
    pub fn evaluate(&self, subject: &Subject<'_>) -> Result<Evaluated, RuleError> {
        self.evaluate_within(subject, DEADLINE)
    }

    /// Evaluates with ten times the time: for a subject whose evaluation tripped the fuse, alone.
    ///
    /// # Errors
    /// The fault; a deadline reached is one now.
    pub fn evaluate_patiently(&self, subject: &Subject<'_>) -> Result<Evaluated, RuleFault> {
        self.evaluate_within(subject, PATIENT_DEADLINE).map_err(RuleError::into_fault)
    }

    /// Evaluates with a deadline of the caller's for each function of the script.
    ///
    /// # Errors
    /// As [`Rules::evaluate`].
    pub fn evaluate_within(&self, subject: &Subject<'_>, allowed: Duration) -> Result<Evaluated, RuleError> {
        let person = Person::build(subject, self.uses);
        if !self.in_scope(&person, allowed)? {
            return Ok(Evaluated { in_scope: false, desired: None, entitlements: Ok(Vec::new()) });
        }
        let attributes = match evaluate_split(self, &person, allowed) {
            Some(paths) => paths,
            None => self.whole_account(&person, allowed)?,
        };
        let entitlements = match self.entitlements(&person, allowed) {
            Err(RuleError::Fuse(fault)) => return Err(RuleError::Fuse(fault)),
            Err(RuleError::Fault(fault)) => Err(fault),
            Ok(grants) => Ok(grants),
        };
        let grants = entitlements.clone().unwrap_or_default();
        Ok(Evaluated { in_scope: true, desired: Some(Desired { attributes, grants }), entitlements })
    }

    /// Why the script's `is_protected` says that nothing may happen to the user's account without an approver; `None` = it does not, or
    /// there is no such function. It returns true, false, `()` or a reason; a function that fails protects.
    pub fn protected(&self, subject: &Subject<'_>) -> Option<String> {
        let function = self.protected.as_ref()?;
        let person = Person::build(subject, self.uses);
        let result = match self.call(function, &person, DEADLINE) {
            Err(RuleError::Fuse(_)) => self.call(function, &person, PATIENT_DEADLINE),
            other => other,
        };
        match result {
            Err(error) => Some(format!("the rule failed: {}", error.into_fault())),
            Ok(value) if value.is_unit() => None,
            Ok(value) => match (value.as_bool(), value.as_immutable_string_ref()) {
                (Ok(true), _) => Some("fn is_protected".to_owned()),
                (Ok(false), _) => None,
                (_, Ok(reason)) => Some(reason.to_string()).filter(|reason| !reason.is_empty()),
                _ => Some(format!("`is_protected` returned {}, not true, false or a reason", shape::name_of(&value))),
            },
        }
    }

    fn in_scope(&self, person: &Person, allowed: Duration) -> Result<bool, RuleError> {
        let Some(function) = &self.in_scope else { return Ok(true) };
        let result = self.call(function, person, allowed)?;
        result.as_bool().map_err(|_| {
            let message = format!("`in_scope` must return true or false; it returned {}", shape::name_of(&result));
            RuleFault::at(&self.file, function.position, message).into()
        })
    }

    fn entitlements(&self, person: &Person, allowed: Duration) -> Result<Vec<GrantedEntitlement>, RuleError> {
        let Some(function) = &self.entitlements else { return Ok(Vec::new()) };
        let result = self.call(function, person, allowed)?;
        shape::grants(&result).map_err(|reason| RuleFault::at(&self.file, function.position, reason).into())
    }

    /// The line of the `grant(…)` that gives each entitlement; without those whose line is not known, and empty if the rule fails.
    pub fn lines_of_grants(&self, subject: &Subject<'_>) -> BTreeMap<GrantedEntitlement, usize> {
        let Some(function) = &self.entitlements else { return BTreeMap::new() };
        let person = Person::build(subject, self.uses);
        match self.call(function, &person, PATIENT_DEADLINE) {
            Ok(result) => shape::lines_of_grants(&result),
            Err(_) => BTreeMap::new(),
        }
    }

    fn whole_account(&self, person: &Person, allowed: Duration) -> Result<Paths, RuleError> {
        let position = self.account.function.position;
        let result = self.call(&self.account.function, person, allowed)?;
        let Ok(map) = result.as_map_ref() else {
            let message = format!("`account` must return a map `#{{ … }}`; it returned {}", shape::name_of(&result));
            return Err(RuleFault::at(&self.file, position, message).into());
        };
        let mut paths = Paths::new();
        let mut weight = Weight { text_bytes: 0, items: map.len() };
        for (name, value) in &*map {
            let added = shape::account_attribute(name)
                .and_then(|()| Shape::read(value, &mut weight, 0).map_err(|reason| format!("`{name}`: {reason}")))
                .and_then(|shape| shape.flatten(name, false, &mut paths));
            if let Err(reason) = added {
                let position = self.account.keys.get(name.as_str()).copied().unwrap_or(position);
                return Err(RuleFault::at(&self.file, position, reason).into());
            }
        }
        Ok(paths)
    }

    fn call(&self, function: &Function, person: &Person, allowed: Duration) -> Result<Dynamic, RuleError> {
        let (result, reading) =
            Machine::run(&function.body, person, allowed, |machine| machine.evaluate(&function.body));
        settle(&self.file, function.position, result, reading)
    }
}

/// The account, one attribute at a time; `None` if anything is out of the ordinary, for then the whole decides.
fn evaluate_split(rules: &Rules, person: &Person, allowed: Duration) -> Option<Paths> {
    let split = rules.account.split.as_ref()?;
    let mut weight = Weight { text_bytes: 0, items: split.attributes.len() };
    let (paths, reading) = Machine::run(&rules.account.function.body, person, allowed, |machine| {
        if let Some(before) = &split.before {
            drop(machine.evaluate(before).ok()?);
        }
        let variables = machine.variables();
        let mut paths = Paths::new();
        for attribute in &split.attributes {
            let shape = match &attribute.value {
                Source::Field(slot) => Shape::read(person.slot(*slot), &mut weight, 0),
                Source::Constant(value) => Shape::read(value, &mut weight, 0),
                Source::Expression(program) => {
                    let value = machine.evaluate(program).ok()?;
                    machine.rewind(variables);
                    Shape::read(&value, &mut weight, 0)
                }
            };
            shape.ok()?.flatten(&attribute.name, false, &mut paths).ok()?;
        }
        Some(paths)
    });
    let ordinary = reading.hit.is_none()
        && reading.operations <= sandbox::OPERATIONS_MAX / TRUSTED_SHARE as u64
        && weight.text_bytes <= sandbox::TEXT_BYTES_MAX / TRUSTED_SHARE
        && weight.items <= sandbox::ITEMS_MAX / TRUSTED_SHARE;
    paths.filter(|_| ordinary)
}

/// The result of a metered run. A limit that the script swallowed counts all the same.
fn settle(
    file: &str,
    position: Position,
    result: Result<Dynamic, Box<EvalAltResult>>,
    reading: Reading,
) -> Result<Dynamic, RuleError> {
    let fault = match (&result, reading.hit) {
        (Err(error), hit) => RuleFault::evaluation(file, error, hit, position),
        (Ok(_), Some(hit)) => RuleFault::at(file, position, hit.to_string()),
        (Ok(_), None) => return result.map_err(|error| RuleFault::evaluation(file, &error, None, position).into()),
    };
    Err(if reading.hit == Some(Hit::Deadline) { RuleError::Fuse(fault) } else { RuleError::Fault(fault) })
}
