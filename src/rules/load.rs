//! From a script to [`Rules`]: parsed, checked, and the account map split into one expression an attribute.

use std::collections::BTreeMap;

use rhai::{AST, ASTNode, Dynamic, Expr, Position, Scope, Stmt};

use crate::connector::app::AppSpec;
use crate::directory::RoleDefinition;
use crate::rules::check::{self, Place};
use crate::rules::fault::RuleFault;
use crate::rules::lines::Lines;
use crate::rules::machine::Program;
use crate::rules::person::{self, Uses};
use crate::rules::sandbox::{self, SOURCE_BYTES_MAX};
use crate::rules::{shape, suggest};

/// The rules of one app, ready to be evaluated. Cheap to share between threads; compile once per app and revision.
#[derive(Debug)]
pub struct Rules {
    pub(super) file: String,
    pub(super) uses: Uses,
    pub(super) in_scope: Option<Function>,
    pub(super) account: Account,
    pub(super) entitlements: Option<Function>,
    pub(super) protected: Option<Function>,
    pub(super) conditions: Vec<Condition>,
    pub(super) condition_uses: Uses,
}

/// A function that the engine calls: its body, for a scope in which `user` is the only variable.
#[derive(Debug)]
pub(super) struct Function {
    /// Where it begins.
    pub(super) position: Position,
    pub(super) body: Program,
}

/// `fn account(user)`.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) function: Function,
    /// Where the attributes are written, for faults.
    pub(super) keys: BTreeMap<String, Position>,
    pub(super) split: Option<Split>,
    /// Where attributes' expressions stand, for people.
    pub(super) lines: Lines,
}

/// The account map as one expression an attribute. Same results as the whole, or none.
#[derive(Debug)]
pub(super) struct Split {
    /// The `let`s before the map.
    pub(super) before: Option<Program>,
    pub(super) attributes: Vec<Attribute>,
}

/// One attribute of the split.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) value: Source,
}

/// Where its value comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// Just `user.<field>`.
    Field(usize),
    /// A constant.
    Constant(Dynamic),
    /// Anything else.
    Expression(Program),
}

/// A role by condition.
#[derive(Debug)]
pub(super) struct Condition {
    pub(super) role: String,
    pub(super) file: String,
    pub(super) program: Program,
}

/// The rules that ship with Usher: path below a workspace's `rules/` and text, scripts and examples.
pub fn builtin() -> [(&'static str, &'static str); 6] {
    [
        ("generic.rhai", include_str!("../../rules/generic.rhai")),
        ("generic.examples.toml", include_str!("../../rules/generic.examples.toml")),
        ("nulab-pass.rhai", include_str!("../../rules/nulab-pass.rhai")),
        ("nulab-pass.examples.toml", include_str!("../../rules/nulab-pass.examples.toml")),
        ("nullplatform.rhai", include_str!("../../rules/nullplatform.rhai")),
        ("nullplatform.examples.toml", include_str!("../../rules/nullplatform.examples.toml")),
    ]
}

impl Rules {
    /// Compiles the rules and the role conditions of an app. Nothing is run.
    ///
    /// # Errors
    /// The first mistake: syntax, an unknown name, something a rule may not do, a script over 64 KiB.
    pub fn compile(spec: &AppSpec) -> Result<Self, RuleFault> {
        Self::from_source(&spec.rules_file, &spec.rules_source, &spec.roles)
    }

    /// As [`Rules::compile`], from the parts.
    ///
    /// # Errors
    /// As [`Rules::compile`].
    pub fn from_source(file: &str, source: &str, roles: &[RoleDefinition]) -> Result<Self, RuleFault> {
        build(file, source, roles)
    }

    /// The same rules without the split: for comparing the two.
    #[must_use]
    pub fn unsplit(mut self) -> Self {
        self.account.split = None;
        self
    }

    /// Whether the script has an `entitlements` function: whether it may grant groups and the like.
    pub fn grant(&self) -> bool {
        self.entitlements.is_some()
    }

    /// How many attributes of the account are evaluated each by itself; `None` if the account is evaluated as a whole.
    pub fn split_attributes(&self) -> Option<usize> {
        self.account.split.as_ref().map(|split| split.attributes.len())
    }
}

fn build(file: &str, source: &str, roles: &[RoleDefinition]) -> Result<Rules, RuleFault> {
    // As editors on Windows begin a file.
    let source = source.strip_prefix('\u{feff}').unwrap_or(source);
    let script = parse(file, source, |source| sandbox::engine().compile(source))?;
    if let Some(statement) = script.statements().first() {
        let message = "only functions here: put this into `fn account(user)` or a function of its own";
        return Err(RuleFault::at(file, statement.position(), message));
    }
    let uses = check::names(file, &script, Place::App)?;
    let script = Program::new(script);
    let in_scope = function(file, &script, "in_scope")?;
    let entitlements = function(file, &script, "entitlements")?;
    let protected = function(file, &script, "is_protected")?;
    let account = match function(file, &script, "account")? {
        Some(function) => account(file, &script, function)?,
        None => return Err(RuleFault::at(file, Position::NONE, missing_account(script.ast()))),
    };
    let mut condition_uses = Uses::default();
    let conditions =
        roles.iter().map(|role| condition(role, &mut condition_uses)).collect::<Result<Vec<_>, RuleFault>>()?;
    Ok(Rules { file: file.to_owned(), uses, in_scope, account, entitlements, protected, conditions, condition_uses })
}

