//! The routes of this place.

use std::sync::Arc;

use axum::Router;

use crate::server::house::House;

/// The routes.
pub fn router() -> Router<Arc<House>> {
    Router::new()
}
