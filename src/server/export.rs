//! The history as JSON lines or CSV, a page at a time: what the command line writes and what the API streams.

use std::io;

use crate::directory::value::Value;
use crate::engine::answer::ExportedEvent;
use crate::history::sentence;
use crate::provision::approval::Ruling;
use crate::provision::entry::{Entry, Fact};
use crate::text::{json_printable, printable};

/// A page as JSON lines.
///
/// # Errors
/// Never for events that came out of the store.
pub fn json_lines(events: &[ExportedEvent]) -> io::Result<String> {
    let mut text = String::new();
    for event in events {
        let mut value = serde_json::to_value(event)?;
        if event.entries.is_empty()
            && let Some(object) = value.as_object_mut()
        {
            object.remove("entries");
        }
        text.push_str(&json_printable(&value.to_string()));
        text.push('\n');
    }
    Ok(text)
}

/// The columns, in order.
const COLUMNS: [&str; 22] = [
    "event",
    "filed_at",
    "changed_at",
    "app",
    "user",
    "name",
    "user_name",
    "remote_id",
    "kind",
    "status",
    "reason",
    "because",
    "cause",
    "caused_by",
    "plan",
    "payload",
    "generation",
    "attempts",
    "changes",
    "entitlements",
    "findings",
    "decisions",
];

/// A page as comma-separated values; with `full`, the requests too.
///
/// # Errors
/// Never for events that came out of the store.
pub fn csv_rows(events: &[ExportedEvent], header: bool, full: bool) -> io::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if header {
        writer.write_record(COLUMNS.iter().copied().chain(full.then_some("requests")))?;
    }
    for event in events {
        let requests = full.then(|| requests(&event.entries));
        writer.write_record(cells(event).into_iter().chain(requests).map(|cell| safe(&cell)))?;
    }
    writer.flush()?;
    let bytes = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

fn cells(exported: &ExportedEvent) -> Vec<String> {
    let event = &exported.event;
    let operation = &event.operation;
    let value = |value: &Option<Value>| value.as_ref().map_or_else(|| "(none)".to_owned(), ToString::to_string);
    let changes = operation
        .changes
        .iter()
        .map(|change| format!("{}: {} → {}", change.path, value(&change.old), value(&change.new)));
    let decisions = event.decisions.iter().map(|decision| {
        let word = if decision.ruling == Ruling::Approve { "approved" } else { "rejected" };
        format!("{word} by {} at {}: {}", decision.name, decision.at, decision.comment)
    });
    vec![
        event.id.to_string(),
        event.filed_at.to_string(),
        event.changed_at.to_string(),
        operation.app.to_string(),
        operation.user.to_string(),
        operation.label.clone(),
        operation.user_name.clone(),
        operation.remote_id.clone().unwrap_or_default(),
        operation.kind.to_string(),
        event.status.kind().to_string(),
        sentence::reason(event),
        operation.reason.clone(),
        exported.cause.clone(),
        exported.caused_by.clone().unwrap_or_default(),
        event.plan.to_string(),
        event.payload.to_string(),
        event.generation.to_string(),
        event.attempts.to_string(),
        join(changes),
        join(operation.edges.iter().map(crate::provision::edge::EdgeChange::words)),
        join(event.findings.iter().map(ToString::to_string)),
        join(decisions),
    ]
}

fn join(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join("; ")
}

/// Requests and answers, one after the other.
fn requests(entries: &[Entry]) -> String {
    let exchanges = entries.iter().filter_map(|entry| match &entry.fact {
        Fact::Attempted { exchanges, .. } => Some(exchanges),
        _ => None,
    });
    join(exchanges.flatten().map(|exchange| {
        let status = exchange.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        format!(
            "{} {} {} → {status} in {} ms {}",
            exchange.method, exchange.path, exchange.request, exchange.millis, exchange.answer
        )
    }))
}

/// A cell that no spreadsheet takes for a formula and no terminal obeys.
fn safe(cell: &str) -> String {
    let risky = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let shown = printable(cell);
    if risky { format!("'{shown}") } else { shown }
}
