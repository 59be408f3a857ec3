//! Why a request was not carried out, as `application/problem+json` (RFC 9457), with a type for each kind of error.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::permission::Denied;
use crate::clock::Timestamp;
use crate::engine::context::EngineError;
use crate::store::act::StoreError;

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
}

impl Problem {
    fn new(status: StatusCode, name: &str, title: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/problems/{name}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
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

    /// 413: more than is read.
    pub fn too_large(bytes_max: usize) -> Self {
        let detail = format!("at most {} MiB are read", bytes_max >> 20);
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the request is too large", detail)
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
            EngineError::Invalid(_) | EngineError::Files(_) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid",
                "what was asked for can't be done",
                error.to_string(),
            ),
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
