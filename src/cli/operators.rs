//! `usher operators`: who may act in Usher.

use clap::{Args, Subcommand};

use crate::access::operator::{FourEyes, Role};
use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::engine::command::{Command, UserRef};

/// See and change who may act in Usher.
///
/// An admin changes apps, rules, the directory and operators; an approver decides; a viewer reads and retries. Each includes the next.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher operators list\n  usher operators add kenji --role approver --os-account kenji --user hr:TW1004\n  usher operators disable kenji"
)]
pub(crate) struct Operators {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// All operators
    #[command(after_help = "Example:\n  usher operators list")]
    List,
    /// Add one
    #[command(after_help = "Example:\n  usher operators add kenji --role approver --os-account kenji --user hr:TW1004")]
    Add {
        /// Unique among operators
        name: String,
        /// admin, approver or viewer
        #[arg(long)]
        role: Role,
        /// The account on this machine that proves him
        #[arg(long, value_name = "ACCOUNT")]
        os_account: Option<String>,
        /// The directory user he is: nobody approves what concerns himself
        #[arg(long)]
        user: Option<String>,
    },
    /// Whether people may approve what they caused: `record` (with a comment, marked) or `enforce` (never)
    #[command(after_help = "Example:\n  usher operators four-eyes record")]
    FourEyes {
        /// record or enforce
        how: FourEyes,
    },
    /// Disable one; his decisions stay in the history
    #[command(after_help = "Example:\n  usher operators disable kenji")]
    Disable {
        /// The operator
        name: String,
    },
}

impl Operators {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        door.show(match self.what {
            What::List => Command::Operators,
            What::Add { name, role, os_account, user } => {
                Command::OperatorAdd { name, role, os_account, user: user.map(UserRef) }
            }
            What::FourEyes { how } => Command::FourEyes { four_eyes: how },
            What::Disable { name } => Command::OperatorDisable { name },
        })
        .await
    }
}
