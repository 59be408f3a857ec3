//! `usher sign-in` and `usher sign-out`: who somebody is at a server.

use std::io::{self, IsTerminal, Write};

use anyhow::{Context, bail};
use clap::Args;

use crate::cli::door::{Door, say};
use crate::cli::exit::Exit;
use crate::cli::host::own_account;
use crate::cli::prompt;
use crate::cli::servers::Servers;
use crate::engine::command::Command;
use crate::server::api::sign_in::SignIn as Asked;

/// Sign in at a server: commands with --server then act as you.
///
/// Asks for your password and keeps a personal token for 12 hours, in a file that only you may read. Within that time it may decide. It
/// is used when neither USHER_TOKEN nor --token-file give one.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher sign-in --server https://usher.example.com --name kenji\n  usher status --server https://usher.example.com"
)]
pub(crate) struct SignIn {
    /// The operator [default: asked for]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Sign out at a server: the token of the sign-in is revoked and forgotten.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  usher sign-out --server https://usher.example.com")]
pub(crate) struct SignOut {}

impl SignIn {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        let remote = door.remote()?.context("say where: `usher sign-in --server https://HOST`")?;
        let (name, password) = (self.name.map_or_else(asked_name, Ok)?, prompt::secret("Password: ")?);
        let purpose = format!("command line of {} on {}", own_account().1, machine());
        let signed_in = remote.sign_in(&Asked { name, password, purpose }).await?;
        let told =
            format!("Signed in at {} as {}, until {}.\n", remote.origin, signed_in.operator, signed_in.expires_at);
        let mut servers = Servers::read()?;
        servers.change(&remote.origin).signed_in = Some(signed_in);
        servers.write()?;
        say(&told)?;
        Ok(Exit::Done)
    }
}

impl SignOut {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        let remote = door.remote()?.context("say where: `usher sign-out --server https://HOST`")?;
        let mut servers = Servers::read()?;
        let Some(signed_in) = servers.change(&remote.origin).signed_in.take() else {
            bail!("you are not signed in at {}", remote.origin);
        };
        let id = signed_in.id.parse().context("what is remembered of the sign-in is damaged")?;
        let revoked = remote.revoke(&signed_in, Command::TokenRevoke { id }).await;
        servers.write()?;
        match revoked {
            Ok(()) => say(&format!("Signed out at {}.\n", remote.origin))?,
            Err(error) => {
                let told = "the token is forgotten here, but could not be revoked there; it expires by itself";
                return Err(error.context(told));
            }
        }
        Ok(Exit::Done)
    }
}

fn asked_name() -> anyhow::Result<String> {
    if !io::stdin().is_terminal() {
        bail!("say who: --name NAME");
    }
    let mut err = io::stderr();
    err.write_all(b"Operator: ").and_then(|()| err.flush()).context("could not write to the terminal")?;
    Ok(prompt::line()?.trim().to_owned())
}

/// This machine's name, for the list of tokens.
fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "another machine".to_owned() } else { name.to_owned() }
}
