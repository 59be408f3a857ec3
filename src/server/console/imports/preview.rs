//! What a generation did or would do: how much, which rows could not be read, and some of the people.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::engine::answer::ImportAnswer;
use crate::engine::intake::compare::{Kind, StagedChange};
use crate::server::console::words;

/// How much.
pub fn numbers(imported: &ImportAnswer) -> Markup {
    let (import, preview) = (&imported.import, &imported.import.preview);
    let unread = imported.remarks.problem_count;
    let tiles = [
        ("rows read", import.rows, "plain"),
        ("rows not read", unread, if unread > 0 { "bad" } else { "plain" }),
        ("new", preview.added, "plain"),
        ("changed", preview.changed, "plain"),
        ("returned", preview.returned, "plain"),
        ("left", preview.left, "plain"),
        ("missing", preview.missing, if preview.missing > 0 { "note" } else { "plain" }),
    ];
    html! {
        ul .tiles .tight {
            @for (word, number, tone) in tiles { li { span .tile .(tone) { b { (number) } (word) } } }
        }
        @for finding in preview.findings.iter().chain(&imported.notes) { p .finding { (finding) } }
        @if !preview.losing.is_empty() || !preview.emptied.is_empty() || !imported.remarks.touched.is_empty() {
            div .sideways {
                @if !imported.remarks.touched.is_empty() { (counts("Changes, by attribute", "Users", &imported.remarks.touched)) }
                @if !preview.losing.is_empty() { (counts("Lost", "Users", &preview.losing)) }
                @if !preview.emptied.is_empty() { (counts("Goes empty", "Users", &preview.emptied)) }
            }
        }
        @if imported.sample.is_empty() && !preview.missing_sample.is_empty() {
            p { strong { "Missing: " } (preview.missing_sample.join(", ")) @if preview.missing > preview.missing_sample.len() as u64 { " and others" } }
        }
    }
}

fn counts(title: &str, unit: &str, counts: &BTreeMap<String, u64>) -> Markup {
    html! {
        table .numbers .panel {
            thead { tr { th { (title) } th .number { (unit) } } }
            tbody { @for (name, number) in counts { tr { th scope="row" { code { (name) } } td .number { (number) } } } }
        }
    }
}

/// Rows that could not be read, where they are and why.
pub fn remarks(imported: &ImportAnswer) -> Markup {
    let remarks = &imported.remarks;
    let beyond = remarks.problem_count.saturating_sub(remarks.problems.len() as u64);
    html! {
        @if !remarks.problems.is_empty() {
            section {
                h2 .bad { "Rows that could not be read" }
                p .hint { "The others are taken. Whom a row like this is about stays as he is; put the export right and import it again." }
                div .wide {
                    table {
                        thead { tr { th { "File" } th .number { "Line" } th .number { "Column" } th { "Key" } th { "What is wrong" } } }
                        tbody {
                            @for problem in &remarks.problems {
                                tr {
                                    td { (problem.file) }
                                    td .number { (problem.line) }
                                    td .number { (problem.column) }
                                    td { @match &problem.key { Some(key) => code { (key) }, None => span .hint { "not readable" } } }
                                    td { (problem.reason) }
                                }
                            }
                        }
                    }
                }
                @if beyond > 0 { p .hint { "… and " (beyond) " more" } }
            }
        }
    }
}

/// Some of the people, each way of changing of its own.
pub fn sample(sample: &[StagedChange]) -> Markup {
    let ways = [
        (None, "Would join"),
        (Some(Kind::Changed), "Would change"),
        (Some(Kind::Returned), "Would return"),
        (Some(Kind::Left), "Would leave"),
    ];
    html! {
        @for (way, title) in ways {
            @let some: Vec<&StagedChange> = sample.iter().filter(|each| each.way == way).collect();
            @if !some.is_empty() {
                section {
                    h2 { (title) }
                    div .wide {
                        table {
                            thead { tr { th { "Who" } th { "What" } } }
                            tbody {
                                @for each in some {
                                    tr {
                                        th scope="row" { (each.label) br; span .hint { (each.key) } }
                                        td { (changes(each)) }
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
        @if !sample.is_empty() { p .hint { "Up to twenty of each are shown." } }
    }
}

fn changes(each: &StagedChange) -> Markup {
    if each.way.is_none() {
        return html! {
            @for (index, change) in each.changes.iter().enumerate() {
                @if index > 0 { " · " }
                span .hint { (change.path) } " " (words::value(change.new.as_ref()))
            }
        };
    }
    html! {
        ul .plain {
            @for change in &each.changes {
                li {
                    code { (change.path) } ": "
                    span .hint { (words::value(change.old.as_ref())) } " → "
                    (words::value(change.new.as_ref()))
                }
            }
        }
    }
}
