//! A command over the workspace's socket.

use std::path::Path;

use anyhow::{Context, bail};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

use crate::engine::answer::Answer;
use crate::engine::context::Watcher;
use crate::server::socket::{Ask, Reply};

/// The longest answer that is read: a plan of a hundred thousand operations fits.
const ANSWER_BYTES_MAX: u64 = 1 << 30;

/// Asks the process at the other end; progress goes to `watcher`.
///
/// # Errors
/// What the other side says, or that it went away. The command goes on there even if we leave.
pub(crate) async fn ask(stream: UnixStream, path: &Path, ask: &Ask, watcher: &dyn Watcher) -> anyhow::Result<Answer> {
    let mut line = serde_json::to_vec(ask).context("could not encode the command")?;
    line.push(b'\n');
    let (read, mut write) = stream.into_split();
    write.write_all(&line).await.with_context(|| format!("could not send the command to {}", path.display()))?;
    let mut read = BufReader::new(read.take(ANSWER_BYTES_MAX));
    loop {
        let mut line = Vec::new();
        read.read_until(b'\n', &mut line).await.context("the answer broke off")?;
        if line.is_empty() {
            bail!(
                "the process that holds the workspace went away before it answered; `usher history` shows what was done"
            );
        }
        let reply: Reply = serde_json::from_slice(&line)
            .context("the answer was not understood; is `usher` of the same version on both sides?")?;
        match reply {
            Reply::Progress(progress) => watcher.progress(progress),
            Reply::Answer(answer) => return Ok(*answer),
            Reply::Error(reason) => bail!(reason),
        }
    }
}
