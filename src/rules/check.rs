//! What can be known of a script before it runs: every name is checked here, with its place and the one that may be meant.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, Stmt};

use crate::rules::fault::RuleFault;
use crate::rules::person::{self, OF_A_MANAGER, OF_AN_APP, Uses};
use crate::rules::suggest;
use crate::rules::vocabulary::FUNCTIONS;

/// Where a script stands: what it may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The rules of an app.
    App,
    /// The condition of a role.
    Role,
}

/// Checks every name in `ast`; gives back the fields of `user` that it asks for.
///
/// # Errors
/// The first fault by line and column.
pub(super) fn names(file: &str, ast: &AST, place: Place) -> Result<Uses, RuleFault> {
    let mut own: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for function in ast.iter_functions() {
        own.entry(function.name.to_owned()).or_default().insert(function.params.len());
    }
    let mut checker = Checker { file, place, own, uses: Uses::default(), faults: Vec::new() };
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(node) = path.last() {
            checker.node(node);
        }
        true
    });
    match checker.faults.into_iter().min_by_key(|fault| (fault.line, fault.column)) {
        Some(fault) => Err(fault),
        None => Ok(checker.uses),
    }
}

struct Checker<'a> {
    file: &'a str,
    place: Place,
    own: BTreeMap<String, BTreeSet<usize>>,
    uses: Uses,
    faults: Vec<RuleFault>,
}

impl Checker<'_> {
    fn fault(&mut self, position: Position, message: impl Into<String>) {
        self.faults.push(RuleFault::at(self.file, position, message));
    }

    fn node(&mut self, node: &ASTNode<'_>) {
        match node {
            ASTNode::Stmt(Stmt::FnCall(call, position)) | ASTNode::Expr(Expr::FnCall(call, position)) => {
                self.call(call, *position);
            }
            ASTNode::Expr(Expr::MethodCall(call, position)) => self.method(call, *position),
            ASTNode::Expr(Expr::Property(property, _)) => self.uses.add(&property.2),
            ASTNode::Expr(Expr::Dot(pair, ..)) if is_user(&pair.lhs) => self.field(&pair.rhs),
            ASTNode::Expr(Expr::Index(pair, ..)) if is_user(&pair.lhs) => {
                self.fault(pair.lhs.position(), "write `user.name`, not `user[\"name\"]`");
            }
            ASTNode::Stmt(Stmt::Var(declared, ..)) if declared.0.name == "user" => {
                self.fault(declared.0.pos, "`user` is always the person; give this variable another name");
            }
            ASTNode::Stmt(Stmt::For(parts, _)) if parts.0.name == "user" => {
                self.fault(parts.0.pos, "`user` is always the person; give this variable another name");
            }
            ASTNode::Stmt(Stmt::Assignment(parts)) if is_user(root(&parts.1.lhs)) => {
                self.fault(root(&parts.1.lhs).position(), "a rule can't change `user`");
            }
            _ => {}
        }
    }

    fn call(&mut self, call: &FnCallExpr, position: Position) {
        if call.is_operator_call() {
            return;
        }
        let (name, given) = (call.name.as_str(), call.args.len());
        match self.own.get(name) {
            Some(takes) if takes.contains(&given) => {}
            Some(takes) => {
                let message = wrong_count(name, takes.iter(), given);
                self.fault(position, message);
            }
            None => self.native(name, given, position),
        }
    }

    fn method(&mut self, call: &FnCallExpr, position: Position) {
        let name = call.name.as_str();
        if self.own.contains_key(name) && !FUNCTIONS.iter().any(|(known, _)| *known == name) {
            self.fault(
                position,
                format!("`{name}` is a function of this file: call it as `{name}(x)`, not `x.{name}()`"),
            );
        } else {
            self.native(name, call.args.len() + 1, position);
        }
    }

    fn native(&mut self, name: &str, given: usize, position: Position) {
        match name {
            "has_role" => self.uses.add("roles"),
            "in_group" => self.uses.add("groups"),
            _ => {}
        }
        match FUNCTIONS.iter().find(|(known, _)| *known == name) {
            Some((_, takes)) if takes.contains(&given) => {}
            Some((_, takes)) => self.fault(position, wrong_count(name, takes.iter(), given)),
            None => {
                let known = FUNCTIONS.iter().map(|(known, _)| *known).chain(self.own.keys().map(String::as_str));
                let message = match suggest::nearest(name, known) {
                    Some(near) => format!("unknown function `{name}`; did you mean `{near}`?"),
                    None => format!("unknown function `{name}`"),
                };
                self.fault(position, message);
            }
        }
    }

    /// `user.<rest>`.
    fn field(&mut self, rest: &Expr) {
        let (head, tail) = chain(rest);
        let Expr::Property(property, position) = head else { return };
        let name = property.2.as_str();
        if person::slot(name).is_none() {
            let message = match suggest::nearest(name, person::fields()) {
                Some(near) => format!(
                    "unknown attribute `user.{name}`; did you mean `user.{near}`? (own attributes are `user.custom.{name}`)"
                ),
                None => format!("unknown attribute `user.{name}`; own attributes are `user.custom.{name}`"),
            };
            self.fault(*position, message);
        } else if self.place == Place::Role && OF_AN_APP.contains(&name) {
            self.fault(
                *position,
                format!("`user.{name}` belongs to an app; a role is decided before any app is looked at"),
            );
        } else if let ("manager", Some(Expr::Property(part, position))) = (name, tail.map(|tail| chain(tail).0))
            && !OF_A_MANAGER.contains(&part.2.as_str())
        {
            self.fault(
                *position,
                format!("unknown attribute `user.manager.{}`; there are {}", part.2, OF_A_MANAGER.join(", ")),
            );
        }
    }
}

/// The first link of `a.b.c`, and what follows it.
fn chain(expr: &Expr) -> (&Expr, Option<&Expr>) {
    match expr {
        Expr::Dot(pair, ..) => (&pair.lhs, Some(&pair.rhs)),
        Expr::Index(pair, ..) => (&pair.lhs, None),
        other => (other, None),
    }
}

/// What `a` of `a.b[c]` is.
fn root(expr: &Expr) -> &Expr {
    match expr {
        Expr::Dot(pair, ..) | Expr::Index(pair, ..) => root(&pair.lhs),
        other => other,
    }
}

/// Whether this is the variable `user`.
pub(super) fn is_user(expr: &Expr) -> bool {
    matches!(expr, Expr::Variable(variable, ..) if variable.1 == "user")
}

fn wrong_count<'a>(name: &str, takes: impl Iterator<Item = &'a usize>, given: usize) -> String {
    let takes: Vec<String> = takes.map(usize::to_string).collect();
    format!("`{name}` takes {} value(s), here it is given {given} (in `x.{name}(y)`, x counts)", takes.join(" or "))
}
