//! `usher approvals`: what waits for a person.

use std::str::FromStr;

use anyhow::bail;
use clap::{Args, Subcommand};

use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::engine::command::Command;
use crate::id::{AppName, BatchId, EventId};

/// See what waits for a decision, and decide.
///
/// An approval is for exactly the payload that was shown: if anything changes afterwards, it is asked again. A rejection is remembered:
/// the same payload is not asked again until it changes or someone says `usher retry`.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher approvals list\n  usher approvals show 17\n  usher approvals approve 17 18 19 --comment \"known accounts\"\n  usher approvals approve --batch bat_0192… --comment \"the reorganisation\"\n  usher approvals reject 20 --comment \"not ours\""
)]
pub(crate) struct Approvals {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What waits, newest first
    #[command(after_help = "Example:\n  usher approvals list --app nulab")]
    List {
        /// Only of this app
        #[arg(long)]
        app: Option<AppName>,
        /// At most this many
        #[arg(long, default_value_t = 100, value_name = "N")]
        limit: usize,
    },
    /// One event: what it would do, why it is held, its history; or one held batch
    #[command(
        after_help = "Examples:\n  usher approvals show 17\n  usher approvals show bat_0192…    adoptions sorted into exact, differing, ambiguous"
    )]
    Show {
        /// The event or the batch
        #[arg(value_name = "EVENT|BATCH")]
        what: Shown,
    },
    /// Release
    #[command(
        after_help = "Examples:\n  usher approvals approve 17 18 --comment \"known accounts\"\n  usher approvals approve --all --app nulab --comment \"first import\""
    )]
    Approve(Choice),
    /// Drop, and do not ask again for the same payload
    #[command(after_help = "Example:\n  usher approvals reject 20 --comment \"not ours\"")]
    Reject(Choice),
}

/// What is shown.
#[derive(Debug, Clone, Copy)]
enum Shown {
    Event(EventId),
    Batch(BatchId),
}

impl FromStr for Shown {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("bat_") {
            return text.parse().map(Self::Batch).map_err(|error| format!("{error}"));
        }
        text.parse().map(Self::Event).map_err(|error| format!("{error}"))
    }
}

/// What is decided.
#[derive(Debug, Args)]
struct Choice {
    /// Events, as `evt_17` or `17`
    #[arg(value_name = "EVENT")]
    events: Vec<EventId>,
    /// A held batch, as it stands
    #[arg(long, value_name = "BATCH")]
    batch: Vec<BatchId>,
    /// Everything that waits, held batches apart: those are decided with --batch
    #[arg(long, conflicts_with_all = ["events", "batch"])]
    all: bool,
    /// With --all: only of this app
    #[arg(long, requires = "all")]
    app: Option<AppName>,
    /// Why; needed to approve what you caused yourself
    #[arg(long, short = 'm', default_value = "", value_name = "TEXT")]
    comment: String,
}

impl Choice {
    fn command(self, approve: bool) -> anyhow::Result<Command> {
        if self.events.is_empty() && self.batch.is_empty() && !self.all {
            bail!("nothing to decide; name events, a --batch, or --all (`usher approvals list` shows them)");
        }
        Ok(Command::Decide {
            events: self.events,
            batches: self.batch,
            all: self.all,
            app: self.app,
            approve,
            comment: self.comment,
        })
    }
}

impl Approvals {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        door.show(match self.what {
            What::List { app, limit } => Command::Approvals { app, limit },
            What::Show { what: Shown::Event(event) } => Command::EventShow { event },
            What::Show { what: Shown::Batch(batch) } => Command::BatchShow { batch },
            What::Approve(choice) => choice.command(true)?,
            What::Reject(choice) => choice.command(false)?,
        })
        .await
    }
}
