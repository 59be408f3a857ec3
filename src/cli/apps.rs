//! `usher apps`: the target apps and how they stand.

use clap::{Args, Subcommand};

use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::cli::prompt;
use crate::engine::access_command::AccessCommand;
use crate::engine::command::Command;
use crate::id::AppName;

/// See the apps and what they can grant, test their connection, pause and resume them.
///
/// Apps are described in apps/NAME.toml; `usher apply` makes a changed file count.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher apps list\n  usher apps show nulab\n  usher apps test nulab            credential, discovery, filters: what works, in words\n  usher apps refresh nulab         groups and other entitlements, and what changed\n  usher apps pause nulab           nothing is sent until `resume`"
)]
pub(crate) struct Apps {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// All apps with their numbers
    #[command(after_help = "Example:\n  usher apps list --json")]
    List,
    /// One app: settings, state, what it taught us
    #[command(after_help = "Example:\n  usher apps show nulab")]
    Show {
        /// The app
        app: AppName,
    },
    /// Test the connection: credential, discovery and filters; sends only reads
    #[command(after_help = "Example:\n  usher apps test nulab")]
    Test {
        /// The app
        app: AppName,
    },
    /// Read what an app can grant (groups, roles, licences) and what changed; sends only reads
    #[command(after_help = "Example:\n  usher apps refresh nullplatform")]
    Refresh {
        /// The app
        app: AppName,
    },
    /// What an app can grant, as its last refresh showed it
    #[command(after_help = "Example:\n  usher apps entitlements nullplatform --kind group")]
    Entitlements {
        /// The app
        app: AppName,
        /// Only this kind: `group`, or what the connector's [[entitlements]] say
        #[arg(long, value_name = "KIND")]
        kind: Option<String>,
    },
    /// Enter the secret of an app whose file says `credential = "sealed"`; asked for on the terminal, or read from stdin
    #[command(
        after_help = "Examples:\n  usher apps secret nulab\n  usher apps secret nulab < token\n  usher apps secret nulab --drop"
    )]
    Secret {
        /// The app
        app: AppName,
        /// Forget it: nothing is sent until there is another
        #[arg(long)]
        drop: bool,
    },
    /// Which apps keep their secret in the store, and since when
    #[command(after_help = "Example:\n  usher apps secrets")]
    Secrets,
    /// Stop sending to an app; changes wait
    #[command(after_help = "Example:\n  usher apps pause nulab")]
    Pause {
        /// The app
        app: AppName,
    },
    /// Go on sending; also ends a quarantine
    #[command(after_help = "Example:\n  usher apps resume nulab")]
    Resume {
        /// The app
        app: AppName,
    },
}

impl Apps {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        door.show(match self.what {
            What::List => Command::Apps,
            What::Show { app } => Command::AppShow { app },
            What::Test { app } => Command::AppTest { app },
            What::Refresh { app } => Command::Refresh { app },
            What::Entitlements { app, kind } => Command::Entitlements { app, kind },
            What::Secret { app, drop: true } => Command::Access(AccessCommand::SecretDrop { app }),
            What::Secret { app, drop: false } => {
                let secret = prompt::secret(&format!("Secret of {app}: "))?;
                Command::Access(AccessCommand::SecretSet { app, secret })
            }
            What::Secrets => Command::Access(AccessCommand::Secrets),
            What::Pause { app } => Command::AppPause { app },
            What::Resume { app } => Command::AppResume { app },
        })
        .await
    }
}
