//! `usher serve`: holds the workspace, runs the schedules, answers the command line.

use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::cli::apply::{base, remember_base};
use crate::cli::connect::environment;
use crate::cli::door::Door;
use crate::cli::exit::Exit;
use crate::cli::host::{Host, HostError, socket_settings};
use crate::config::{LockError, TlsPaths, Workspace};
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::context::Unwatched;
use crate::server::socket::{self, Socket, SocketError};
use crate::server::tls::Tls;
use crate::server::{House, Net, Settings, SignInSettings, TlsFiles, openid, web};

/// How often it is looked whether the certificate was renewed.
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// Hold the workspace: run every app on its schedule, push at once what changes, answer the command line.
///
/// Stops cleanly on SIGTERM and Ctrl-C: what is in flight ends, everything else waits on disk. Other commands (`usher plan`, `sync`,
/// `import`, `approvals`, `status`, `history`, …) work while it runs; they travel over the workspace's socket.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher serve\n  usher serve --log-format json 2>> usher.log\n  usher status                     in another terminal, while it runs"
)]
pub(crate) struct Serve {}

impl Serve {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        door.only_here()?;
        let workspace = door.workspace().await?;
        // Before anything else: a signal during the start stops cleanly too.
        let stop = stop_on_signal()?;
        let (host, socket) = hold(workspace).await?;
        settle_revision(&host, workspace, door.globals().operator.as_deref()).await?;
        tracing::info!(workspace = %workspace.root.display(), pid = std::process::id(), "serving");
        // A mistake in it ends the start before anything runs.
        let web = listen(workspace, &host).await?;
        let keeping = workspace.keeping();
        let keeper = tokio::spawn(Arc::clone(&host.engine).keep_history(keeping.clone()));
        run(&host, socket, web, stop).await;
        // It ends by itself: the engine is stopping.
        drop(keeper.await);
        host.engine.keep_head_or_say(&keeping.heads, true).await;
        tracing::info!("stopped");
        Ok(Exit::Done)
    }
}

/// Takes the workspace and binds its socket.
///
/// # Errors
/// Names the process that has it.
pub(crate) async fn hold(workspace: &Workspace) -> anyhow::Result<(Host, Socket)> {
    let path = workspace.socket_path(None);
    if let Some(stream) = socket::connect(&path).await? {
        let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
        return Err(SocketError::Taken { pid }.into());
    }
    let host = match Host::open(workspace).await {
        Err(HostError::Lock(LockError::Held { holder })) => {
            let error = LockError::Held { holder };
            bail!("{error}; stop it first, or wait until it ends");
        }
        other => other?,
    };
    let socket = Socket::bind(&path, socket_settings(workspace)).await?;
    Ok((host, socket))
}

/// The web server's door: API and console.
pub(crate) type Web = Option<(Arc<House>, TcpListener)>;

/// Opens the web server's door, if the workspace wants one.
///
/// # Errors
/// If the address is taken, or the certificate can't be used.
pub(crate) async fn listen(workspace: &Workspace, host: &Host) -> anyhow::Result<Web> {
    let config = &workspace.config;
    let Some(wanted) = config.server.listen else { return Ok(None) };
    let net = net(workspace);
    if let Some(files) = &net.tls {
        // Before the address is taken: a mistake is said at the start.
        Tls::open(files.clone()).await?;
    }
    let listener = TcpListener::bind(wanted).await.with_context(|| {
        format!("could not listen on {wanted}; set [server] listen in usher.toml (or USHER_LISTEN) to another address, or to \"\" for none")
    })?;
    let listen = listener.local_addr().context("the listener has no address")?;
    let origin = config
        .server
        .origin
        .clone()
        .unwrap_or_else(|| format!("{}://{listen}", if net.tls.is_some() { "https" } else { "http" }));
    tracing::info!(console = origin, "the console and the API answer");
    let sign_in = sign_in(workspace)?;
    let settings = Settings { listen, origin, sources: config.sources.clone(), sign_in, net };
    Ok(Some((House::new(Arc::clone(&host.engine), settings), listener)))
}

