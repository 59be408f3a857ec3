//! Tokens for the network.

use std::fmt::Write;

use crate::access::credential::{TokenKind, Typed};
use crate::cli::show::style::{Style, Tint};
use crate::cli::show::table::{Grid, lines, text};
use crate::cli::show::time;
use crate::engine::answer::TokenAnswer;
use crate::text::printable;

/// All tokens.
pub(crate) fn tokens(style: &Style, tokens: &[TokenAnswer]) -> String {
    let mut grid = Grid::new(style, &["For, and its id~", "Operator~", "May!", "Since!", "Until!"]);
    for each in tokens {
        grid.row([
            lines([each.token.name.clone(), each.token.id.to_string()]),
            text(&each.owner),
            text(match each.token.kind {
                TokenKind::Personal => each.token.role.to_string(),
                TokenKind::Service => format!("{} (program)", each.token.role),
            }),
            text(time::relative(style, each.token.issued_at)),
            text(each.token.expires_at.to_string()),
        ]);
    }
    if grid.is_empty() {
        "There is no token; `usher tokens add NAME --role ROLE` issues one.\n".to_owned()
    } else {
        grid.finish()
    }
}

/// A new one.
pub(crate) fn token(style: &Style, answer: &TokenAnswer) -> String {
    let mut out = String::new();
    if let Some(secret) = &answer.secret {
        let _ = writeln!(out, "{}", secret.expose());
    }
    let told = format!(
        "The token “{}” of {} is {} until {}. It is shown this once.",
        answer.token.name, answer.owner, answer.token.role, answer.token.expires_at
    );
    let _ = writeln!(out, "{}", style.paint(Tint::Faint, &printable(&told)));
    out
}

/// The one-time token.
pub(crate) fn one_time(style: &Style, token: &Typed) -> String {
    let told = "It sets the first admin's password at /set-up of the console, once. An older one counts no more.";
    format!("{}\n{}\n", token.expose(), style.paint(Tint::Faint, told))
}
