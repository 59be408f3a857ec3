//! What the server counts of itself: requests by the route's template, never by the path that was asked for.

use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;

use crate::server::house::House;

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Asked {
    /// `GET`, `POST`, …
    method: String,
    /// The route's template.
    route: String,
    /// The status it was answered with.
    status: u16,
}

/// All counters.
#[derive(Debug, Default)]
pub struct Meter {
    /// Requests that were answered.
    pub asked: Family<Asked, Counter>,
}

/// Counts a request.
pub async fn count(State(house): State<Arc<House>>, request: Request, next: Next) -> Response {
    let method = match request.method().as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known.to_owned(),
        // Anybody may invent methods; nobody may invent labels.
        _ => "other".to_owned(),
    };
    let route = request.extensions().get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let response = next.run(request).await;
    let status = response.status().as_u16();
    house.meter.asked.get_or_create(&Asked { method, route, status }).inc();
    response
}
