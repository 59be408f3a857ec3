//! `usher history`: what happened, newest first; its export, its head, and what leaves it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::door::{Door, absolute};
use crate::cli::exit::Exit;
use crate::cli::history_export;
use crate::cli::value::{kind, moment};
use crate::clock::Span;
use crate::engine::access_command::AccessCommand;
use crate::engine::answer::Answer;
use crate::engine::command::{Command, UserRef};
use crate::engine::desk::status::HistoryFilter;
use crate::id::{AppName, EventId};
use crate::provision::event::StatusKind;
use crate::provision::operation::Kind;

/// Show what happened, newest first, with the reason of each failure and what to do.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  usher history --user amy@example.com\n  usher history --app nulab --status failed,refused --since 2d\n  usher history --operator ada --kind delete\n  usher history 42                  one event with every request and answer in sentences\n  usher history export --format csv --since 30d --out march.csv\n  usher history head --out head.json"
)]
pub(crate) struct History {
    #[command(subcommand)]
    what: Option<What>,
    /// One event: its whole story
    #[arg(value_name = "EVENT", conflicts_with_all = ["user", "app", "status", "kind", "since", "until", "operator", "before", "after"])]
    event: Option<EventId>,
    #[command(flatten)]
    filters: Filters,
    /// Older than this event: the next page
    #[arg(long, value_name = "EVENT")]
    before: Option<EventId>,
    /// Newer than this event: the page before
    #[arg(long, value_name = "EVENT", conflicts_with = "before")]
    after: Option<EventId>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
}

/// Which events.
#[derive(Debug, Clone, Args)]
pub(crate) struct Filters {
    /// Only of this user: key, source:key, e-mail address, user name or id
    #[arg(long)]
    user: Option<String>,
    /// Only of this app
    #[arg(long)]
    app: Option<AppName>,
    /// Only in these statuses: pending, queued, running, verifying, succeeded, failed, refused, rejected, superseded, expired
    #[arg(long, value_delimiter = ',', value_parser = status)]
    status: Vec<StatusKind>,
    /// Only of this kind: link, create, update, rename, deactivate, reactivate, delete
    #[arg(long, value_parser = kind)]
    kind: Option<Kind>,
    /// From this time: 2026-03-01T09:30:00Z, or 2h, 7d (ago)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Until this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only what this operator caused (import, edit, activation) or decided
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
}

#[derive(Debug, Subcommand)]
enum What {
    Export(history_export::Export),
    /// Print the end of the chain: whoever keeps it elsewhere can prove later that nothing before it was rewritten
    #[command(after_help = "Example:\n  usher history head --out /mnt/elsewhere/usher-head.json")]
    Head {
        /// Append it to this file, one line
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Archive events that ended longer ago than `history.keep`, and take them out of the store; `usher serve` does so daily
    #[command(after_help = "Examples:\n  usher history prune --dry-run\n  usher history prune --keep 90d")]
    Prune {
        /// Say what it would do, and stop
        #[arg(long)]
        dry_run: bool,
        /// Instead of `history.keep`
        #[arg(long, value_name = "SPAN")]
        keep: Option<Span>,
    },
    /// What operators did beside deciding: imports, edits, revisions, operators, tokens, passwords, secrets
    #[command(after_help = "Examples:\n  usher history acts --operator ada\n  usher history acts --since 7d --json")]
    Acts {
        /// Only of this operator
        #[arg(long, value_name = "NAME")]
        operator: Option<String>,
        /// From this time: 2026-03-01T09:30:00Z, or 2h, 7d (ago)
        #[arg(long, value_name = "TIME")]
        since: Option<String>,
        /// Until this time
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Older than this entry: the next page
        #[arg(long, value_name = "ENTRY")]
        before: Option<u64>,
        /// At most this many
        #[arg(long, default_value_t = 50, value_name = "N")]
        limit: usize,
    },
    /// Take one user's values out of all events that are over; the chain stays whole, and an entry says so
    #[command(after_help = "Example:\n  usher history erase --user amy@example.com")]
    Erase {
        /// Key, source:key, e-mail address, user name or id
        #[arg(long)]
        user: String,
    },
}

impl Filters {
    /// As the engine takes them.
    pub(crate) fn split(self) -> anyhow::Result<(Option<UserRef>, HistoryFilter)> {
        let filter = HistoryFilter {
            app: self.app,
            statuses: self.status,
            kind: self.kind,
            since: self.since.as_deref().map(moment).transpose()?,
            until: self.until.as_deref().map(moment).transpose()?,
            operator: self.operator,
            ..HistoryFilter::default()
        };
        Ok((self.user.map(UserRef), filter))
    }
}

impl History {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        if let Some(what) = self.what {
            return what.run(door).await;
        }
        if let Some(event) = self.event {
            return door.show(Command::EventShow { event }).await;
        }
        let (user, filter) = self.filters.split()?;
        let filter = HistoryFilter { before: self.before, after: self.after, limit: self.limit, ..filter };
        door.show(Command::History { user, filter }).await
    }
}

impl What {
    async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        match self {
            Self::Export(export) => export.run(door).await,
            Self::Head { out } => head(door, out).await,
            Self::Prune { dry_run, keep } => prune(door, dry_run, keep).await,
            Self::Acts { operator, since, until, before, limit } => {
                let since = since.as_deref().map(moment).transpose()?;
                let until = until.as_deref().map(moment).transpose()?;
                door.show(Command::Access(AccessCommand::Deeds { operator, since, until, before, limit })).await
            }
            Self::Erase { user } => door.show(Command::HistoryErase { user: UserRef(user) }).await,
        }
    }
}

async fn head(door: &Door, out: Option<PathBuf>) -> anyhow::Result<Exit> {
    let answer = door.ask(Command::HistoryHead).await?;
    if let (Some(file), Answer::Head(head)) = (out, &answer) {
        history_export::append_line(&file, &serde_json::to_string(head)?)?;
    }
    door.print(&answer)
}

async fn prune(door: &Door, dry_run: bool, keep: Option<Span>) -> anyhow::Result<Exit> {
    door.only_here()?;
    let keeping = door.workspace().await?.keeping();
    let Some(keep) = keep.or(keeping.keep) else {
        anyhow::bail!("`history.keep` in usher.toml says that events are kept for ever; give a length with --keep");
    };
    door.show(Command::HistoryPrune { keep, archive: absolute(&keeping.archive)?, dry_run }).await
}

fn status(word: &str) -> Result<StatusKind, String> {
    StatusKind::ALL
        .into_iter()
        .find(|status| status.word() == word)
        .ok_or_else(|| format!("there is no status `{word}`; use {}", StatusKind::ALL.map(StatusKind::word).join(", ")))
}
