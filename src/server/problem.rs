//! Why a request was not carried out, as `application/problem+json` (RFC 9457), with a type for each kind of error.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::permission::Denied;
use crate::clock::Timestamp;
use crate::engine::context::EngineError;
use crate::store::act::StoreError;
use crate::text::FileError;

/// A problem, as RFC 9457 describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind it is: `/problems/NAME`, stable for programs.
    #[serde(rename = "type")]
    #[schema(example = "/problems/not-found")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time, and what to do.
    pub detail: String,
    /// Mistakes in files, each with its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Mistake>,
}

/// A mistake in a file that was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = FileMistake)]
pub struct Mistake {
    /// The file.
    pub file: String,
    /// From 1; 0 = the whole file.
    pub line: usize,
    /// From 1; 0 = the whole line.
    pub column: usize,
    /// What is wrong, and what was expected.
    pub reason: String,
}

impl Problem {
    fn new(status: StatusCode, name: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/problems/{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// 400: the request can't be read.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", "the request can't be read", detail)
    }

    /// 401: nobody is signed in.
    pub fn unauthorized() -> Self {
        let detail = "send a token as `Authorization: Bearer …`, or sign in";
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "nobody is signed in", detail)
    }

    /// 500: a fault of ours.
    pub fn fault(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "fault", "a fault in Usher; please report it", detail)
    }

    /// 403: a form came from somewhere else.
    pub fn foreign_form() -> Self {
        let detail = "the request did not come from a page of this server; reload the page and try again";
        Self::new(StatusCode::FORBIDDEN, "foreign-form", "not from here", detail)
    }

    /// 404.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "there is no such thing", what)
    }

    /// 403: it reads or writes files of the server's machine.
    pub fn only_there(what: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "only-on-the-machine", "not over the network", what)
    }

    /// 503: as many as may listen do.
    pub fn too_many() -> Self {
        let detail = "too many listen already; try again later";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "too-many", "too many at once", detail)
    }

    /// 429: too many failures.
    pub fn locked(until: Timestamp) -> Self {
        let detail = format!("too many failures; try again after {until}");
        Self::new(StatusCode::TOO_MANY_REQUESTS, "locked", "locked for a while", detail)
    }

    /// 401: the name or the password is wrong, and nobody says which.
    pub fn wrong_password() -> Self {
        let detail = "the name or the password is wrong";
        Self::new(StatusCode::UNAUTHORIZED, "wrong-password", "nobody is signed in", detail)
    }

    /// 403: people sign in at a provider, in the console.
    pub fn no_passwords() -> Self {
        let detail = "passwords are turned off here; sign in to the console and issue a personal token there";
        Self::new(StatusCode::FORBIDDEN, "no-passwords", "passwords are turned off", detail)
    }

    /// 409: it can't be done as things stand.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "something moved", detail)
    }

    /// 422: it can be read, and can't be done.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "what was asked for can't be done", detail)
    }

    /// 405: there is such an address, for other methods.
    pub fn method() -> Self {
        let detail = "this address takes other methods; `Allow` names them";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "not with this method", detail)
    }

    /// 409: the same write is under way.
    pub fn under_way() -> Self {
        let detail = "a request with this Idempotency-Key is under way; ask again for its answer";
        Self::new(StatusCode::CONFLICT, "request-under-way", "it is being done", detail)
    }

    /// 412: what it was made from is no longer as it was.
    pub fn moved(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "moved", "it was changed meanwhile", detail)
    }

    /// 413: the body is too large.
    pub fn too_large() -> Self {
        let detail = "send less at once: 1 MiB, or 256 MiB of files";
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the request is too large", detail)
    }

    /// 415: the body is of another kind.
    pub fn media_type(wanted: &str) -> Self {
        let detail = format!("send the body as {wanted}");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", "the body is of another kind", detail)
    }

    /// 422: the key named another write.
    pub fn key_reused() -> Self {
        let detail = "this Idempotency-Key was sent with another request; take a new key for each write";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", "the key named another request", detail)
    }

    /// 428: it must be said what a change was made from.
    pub fn base_needed() -> Self {
        let detail = "say which revision the draft was made from: `base`, or the `ETag` of the rules as `If-Match`";
        Self::new(StatusCode::PRECONDITION_REQUIRED, "base-needed", "made from what?", detail)
    }

    fn denied(denied: &Denied) -> Self {
        let (name, title) = match denied {
            Denied::Role { .. } => ("forbidden", "the role is not enough"),
            Denied::NeedsPerson => ("approval-needs-a-person", "only people decide"),
            Denied::NeedsProof => ("proof-needed", "prove that it is you"),
        };
        Self::new(StatusCode::FORBIDDEN, name, title, denied.to_string())
    }

    fn stored(error: &StoreError) -> Self {
        match error {
            StoreError::NotFound(what) => Self::not_found(format!("there is no {what}")),
            StoreError::Stale(_) | StoreError::Conflict(_) => {
                Self::new(StatusCode::CONFLICT, "conflict", "something moved", error.to_string())
            }
            StoreError::DiskFull(_) => {
                Self::new(StatusCode::INSUFFICIENT_STORAGE, "disk-full", "the disk is full", error.to_string())
            }
            StoreError::InUse(_) | StoreError::Damaged(_) | StoreError::Io { .. } => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "store", "the store failed", error.to_string())
            }
        }
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match &error {
            EngineError::Denied(denied) => Self::denied(denied),
            EngineError::Store(store) => Self::stored(store),
            EngineError::Invalid(_) => Self::invalid(error.to_string()),
            EngineError::Files(files) => {
                let mistake = |each: &FileError| Mistake {
                    file: each.file.display().to_string(),
                    line: each.line,
                    column: each.column,
                    reason: each.reason.clone(),
                };
                Self { errors: files.iter().map(mistake).collect(), ..Self::invalid(error.to_string()) }
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if status.is_server_error() {
            tracing::error!(problem = self.kind, detail = self.detail, "a request failed");
        }
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
        }
        response
    }
}
