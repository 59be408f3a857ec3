//! `usher apply`: the workspace's files become the active revision.

use clap::Args;

use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::config::Workspace;
use crate::connector::revision::Revision;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::id::RevisionNumber;

/// Where the workspace remembers the revision that its files come from, beside the store.
const BASE_FILE: &str = "base";

/// Make the workspace's files the active revision.
///
/// Runs the rules' examples, shows what the change does to every app, stores the files as a revision and activates it. It refuses when
/// the active revision is not the one that these files were last applied from or exported at: `usher export` first, then merge.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher apply --dry-run                    what would it do?\n  usher apply --comment \"Sales gets Backlog\""
)]
pub(crate) struct Apply {
    /// Why, for the history
    #[arg(long, short = 'm', default_value = "", value_name = "TEXT")]
    comment: String,
    /// Show what it would do and stop
    #[arg(long)]
    dry_run: bool,
}

impl Apply {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        let workspace = door.workspace().await?;
        let bundle = door.bundle().await?;
        let base = door.base(workspace)?;
        let answer = door.ask(Command::Apply { bundle, base, comment: self.comment, dry_run: self.dry_run }).await?;
        if let Answer::Applied(applied) = &answer
            && let (Some(revision), true) = (&applied.revision, applied.activated)
        {
            door.remember_base(workspace, revision.number);
        }
        door.print(&answer)
    }
}

/// The revision that the workspace's files were last applied as or exported from.
pub(crate) fn base(workspace: &Workspace) -> Option<RevisionNumber> {
    std::fs::read_to_string(workspace.store_dir().join(BASE_FILE)).ok()?.trim().parse().ok()
}

/// Says on stderr that the workspace's files are not what runs. Files that can't be read are for `apply` to complain about.
pub(crate) async fn note_difference(door: &Door) {
    let Ok(None) = door.remote() else { return };
    let Ok(bundle) = door.bundle().await else { return };
    let Ok(Answer::Revisions { active: Some(active), revisions }) = door.ask(Command::Revisions).await else { return };
    let differs = |revision: &Revision| revision.number == active && revision.digest != bundle.digest();
    if revisions.iter().any(differs) {
        eprintln!(
            "The workspace's files differ from {active}, which is active; `usher plan --draft` shows what they would do, `usher apply` \
             activates them."
        );
    }
}

/// Remembers it. A failure costs a refusal at the next `apply`, never data.
pub(crate) fn remember_base(workspace: &Workspace, number: RevisionNumber) {
    let file = workspace.store_dir().join(BASE_FILE);
    if let Err(error) = std::fs::write(&file, format!("{number}\n")) {
        tracing::warn!(file = %file.display(), %error, "could not remember the revision that the files come from");
    }
}
