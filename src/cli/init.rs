//! `usher init`: a workspace to start from.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::cli::connect::environment;
use crate::cli::door::{Door, say};
use crate::cli::exit::Exit;
use crate::cli::found::found;
use crate::cli::show::Tint;
use crate::config::{Workspace, WorkspaceError};
use crate::{config, connector, rules};

/// Write a commented workspace and make its store.
///
/// The OS account that runs it becomes the first operator (admin), with four eyes `record`: he may approve what he caused himself, with
/// a comment, and it is marked. Nothing that exists is overwritten. In a folder that has a usher.toml but no store (a clone of somebody
/// else's workspace) only the store is made.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  usher init acme && cd acme\n  usher init                       here")]
pub(crate) struct Init {
    /// The folder [default: this one]
    #[arg(value_name = "DIR")]
    dir: Option<PathBuf>,
}

impl Init {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        door.only_here()?;
        let dir = self.dir.or_else(|| door.globals().workspace.clone()).unwrap_or_else(|| PathBuf::from("."));
        let written = match config::init(&dir, &connector::builtin(), &rules::builtin()) {
            Ok(written) => written,
            Err(WorkspaceError::Exists { path }) if is_without_store(&dir) => {
                drop(path);
                Vec::new()
            }
            Err(error) => return Err(error.into()),
        };
        let workspace = Workspace::open(&dir, &environment)?;
        let (account, token) =
            found(&workspace).await.context("the files are written, but the store could not be made")?;
        if door.globals().json {
            let json = serde_json::json!({ "workspace": workspace.root, "written": written, "operator": account, "token": token.expose() });
            door.print_json(&json)?;
            return Ok(Exit::Done);
        }
        let style = door.style();
        let mut out = String::new();
        let _ = writeln!(out, "{} {}", style.paint(Tint::Good, "✓"), workspace.root.display());
        for path in &written {
            let _ = writeln!(out, "  {}", path.display());
        }
        let _ = writeln!(
            out,
            "  {}\n\n`{account}` is its first operator (admin). Four eyes: {}.",
            workspace.config.store.display(),
            match workspace.config.four_eyes {
                crate::access::FourEyes::Record =>
                    "record; you may approve what you caused, with a comment, and it is marked",
                crate::access::FourEyes::Enforce => "enforce; nobody approves what he himself caused",
            }
        );
        let _ = writeln!(
            out,
            "One-time token for the console: {}\n`usher serve` says where the console is; at /set-up the token sets {account}'s password, once.",
            token.expose()
        );
        out.push_str("\nNext:\n  1. describe your HR export in usher.toml, then `usher import --full people.csv`\n  2. describe an app in apps/ (a sample is there), its token in secrets/\n  3. `usher plan --draft` shows what would happen; `usher apply` and `usher sync` make it happen\n");
        say(&out)?;
        Ok(Exit::Done)
    }
}

/// A workspace whose files are there and whose store is not.
fn is_without_store(dir: &std::path::Path) -> bool {
    dir.join("usher.toml").is_file()
        && Workspace::open(dir, &environment).is_ok_and(|workspace| !workspace.store_dir().exists())
}
