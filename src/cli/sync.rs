//! `usher sync`: plan and push until the queues are at rest.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::cli::apply::{note_difference, remember_base};
use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::engine::answer::{Answer, PlanFile};
use crate::engine::command::Command;
use crate::id::AppName;

/// Plan, then push until nothing is due: every app, or one.
///
/// What is held waits for `usher approvals`; what failed for a while is tried again later by `usher serve` or the next sync. Exit code 3
/// if something failed.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher sync\n  usher sync --app nulab\n  usher sync --plan plan.json       executes exactly this plan, or nothing"
)]
pub(crate) struct Sync {
    /// Only this app
    #[arg(long)]
    app: Option<AppName>,
    /// Execute exactly this plan (of `usher plan --out`), or nothing
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
}

impl Sync {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        let plan = self.plan.as_deref().map(read).transpose()?;
        // A server has its revisions; what lies about here is not applied there by itself.
        let is_far = door.remote()?.is_some();
        let workspace = if is_far { None } else { Some(door.bundle().await?) };
        let answer = door.ask(Command::Sync { app: self.app, plan, workspace }).await?;
        let exit = door.print(&answer)?;
        if !is_far {
            settle_base(door).await?;
            note_difference(door).await;
        }
        Ok(exit)
    }
}

/// The first sync of a workspace applies its files by itself: remember as what.
pub(crate) async fn settle_base(door: &Door) -> anyhow::Result<()> {
    let workspace = door.workspace().await?;
    if crate::cli::apply::base(workspace).is_some() {
        return Ok(());
    }
    if let Answer::Revisions { active: Some(active), revisions } = door.ask(Command::Revisions).await?
        && revisions.iter().any(|revision| revision.number == active && revision.parent.is_none())
    {
        remember_base(workspace, active);
    }
    Ok(())
}

fn read(path: &std::path::Path) -> anyhow::Result<PlanFile> {
    let text = std::fs::read(path).with_context(|| format!("could not read the plan {}", path.display()))?;
    serde_json::from_slice(&text)
        .with_context(|| format!("{} is no plan; `usher plan --out FILE` writes one", path.display()))
}
