//! Where things stand: the line of each attribute's expression, so that people see which line of which rule gave a value.

use std::collections::BTreeMap;

use rhai::{ASTNode, Expr, Stmt};

use crate::rules::load::Rules;

/// Lines of a script's account, by attribute path.
#[derive(Debug, Default)]
pub(super) struct Lines(BTreeMap<String, usize>);

impl Lines {
    /// Of the statements of `fn account(user)`: keys of the maps that it may return, and what is assigned to their attributes.
    pub(super) fn of(statements: &[Stmt]) -> Self {
        let mut lines = Self::default();
        for statement in statements {
            statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
                let Some((last, around)) = path.split_last() else { return true };
                // A map in another one is a part of it; one in a call is the function's.
                let whole = !around
                    .iter()
                    .any(|node| matches!(node, ASTNode::Expr(Expr::Map(..) | Expr::FnCall(..) | Expr::Array(..))));
                match last {
                    ASTNode::Expr(map @ Expr::Map(..)) if whole => lines.parts("", map),
                    ASTNode::Stmt(Stmt::Assignment(assigned)) => lines.assigned(&assigned.1.lhs),
                    _ => {}
                }
                true
            });
        }
        lines
    }

    /// The keys of a map, and of the maps that are its values.
    fn parts(&mut self, prefix: &str, value: &Expr) {
        match value {
            Expr::Map(map, _) => {
                for (name, value) in &map.0 {
                    let path = match prefix {
                        "" => name.name.to_string(),
                        urn if urn.starts_with("urn:") => format!("{urn}:{}", name.name),
                        _ => format!("{prefix}.{}", name.name),
                    };
                    self.note(path.clone(), name.pos.line());
                    self.parts(&path, value);
                }
            }
            Expr::FnCall(call, _) if call.name.as_str() == "create_only" => {
                call.args.iter().for_each(|argument| self.parts(prefix, argument));
            }
            _ => {}
        }
    }

    /// `map.attribute = …` and `map["attribute"] = …`.
    fn assigned(&mut self, target: &Expr) {
        match target {
            Expr::Dot(pair, ..) => {
                if let Expr::Property(property, position) = &pair.rhs {
                    self.note(property.2.to_string(), position.line());
                }
            }
            Expr::Index(pair, ..) => {
                if let Expr::StringConstant(name, position) = &pair.rhs {
                    self.note(name.to_string(), position.line());
                }
            }
            _ => {}
        }
    }

    fn note(&mut self, path: String, line: Option<usize>) {
        if let Some(line) = line {
            self.0.entry(path).or_insert(line);
        }
    }

    /// The line of a path, or of the attribute that it is a part of.
    fn find(&self, path: &str) -> Option<usize> {
        let mut path = path;
        loop {
            if let Some(line) = self.0.get(path) {
                return Some(*line);
            }
            path = &path[..path.rfind(['.', ':', '['])?];
        }
    }
}

impl Rules {
    /// The script, below the workspace.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line on which the expression of an attribute stands; `None` if the script computes its names, or does not give it.
    pub fn line_of(&self, attribute: &str) -> Option<usize> {
        self.account.lines.find(attribute)
    }

    /// The line on which `fn entitlements(user)` begins, if there is one.
    pub fn line_of_entitlements(&self) -> Option<usize> {
        self.entitlements.as_ref().and_then(|function| function.position.line())
    }
}
