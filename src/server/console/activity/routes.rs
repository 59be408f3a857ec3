//! The routes of this place.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::server::console::activity::{charts, event, leavers, list};
use crate::server::house::House;

/// The routes.
pub fn router() -> Router<Arc<House>> {
    Router::new()
        .route("/activity", get(list::show))
        .route("/activity/charts", get(charts::show))
        .route("/activity/leavers", get(leavers::show))
        .route("/activity/{event}", get(event::show))
        .route("/activity/{event}/retry", post(event::retry))
}
