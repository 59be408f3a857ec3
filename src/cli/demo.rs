//! `usher demo`.

use clap::Args;

use crate::cli::door::Door;
use crate::cli::exit::Exit;

/// See the whole walk with a company that ships with Usher.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  usher demo\n  usher demo --once")]
pub(crate) struct Demo {}

impl Demo {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        let _ = door;
        Ok(Exit::Done)
    }
}
