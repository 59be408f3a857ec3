//! The web server: API, console, assets and the two questions that a supervisor asks.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::server::house::House;
use crate::server::{api, console, shield};

/// The largest body that is read, apart from uploads.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// All routes.
pub fn router(house: &Arc<House>) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .nest("/api/v1", api::router(house))
        .merge(console::router())
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(shield::headers))
        .with_state(Arc::clone(house))
}

/// Serves until `stop` says so; requests in flight end first.
///
/// # Errors
/// If the listener breaks down.
pub async fn serve(house: Arc<House>, listener: TcpListener, mut stop: watch::Receiver<bool>) -> std::io::Result<()> {
    let router = router(&house).into_make_service_with_connect_info::<std::net::SocketAddr>();
    let stopped = async move {
        // An error means that nobody can stop us any more: stop.
        let _closed = stop.wait_for(|stop| *stop).await;
    };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await
}

/// The process lives.
async fn health() -> &'static str {
    "ok\n"
}

/// The store answers, so the process can work.
async fn ready(State(house): State<Arc<House>>) -> (StatusCode, String) {
    match house.engine.parts.store.head().await {
        Ok(_) => (StatusCode::OK, "ready\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}
