//! `usher explain`: one account, and why it is so.

use clap::Args;

use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::cli::value::moment;
use crate::engine::command::{Command, UserRef};
use crate::id::AppName;

/// Say what a user's account in an app should be and why, what was pushed when, what is in the way, and what differs
///
/// Every attribute comes with the line of the rule that gives it, and with the event that pushed it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher explain amy@example.com nulab\n  usher explain amy@example.com nulab --at 2026-03-01T09:30:00Z     what stood then, as far as the history tells"
)]
pub(crate) struct Explain {
    /// Key, source:key, e-mail address, user name or id
    user: String,
    /// The app
    app: AppName,
    /// What stood at this time: 2026-03-01T09:30:00Z, or 2h, 7d (ago)
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

impl Explain {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        let at = self.at.as_deref().map(moment).transpose()?;
        door.show(Command::Explain { user: UserRef(self.user), app: self.app, at }).await
    }
}
