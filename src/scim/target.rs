//! `Target`: send one request. The seam between the engine and the wire; tests put a model target here.

use std::time::Duration;

use async_trait::async_trait;

/// HTTP methods that SCIM uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read.
    Get,
    /// Create.
    Post,
    /// Replace.
    Put,
    /// Modify.
    Patch,
    /// Remove.
    Delete,
}

impl Method {
    /// Upper-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// One request below an app's base URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Method.
    pub method: Method,
    /// Path and query below the base URL, starting with `/`, already percent-encoded.
    pub path: String,
    /// JSON body, already encoded.
    pub body: Option<Vec<u8>>,
    /// The version that the resource must still have (`If-Match`, RFC 7644 section 3.14).
    pub if_match: Option<String>,
    /// Time-out of the whole exchange.
    pub timeout: Duration,
    /// The most bytes of (decompressed) body that are read.
    pub answer_max_bytes: usize,
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `Content-Type`, in lower case, without parameters; empty if absent.
    pub content_type: String,
    /// `Retry-After` or `X-Retry-After`, as sent.
    pub retry_after: Option<String>,
    /// The body, decompressed.
    pub body: Vec<u8>,
    /// How long it took.
    pub elapsed: Duration,
}

/// No (complete) answer came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// The request certainly did not reach the target: name resolution, connect, TLS, an address that is not allowed.
    #[error("could not connect: {0}")]
    NotSent(String),
    /// The request may have reached the target: time-out, reset, closed connection, truncated answer.
    #[error("no complete answer: {0}")]
    Unknown(String),
}

/// Sends one request to one app.
#[async_trait]
pub trait Target: Send + Sync {
    /// Sends `request` with the app's credential and headers, once: never a second time by itself.
    ///
    /// # Errors
    /// [`TransportError`] if no complete answer came.
    async fn send(&self, request: Request) -> Result<Answer, TransportError>;
}
