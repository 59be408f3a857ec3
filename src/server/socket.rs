//! The workspace's socket: commands as JSON lines, for as long as one process holds the store.
//!
//! One connection carries one command: the client sends an [`Ask`] line, the server answers with `progress` lines and ends with an
//! `answer` or an `error` line. Who asks is proved by the kernel (peer credentials), never by the text. A client that goes away
//! does not stop its command.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use crate::engine::answer::{Answer, Progress};
use crate::engine::command::Command;
use crate::engine::context::{Engine, EngineError, Watcher};

/// The longest line: a plan of some ten thousand operations fits; more than that is no command.
pub const LINE_BYTES_MAX: u64 = 64 << 20;
/// Commands at once; more wait at the door.
const CONNECTIONS_MAX: usize = 64;
/// How long a client may take to say what it wants.
const ASK_SECS_MAX: u64 = 10;
/// How long commands in flight may take once the server is told to stop.
const FAREWELL_SECS_MAX: u64 = 20;
/// How long a client may take to read a line.
const REPLY_SECS_MAX: u64 = 30;
/// Progress lines that wait for a slow client; further ones are dropped, the answer never is.
const PROGRESS_LINES_MAX: usize = 64;
/// `sockaddr_un` holds 108 bytes; longer paths are reached through their directory's descriptor.
const PATH_BYTES_MAX: usize = 100;

/// What a client sends.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    /// `--as NAME`: honoured only for the workspace's owner.
    #[serde(rename = "as", default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<String>,
    /// What is asked.
    pub command: Command,
}

/// What the server sends, a line each; `answer` and `error` are the last. Over the network an error is a problem with a type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply<E = String> {
    /// How far a long command is.
    Progress(Progress),
    /// The answer.
    Answer(Box<Answer>),
    /// Why there is none, with what to do.
    Error(E),
}

/// Why the socket can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another process answers there.
    #[error("the workspace is served already by {}", holder(*.pid))]
    Taken {
        /// Its process id, if the kernel tells.
        pid: Option<i32>,
    },
    /// The file system or the kernel would not.
    #[error("could not {act} {}", .path.display())]
    Io {
        /// What was tried.
        act: &'static str,
        /// The socket.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

/// A process in words: its id and command line, as far as the system tells.
pub fn holder(pid: Option<i32>) -> String {
    let Some(pid) = pid else { return "another process".to_owned() };
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<String> = line
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty())
        .map(|word| crate::text::printable(&String::from_utf8_lossy(word)))
        .collect();
    if words.is_empty() { format!("process {pid}") } else { format!("process {pid} (`{}`)", words.join(" ")) }
}

/// The socket's address, short enough for the kernel: a long path goes through its directory's descriptor, which must stay open.
fn address(path: &Path) -> io::Result<(PathBuf, Option<std::fs::File>)> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok((path.to_owned(), None)) };
    if path.as_os_str().len() <= PATH_BYTES_MAX {
        return Ok((path.to_owned(), None));
    }
    let folder = std::fs::File::open(folder)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    Ok((short, Some(folder)))
}

/// Connects to whoever listens at `path`; `None` if nobody does (no file, or one left behind by a crash).
///
/// # Errors
/// If the socket is there but may not be used.
pub async fn connect(path: &Path) -> Result<Option<UnixStream>, SocketError> {
    let failed = |source| SocketError::Io { act: "connect to the socket", path: path.to_owned(), source };
    if !path.exists() {
        return Ok(None);
    }
    let (short, _folder) = address(path).map_err(failed)?;
    match UnixStream::connect(&short).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Whose socket it is, and how its visitors are called.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The uid of the workspace's owner: who may use `--as`.
    pub owner: u32,
    /// The OS account of a uid.
    pub account_name: fn(u32) -> String,
}

/// A bound socket; its file is removed when it is dropped.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    settings: Settings,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // It may be gone with its workspace already.
        let _gone = std::fs::remove_file(&self.path);
    }
}

