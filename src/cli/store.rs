//! `usher store`: the store itself.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use crate::cli::door::{Door, absolute, say};
use crate::cli::exit::Exit;
use crate::cli::host::{data_dir, hold};
use crate::clock::{Clock, SystemClock};
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::heads;
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
    #[command(
        after_help = "Examples:\n  usher store verify --json\n  usher store verify --head history-head.jsonl     the chain still contains each of these heads"
    )]
    Verify {
        /// A file of heads: the chain must still contain each of them
        #[arg(long, value_name = "FILE")]
        head: Option<PathBuf>,
    },
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
            What::Verify { head } => verify(door, head).await,
            What::Backup { file } => {
                door.only_here()?;
                door.show(Command::StoreBackup { file: absolute(&file)? }).await
            }
            What::Restore { file } => restore(door, absolute(&file)?).await,
            What::Exercise { dir, acts } => exercise_disk(absolute(&dir)?, acts).await,
        }
    }
}

async fn verify(door: &Door, file: Option<PathBuf>) -> anyhow::Result<Exit> {
    let answer = door.ask(Command::StoreVerify).await?;
    let (Some(file), Answer::Verified(mut verified)) = (file, answer.clone()) else { return door.print(&answer) };
    let heads = heads::read(&file).with_context(|| format!("could not read {}", file.display()))?;
    if heads.is_empty() {
        bail!("{} has no heads; `usher history head --out FILE` writes one", file.display());
    }
    if let Answer::Verified(checked) = door.ask(Command::HeadsCheck { heads }).await? {
        verified.problems.extend(checked.problems);
    }
    door.print(&Answer::Verified(verified))
}

async fn restore(door: &Door, file: PathBuf) -> anyhow::Result<Exit> {
    door.only_here()?;
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
