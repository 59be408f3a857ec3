//! `usher reconcile`: whether a target is as we left it.

use clap::Args;

use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::engine::command::Command;
use crate::id::AppName;

/// Compare an app with what was pushed and what the rules want; sends only reads.
///
/// Lists accounts that are not ours, accounts of ours that are gone, values and memberships that somebody changed. What becomes of a
/// difference says [reconcile] of the app file: reported (the default), repaired or adopted. Repairs are ordinary operations of the
/// next cycle. Nothing is concluded from a list alone: an account counts as gone when reading it answers 404 in two reconciles, ten
/// minutes apart or more.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher reconcile nulab            read and compare now\n  usher reconcile nulab --last     what the last one found, and what came of it\n  usher reconcile nulab --json"
)]
pub(crate) struct Reconcile {
    /// The app
    app: AppName,
    /// Show what the last one found instead
    #[arg(long)]
    last: bool,
}

impl Reconcile {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        door.show(Command::Reconcile { app: self.app, last: self.last }).await
    }
}
