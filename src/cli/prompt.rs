//! What a person types when a command asks. Whoever waits for it gives the runtime's thread back meanwhile.

use std::io::{self, IsTerminal};

use anyhow::Context;
use tokio::task::block_in_place;

use crate::access::credential::Typed;

/// One line of stdin, without its end.
pub(crate) fn line() -> anyhow::Result<String> {
    let mut line = String::new();
    block_in_place(|| io::stdin().read_line(&mut line)).context("could not read from stdin")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// One line from the terminal, not shown while it is typed.
pub(crate) fn hidden(prompt: &str) -> anyhow::Result<String> {
    block_in_place(|| rpassword::prompt_password(prompt)).context("could not read from the terminal")
}

/// A secret: from the terminal, without showing it, or the first line of stdin.
pub(crate) fn secret(prompt: &str) -> anyhow::Result<Typed> {
    if io::stdin().is_terminal() { hidden(prompt).map(Typed::new) } else { line().map(Typed::new) }
}
