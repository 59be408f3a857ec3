//! The smallest target that a client can create users in: for measuring clients, not for trying things. Keeps nothing.

use std::future::Future;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use axum::routing::get;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// What is read of a user.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent<'a> {
    #[serde(borrow)]
    user_name: std::borrow::Cow<'a, str>,
    #[serde(borrow, default)]
    external_id: std::borrow::Cow<'a, str>,
}

/// What is echoed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Echo<'a> {
    id: &'a str,
    user_name: &'a str,
    external_id: &'a str,
}

static NEXT: AtomicU64 = AtomicU64::new(1);

/// Serves until `shutdown` resolves: POST `/Users` (with or without the base path) answers 201 with `id`, `userName` and
/// `externalId`; GET `/Users` answers an empty list, whatever the filter.
///
/// # Errors
/// If the listener fails.
pub async fn serve_minimal(
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let users = get(list).post(create);
    let router = Router::new().route("/Users", users.clone()).route("/scim/v2/Users", users);
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        // Without it small answers wait for acknowledgements; a failure only costs speed.
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router).with_graceful_shutdown(shutdown).await
}

async fn create(body: Bytes) -> Response<Body> {
    let Ok(sent) = serde_json::from_slice::<Sent<'_>>(&body) else { return scim(StatusCode::BAD_REQUEST, Vec::new()) };
    let id = NEXT.fetch_add(1, Ordering::Relaxed).to_string();
    let echo = Echo { id: &id, user_name: &sent.user_name, external_id: &sent.external_id };
    // Three texts always serialise.
    scim(StatusCode::CREATED, serde_json::to_vec(&echo).expect("texts serialise"))
}

async fn list() -> Response<Body> {
    const EMPTY: &str = concat!(
        r#"{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"#,
        r#""totalResults":0,"startIndex":1,"itemsPerPage":0,"Resources":[]}"#
    );
    scim(StatusCode::OK, EMPTY.as_bytes().to_vec())
}

fn scim(status: StatusCode, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/scim+json"));
    response
}
