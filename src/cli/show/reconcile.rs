//! What a reconcile found: the numbers first, then some of each kind and what becomes of it.

use std::fmt::Write;

use crate::cli::show::style::{Style, Tint};
use crate::cli::show::table::{Field, Grid, count, text};
use crate::cli::show::time;
use crate::directory::value::Value;
use crate::provision::drift::{DriftKind, DriftLine, ReconcileReport};
use crate::text::printable;

/// The report of a reconcile.
pub(crate) fn reconciled(style: &Style, report: &ReconcileReport) -> String {
    let mut out = String::new();
    let title = format!("Reconcile of {}", report.app);
    let _ = writeln!(out, "{}  {}", style.paint(Tint::Strong, &title), time::both(style, report.ended));
    let _ = writeln!(out, "{}", read(report));
    if let Some(why) = &report.trouble {
        let _ = writeln!(out, "{} {}", style.paint(Tint::Bad, "✗ given up:"), printable(why));
    }
    if let Some(why) = &report.incomplete {
        let mark = style.paint(Tint::Warn, "! the list is not complete, and nothing was concluded from it:");
        let _ = writeln!(out, "{mark} {}", printable(why));
    }
    for note in &report.notes {
        let _ = writeln!(out, "{} {}", style.paint(Tint::Warn, "!"), printable(note));
    }
    numbers(style, report, &mut out);
    for kind in DriftKind::ALL {
        let lines: Vec<&DriftLine> = report.lines.iter().filter(|line| line.kind == kind).collect();
        if !lines.is_empty() {
            table(style, kind, &lines, &mut out);
        }
    }
    if report.trouble.is_none() && report.drift() == 0 {
        let _ = writeln!(out, "{} what is ours is as we left it", style.paint(Tint::Good, "✓"));
    }
    out
}

fn read(report: &ReconcileReport) -> String {
    let read = &report.read;
    let number = |number: u64, word: &str| format!("{number} {word}{}", if number == 1 { "" } else { "s" });
    let mut parts = vec![format!("{} on {}", number(read.listed, "account"), number(read.pages, "page"))];
    parts.push(format!("{} of ours compared", read.compared));
    for (many, what) in [
        (read.by_id, format!("{} by id", number(read.by_id, "read"))),
        (read.groups, format!("{} of groups", number(read.groups, "read"))),
        (read.in_flight, format!("{} left out: something is under way for them", read.in_flight)),
    ] {
        if many > 0 {
            parts.push(what);
        }
    }
    parts.join(", ")
}

fn numbers(style: &Style, report: &ReconcileReport, out: &mut String) {
    if report.counts.is_empty() {
        return;
    }
    out.push('\n');
    let mut grid = Grid::new(style, &["Number!", "What"]);
    for kind in DriftKind::ALL.into_iter().filter(|kind| report.count(*kind) > 0) {
        grid.row([count(report.count(kind)), text(kind.title()).tinted(tint(kind))]);
    }
    out.push_str(&grid.finish());
}

fn tint(kind: DriftKind) -> Tint {
    match kind {
        DriftKind::LeaverActive | DriftKind::Vanished | DriftKind::GroupGone => Tint::Bad,
        kind if kind.is_drift() => Tint::Warn,
        _ => Tint::Plain,
    }
}

fn table(style: &Style, kind: DriftKind, lines: &[&DriftLine], out: &mut String) {
    let title = kind.title();
    let mut letters = title.chars();
    let title: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    let _ = writeln!(out, "\n{}", style.paint(tint(kind), &title));
    let mut grid = Grid::new(style, &["Who~", "Account", "What", "Becomes"]);
    for line in lines.iter().take(style.rows_max) {
        grid.row([text(&line.label), text(&line.remote_id), what(line), text(becomes(line))]);
    }
    out.push_str(&grid.finish());
    if lines.len() > style.rows_max {
        let more = format!("… and {} more (--json lists them)", lines.len() - style.rows_max);
        let _ = writeln!(out, "{}", style.paint(Tint::Faint, &more));
    }
}

/// `title: pushed Clerk, there Chief, wanted Manager`.
fn what(line: &DriftLine) -> Field {
    let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| "(none)".to_owned(), ToString::to_string);
    let mut parts = Vec::new();
    if line.kind == DriftKind::Changed {
        let (pushed, actual) = (shown(&line.pushed), shown(&line.actual));
        let wanted =
            if line.desired == line.pushed { String::new() } else { format!(", wanted {}", shown(&line.desired)) };
        parts.push(format!("{}: pushed {pushed}, there {actual}{wanted}", line.subject));
    } else if !line.subject.is_empty() {
        parts.push(line.subject.clone());
    }
    if !line.note.is_empty() {
        parts.push(line.note.clone());
    }
    text(parts.join("; "))
}

fn becomes(line: &DriftLine) -> String {
    match line.event {
        Some(event) => format!("{}: {event}", line.fate.words()),
        None => line.fate.words().to_owned(),
    }
}
