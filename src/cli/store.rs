//! `usher store`: the store itself.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};

use crate::cli::door::{Door, absolute};
use crate::cli::exit::Exit;
use crate::engine::command::Command;

/// Verify, back up and restore the store.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher store verify\n  usher store backup /backups/usher-2026-03-01\n  usher store restore /backups/usher-2026-03-01     into a workspace without a store"
)]
pub(crate) struct Store {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Walk the whole history chain and recount the counters
    #[command(after_help = "Example:\n  usher store verify --json")]
    Verify,
    /// Write a logical copy to a new file; works while `usher serve` runs
    #[command(after_help = "Example:\n  usher store backup /backups/usher-2026-03-01")]
    Backup {
        /// A file that does not exist yet
        file: PathBuf,
    },
    /// Make the store from a backup; refuses if there is one already
    #[command(after_help = "Example:\n  usher store restore /backups/usher-2026-03-01")]
    Restore {
        /// A file that `usher store backup` wrote
        file: PathBuf,
    },
}

impl Store {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        match self.what {
            What::Verify => door.show(Command::StoreVerify).await,
            What::Backup { file } => door.show(Command::StoreBackup { file: absolute(&file)? }).await,
            What::Restore { file } => bail!("{} can't be restored", file.display()),
        }
    }
}
