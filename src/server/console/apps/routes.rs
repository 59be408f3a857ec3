//! The routes of this place.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::server::console::apps::list;
use crate::server::house::House;

/// The routes.
pub fn router() -> Router<Arc<House>> {
    Router::new().route("/apps", get(list::show))
}
