//! A file's text with its line numbers and what is wrong with it in place; how examples came out.

use maud::{Markup, html};

use crate::engine::trial::{ExampleRun, Mistake};
use crate::server::console::rules::files::address;

/// A file's lines. What is wrong stands beneath the line that it is about.
pub fn lines(text: &str, mistakes: &[&Mistake]) -> Markup {
    html! {
        ol .listing tabindex="0" {
            @for (number, line) in (1..).zip(text.lines()) {
                @let wrong: Vec<&&Mistake> = mistakes.iter().filter(|mistake| mistake.line == number).collect();
                li id=(format!("L{number}")) .wrong[!wrong.is_empty()] {
                    code { (line) }
                    @for mistake in wrong {
                        p .mistake { @if mistake.column > 0 { "column " (mistake.column) ": " } (mistake.reason) }
                    }
                }
            }
        }
    }
}

/// What is wrong, each with the way to its place.
pub fn mistakes(mistakes: &[&Mistake]) -> Markup {
    html! {
        @if !mistakes.is_empty() {
            ul .mistakes .notice .bad role="alert" {
                @for mistake in mistakes {
                    li {
                        a href=(place(mistake)) data-line=(mistake.line) data-column=(mistake.column) {
                            (mistake.file) @if mistake.line > 0 { ":" (mistake.line) ":" (mistake.column) }
                        }
                        " " (mistake.reason)
                    }
                }
            }
        }
    }
}

fn place(mistake: &Mistake) -> String {
    // A condition of a role is named by its role: it stands in roles.toml.
    let file = if mistake.file.starts_with("role ") { "roles.toml" } else { &mistake.file };
    match mistake.line {
        0 => address(file),
        line => format!("{}#L{line}", address(file)),
    }
}

/// How examples came out: what failed in full, what passed by name.
pub fn examples(runs: &[&ExampleRun]) -> Markup {
    let passed: Vec<&&ExampleRun> = runs.iter().filter(|run| run.passed()).collect();
    html! {
        @for run in runs.iter().filter(|run| !run.passed()) { (failed(run)) }
        @if !passed.is_empty() {
            details .passed {
                summary { span .good { "✓ " (passed.len()) } @if passed.len() == 1 { " example passes" } @else { " examples pass" } }
                ul { @for run in passed { li { (run.name) " " span .hint { (run.file) } } } }
            }
        }
    }
}

fn failed(run: &ExampleRun) -> Markup {
    let value = |text: &str| if text.is_empty() { "(none)".to_owned() } else { text.to_owned() };
    html! {
        section .example {
            h2 { span .bad { "✗ " } @if run.name.is_empty() { (run.file) } @else { (run.name) " " span .hint { (run.file) } } }
            @if run.deviations.iter().any(|each| !each.what.is_empty()) {
                table .diff {
                    thead { tr { th { "What" } th { "The example says" } th { "The rules give" } } }
                    tbody {
                        @for each in run.deviations.iter().filter(|each| !each.what.is_empty()) {
                            tr { th scope="row" { code { (each.what) } } td { (value(&each.expected)) } td .bad { (value(&each.got)) } }
                        }
                    }
                }
            }
            @for each in run.deviations.iter().filter(|each| each.what.is_empty()) { p .trouble { (each.got) } }
        }
    }
}
