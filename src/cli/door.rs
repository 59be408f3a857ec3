//! The door: finds the workspace, sends a command to whoever holds it, prints the answer.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use tokio::sync::OnceCell;

use crate::cli::apply;
use crate::cli::args::Globals;
use crate::cli::client;
use crate::cli::connect::environment;
use crate::cli::exit::Exit;
use crate::cli::host::{Host, HostError};
use crate::cli::progress::Bars;
use crate::cli::remote::{Remote, Upload};
use crate::cli::servers::Servers;
use crate::cli::show::{Style, answer};
use crate::clock::{Clock, SystemClock};
use crate::config::{LockError, Workspace};
use crate::connector::revision::Bundle;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::id::RevisionNumber;
use crate::server::socket::{self, Ask};
use crate::text::json_printable;

/// How long to wait for a process that holds the workspace but does not listen yet: it is starting, or a short command is ending.
const HOLDER_WAIT: Duration = Duration::from_secs(3);
/// How often it is looked at meanwhile.
const HOLDER_LOOK: Duration = Duration::from_millis(50);

/// What all commands share.
pub(crate) struct Door {
    globals: Globals,
    workspace: OnceCell<Workspace>,
    host: OnceCell<Host>,
    remote: OnceLock<Remote>,
}

impl Door {
    pub(crate) fn new(globals: Globals) -> Self {
        Self { globals, workspace: OnceCell::new(), host: OnceCell::new(), remote: OnceLock::new() }
    }

    /// A door to another workspace, for the person behind this process.
    pub(crate) fn at(&self, workspace: Workspace) -> Self {
        Self {
            globals: Globals { operator: None, server: None, ..self.globals.clone() },
            workspace: OnceCell::new_with(Some(workspace)),
            host: OnceCell::new(),
            remote: OnceLock::new(),
        }
    }

    /// The held workspace, if this process holds it.
    pub(crate) fn host(&self) -> Option<&Host> {
        self.host.get()
    }

    /// Flags that every command has.
    pub(crate) fn globals(&self) -> &Globals {
        &self.globals
    }

    /// How output looks now.
    pub(crate) fn style(&self) -> Style {
        Style::of_stdout(SystemClock.now())
    }

    /// The workspace that `--workspace`, `USHER_WORKSPACE` or the current folder name.
    pub(crate) async fn workspace(&self) -> anyhow::Result<&Workspace> {
        self.workspace
            .get_or_try_init(|| async {
                let start = self.globals.workspace.clone().unwrap_or_else(|| PathBuf::from("."));
                Ok(Workspace::open(&start, &environment)?)
            })
            .await
    }

    /// The workspace's files.
    pub(crate) async fn bundle(&self) -> anyhow::Result<Bundle> {
        Ok(self.workspace().await?.load_bundle()?)
    }

    /// The server that is asked instead of a workspace here, if one is.
    ///
    /// # Errors
    /// If its address can't be used.
    pub(crate) fn remote(&self) -> anyhow::Result<Option<&Remote>> {
        if let Some(remote) = self.remote.get() {
            return Ok(Some(remote));
        }
        Ok(Remote::of(&self.globals)?.map(|remote| self.remote.get_or_init(|| remote)))
    }

    /// Refuses what works on the machine of the workspace alone, if a server is asked.
    ///
    /// # Errors
    /// Says to run it there.
    pub(crate) fn only_here(&self) -> anyhow::Result<()> {
        match self.globals.server() {
            None => Ok(()),
            Some(_) => bail!(
                "this works on the machine of the workspace; run it there, without --server and with USHER_SERVER unset"
            ),
        }
    }

    /// The workspace here, if there is one: a command that a server answers may do without.
    pub(crate) async fn workspace_if_any(&self) -> Option<&Workspace> {
        self.workspace().await.ok()
    }

    /// The revision that the workspace's files were last applied as or exported from: here, or at the server that is asked.
    ///
    /// # Errors
    /// If what is remembered can't be read.
    pub(crate) fn base(&self, workspace: &Workspace) -> anyhow::Result<Option<RevisionNumber>> {
        match self.remote()? {
            None => Ok(apply::base(workspace)),
            Some(remote) => Ok(Servers::read()?.base(&remote.origin, &workspace.root)),
        }
    }

