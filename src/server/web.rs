//! The web server: API, console, assets and the two questions that a supervisor asks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::middleware;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::server::house::House;
use crate::server::tls::Tls;
use crate::server::{api, background, console, meter, metrics, shield, stream};

/// The largest body that is read, apart from uploads.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// How long requests in flight may take once the server is told to stop.
const FAREWELL: Duration = Duration::from_secs(20);

/// All routes.
pub fn router(house: &Arc<House>) -> Router {
    Router::new()
        .route("/healthz", get(health))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics::show))
        .route("/live", get(stream::listen))
        .nest("/api/v1", api::router(house))
        .merge(console::router().layer(middleware::from_fn_with_state(Arc::clone(house), background::finish)))
        .layer(axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn_with_state(Arc::clone(house), shield::headers))
        .layer(middleware::from_fn_with_state(Arc::clone(house), meter::count))
        .with_state(Arc::clone(house))
}

/// Serves until `stop` says so; requests and commands in flight end first, streams at once.
///
/// # Errors
/// If the listener breaks down, or its certificate can't be used.
pub async fn serve(house: Arc<House>, listener: TcpListener, mut stop: watch::Receiver<bool>) -> std::io::Result<()> {
    let tls = match house.settings.net.tls.clone() {
        Some(files) => Some(Tls::open(files).await.map_err(std::io::Error::other)?),
        None => None,
    };
    let handle = axum_server::Handle::<SocketAddr>::new();
    let (halted, closing) = (handle.clone(), Arc::clone(&house));
    let halt = async move {
        // An error means that nobody can stop us any more: stop.
        drop(stop.wait_for(|stop| *stop).await);
        closing.close();
        halted.graceful_shutdown(Some(FAREWELL));
        std::future::pending::<()>().await;
    };
    let service = router(&house).into_make_service_with_connect_info::<SocketAddr>();
    let listener = listener.into_std()?;
    let served = async {
        match &tls {
            None => axum_server::from_tcp(listener)?.handle(handle).serve(service).await,
            Some(tls) => axum_server::from_tcp_rustls(listener, tls.config())?.handle(handle).serve(service).await,
        }
    };
    let fresh = async {
        match tls.clone() {
            Some(tls) => tls.keep_fresh().await,
            None => std::future::pending::<()>().await,
        }
    };
    let done = tokio::select! {
        done = served => done,
        () = halt => Ok(()),
        () = fresh => Ok(()),
    };
    house.close();
    if !house.background.rest(FAREWELL).await {
        tracing::warn!("commands were still running; what they began is on disk and goes on next time");
    }
    done
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
