//! Rules before they count: what somebody is writing, what is wrong with them, how their examples come out, and what they make of one user.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::connector::app::{App, AppSpec};
use crate::connector::builtin;
use crate::connector::descriptor::Connector;
use crate::connector::draft::{Draft, FileChange};
use crate::connector::revision::Bundle;
use crate::digest::Digest;
use crate::directory::value::Value;
use crate::engine::active::mistakes;
use crate::engine::answer::AppPlan;
use crate::engine::context::EngineError;
use crate::engine::explained::Explained;
use crate::id::{AppName, RevisionNumber};
use crate::rules::example::{self, Problem};
use crate::rules::{RuleFault, Rules};
use crate::text::{self, FileError};

/// What a check of a revision's files found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesChecked {
    /// What does not parse or compile, by file and line. Examples of what is wrong were not run.
    pub mistakes: Vec<Mistake>,
    /// How the examples came out, in the order of the files.
    pub examples: Vec<ExampleRun>,
}

/// A mistake in a file, where it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Mistake {
    /// The file, below the workspace.
    pub file: String,
    /// From 1; 0 when the whole file is meant.
    pub line: usize,
    /// From 1, in characters; 0 when the whole line is meant.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub reason: String,
}

/// How one example came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExampleRun {
    /// The script.
    pub rules: String,
    /// The examples' file.
    pub file: String,
    /// The example's name; empty if the whole file is meant.
    pub name: String,
    /// What is not as it says; empty = passed.
    pub deviations: Vec<Deviation>,
}

/// One thing that is not as an example says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deviation {
    /// The attribute path, `in_scope`, `create_only` or `entitlements`; empty if the rules failed.
    pub what: String,
    /// As the example says; empty = no value.
    pub expected: String,
    /// As the rules say, or why they failed; empty = no value.
    pub got: String,
    /// The same in a sentence.
    pub sentence: String,
}

/// What an operator is writing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DraftAnswer {
    /// The files, and the revision that they were taken from.
    pub draft: Draft,
    /// Of all files: what is planned and activated is what was seen.
    pub digest: Digest,
    /// How it differs from that revision.
    pub changes: BTreeMap<String, FileChange>,
    /// The active revision.
    pub active: Option<RevisionNumber>,
    /// What was activated since it was taken, by file; empty if it is based on the active revision.
    pub moved: BTreeMap<String, FileChange>,
}

impl DraftAnswer {
    /// Whether another revision than its parent is active.
    pub fn is_behind(&self) -> bool {
        self.active != self.draft.parent
    }
}

/// What rules make of one user's account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RulesTried {
    /// True = with files that are not active.
    pub draft: bool,
    /// The account that stands, and the one that these rules want.
    pub explained: Explained,
    /// What the active rules want, by attribute path; `None` = no account, or the app is not active.
    pub active: Option<BTreeMap<String, Option<Value>>>,
    /// What the active rules grant: kind and name.
    pub active_grants: Vec<(String, String)>,
    /// Why the rules say that the user is protected.
    pub protected: Option<String>,
    /// What a plan with these rules would do to him.
    pub plan: AppPlan,
}

impl RulesChecked {
    /// Whether a revision of these files may be activated.
    pub fn passed(&self) -> bool {
        self.mistakes.is_empty() && self.failed() == 0
    }

    /// Examples that do not come out as they should.
    pub fn failed(&self) -> usize {
        self.examples.iter().filter(|run| !run.passed()).count()
    }
}

impl ExampleRun {
    /// Whether everything came out as the example says.
    pub fn passed(&self) -> bool {
        self.deviations.is_empty()
    }
}

impl From<FileError> for Mistake {
    fn from(error: FileError) -> Self {
        let file = error.file.display().to_string();
        Self { file, line: error.line, column: error.column, reason: error.reason }
    }
}

impl From<RuleFault> for Mistake {
    fn from(fault: RuleFault) -> Self {
        Self { file: fault.file, line: fault.line, column: fault.column, reason: fault.message }
    }
}

