//! `usher retry`: try again now.

use clap::Args;

use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::engine::command::Command;
use crate::id::EventId;

/// Try failed, blocked, rejected or waiting events again now.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  usher retry 42 43")]
pub(crate) struct Retry {
    /// Events, as `evt_42` or `42`
    #[arg(required = true, value_name = "EVENT")]
    events: Vec<EventId>,
}

impl Retry {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        door.show(Command::Retry { events: self.events }).await
    }
}
