//! `usher plan`: what would be done.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use crate::cli::apply::note_difference;
use crate::cli::door::{Door, say};
use crate::cli::exit::Exit;
use crate::engine::answer::Answer;
use crate::engine::command::{Command, UserRef};
use crate::id::AppName;

/// Show what would be done, and why not; sends only reads.
///
/// It is the same computation as `sync`'s. Nothing is written but what the reads taught (which accounts exist, which filters work).
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher plan                        all apps, with the active revision\n  usher plan --app nulab --draft    with the workspace's files\n  usher plan --user amy@example.com\n  usher plan --out plan.json && usher sync --plan plan.json\n                                    executes exactly this, or nothing"
)]
pub(crate) struct Plan {
    /// Only this app
    #[arg(long)]
    app: Option<AppName>,
    /// Only this user: key, source:key, e-mail address, user name or id
    #[arg(long)]
    user: Option<String>,
    /// Plan with the workspace's files instead of the active revision
    #[arg(long)]
    draft: bool,
    /// Write the plan to a file, for `usher sync --plan`
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// List every operation, not only the first of each kind
    #[arg(long)]
    all: bool,
}

impl Plan {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        let draft = if self.draft { Some(door.bundle().await?) } else { None };
        let answer = door.ask(Command::Plan { app: self.app, user: self.user.map(UserRef), draft }).await?;
        if let (Some(path), Answer::Plan(plan)) = (&self.out, &answer) {
            let json = serde_json::to_vec_pretty(plan).context("could not encode the plan")?;
            write_privately(path, &json).with_context(|| format!("could not write the plan to {}", path.display()))?;
        }
        let mut style = door.style();
        if self.all {
            style.rows_max = usize::MAX;
        }
        let exit = door.print_styled(&style, &answer)?;
        if let (Some(path), false) = (&self.out, door.globals().json) {
            let path = path.display();
            let next = if self.draft {
                "its files are not active, so that it can't be executed: `usher apply`, then plan again".to_owned()
            } else {
                format!("`usher sync --plan {path}` executes exactly this, or nothing")
            };
            say(&format!("\nWritten to {path}; {next}.\n"))?;
        }
        if !self.draft {
            note_difference(door).await;
        }
        Ok(exit)
    }
}

/// A plan has names and addresses of people in it.
fn write_privately(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)
}
