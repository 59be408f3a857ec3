//! `usher store`: the store itself.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::door::{Door, absolute, say};
use crate::cli::exit::Exit;
use crate::cli::host::{data_dir, hold};
use crate::clock::{Clock, SystemClock};
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::store::{backup, exercise};

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
    /// Measure how fast a disk acknowledges: writes acts into a store of its own, and says when each is on disk
    #[command(after_help = "Example:\n  usher store exercise ./exercise --acts 10000")]
    Exercise {
        /// A folder of its own; made if need be
        dir: PathBuf,
        /// How many acts
        #[arg(long, default_value_t = 10_000, value_name = "N")]
        acts: u64,
    },
}

impl Store {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        match self.what {
            What::Verify => door.show(Command::StoreVerify).await,
            What::Backup { file } => door.show(Command::StoreBackup { file: absolute(&file)? }).await,
            What::Restore { file } => restore(door, absolute(&file)?).await,
            What::Exercise { dir, acts } => exercise_disk(absolute(&dir)?, acts).await,
        }
    }
}

async fn restore(door: &Door, file: PathBuf) -> anyhow::Result<Exit> {
    let workspace = door.workspace().await?;
    let _lock = hold(workspace)?;
    let dir = data_dir(workspace);
    let verified = tokio::task::spawn_blocking(move || backup::restore(&file, &dir)).await??;
    door.print(&Answer::Verified(verified))
}

async fn exercise_disk(dir: PathBuf, acts: u64) -> anyhow::Result<Exit> {
    let run = move || exercise::exercise(&dir, acts, SystemClock.now(), &mut std::io::stdout());
    let done = tokio::task::spawn_blocking(run).await??;
    say(&format!("{} acts in {:.3} s\n", done.acts, done.elapsed.as_secs_f64()))?;
    Ok(Exit::Done)
}