impl Socket {
    /// Binds `path` (mode 0600, in a directory of mode 0700). A socket that nobody listens at is removed first.
    ///
    /// # Errors
    /// [`SocketError::Taken`] if another process answers there.
    pub async fn bind(path: &Path, settings: Settings) -> Result<Self, SocketError> {
        let failed = |act| move |source| SocketError::Io { act, path: path.to_owned(), source };
        if let Some(stream) = connect(path).await? {
            return Err(SocketError::Taken { pid: stream.peer_cred().ok().and_then(|peer| peer.pid()) });
        }
        if let Some(folder) = path.parent() {
            if !folder.exists() {
                let mut builder = std::fs::DirBuilder::new();
                builder.recursive(true).mode(0o700).create(folder).map_err(failed("make the directory of"))?;
            }
            let private = std::fs::Permissions::from_mode(0o700);
            std::fs::set_permissions(folder, private).map_err(failed("protect the directory of"))?;
        }
        if path.exists() {
            std::fs::remove_file(path).map_err(failed("remove the stale socket"))?;
        }
        let (short, _folder) = address(path).map_err(failed("find"))?;
        let listener = UnixListener::bind(&short).map_err(failed("bind the socket"))?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed("protect the socket"))?;
        Ok(Self { listener, path: path.to_owned(), settings })
    }

    /// Answers until `stop` says so, then lets the commands in flight end.
    pub async fn serve(self, engine: Arc<Engine>, mut stop: watch::Receiver<bool>) {
        let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut talks = JoinSet::new();
        while !*stop.borrow() {
            tokio::select! {
                changed = stop.changed() => if changed.is_err() { break },
                Some(_) = talks.join_next(), if !talks.is_empty() => {}
                accepted = accept(&self.listener, &room) => match accepted {
                    Ok((stream, permit)) => {
                        let (engine, settings) = (Arc::clone(&engine), self.settings);
                        talks.spawn(async move {
                            converse(stream, &engine, settings).await;
                            drop(permit);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the socket could not accept a connection");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
            }
        }
        drop(self);
        let farewell = async { while talks.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(FAREWELL_SECS_MAX), farewell).await.is_err() {
            tracing::warn!(
                "commands were still running after {FAREWELL_SECS_MAX} s; what they began is on disk and goes on next time"
            );
        }
    }
}

async fn accept(
    listener: &UnixListener,
    room: &Arc<Semaphore>,
) -> io::Result<(UnixStream, tokio::sync::OwnedSemaphorePermit)> {
    // The semaphore is never closed.
    let permit = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

/// Passes progress on to the writer, never waiting for it.
struct Lines(mpsc::Sender<Progress>);

impl Watcher for Lines {
    fn progress(&self, progress: Progress) {
        // Full: the client is slow and misses a step. Closed: it is gone.
        let _missed = self.0.try_send(progress);
    }
}

async fn converse(stream: UnixStream, engine: &Engine, settings: Settings) {
    let account = match stream.peer_cred() {
        Ok(peer) => peer.uid(),
        Err(error) => return tracing::warn!(%error, "a client without credentials was turned away"),
    };
    let (read, mut write) = stream.into_split();
    let ask = match tokio::time::timeout(Duration::from_secs(ASK_SECS_MAX), read_ask(read)).await {
        Ok(Ok(Some(ask))) => ask,
        Ok(Ok(None)) => return,
        Ok(Err(reason)) => return drop(say(&mut write, &Reply::Error(reason)).await),
        Err(_) => return,
    };
    let (progress, mut lines) = mpsc::channel(PROGRESS_LINES_MAX);
    let work = async {
        let watcher = Lines(progress);
        carry_out(engine, account, settings, ask, &watcher).await
    };
    // Side by side: a client that reads slowly, or not at all, never holds the command up.
    let tell = async {
        while let Some(progress) = lines.recv().await {
            if say(&mut write, &Reply::Progress(progress)).await.is_err() {
                break;
            }
        }
        write
    };
    let (result, mut write) = tokio::join!(work, tell);
    let reply: Reply = match result {
        Ok(answer) => Reply::Answer(Box::new(answer)),
        Err(reason) => Reply::Error(reason),
    };
    if let Err(error) = say(&mut write, &reply).await {
        tracing::debug!(%error, "the client was gone before its answer");
    }
}

async fn carry_out(
    engine: &Engine,
    uid: u32,
    settings: Settings,
    ask: Ask,
    watcher: &dyn Watcher,
) -> Result<Answer, String> {
    if ask.claimed.is_some() && uid != settings.owner {
        return Err("--as is for the owner of the workspace; leave it out to act as yourself".to_owned());
    }
    let name = (settings.account_name)(uid);
    let actor = engine.actor(&name, ask.claimed.as_deref()).await.map_err(|error| chain(&error))?;
    engine.answer(&actor, ask.command, watcher).await.map_err(|error| chain(&error))
}

/// An error and its causes on one line.
fn chain(error: &EngineError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

/// `None` = the client went away without a word.
async fn read_ask(read: tokio::net::unix::OwnedReadHalf) -> Result<Option<Ask>, String> {
    let mut line = Vec::new();
    let mut limited = BufReader::new(read.take(LINE_BYTES_MAX));
    limited.read_until(b'\n', &mut line).await.map_err(|error| format!("the command could not be read: {error}"))?;
    if line.is_empty() {
        return Ok(None);
    }
    if line.last() != Some(&b'\n') {
        return Err(format!("the command is cut off, or longer than {LINE_BYTES_MAX} bytes"));
    }
    serde_json::from_slice(&line).map(Some).map_err(|error| {
        format!("the command was not understood ({error}); is `usher` of the same version on both sides?")
    })
}

async fn say(write: &mut OwnedWriteHalf, reply: &Reply) -> io::Result<()> {
    let mut line = serde_json::to_vec(reply).map_err(io::Error::other)?;
    line.push(b'\n');
    let patience = Duration::from_secs(REPLY_SECS_MAX);
    tokio::time::timeout(patience, write.write_all(&line))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
