//! `usher tokens`: keys for programs and for the command line on other machines.

use clap::{Args, Subcommand};

use crate::access::credential::TokenKind;
use crate::access::operator::Role;
use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::engine::command::Command;
use crate::id::TokenId;

/// Issue and revoke tokens for the API.
///
/// A token acts as the operator who issued it, and never has more than his role. A program's token (`--service`) never decides about
/// approvals; a personal one may within 12 hours of being issued. Tokens are kept as digests and shown once.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher tokens add \"nightly report\" --role viewer --service\n  usher tokens list\n  usher tokens revoke tok_…"
)]
pub(crate) struct Tokens {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// All tokens
    #[command(after_help = "Example:\n  usher tokens list")]
    List,
    /// Issue one of your own
    #[command(after_help = "Example:\n  usher tokens add \"nightly report\" --role viewer --service --days 30")]
    Add {
        /// What it is for
        name: String,
        /// admin, approver or viewer; at most your own
        #[arg(long)]
        role: Role,
        /// For a program: never decides
        #[arg(long)]
        service: bool,
        /// How long it lives [default: 90]
        #[arg(long)]
        days: Option<u64>,
    },
    /// Forget one: it is refused from now on
    #[command(after_help = "Example:\n  usher tokens revoke tok_…")]
    Revoke {
        /// Its id
        id: TokenId,
    },
}

impl Tokens {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        door.show(match self.what {
            What::List => Command::Tokens,
            What::Add { name, role, service, days } => {
                let kind = if service { TokenKind::Service } else { TokenKind::Personal };
                Command::TokenAdd { name, role, kind, days }
            }
            What::Revoke { id } => Command::TokenRevoke { id },
        })
        .await
    }
}
