//! Events: what waits for a decision, the history, and one event's whole story.

use std::fmt::Write;

use crate::cli::show::plan::{brief_deeds, reasons};
use crate::cli::show::style::{Style, Tint};
use crate::cli::show::table::{Grid, lines, text};
use crate::cli::show::time;
use crate::engine::answer::EventAnswer;
use crate::engine::heads::ChainHead;
use crate::engine::retention::Pruned;
use crate::id::EventId;
use crate::provision::approval::{Decision, Ruling};
use crate::provision::event::{Event, Status, StatusKind};
use crate::provision::outcome::Failure;
use crate::store::views::{EndedHour, Trends};
use crate::text::printable;

/// Events, newest first.
pub(crate) fn history(style: &Style, events: &[Event], (next, newer): (Option<EventId>, Option<EventId>)) -> String {
    if events.is_empty() {
        return "No event matches.\n".to_owned();
    }
    let mut grid = Grid::new(style, &["When!", "Event!", "User~", "App!", "State!", "What", "Reason"]);
    for event in events {
        grid.row([
            lines(time::two_lines(style, event.changed_at)),
            text(event.id.to_string()),
            text(&event.operation.label),
            text(event.app().as_str()),
            text(event.shown()).tinted(tint(event.status.kind())),
            lines(brief_deeds(&event.operation, false)),
            lines(reason(style, event)),
        ]);
    }
    let mut out = grid.finish();
    if let Some(next) = next {
        let _ = writeln!(out, "Older ones: --before {next}");
    }
    if let Some(newer) = newer {
        let _ = writeln!(out, "Newer ones: --after {newer}");
    }
    out
}

/// The end of the chain.
pub(crate) fn head(head: &ChainHead) -> String {
    format!("{} entries, read {}\nhead {}\n", head.sequence, head.time, head.hash)
}

/// What ended in the last hours, a line for each hour and app.
pub(crate) fn trends(trends: &Trends) -> String {
    let line = |hour: &EndedHour| {
        let ended: Vec<String> = hour.ended.iter().map(|(status, number)| format!("{status} {number}")).collect();
        format!("{} {}  {}\n", hour.from, hour.app, ended.join(", "))
    };
    trends.hours.iter().map(line).collect()
}

/// What left the history.
pub(crate) fn pruned(style: &Style, pruned: &Pruned) -> String {
    if pruned.events == 0 {
        return format!("No event ended before {}.\n", time::absolute(style, pruned.before));
    }
    let verb = if pruned.dry_run { "would be archived" } else { "were archived" };
    let mut out = format!(
        "{} events with {} entries that ended before {} {verb}.\n",
        pruned.events,
        pruned.entries,
        time::absolute(style, pruned.before)
    );
    for file in &pruned.files {
        let _ = writeln!(out, "  {}", printable(&file.display().to_string()));
    }
    out
}

/// One event: what it does, where it stands, its story.
pub(crate) fn event(style: &Style, answer: &EventAnswer) -> String {
    let event = &answer.event;
    let operation = &event.operation;
    let mut out = String::new();
    let title = format!("{} · {} {} in {}", event.id, operation.kind, printable(&operation.label), event.app());
    let state = style.paint(tint(event.status.kind()), event.shown());
    let _ = writeln!(out, "{}  {state}", style.paint(Tint::Strong, &title));
    let mut facts = vec![
        ("account", format!("{} {}", operation.user_name, operation.remote_id.as_deref().unwrap_or_default())),
        ("because", operation.reason.clone()),
        ("filed", time::both(style, event.filed_at)),
        ("attempts", event.attempts.to_string()),
        ("payload", event.payload.short()),
    ];
    facts.extend(super::approvals::facts(style, event, &answer.asking));
    facts.extend(reasons(&event.findings).into_iter().map(|finding| ("finding", finding)));
    facts.extend(event.decisions.iter().map(|decision| ("decision", decision_line(style, decision))));
    // What holds or blocks it is among the findings.
    if !matches!(event.status, Status::Pending | Status::Refused) {
        facts.extend(reason(style, event).into_iter().map(|reason| ("reason", reason)));
    }
    for (name, value) in facts {
        let _ = writeln!(out, "  {name:<9} {}", printable(value.trim()));
    }
    if !answer.story.is_empty() {
        let _ = writeln!(out, "\n{}", style.paint(Tint::Strong, "History"));
        for sentence in &answer.story {
            let _ = writeln!(out, "  {}", printable(sentence));
        }
    }
    out
}

fn decision_line(style: &Style, decision: &Decision) -> String {
    let ruling = match decision.ruling {
        Ruling::Approve => "approved",
        Ruling::Reject => "rejected",
    };
    let mut line = format!("{ruling} by {}", decision.name);
    if decision.claimed {
        line.push_str(" (named with --as)");
    }
    if decision.own {
        line.push_str(" (own act)");
    }
    let _ = write!(line, ", {}", time::both(style, decision.at));
    if !decision.comment.is_empty() {
        let _ = write!(line, ": {}", decision.comment);
    }
    line
}

/// Why an event stands where it stands, and what to do; empty if there is nothing to say.
pub(crate) fn reason(style: &Style, event: &Event) -> Vec<String> {
    match &event.status {
        Status::Pending | Status::Refused => reasons(&event.findings),
        Status::Queued { due, last: Some(failure) } => {
            vec![failed(failure), format!("next attempt {}", time::both(style, *due))]
        }
        Status::Verifying { due, .. } => vec![format!("outcome unknown; looked up {}", time::relative(style, *due))],
        Status::Succeeded { note } if !note.is_empty() => vec![note.clone()],
        Status::Failed { failure } => vec![failed(failure), format!("→ {}", failure.class.remedy())],
        Status::Rejected => event.decisions.last().map(|decision| decision_line(style, decision)).into_iter().collect(),
        Status::Superseded { by: Some(by) } => vec![format!("replaced by {by}")],
        Status::Superseded { by: None } => vec!["nothing is left to do".to_owned()],
        Status::Expired => vec!["nobody decided in time; asked again".to_owned()],
        Status::Queued { last: None, .. } | Status::Running { .. } | Status::Succeeded { .. } => Vec::new(),
    }
}

fn failed(failure: &Failure) -> String {
    match failure.status {
        Some(status) => format!("HTTP {status}: {}", failure.detail),
        None => failure.detail.clone(),
    }
}

/// The colour of a status.
pub(crate) fn tint(status: StatusKind) -> Tint {
    match status {
        StatusKind::Succeeded => Tint::Good,
        StatusKind::Pending | StatusKind::Expired => Tint::Warn,
        StatusKind::Failed | StatusKind::Refused => Tint::Bad,
        StatusKind::Rejected | StatusKind::Superseded => Tint::Faint,
        StatusKind::Queued | StatusKind::Running | StatusKind::Verifying => Tint::Plain,
    }
}
