//! A tap on the wire: passes every byte between Usher and a server on unchanged, and keeps what was asked.

use std::sync::{Arc, Mutex};

use serde_json::Value as Json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One request as it went over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// `GET`, `POST`, …
    pub(crate) method: String,
    /// The path with its query.
    pub(crate) path: String,
    /// The body; empty if there is none.
    pub(crate) body: String,
}

impl Sent {
    /// Whether it can change something.
    pub(crate) fn writes(&self) -> bool {
        self.method != "GET"
    }

    /// Whether it changes who is in a group.
    pub(crate) fn changes_members(&self) -> bool {
        matches!(self.method.as_str(), "PATCH" | "PUT") && self.path.contains("/Groups/")
    }

    /// How many members it adds and removes: values of `add`, one each of `remove` with a value path.
    pub(crate) fn members(&self) -> (usize, usize) {
        let body: Json = serde_json::from_str(&self.body).unwrap();
        let (mut added, mut removed) = (0, 0);
        for operation in body["Operations"].as_array().into_iter().flatten() {
            let values = operation["value"].as_array().map_or(1, Vec::len);
            match operation["op"].as_str() {
                Some("add") => added += values,
                Some("remove") => removed += values,
                _ => {}
            }
        }
        (added, removed)
    }
}

type Log = Arc<Mutex<Vec<Sent>>>;

/// A running tap; ends when dropped.
pub(crate) struct Tap {
    /// The server's base URL, with the tap's address.
    pub(crate) base_url: String,
    log: Log,
    task: JoinHandle<()>,
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Tap {
    /// Puts a tap before the server at `base_url`.
    pub(crate) async fn on(base_url: &str) -> Self {
        let server = base_url.strip_prefix("http://").unwrap();
        let (server, path) = server.split_at(server.find('/').unwrap_or(server.len()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base_url = format!("http://{}{path}", listener.local_addr().unwrap());
        let log = Log::default();
        let task = tokio::spawn(listen(listener, server.to_owned(), Arc::clone(&log)));
        Self { base_url, log, task }
    }

    /// What was sent since the last time this was asked.
    pub(crate) fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

async fn listen(listener: TcpListener, server: String, log: Log) {
    while let Ok((client, _)) = listener.accept().await {
        let (server, log) = (server.clone(), Arc::clone(&log));
        tokio::spawn(async move {
            let server = TcpStream::connect(server).await.unwrap();
            let (client_reads, client_writes) = client.into_split();
            let (server_reads, server_writes) = server.into_split();
            let back = tokio::spawn(pass(server_reads, client_writes, |_| {}));
            let mut pending = Vec::new();
            pass(client_reads, server_writes, |bytes| {
                pending.extend_from_slice(bytes);
                while let Some(sent) = cut(&mut pending) {
                    log.lock().unwrap().push(sent);
                }
            })
            .await;
            let _ = back.await;
        });
    }
}

/// Passes on until one side closes. What was seen is kept before it is passed on: whoever has an answer finds its request in the log.
async fn pass(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut see: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count) = from.read(&mut buffer).await {
        if count == 0 {
            break;
        }
        see(&buffer[..count]);
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
    // The other side may have gone before.
    let _ = to.shutdown().await;
}

/// Takes one whole request off the front. Usher always says how long a body is; one that does not would be an error here.
fn cut(pending: &mut Vec<u8>) -> Option<Sent> {
    let head_ends = pending.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8(pending[..head_ends].to_vec()).unwrap();
    let lower = head.to_ascii_lowercase();
    assert!(!lower.contains("transfer-encoding"), "a chunked body, which several servers refuse: {head}");
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
    if pending.len() < head_ends + length {
        return None;
    }
    let request: Vec<u8> = pending.drain(..head_ends + length).collect();
    let mut words = head.split(' ');
    Some(Sent {
        method: words.next().unwrap().to_owned(),
        path: words.next().unwrap().to_owned(),
        body: String::from_utf8(request[head_ends..].to_vec()).unwrap(),
    })
}
