//! Connections that can be cut: closed without an answer, or in the middle of one.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

const WHOLE: u8 = 0;
const HALF: u8 = 1;
const CUT: u8 = 2;

/// How long to wait before accepting again when accepting failed (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The scissors for one connection: reaches its handler as connection info.
#[derive(Debug, Clone)]
pub(super) struct Scissors(Arc<AtomicU8>);

impl Scissors {
    /// Nothing more is written: the client sees the connection close.
    pub(super) fn cut(&self) {
        self.0.store(CUT, Ordering::SeqCst);
    }

    /// The next answer is written with half of its body, then the connection closes.
    pub(super) fn cut_in_half(&self) {
        self.0.store(HALF, Ordering::SeqCst);
    }
}

/// Accepts connections that can be cut.
#[derive(Debug)]
pub(super) struct Wires(pub(super) TcpListener);

impl Listener for Wires {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        loop {
            if let Ok((stream, address)) = self.0.accept().await {
                // Without it small answers wait for acknowledgements; a failure only costs speed.
                let _ = stream.set_nodelay(true);
                return (Wire { stream, scissors: Scissors(Arc::new(AtomicU8::new(WHOLE))) }, address);
            }
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Wires>> for Scissors {
    fn connect_info(stream: IncomingStream<'_, Wires>) -> Self {
        stream.io().scissors.clone()
    }
}

/// One connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: TcpStream,
    scissors: Scissors,
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    // Not vectored: hyper then gives head and body in one piece, which is what `half` counts on.
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let end = match self.scissors.0.load(Ordering::SeqCst) {
            CUT => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            HALF => half(buf),
            _ => return Pin::new(&mut self.stream).poll_write(cx, buf),
        };
        let written = Pin::new(&mut self.stream).poll_write(cx, &buf[..end]);
        if let Poll::Ready(Ok(_)) = written {
            self.scissors.cut();
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Where to stop in a head and its body: in the middle of the body.
fn half(buf: &[u8]) -> usize {
    let head = buf.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
    head + (buf.len() - head) / 2
}
