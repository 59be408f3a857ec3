//! The routes of this place.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::server::console::approvals::{batch, decide, decided, list};
use crate::server::house::House;

/// The routes.
pub fn router() -> Router<Arc<House>> {
    Router::new()
        .route("/approvals", get(list::show).post(decide::decide))
        .route("/approvals/decided", get(decided::show))
        .route("/approvals/batches/{batch}", get(batch::show))
}
