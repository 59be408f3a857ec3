//! `usher rules check`: do the rules do what their examples say?

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use crate::cli::door::{Door, say};
use crate::cli::exit::Exit;
use crate::cli::show::{Style, Tint};
use crate::connector::app::{App, AppSpec};
use crate::connector::revision::Bundle;
use crate::connector::{Connector, builtin};
use crate::engine::context::EngineError;
use crate::id::AppName;
use crate::rules::{ExampleOutcome, check_examples};
use crate::text::printable;

/// Work with rules.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  usher rules check")]
pub(crate) struct Rules {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Compile the rules in the workspace's files and run their examples
    ///
    /// Examples stand beside a script, in NAME.examples.toml: users, and what they must come out as. A revision whose examples fail is
    /// not activated. Exit code 3 if one fails.
    #[command(after_help = "Examples:\n  usher rules check\n  usher rules check --app nulab")]
    Check {
        /// Only the rules of this app
        #[arg(long)]
        app: Option<AppName>,
    },
}

impl Rules {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        let What::Check { app } = self.what;
        let bundle = door.bundle().await?;
        let outcomes: Vec<(String, ExampleOutcome)> = specs(&bundle, app.as_ref())?
            .iter()
            .flat_map(|spec| check_examples(spec).into_iter().map(|outcome| (spec.rules_file.clone(), outcome)))
            .collect();
        let failed = outcomes.iter().filter(|(_, outcome)| !outcome.passed()).count();
        if door.globals().json {
            let one = |(rules, outcome): &(String, ExampleOutcome)| {
                let problems: Vec<String> = outcome.problems.iter().map(ToString::to_string).collect();
                serde_json::json!({
                    "rules": rules, "file": outcome.file, "example": outcome.name, "passed": outcome.passed(), "problems": problems,
                })
            };
            door.print_json(&outcomes.iter().map(one).collect())?;
        } else {
            say(&shown(&door.style(), &outcomes, failed))?;
        }
        Ok(if failed == 0 { Exit::Done } else { Exit::Attention })
    }
}

/// One spec for each script: as an app uses it, or, for a script that no app uses yet, as the plain connector would.
fn specs(bundle: &Bundle, only: Option<&AppName>) -> anyhow::Result<Vec<AppSpec>> {
    let apps = bundle.resolve().map_err(EngineError::Files)?;
    if let Some(name) = only {
        let known: Vec<&str> = apps.keys().map(AppName::as_str).collect();
        let Some(spec) = apps.get(name) else { bail!("there is no app `{name}`; apps/ has {}", known.join(", ")) };
        return Ok(vec![spec.clone()]);
    }
    let mut specs: Vec<AppSpec> = Vec::new();
    let mut seen = BTreeSet::new();
    for spec in apps.into_values() {
        if seen.insert(spec.rules_file.clone()) {
            specs.push(spec);
        }
    }
    for path in bundle.files.keys().filter(|path| path.starts_with("rules/") && path.ends_with(".rhai")) {
        if !seen.contains(path) {
            specs.push(unused(bundle, path)?);
        }
    }
    Ok(specs)
}

fn unused(bundle: &Bundle, path: &str) -> anyhow::Result<AppSpec> {
    let [(file, source), ..] = builtin();
    let connector = Connector::parse(Path::new(file), source)?;
    let script = path.trim_start_matches("rules/");
    let text = format!(
        "connector = \"{}\"\nbase_url = \"https://scim.invalid\"\ncredential = \"env:NONE\"\nrules = {}\n",
        connector.name,
        toml::Value::String(script.to_owned())
    );
    let app = App::parse(Path::new(path), &text)?;
    let source = bundle.files.get(path).cloned().with_context(|| format!("{path} is gone"))?;
    let examples = bundle.files.get(&path.replace(".rhai", ".examples.toml")).cloned().unwrap_or_default();
    let roles = bundle.roles()?;
    Ok(AppSpec::new(AppName::new("unused")?, app, connector, (path.to_owned(), source, examples), roles))
}

fn shown(style: &Style, outcomes: &[(String, ExampleOutcome)], failed: usize) -> String {
    let mut out = String::new();
    let mut script = "";
    for (rules, outcome) in outcomes {
        if rules != script {
            let _ = writeln!(out, "{}", style.paint(Tint::Strong, rules));
            script = rules;
        }
        let mark = if outcome.passed() { style.paint(Tint::Good, "✓") } else { style.paint(Tint::Bad, "✗") };
        let name = if outcome.name.is_empty() { &outcome.file } else { &outcome.name };
        let _ = writeln!(out, "  {mark} {}", printable(name));
        for problem in &outcome.problems {
            let _ = writeln!(out, "      {}", printable(&problem.to_string()));
        }
    }
    let _ = match (outcomes.len(), failed) {
        (0, _) => writeln!(out, "There are no examples; write some in rules/NAME.examples.toml."),
        (all, 0) => writeln!(out, "All {all} examples come out as they should."),
        (all, failed) => writeln!(out, "{failed} of {all} do not come out as they should."),
    };
    out
}