impl From<Problem> for Deviation {
    fn from(problem: Problem) -> Self {
        let sentence = problem.to_string();
        match problem {
            Problem::Differs { what, expected, got } => Self { what, expected, got, sentence },
            Problem::Fault(got) => Self { what: String::new(), expected: String::new(), got, sentence },
        }
    }
}

/// Compiles every script of a revision's files and runs its examples; those of one app only, if it is named. A script that several apps
/// use is checked once; one that no app uses, as the plain connector would use it.
///
/// # Errors
/// If there is no such app.
pub fn check(bundle: &Bundle, only: Option<&AppName>, now: Timestamp) -> Result<RulesChecked, EngineError> {
    let mut checked = RulesChecked::default();
    let specs = match bundle.resolve() {
        Ok(apps) => {
            let of_apps = apps.values().flat_map(|app| mistakes(bundle, app, now));
            checked.mistakes.extend(of_apps.map(Mistake::from));
            specs(bundle, apps.into_iter().collect(), only)?
        }
        Err(errors) => {
            checked.mistakes.extend(errors.into_iter().map(Mistake::from));
            // What can be said of the scripts is said all the same.
            Vec::new()
        }
    };
    let runnable = !specs.is_empty() || checked.mistakes.is_empty();
    let specs = if runnable { specs } else { scripts(bundle).filter_map(|path| unused(bundle, path).ok()).collect() };
    for spec in specs {
        if let Err(fault) = Rules::compile(&spec) {
            checked.mistakes.push(fault.into());
        } else if runnable {
            checked.examples.extend(example::check(&spec).into_iter().map(|outcome| ExampleRun {
                rules: spec.rules_file.clone(),
                file: outcome.file,
                name: outcome.name,
                deviations: outcome.problems.into_iter().map(Deviation::from).collect(),
            }));
        }
    }
    checked.mistakes.sort();
    checked.mistakes.dedup();
    Ok(checked)
}

/// One spec for each script.
fn specs(bundle: &Bundle, apps: Vec<(AppName, AppSpec)>, only: Option<&AppName>) -> Result<Vec<AppSpec>, EngineError> {
    if let Some(name) = only {
        let known: Vec<String> = apps.iter().map(|(name, _)| name.to_string()).collect();
        let found = apps.into_iter().find(|(app, _)| app == name);
        let none = || EngineError::Invalid(format!("there is no app `{name}`; apps/ has {}", known.join(", ")));
        return Ok(vec![found.ok_or_else(none)?.1]);
    }
    let mut seen = BTreeSet::new();
    let mut specs: Vec<AppSpec> = Vec::new();
    for (_, spec) in apps {
        if seen.insert(spec.rules_file.clone()) {
            specs.push(spec);
        }
    }
    for path in scripts(bundle).filter(|path| !seen.contains(*path)) {
        specs.push(unused(bundle, path).map_err(|error| EngineError::Files(vec![error]))?);
    }
    Ok(specs)
}

fn scripts(bundle: &Bundle) -> impl Iterator<Item = &str> {
    let is_script = |path: &&str| path.starts_with("rules/") && path.ends_with(".rhai");
    bundle.files.keys().map(String::as_str).filter(is_script)
}

/// A script as the plain connector would use it.
fn unused(bundle: &Bundle, path: &str) -> Result<AppSpec, FileError> {
    let [(file, source), ..] = builtin();
    let connector = Connector::parse(Path::new(file), source)?;
    let script = path.trim_start_matches("rules/").to_owned();
    let plain = BTreeMap::from([
        ("connector", connector.name.to_string()),
        ("base_url", "https://scim.invalid".to_owned()),
        ("credential", "env:NONE".to_owned()),
        ("rules", script),
    ]);
    let app = App::parse(Path::new(path), &text::to_toml(&plain))?;
    let name = AppName::new("unused").map_err(|error| FileError::whole(Path::new(path), error.to_string()))?;
    let source = bundle.files.get(path).cloned().unwrap_or_default();
    let examples = bundle.files.get(&path.replace(".rhai", ".examples.toml")).cloned().unwrap_or_default();
    // Roles that can't be read are a mistake of their own.
    let roles = bundle.roles().unwrap_or_default();
    Ok(AppSpec::new(name, app, connector, (path.to_owned(), source, examples), roles))
}