fn parse(
    file: &str,
    source: &str,
    parser: impl FnOnce(&str) -> Result<AST, rhai::ParseError>,
) -> Result<AST, RuleFault> {
    if source.len() > SOURCE_BYTES_MAX {
        let message = format!("the script has {} bytes; the most is {SOURCE_BYTES_MAX}", source.len());
        return Err(RuleFault::at(file, Position::NONE, message));
    }
    parser(source).map_err(|error| RuleFault::parse(file, &error))
}

fn missing_account(script: &AST) -> String {
    let own: Vec<&str> = script.iter_functions().map(|function| function.name).collect();
    match suggest::nearest("account", own.iter().copied()) {
        Some(near) => format!("there is no `fn account(user)`; is `fn {near}` meant to be it?"),
        None => "there is no `fn account(user)`; it says which account a user should have".to_owned(),
    }
}

/// A function that the engine calls, if the script has it.
fn function(file: &str, script: &Program, name: &str) -> Result<Option<Function>, RuleFault> {
    let mut found = None;
    for function in script.ast().iter_functions().filter(|function| function.name == name) {
        let body = body(script.ast(), name, function.params.len());
        let position = body.iter().map(Stmt::position).find(|position| !position.is_none()).unwrap_or_default();
        if function.params.as_slice() != ["user"] {
            return Err(RuleFault::at(file, position, format!("`{name}` must be written `fn {name}(user)`")));
        }
        found = Some(Function { position, body: script.with(body) });
    }
    Ok(found)
}

/// The statements of a function.
fn body(script: &AST, name: &str, parameters: usize) -> Vec<Stmt> {
    let mut alone = script.clone();
    alone.retain_functions(|_, _, function, takes| function == name && takes == parameters);
    let mut statements = Vec::new();
    alone.walk(&mut |path: &[ASTNode<'_>]| {
        if let [ASTNode::Stmt(statement)] = path {
            statements.push((*statement).clone());
        }
        true
    });
    statements
}

fn account(file: &str, script: &Program, function: Function) -> Result<Account, RuleFault> {
    let statements = function.body.ast().statements();
    let mut keys = BTreeMap::new();
    let mut leaves_early = false;
    for statement in statements {
        statement.walk(&mut Vec::new(), &mut |path: &[ASTNode<'_>]| {
            match path.last() {
                Some(ASTNode::Stmt(Stmt::Return(..))) => leaves_early = true,
                Some(ASTNode::Expr(Expr::Map(map, _))) => {
                    for (name, _) in &map.0 {
                        keys.entry(name.name.to_string()).or_insert(name.pos);
                    }
                }
                _ => {}
            }
            true
        });
    }
    let split = match statements.split_last() {
        Some((Stmt::Expr(last), before)) if !leaves_early => match &**last {
            Expr::Map(map, _) => {
                for (name, _) in &map.0 {
                    shape::account_attribute(&name.name).map_err(|reason| RuleFault::at(file, name.pos, reason))?;
                }
                split(script, before, map.0.iter().map(|(name, value)| (name.name.to_string(), value)))
            }
            _ => None,
        },
        _ => None,
    };
    let lines = Lines::of(statements);
    Ok(Account { function, keys, split, lines })
}

fn split<'a>(script: &Program, before: &[Stmt], entries: impl Iterator<Item = (String, &'a Expr)>) -> Option<Split> {
    if !before.iter().all(|statement| matches!(statement, Stmt::Var(..))) {
        return None;
    }
    let before = (!before.is_empty()).then(|| script.with(before.to_vec()));
    let attributes = entries.map(|(name, value)| Attribute { name, value: source(script, value) }).collect();
    Some(Split { before, attributes })
}

fn source(script: &Program, value: &Expr) -> Source {
    if let Expr::Dot(pair, ..) = value
        && check::is_user(&pair.lhs)
        && let Expr::Property(property, _) = &pair.rhs
        && let Some(slot) = person::slot(&property.2)
    {
        return Source::Field(slot);
    }
    match value.get_literal_value(None) {
        Some(constant) if constant.is_unit() || constant.is_string() || constant.is_bool() || constant.is_int() => {
            Source::Constant(constant)
        }
        _ => Source::Expression(script.with([Stmt::Expr(Box::new(value.clone()))])),
    }
}

fn condition(role: &RoleDefinition, uses: &mut Uses) -> Result<Condition, RuleFault> {
    let file = format!("role `{}`", role.name);
    let mut scope = Scope::new();
    scope.push_dynamic("user", Dynamic::UNIT);
    let ast = parse(&file, &role.when, |source| sandbox::engine().compile_expression_with_scope(&scope, source))?;
    uses.merge(check::names(&file, &ast, Place::Role)?);
    Ok(Condition { role: role.name.clone(), file, program: Program::new(ast) })
}
