//! The routes of this place.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::server::console::users::{acting, confirm, list, pair, person, provision};
use crate::server::house::House;

/// The routes.
pub fn router() -> Router<Arc<House>> {
    Router::new()
        .route("/users", get(list::show))
        .route("/users/{user}", get(person::show))
        .route("/users/{user}/edit", post(acting::edit))
        .route("/users/{user}/provision", get(provision::show).post(provision::execute))
        .route("/users/{user}/apps/{app}", get(pair::show))
        .route("/users/{user}/apps/{app}/rematch", get(confirm::rematch).post(acting::rematch))
        .route("/users/{user}/apps/{app}/disassociate", get(confirm::disassociate).post(acting::disassociate))
}
