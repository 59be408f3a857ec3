//! `usher rematch` and `usher disassociate`: one user in one app.

use clap::Args;

use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::engine::command::{Command, UserRef};
use crate::id::AppName;

/// Look a user up in an app again, and allow his account there to be linked.
///
/// After a conflict, a disassociation, or a change made by hand at the target. It is a recorded consent to link what is found.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  usher rematch amy@example.com nulab")]
pub(crate) struct Rematch {
    /// Key, source:key, e-mail address, user name or id
    user: String,
    /// The app
    app: AppName,
}

impl Rematch {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        door.show(Command::Rematch { user: UserRef(self.user), app: self.app }).await
    }
}

/// Forget a user's account in an app without touching it.
///
/// Nothing is planned for the pair, whatever the policies say, until `usher rematch`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  usher disassociate amy@example.com nulab")]
pub(crate) struct Disassociate {
    /// Key, source:key, e-mail address, user name or id
    user: String,
    /// The app
    app: AppName,
}

impl Disassociate {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        door.show(Command::Disassociate { user: UserRef(self.user), app: self.app }).await
    }
}
