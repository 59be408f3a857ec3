//! What differs between two sets of files, line by line.

use std::time::Duration;

use maud::{Markup, html};
use similar::{ChangeTag, TextDiff};

use crate::connector::draft::{FileChange, compare};
use crate::connector::revision::Bundle;
use crate::server::console::rules::files::address;

/// How long one file may take: what takes longer is shown as one block that goes and one that comes.
const COMPARING_MAX: Duration = Duration::from_millis(200);
/// Lines around a change.
const AROUND: usize = 3;

/// All files that differ, or that none does.
pub fn bundles(before: &Bundle, after: &Bundle) -> Markup {
    let changes = compare(before, after);
    html! {
        @if changes.is_empty() { p .hint { "No file differs." } }
        @for (path, change) in &changes {
            section .file {
                h2 { a href=(address(path)) { (path) } " " (mark(*change)) }
                (texts(before.files.get(path).map_or("", String::as_str), after.files.get(path).map_or("", String::as_str)))
            }
        }
    }
}

/// How a file differs, as a badge.
pub fn mark(change: FileChange) -> Markup {
    let tone = match change {
        FileChange::Added => "good",
        FileChange::Changed => "note",
        FileChange::Removed => "bad",
    };
    html! { span .badge .(tone) { (change.word()) } }
}

/// Two texts: the lines that differ, and a few around them.
pub fn texts(before: &str, after: &str) -> Markup {
    let diff = TextDiff::configure().timeout(COMPARING_MAX).diff_lines(before, after);
    html! {
        div .wide {
            table .lines {
                @for (index, group) in diff.grouped_ops(AROUND).iter().enumerate() {
                    tbody {
                        @if index > 0 { tr .gap { td colspan="4" { "…" } } }
                        @for change in group.iter().flat_map(|part| diff.iter_changes(part)) {
                            @let (class, sign) = kind(change.tag());
                            tr .(class) {
                                td .number { @if let Some(at) = change.old_index() { (at + 1) } }
                                td .number { @if let Some(at) = change.new_index() { (at + 1) } }
                                td .sign { (sign) }
                                td { code { (change.value().trim_end_matches('\n')) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn kind(tag: ChangeTag) -> (&'static str, &'static str) {
    match tag {
        ChangeTag::Delete => ("gone", "−"),
        ChangeTag::Insert => ("come", "+"),
        ChangeTag::Equal => ("same", ""),
    }
}
