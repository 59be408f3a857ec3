//! `usher revisions`: what ran when.

use anyhow::bail;
use clap::{Args, Subcommand};

use crate::cli::door::{Door, say};
use crate::cli::exit::Exit;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::id::RevisionNumber;
use crate::text::printable;

/// See the revisions; go back to an older one.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher revisions list\n  usher revisions show 3 --file apps/nulab.toml\n  usher revisions rollback 2 --comment \"the new rule was wrong\""
)]
pub(crate) struct Revisions {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Revisions, newest first
    #[command(after_help = "Example:\n  usher revisions list")]
    List,
    /// One revision's files
    #[command(after_help = "Example:\n  usher revisions show 3 --file rules/nulab-pass.rhai")]
    Show {
        /// The revision
        #[arg(value_name = "REVISION")]
        number: RevisionNumber,
        /// Print this file of it
        #[arg(long, value_name = "PATH")]
        file: Option<String>,
    },
    /// Activate an older revision again; the workspace's files stay as they are
    #[command(after_help = "Example:\n  usher revisions rollback 2 --comment \"the new rule was wrong\"")]
    Rollback {
        /// The revision
        #[arg(value_name = "REVISION")]
        number: RevisionNumber,
        /// Why, for the history
        #[arg(long, short = 'm', default_value = "", value_name = "TEXT")]
        comment: String,
    },
}

impl Revisions {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        match self.what {
            What::List => door.show(Command::Revisions).await,
            What::Show { number, file } => show(door, number, file).await,
            What::Rollback { number, comment } => door.show(Command::Rollback { number, comment, over: None }).await,
        }
    }
}

async fn show(door: &Door, number: RevisionNumber, file: Option<String>) -> anyhow::Result<Exit> {
    let answer = door.ask(Command::RevisionShow { number }).await?;
    let (Some(path), Answer::Files { bundle, .. }) = (file, &answer) else { return door.print(&answer) };
    let Some(source) = bundle.files.get(&path) else {
        let known: Vec<&str> = bundle.files.keys().map(String::as_str).collect();
        bail!("{number} has no file `{path}`; it has {}", known.join(", "));
    };
    if door.globals().json {
        door.print_json(&serde_json::json!({ "revision": number, "path": path, "text": source }))?;
        return Ok(Exit::Done);
    }
    for line in source.lines() {
        say(&format!("{}\n", printable(line)))?;
    }
    Ok(Exit::Done)
}
