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
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::desk::status::HistoryFilter;
use crate::server::export;

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
                Format::Jsonl => export::json_lines(&events)?,
                Format::Csv => export::csv_rows(&events, first, self.full)?,
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
