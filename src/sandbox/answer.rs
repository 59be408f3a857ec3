//! Answers before they become HTTP.

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::sandbox::refusal::Refusal;

/// An answer to one request.
#[derive(Debug)]
pub(super) struct Answer {
    /// HTTP status.
    pub(super) status: u16,
    /// The body; empty = none.
    pub(super) body: Vec<u8>,
    /// `Content-Type` of the body.
    pub(super) content_type: &'static str,
    /// `Location`, for 201.
    pub(super) location: Option<String>,
    /// `Retry-After` in seconds.
    pub(super) retry_after: Option<u32>,
}

impl Answer {
    /// A SCIM body.
    pub(super) fn scim(status: u16, body: &impl Serialize) -> Self {
        // What the sandbox serialises are JSON values and plain structs with text keys.
        let body = serde_json::to_vec(body).expect("SCIM answers serialise");
        Self { status, body, content_type: "application/scim+json", location: None, retry_after: None }
    }

    /// 204.
    pub(super) fn empty() -> Self {
        Self { status: 204, body: Vec::new(), content_type: "", location: None, retry_after: None }
    }

    /// A page that is no SCIM.
    pub(super) fn html(status: u16, text: &str) -> Self {
        let body = format!("<!doctype html><html><body><h1>{text}</h1></body></html>").into_bytes();
        Self { status, body, content_type: "text/html", location: None, retry_after: None }
    }

    /// The HTTP response.
    pub(super) fn into_response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.body));
        // Statuses are written out in this module's folder or checked when a fault is parsed.
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if !self.content_type.is_empty() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        }
        if let Some(location) = self.location.and_then(|location| HeaderValue::try_from(location).ok()) {
            headers.insert(header::LOCATION, location);
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == 401 {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Self {
        Self {
            status: refusal.status,
            body: refusal.body(),
            content_type: "application/scim+json",
            location: None,
            retry_after: (refusal.status == 429).then_some(1),
        }
    }
}
