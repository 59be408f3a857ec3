//! The routes of this place.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::server::console::access::{deeds, operators, own, secrets, tokens};
use crate::server::house::House;

/// The routes.
pub fn router() -> Router<Arc<House>> {
    Router::new()
        .route("/access", get(operators::show))
        .route("/access/operators", post(operators::add))
        .route("/access/operators/change", post(operators::change))
        .route("/access/four-eyes", post(operators::four_eyes))
        .route("/access/tokens", get(tokens::show).post(tokens::add))
        .route("/access/tokens/revoke", post(tokens::revoke))
        .route("/access/secrets", get(secrets::show).post(secrets::set))
        .route("/access/secrets/drop", post(secrets::forget))
        .route("/access/you", get(own::show).post(own::set_password))
        .route("/access/history", get(deeds::show))
}
