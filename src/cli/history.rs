//! `usher history`: what happened, newest first.

use clap::Args;

use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::cli::value::moment;
use crate::engine::command::{Command, UserRef};
use crate::id::{AppName, EventId};
use crate::provision::event::StatusKind;
use crate::provision::operation::Kind;

/// Show what happened, newest first, with the reason of each failure and what to do.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher history --user amy@example.com\n  usher history --app nulab --status failed,refused --since 2d\n  usher history 42                  one event with every request and answer in sentences"
)]
pub(crate) struct History {
    /// One event: its whole story
    #[arg(value_name = "EVENT", conflicts_with_all = ["user", "app", "status", "kind", "since", "until", "before"])]
    event: Option<EventId>,
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
    /// Older than this event: the next page
    #[arg(long, value_name = "EVENT")]
    before: Option<EventId>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
}

impl History {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        if let Some(event) = self.event {
            return door.show(Command::EventShow { event }).await;
        }
        door.show(Command::History {
            user: self.user.map(UserRef),
            app: self.app,
            statuses: self.status,
            kind: self.kind,
            since: self.since.as_deref().map(moment).transpose()?,
            until: self.until.as_deref().map(moment).transpose()?,
            before: self.before,
            limit: self.limit,
        })
        .await
    }
}

fn status(word: &str) -> Result<StatusKind, String> {
    StatusKind::ALL
        .into_iter()
        .find(|status| status.word() == word)
        .ok_or_else(|| format!("there is no status `{word}`; use {}", StatusKind::ALL.map(StatusKind::word).join(", ")))
}

fn kind(word: &str) -> Result<Kind, String> {
    Kind::ALL
        .into_iter()
        .find(|kind| kind.word() == word)
        .ok_or_else(|| format!("there is no kind `{word}`; use {}", Kind::ALL.map(Kind::word).join(", ")))
}
