//! Examples beside a script (`NAME.examples.toml`): users, and what they must come out as.
//!
//! ```toml
//! [[example]]
//! name = "a salesperson gets the sales group"
//! entitlements = ["group:Sales and Marketing"]
//!
//! [example.user]
//! email = "ann@example.com"
//! department = "Sales"
//! app_role = "USER"
//!
//! [example.account]
//! userName = "ann@example.com"
//! ```
//!
//! What is left out of an example is not compared, except that a user is in scope unless `in_scope = false`. Inside
//! `[example.account]` every attribute counts: one that is not named must have no value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use serde::Deserialize;

use crate::clock::Timestamp;
use crate::connector::app::AppSpec;
use crate::directory::{Manager, SourceTarget, User, Value};
use crate::id::{SourceName, UserId};
use crate::provision::Desired;
use crate::provision::desired::{self, GrantedEntitlement};
use crate::rules::evaluate::Evaluated;
use crate::rules::load::Rules;
use crate::rules::person::Subject;
use crate::text::{self, FileError};

/// What a deferred attribute is expected as.
pub const DEFERRED: &str = "(deferred)";
/// The externalId of a user in examples.
const EXTERNAL_ID: &str = "ins_example:usr_example";
/// Examples of one file.
const EXAMPLES_MAX: usize = 1_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    example: Vec<Example>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    name: String,
    user: BTreeMap<String, crate::text::Spanned<Value>>,
    manager: Option<ExampleManager>,
    #[serde(default = "yes")]
    in_scope: bool,
    account: Option<BTreeMap<String, Value>>,
    /// Paths that must be sent on create only; all of them.
    create_only: Option<BTreeSet<String>>,
    /// `kind:name`; all of them.
    entitlements: Option<BTreeSet<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExampleManager {
    #[serde(default)]
    display_name: String,
    email: Option<String>,
    /// The id of his account in the app; without it `ref(user.manager)` is deferred.
    remote_id: Option<String>,
}

fn yes() -> bool {
    true
}

/// How one example came out. Displayed as a line, with a line below it for each difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExampleOutcome {
    /// The examples' file.
    pub file: String,
    /// The example's name; empty if the whole file or script is meant.
    pub name: String,
    /// What differs; empty = passed.
    pub problems: Vec<Problem>,
}

/// One thing that is not as an example says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A value differs. Empty text = no value.
    #[error("{what}: expected {}, got {}", shown(expected), shown(got))]
    Differs {
        /// The attribute path, `in_scope`, `create_only` or `entitlements`.
        what: String,
        /// As the example says.
        expected: String,
        /// As the rules say.
        got: String,
    },
    /// The rules, or the examples' file, are wrong.
    #[error("{0}")]
    Fault(String),
}

fn shown(value: &str) -> &str {
    if value.is_empty() { "no value" } else { value }
}

impl ExampleOutcome {
    /// Whether everything came out as the example says.
    pub fn passed(&self) -> bool {
        self.problems.is_empty()
    }
}

impl fmt::Display for ExampleOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = if self.passed() { "ok" } else { "FAILED" };
        write!(f, "{verdict:<6} {}", self.file)?;
        if !self.name.is_empty() {
            write!(f, ": {}", text::printable(&self.name))?;
        }
        self.problems.iter().try_for_each(|problem| write!(f, "\n       {problem}"))
    }
}

/// Runs the examples of an app. A script that does not compile, or a file of examples that can't be read, is one failed outcome; no
/// examples, no outcomes.
pub fn check(spec: &AppSpec) -> Vec<ExampleOutcome> {
    let file = spec.rules_file.replace(".rhai", ".examples.toml");
    let failed = |file: &str, reason: String| ExampleOutcome {
        file: file.to_owned(),
        name: String::new(),
        problems: vec![Problem::Fault(reason)],
    };
    let rules = match Rules::compile(spec) {
        Ok(rules) => rules,
        Err(fault) => return vec![failed(&spec.rules_file, fault.to_string())],
    };
    let examples = match read(&file, &spec.examples_source) {
        Ok(examples) => examples,
        Err(error) => return vec![failed(&file, error.to_string())],
    };
    examples
        .into_iter()
        .map(|(example, subject)| {
            let problems = compare(&rules, &example, &subject);
            ExampleOutcome { file: file.clone(), name: example.name, problems }
        })
        .collect()
}

/// A user made of an example, and the app role he has.
struct Made {
    user: User,
    app_role: Option<String>,
    manager: Option<Manager>,
}

fn read(file: &str, source: &str) -> Result<Vec<(Example, Made)>, FileError> {
    let path = Path::new(file);
    let examples = text::from_toml::<File>(path, source)?.example;
    if examples.len() > EXAMPLES_MAX {
        return Err(FileError::whole(path, format!("{} examples; the most is {EXAMPLES_MAX}", examples.len())));
    }
    let mut read = Vec::with_capacity(examples.len());
    for example in examples {
        let made = make(path, source, &example)?;
        read.push((example, made));
    }
    Ok(read)
}

