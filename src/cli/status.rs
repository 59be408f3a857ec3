//! `usher status`: each user in each app.

use clap::Args;

use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::engine::command::{Command, UserRef};
use crate::id::AppName;

/// Show each user in each app: the account, what is open, why, and what to do.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher status\n  usher status --app nulab --limit 500\n  usher status --user amy@example.com\n  usher status --leavers"
)]
pub(crate) struct Status {
    /// Only this user: key, source:key, e-mail address, user name or id
    #[arg(long)]
    user: Option<String>,
    /// Only this app
    #[arg(long)]
    app: Option<AppName>,
    /// Only those who should have no account any more, and have: why, and what to do
    #[arg(long, conflicts_with_all = ["user", "limit"])]
    leavers: bool,
    /// At most this many rows
    #[arg(long, default_value_t = 100, value_name = "N")]
    limit: usize,
}

impl Status {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        if self.leavers {
            return door.show(Command::Leavers { app: self.app }).await;
        }
        door.show(Command::Status { user: self.user.map(UserRef), app: self.app, limit: self.limit }).await
    }
}
