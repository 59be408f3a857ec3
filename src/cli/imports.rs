//! `usher imports`: generations, and what to do with parked ones.

use clap::{Args, Subcommand};

use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::engine::command::Command;
use crate::id::ImportId;

/// See what was imported; apply or drop what was parked.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher imports list\n  usher imports show imp_0192…\n  usher imports apply imp_0192… --accept-shrink 12\n  usher imports drop imp_0192…"
)]
pub(crate) struct Imports {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Generations, newest first
    #[command(after_help = "Example:\n  usher imports list --limit 5")]
    List {
        /// At most this many
        #[arg(long, default_value_t = 20, value_name = "N")]
        limit: usize,
    },
    /// One generation: what it did or would do
    #[command(after_help = "Example:\n  usher imports show imp_0192…")]
    Show {
        /// The generation
        #[arg(value_name = "IMPORT")]
        id: ImportId,
    },
    /// Apply a parked generation
    #[command(after_help = "Example:\n  usher imports apply imp_0192… --accept-shrink 12")]
    Apply {
        /// The generation
        #[arg(value_name = "IMPORT")]
        id: ImportId,
        /// The expected number of users who leave; more still park
        #[arg(long, value_name = "N")]
        accept_shrink: Option<u64>,
    },
    /// Drop a parked generation: nothing of it is taken over
    #[command(after_help = "Example:\n  usher imports drop imp_0192…")]
    Drop {
        /// The generation
        #[arg(value_name = "IMPORT")]
        id: ImportId,
    },
}

impl Imports {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        door.show(match self.what {
            What::List { limit } => Command::Imports { limit },
            What::Show { id } => Command::ImportShow { id },
            What::Apply { id, accept_shrink } => Command::ImportApply { id, accept_shrink },
            What::Drop { id } => Command::ImportDrop { id },
        })
        .await
    }
}