/// How people sign in, with our secret at the provider.
fn sign_in(workspace: &Workspace) -> anyhow::Result<SignInSettings> {
    let config = &workspace.config.server;
    let openid = match &config.openid {
        None => None,
        Some(wanted) => {
            let secret = wanted.client_secret.as_ref();
            let secret = secret.map(|reference| workspace.credential(reference, &environment)).transpose();
            Some(openid::Settings {
                issuer: wanted.issuer.clone(),
                title: wanted.title.clone(),
                client_id: wanted.client_id.clone(),
                client_secret: secret.context("[server.openid] client_secret")?.map(|credential| credential.secret),
                scopes: wanted.scopes.clone(),
                role_claim: wanted.role_claim.clone(),
                roles: wanted.roles.clone(),
                name_claim: wanted.name_claim.clone(),
            })
        }
    };
    Ok(SignInSettings { passwords: config.passwords, openid })
}

/// What stands between the server and those who reach it.
fn net(workspace: &Workspace) -> Net {
    let server = &workspace.config.server;
    let files = |tls: &TlsPaths| TlsFiles {
        cert: workspace.root.join(&tls.cert),
        key: workspace.root.join(&tls.key),
        look_every: LOOK_EVERY,
    };
    Net {
        behind_proxy: server.behind_proxy,
        tls: server.tls.as_ref().map(files),
        metrics: server.metrics,
        store: Some(workspace.store_dir()),
    }
}

/// Runs engine, socket and web server until `stop` says so; all end before this returns.
pub(crate) async fn run(host: &Host, socket: Socket, web: Web, mut stop: watch::Receiver<bool>) {
    let pages = serve_web(web, stop.clone());
    let engine = Arc::clone(&host.engine);
    let talks = socket.serve(Arc::clone(&host.engine), stop.clone());
    let halt = async {
        // An error means that nobody can stop us any more: stop.
        let _closed = stop.wait_for(|stop| *stop).await;
        host.engine.stop();
    };
    tokio::join!(engine.serve(), talks, pages, halt);
}

async fn serve_web(web: Web, stop: watch::Receiver<bool>) {
    let Some((house, listener)) = web else { return };
    if let Err(error) = web::serve(house, listener, stop).await {
        tracing::error!(%error, "the web server broke down; the rest goes on");
    }
}

/// Turns true on SIGTERM or SIGINT.
pub(crate) fn stop_on_signal() -> anyhow::Result<watch::Receiver<bool>> {
    let mut terminate = signal(SignalKind::terminate()).context("could not listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("could not listen for SIGINT")?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = name, "stopping: what is in flight ends first");
        // Everybody who listened may be gone.
        let _nobody = stop.send(true);
    });
    Ok(stopped)
}

/// The first start applies the workspace's files by itself; later it only says that they differ.
async fn settle_revision(host: &Host, workspace: &Workspace, claimed: Option<&str>) -> anyhow::Result<()> {
    let bundle = workspace.load_bundle()?;
    let ask = async |command| host.answer(claimed, command, &Unwatched).await;
    let Answer::Revisions { active, revisions } = ask(Command::Revisions).await? else { return Ok(()) };
    let Some(active) = active else {
        let comment = "the first start of `usher serve`".to_owned();
        let applied = ask(Command::Apply { bundle, base: base(workspace), comment, dry_run: false }).await?;
        if let Answer::Applied(applied) = applied
            && let Some(revision) = applied.revision
        {
            tracing::info!(revision = %revision.number, "the workspace's files are active");
            remember_base(workspace, revision.number);
        }
        return Ok(());
    };
    let digest = revisions.iter().find(|revision| revision.number == active).map(|revision| revision.digest);
    if digest.is_some_and(|digest| digest != bundle.digest()) {
        tracing::warn!(%active, "the workspace's files differ from the active revision, which runs; `usher apply` activates them");
    }
    Ok(())
}
