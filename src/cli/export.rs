//! `usher export`: the active revision's files, written back into the workspace.

use std::fmt::Write;

use anyhow::bail;
use clap::Args;

use crate::cli::door::{Door, say};
use crate::cli::exit::Exit;
use crate::config::Conflict;
use crate::engine::answer::Answer;
use crate::engine::command::Command;

/// Write the active revision's files into the workspace.
///
/// Files that say something else are replaced; files that the revision does not have are left where they are and listed.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  usher export && git diff          what is active, compared with what you had")]
pub(crate) struct Export {}

impl Export {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        let answer = door.ask(Command::Export).await?;
        let Answer::Files { revision, bundle } = &answer else { bail!("unexpected answer to `export`: {answer:?}") };
        let workspace = door.workspace().await?;
        let written = workspace.write_bundle(bundle)?;
        door.remember_base(workspace, revision.number);
        if door.globals().json {
            return door.print(&answer);
        }
        let mut out = format!(
            "{} exported: {} files written, {} unchanged.\n",
            revision.number,
            written.written.len(),
            written.unchanged
        );
        for path in &written.written {
            let _ = writeln!(out, "  {path}");
        }
        for path in &written.extra {
            let _ = writeln!(out, "  {path} is not part of {}: `usher apply` would add it", revision.number);
        }
        let mut exit = Exit::Done;
        match &written.roles {
            None => {}
            Some(Conflict::Replaced) => out.push_str("  usher.toml: [[roles]] replaced\n"),
            Some(Conflict::ByHand(text)) => {
                let _ =
                    writeln!(out, "  usher.toml could not be changed safely; replace its [[roles]] with:\n\n{text}");
                exit = Exit::Attention;
            }
        }
        say(&out)?;
        Ok(exit)
    }
}
