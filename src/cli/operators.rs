//! `usher operators`: who may act in Usher.

use std::io::{self, IsTerminal};

use anyhow::bail;
use clap::{Args, Subcommand};

use crate::access::credential::Typed;
use crate::access::operator::{FourEyes, Role};
use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::cli::prompt;
use crate::engine::access_command::AccessCommand;
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
    /// Set a password for the console and the API, your own or, as an admin, anybody's; asked for on the terminal, or read from stdin
    #[command(after_help = "Example:\n  usher operators password kenji")]
    Password {
        /// The operator [default: you]
        name: Option<String>,
    },
    /// A new one-time token, with which the first admin sets a password in the console
    #[command(after_help = "Example:\n  usher operators bootstrap")]
    Bootstrap,
    /// Give one another role; his sessions end
    #[command(after_help = "Example:\n  usher operators role kenji viewer")]
    Role {
        /// The operator
        name: String,
        /// admin, approver or viewer
        role: Role,
    },
    /// How each operator signs in, and when he did last
    #[command(after_help = "Example:\n  usher operators people")]
    People,
    /// Let one in again who is disabled
    #[command(after_help = "Example:\n  usher operators enable kenji")]
    Enable {
        /// The operator
        name: String,
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
            What::Password { name } => Command::PasswordSet { name, password: typed()? },
            What::Bootstrap => Command::Bootstrap,
            What::Role { name, role } => Command::Access(AccessCommand::SetRole { name, role }),
            What::People => Command::Access(AccessCommand::People),
            What::Enable { name } => Command::Access(AccessCommand::Enable { name }),
            What::Disable { name } => Command::OperatorDisable { name },
        })
        .await
    }
}

/// A password: twice on a terminal, without showing it; the first line of stdin otherwise.
fn typed() -> anyhow::Result<Typed> {
    if !io::stdin().is_terminal() {
        return prompt::line().map(Typed::new);
    }
    let first = prompt::hidden("New password, at least 15 characters: ")?;
    if prompt::hidden("Once more: ")? != first {
        bail!("the two passwords differ; nothing was changed");
    }
    Ok(Typed::new(first))
}
