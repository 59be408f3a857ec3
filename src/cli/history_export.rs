//! `usher history export`: the history as JSON lines or CSV, page by page, so that memory stays flat.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::{Args, ValueEnum};

use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::cli::history::Filters;
use crate::engine::answer::{Answer, ExportedEvent};
use crate::engine::command::Command;
use crate::engine::desk::status::HistoryFilter;
use crate::history::sentence;
use crate::provision::approval::Ruling;
use crate::provision::entry::{Entry, Fact};
use crate::text::{json_printable, printable};

/// Events asked for at once.
const PAGE_EVENTS: usize = 200;

/// Write the history as JSON lines or CSV, newest first
///
/// CSV cells that a spreadsheet would take for a formula get an apostrophe in front.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher history export --format csv --since 30d --out march.csv\n  usher history export --app nulab --full > nulab.jsonl"
)]
pub(crate) struct Export {
    /// How it is written
    #[arg(long, value_enum, default_value_t = Format::Jsonl, value_name = "FORMAT")]
    format: Format,
    /// With every entry: decisions, attempts with their requests and answers
    #[arg(long)]
    full: bool,
    /// A new file; standard output otherwise
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    filters: Filters,
}

/// How an export is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One JSON object a line.
    Jsonl,
    /// Comma-separated values.
    Csv,
}

impl Export {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        let (user, filter) = self.filters.split()?;
        let mut out: Box<dyn Write + Send> = match &self.out {
            Some(file) => Box::new(BufWriter::new(create(file)?)),
            None => Box::new(io::stdout()),
        };
        let mut before = None;
        let mut first = true;
        loop {
            let filter = HistoryFilter { before, limit: PAGE_EVENTS, ..filter.clone() };
            let command = Command::HistoryPage { user: user.clone(), filter, full: self.full };
            let Answer::Exported { events, next } = door.ask(command).await? else {
                bail!("the process that holds the workspace is of another version; restart it");
            };
            let text = match self.format {
                Format::Jsonl => json_lines(&events)?,
                Format::Csv => csv_rows(&events, first, self.full)?,
            };
            match out.write_all(text.as_bytes()) {
                // A reader that has seen enough is no failure.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Exit::Done),
                written => written.context("could not write the export")?,
            }
            (before, first) = (next, false);
            if before.is_none() {
                break;
            }
        }
        out.flush().context("could not write the export")?;
        Ok(Exit::Done)
    }
}

/// A new file that only its owner reads: it holds personal data.
fn create(file: &Path) -> anyhow::Result<File> {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    opened.with_context(|| format!("could not create {}", file.display()))
}

/// Appends one line to a file of lines.
pub(crate) fn append_line(file: &Path, line: &str) -> anyhow::Result<()> {
    let naming = || format!("could not write {}", file.display());
    let mut out = OpenOptions::new().create(true).append(true).open(file).with_context(naming)?;
    out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.sync_data()).with_context(naming)
}

fn json_lines(events: &[ExportedEvent]) -> anyhow::Result<String> {
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

fn csv_rows(events: &[ExportedEvent], header: bool, full: bool) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    if header {
        writer.write_record(COLUMNS.iter().copied().chain(full.then_some("requests")))?;
    }
    for event in events {
        let requests = full.then(|| requests(&event.entries));
        writer.write_record(cells(event).into_iter().chain(requests).map(|cell| safe(&cell)))?;
    }
    writer.flush()?;
    Ok(String::from_utf8(writer.into_inner()?)?)
}

fn cells(exported: &ExportedEvent) -> Vec<String> {
    let event = &exported.event;
    let operation = &event.operation;
    let value = |value: &Option<crate::directory::value::Value>| {
        value.as_ref().map_or_else(|| "(none)".to_owned(), ToString::to_string)
    };
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
