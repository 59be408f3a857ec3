//! `usher assign` and `usher unassign`: direct assignments.

use clap::Args;

use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::cli::value::setting;
use crate::directory::assignment::DirectAssignment;
use crate::engine::command::{Command, Edit, UserRef};
use crate::id::AppName;

/// Give a user an app directly, whatever his roles and groups say.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher assign amy@example.com nulab\n  usher assign amy@example.com nulab --app-role USER --set display_name=\"Amy (Ops)\""
)]
pub(crate) struct Assign {
    /// Key, source:key, e-mail address, user name or id
    user: String,
    /// The app
    app: AppName,
    /// His role in the app, one of its app_role_order
    #[arg(long, value_name = "ROLE")]
    app_role: Option<String>,
    /// Override an attribute for this app only; `attribute=` for no value
    #[arg(long, value_name = "ATTRIBUTE=VALUE")]
    set: Vec<String>,
}

impl Assign {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        let overrides = self.set.iter().map(|typed| setting(typed)).collect::<Result<_, _>>()?;
        let assignment = DirectAssignment { app_role: self.app_role, overrides };
        let edit = Edit::Assign { app: self.app, assignment };
        door.show(Command::UserEdit { user: UserRef(self.user), edit }).await
    }
}

/// Take a direct assignment back. Roles and groups may still grant the app.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  usher unassign amy@example.com nulab")]
pub(crate) struct Unassign {
    /// Key, source:key, e-mail address, user name or id
    user: String,
    /// The app
    app: AppName,
}

impl Unassign {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        let edit = Edit::Unassign { app: self.app };
        door.show(Command::UserEdit { user: UserRef(self.user), edit }).await
    }
}
