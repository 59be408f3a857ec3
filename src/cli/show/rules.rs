//! Rules before they count: mistakes, examples, and one user tried.

use std::fmt::Write;

use crate::cli::show::style::{Style, Tint};
use crate::cli::show::{explain, plan};
use crate::engine::answer::PlanFile;
use crate::engine::trial::{DraftAnswer, Mistake, RulesChecked, RulesTried};
use crate::text::printable;

/// `file:line:column: reason`.
pub(crate) fn place(mistake: &Mistake) -> String {
    match mistake.line {
        0 => format!("{}: {}", mistake.file, mistake.reason),
        line => format!("{}:{line}:{}: {}", mistake.file, mistake.column, mistake.reason),
    }
}

/// What a check found.
pub(crate) fn checked(style: &Style, checked: &RulesChecked) -> String {
    let mut out = String::new();
    for mistake in &checked.mistakes {
        let _ = writeln!(out, "{} {}", style.paint(Tint::Bad, "✗"), printable(&place(mistake)));
    }
    let mut script = "";
    for run in &checked.examples {
        if run.rules != script {
            let _ = writeln!(out, "{}", style.paint(Tint::Strong, &run.rules));
            script = &run.rules;
        }
        let mark = if run.passed() { style.paint(Tint::Good, "✓") } else { style.paint(Tint::Bad, "✗") };
        let name = if run.name.is_empty() { &run.file } else { &run.name };
        let _ = writeln!(out, "  {mark} {}", printable(name));
        for deviation in &run.deviations {
            let _ = writeln!(out, "      {}", printable(&deviation.sentence));
        }
    }
    let _ = match (checked.examples.len(), checked.failed()) {
        (0, _) if !checked.mistakes.is_empty() => {
            writeln!(out, "{} mistakes; examples were not run.", checked.mistakes.len())
        }
        (0, _) => writeln!(out, "There are no examples; write some in rules/NAME.examples.toml."),
        (all, 0) => writeln!(out, "All {all} examples come out as they should."),
        (all, failed) => writeln!(out, "{failed} of {all} do not come out as they should."),
    };
    out
}

/// One user, tried.
pub(crate) fn tried(style: &Style, tried: &RulesTried) -> String {
    let mut out = explain::explained(style, &tried.explained);
    if let Some(why) = &tried.protected {
        let _ = writeln!(out, "protected: {}", printable(why));
    }
    out.push('\n');
    let plans = PlanFile { draft: tried.draft, apps: vec![tried.plan.clone()], ..PlanFile::default() };
    out.push_str(&plan::plan(style, &plans));
    out
}

/// What somebody is writing.
pub(crate) fn draft(style: &Style, draft: Option<&DraftAnswer>) -> String {
    let Some(draft) = draft else { return "There is no draft of yours.\n".to_owned() };
    let from = draft.draft.parent.map_or_else(|| "nothing".to_owned(), |parent| parent.to_string());
    let mut out = format!("Your draft, taken from {from}:\n");
    for (path, change) in &draft.changes {
        let _ = writeln!(out, "  {} {}", change.word(), printable(path));
    }
    if draft.is_behind() {
        let _ = writeln!(out, "{}", style.paint(Tint::Warn, "Another revision is active by now."));
    }
    out
}