fn make(file: &Path, source: &str, example: &Example) -> Result<Made, FileError> {
    let id = UserId::of_number(1);
    let home = SourceName::new("example").map_err(|error| FileError::whole(file, error.to_string()))?;
    let mut user = User::new(id, home, "example".to_owned(), Timestamp::from_millis(0));
    let mut app_role = None;
    for (name, value) in &example.user {
        let wrong = |reason: String| FileError::at(file, source, value.span().start, reason);
        let value = value.get_ref();
        match name.as_str() {
            "app_role" => app_role = Some(one(name, value).map_err(wrong)?),
            "key" => user.key = one(name, value).map_err(wrong)?,
            "roles" => user.roles = several(name, value).map_err(wrong)?,
            "groups" => user.groups = several(name, value).map_err(wrong)?,
            "custom" => {
                let Value::Object(parts) = value else { return Err(wrong("`custom` is a table".to_owned())) };
                user.attributes.extend(parts.iter().map(|(part, value)| (format!("custom.{part}"), value.clone())));
            }
            _ => match SourceTarget::parse(name) {
                Ok(SourceTarget::Attribute(name)) => drop(user.attributes.insert(name, value.clone())),
                Ok(_) => return Err(wrong(format!("`{name}` does not belong into an example's user"))),
                Err(reason) => return Err(wrong(reason)),
            },
        }
    }
    let manager = example.manager.as_ref().map(|manager| Manager {
        user: UserId::of_number(2),
        label: manager.display_name.clone(),
        email: manager.email.clone(),
        remote_id: manager.remote_id.clone(),
    });
    Ok(Made { user, app_role, manager })
}

fn one(name: &str, value: &Value) -> Result<String, String> {
    value.as_text().map(str::to_owned).ok_or_else(|| format!("`{name}` is a text"))
}

fn several(name: &str, value: &Value) -> Result<BTreeSet<String>, String> {
    let texts = match value {
        Value::List(items) => items.iter().map(|item| item.as_text().map(str::to_owned)).collect::<Option<_>>(),
        _ => None,
    };
    texts.ok_or_else(|| format!("`{name}` is a list of texts"))
}

fn compare(rules: &Rules, example: &Example, made: &Made) -> Vec<Problem> {
    let overrides = BTreeMap::new();
    let evaluated = rules.roles(&made.user).and_then(|roles| {
        rules.evaluate_patiently(&Subject {
            user: &made.user,
            roles: &roles,
            app_role: made.app_role.as_deref(),
            external_id: EXTERNAL_ID,
            manager: made.manager.as_ref(),
            overrides: &overrides,
        })
    });
    let evaluated = match evaluated {
        Ok(evaluated) => evaluated,
        Err(fault) => return vec![Problem::Fault(fault.to_string())],
    };
    let mut problems = Vec::new();
    if evaluated.in_scope != example.in_scope {
        differs(&mut problems, "in_scope", &example.in_scope.to_string(), &evaluated.in_scope.to_string());
    }
    if let (Some(desired), Some(expected)) = (&evaluated.desired, &example.account) {
        account(&mut problems, expected, desired);
    }
    if let (Some(desired), Some(expected)) = (&evaluated.desired, &example.create_only) {
        let got = desired.attributes.iter().filter(|(_, wanted)| wanted.create_only).map(|(path, _)| path.as_str());
        differs(&mut problems, "create_only", &listed(expected.iter().map(String::as_str)), &listed(got));
    }
    if let Some(expected) = &example.entitlements {
        entitlements(&mut problems, expected, &evaluated);
    }
    problems
}

fn differs(problems: &mut Vec<Problem>, what: &str, expected: &str, got: &str) {
    if expected != got {
        problems.push(Problem::Differs { what: what.to_owned(), expected: expected.to_owned(), got: got.to_owned() });
    }
}

fn listed<'a>(items: impl Iterator<Item = &'a str>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn account(problems: &mut Vec<Problem>, expected: &BTreeMap<String, Value>, desired: &Desired) {
    let expected = desired::flatten(expected);
    let paths: BTreeSet<&String> = expected.keys().chain(desired.attributes.keys()).collect();
    for path in paths {
        let wanted = expected.get(path).filter(|value| !value.is_empty());
        let deferred = Value::from(DEFERRED);
        let got = desired.attributes.get(path).and_then(|wanted| match wanted.deferred {
            true => Some(&deferred),
            false => wanted.value.as_ref(),
        });
        let same = match (wanted, got) {
            (Some(wanted), Some(got)) => wanted.same(got),
            (wanted, got) => wanted.is_none() && got.is_none(),
        };
        if !same {
            let text = |value: Option<&Value>| value.map(Value::to_string).unwrap_or_default();
            problems.push(Problem::Differs { what: path.clone(), expected: text(wanted), got: text(got) });
        }
    }
}

fn entitlements(problems: &mut Vec<Problem>, expected: &BTreeSet<String>, evaluated: &Evaluated) {
    match &evaluated.entitlements {
        Err(fault) => problems.push(Problem::Fault(fault.to_string())),
        Ok(grants) => {
            let name = |grant: &GrantedEntitlement| format!("{}:{}", grant.kind, grant.name);
            let got: BTreeSet<String> = grants.iter().map(name).collect();
            let list = |items: &BTreeSet<String>| listed(items.iter().map(String::as_str));
            differs(problems, "entitlements", &list(expected), &list(&got));
        }
    }
}