    /// Remembers it. A failure costs a refusal at the next `apply`, never data.
    pub(crate) fn remember_base(&self, workspace: &Workspace, number: RevisionNumber) {
        let Ok(Some(remote)) = self.remote() else { return apply::remember_base(workspace, number) };
        let remembered = Servers::read().and_then(|mut servers| {
            servers.change(&remote.origin).bases.insert(workspace.root.clone(), number);
            servers.write()
        });
        if let Err(error) = remembered {
            tracing::warn!(%error, "could not remember the revision that the files come from");
        }
    }

    /// Imports files over the network and prints the answer.
    ///
    /// # Errors
    /// As any command.
    pub(crate) async fn send(&self, remote: &Remote, upload: Upload<'_>) -> anyhow::Result<Exit> {
        let bars = Bars::new();
        let answered = remote.import(upload, &bars).await;
        bars.clear();
        self.print(&answered?)
    }

    /// Carries a command out: over the socket if a process holds the workspace, else in this process.
    pub(crate) async fn ask(&self, command: Command) -> anyhow::Result<Answer> {
        let bars = Bars::new();
        let answered = self.ask_watched(command, &bars).await;
        bars.clear();
        answered
    }

    async fn ask_watched(&self, command: Command, bars: &Bars) -> anyhow::Result<Answer> {
        let claimed = self.globals.operator.as_deref();
        if let Some(host) = self.host.get() {
            return host.answer(claimed, command, bars).await;
        }
        if let Some(remote) = self.remote()? {
            return remote.ask(command, bars).await;
        }
        let workspace = self.workspace().await?;
        let path = workspace.socket_path(None);
        let begun = Instant::now();
        loop {
            if let Some(stream) = socket::connect(&path).await? {
                let ask = Ask { claimed: claimed.map(str::to_owned), command };
                return client::ask(stream, &path, &ask, bars).await;
            }
            let error = match self.host.get_or_try_init(|| Host::open(workspace)).await {
                Ok(host) => return host.answer(claimed, command, bars).await,
                Err(error) => error,
            };
            let held = matches!(error, HostError::Lock(LockError::Held { .. }));
            if !held || begun.elapsed() > HOLDER_WAIT {
                return Err(self.explain(error));
            }
            tokio::time::sleep(HOLDER_LOOK).await;
        }
    }

    fn explain(&self, error: HostError) -> anyhow::Error {
        let held = matches!(error, HostError::Lock(LockError::Held { .. }));
        let error = anyhow::Error::new(error);
        if held {
            return error.context(
                "the workspace is held by a process that does not listen; wait until it ends, then try again",
            );
        }
        error
    }

    /// Carries a command out and prints the answer.
    pub(crate) async fn show(&self, command: Command) -> anyhow::Result<Exit> {
        let answer = self.ask(command).await?;
        self.print(&answer)
    }

    /// Prints an answer: a table for people, or JSON.
    pub(crate) fn print(&self, answer: &Answer) -> anyhow::Result<Exit> {
        self.print_styled(&self.style(), answer)
    }

    /// Prints an answer in a style of its own.
    pub(crate) fn print_styled(&self, style: &Style, answer: &Answer) -> anyhow::Result<Exit> {
        if self.globals.json {
            self.print_json(&answer::json(answer).context("could not encode the answer")?)?;
        } else {
            say(&answer::answer(style, answer))?;
        }
        Ok(if answer::needs_attention(answer) { Exit::Attention } else { Exit::Done })
    }

    /// Prints JSON.
    pub(crate) fn print_json(&self, json: &serde_json::Value) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(json).context("could not encode the answer")?;
        text.push('\n');
        say(&json_printable(&text))
    }
}

/// Writes to stdout; a reader that has seen enough (`| head`) is no failure.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error).context("could not write to stdout"),
        _ => Ok(()),
    }
}

/// An absolute path: the process that answers may stand in another folder.
pub(crate) fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).map_err(|error| anyhow!("{}: {error}", path.display()))
}
