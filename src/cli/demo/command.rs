//! `usher demo`: its flags, and what is around the walk.

use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::Args;
use tokio::sync::watch;

use crate::cli::demo::company::Company;
use crate::cli::demo::expect::Expectations;
use crate::cli::demo::walk::{RENAMED, Walk};
use crate::cli::door::{Door, say};
use crate::cli::exit::Exit;
use crate::cli::host::socket_settings;
use crate::cli::serve;
use crate::cli::show::{Style, Tint};
use crate::config::ServerConfig;
use crate::engine::command::{Command, Edit, UserRef};
use crate::sandbox::Faults;
use crate::server::socket::Socket;

/// See the whole walk with a company that ships with Usher.
///
/// A temporary workspace, 62 people, two target apps (Nulab Pass and nullplatform) in this process. It imports, plans, provisions, holds
/// some for approval, moves one person, lets one leave, checks in the targets that everything came out as it should, and then keeps
/// serving, so that you can look around from a second terminal. Nothing leaves this machine.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher demo                       then look around in a second terminal; Ctrl-C ends it\n  usher demo --once                ends by itself: 0 if everything came out as it should\n  usher demo --keep tanuki         keeps the workspace for later"
)]
pub(crate) struct Demo {
    /// End after the walk: 0 if everything came out as it should, 1 otherwise
    #[arg(long)]
    once: bool,
    /// Make the workspace here and keep it
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

impl Demo {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        // Listening from the start: Ctrl-C in the middle of the walk still takes the temporary workspace away.
        let stop = serve::stop_on_signal()?;
        let temporary = match &self.keep {
            Some(_) => None,
            None => Some(tempfile::Builder::new().prefix("usher-demo-").tempdir().context("could not make a folder")?),
        };
        let root = match (&self.keep, &temporary) {
            (Some(dir), _) => dir.clone(),
            (None, Some(dir)) => dir.path().join("tanuki"),
            (None, None) => bail!("no folder for the demo"),
        };
        let company = Company::open(&root).await?;
        let door = door.at(company.workspace.clone());
        let mut stopped = stop.clone();
        let expectations = tokio::select! {
            seen = walk(&door, &company) => seen?,
            // An error means that nobody listens for signals any more: as good as one.
            _stopped = stopped.wait_for(|stop| *stop) => {
                say("\nStopped.\n")?;
                return Ok(Exit::Failed);
            }
        };
        if !self.once {
            say(&farewell(&door.style(), &company))?;
            keep_serving(&door, &company, stop).await?;
        }
        company.close().await;
        Ok(if expectations.all_met() { Exit::Done } else { Exit::Failed })
    }
}

/// The walk, and what came of it.
async fn walk(door: &Door, company: &Company) -> anyhow::Result<Expectations> {
    let style = door.style();
    let seen = Walk { door, style: &style, company }.run().await?;
    let expectations = Expectations::check(door, company, &seen).await?;
    say(&expectations.shown(&style))?;
    Ok(expectations)
}

/// Serves the workspace and the two targets until Ctrl-C.
async fn keep_serving(door: &Door, company: &Company, stop: watch::Receiver<bool>) -> anyhow::Result<()> {
    let workspace = &company.workspace;
    let socket = Socket::bind(&workspace.socket_path(None), socket_settings(workspace)).await?;
    let host = door.host().context("the walk holds the workspace")?;
    // Any free port: several demos may run.
    let mut anywhere = workspace.clone();
    let listen = Some(([127, 0, 0, 1], 0).into());
    anywhere.config.server = ServerConfig { listen, origin: None, ..anywhere.config.server };
    stumble(door, company).await?;
    let web = serve::listen(&anywhere, host).await?;
    if let Some((house, _)) = &web {
        let token = host.engine.bootstrap().await?;
        say(&format!(
            "\nOr in a browser: {}/set-up\nwith the one-time token {}\n\nServing; Ctrl-C ends the demo.\n",
            house.settings.origin,
            token.expose()
        ))?;
    }
    serve::run(host, socket, web, stop).await;
    say("\nStopped.\n")
}

/// Something that went wrong, to look at: a married name that nullplatform refuses.
async fn stumble(door: &Door, company: &Company) -> anyhow::Result<()> {
    let (user, target) = (UserRef(RENAMED.to_owned()), &company.nullplatform);
    target.sandbox.set_faults(Faults::parse(&["400:1.0:PATCH"])?);
    let edit = Edit::Set { attribute: "display_name".to_owned(), value: Some("Sora Asanuma-Ito".into()) };
    door.ask(Command::UserEdit { user, edit }).await?;
    door.ask(Command::Sync { app: Some(target.app.parse()?), plan: None, workspace: None }).await?;
    target.sandbox.set_faults(Faults::parse::<&str>(&[])?);
    Ok(())
}

/// Commands for a second terminal.
fn farewell(style: &Style, company: &Company) -> String {
    // As it was called, if the shell found it; by its full path otherwise: the second terminal may stand elsewhere.
    let called = std::env::args().next().unwrap_or_else(|| "usher".to_owned());
    let found_by_path = !called.contains('/');
    let full = || std::env::current_exe().map_or_else(|_| called.clone(), |path| path.display().to_string());
    let program = if found_by_path { called.clone() } else { full() };
    let usher = format!("{program} --workspace {}", company.workspace.root.display());
    let mut out = format!("\n{}\n", style.paint(Tint::Strong, "Look around, in a second terminal:"));
    for command in [
        "approvals list".to_owned(),
        format!("approvals approve {} --comment \"known account\"", company.left_to_decide()),
        "status --user femke.hoogland@tanuki.example".to_owned(),
        "history --app nulab --limit 10".to_owned(),
        "users suspend saskia.meerbeek@tanuki.example".to_owned(),
        "apps show nulab".to_owned(),
        "doctor".to_owned(),
    ] {
        out.push_str(&format!("  {usher} {command}\n"));
    }
    out
}
