//! The routes of this place.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;

use crate::server::console::imports::{list, one, upload};
use crate::server::house::House;
use crate::server::upload::UPLOAD_BYTES_MAX;

/// The routes.
pub fn router() -> Router<Arc<House>> {
    let uploads = get(list::show).post(upload::upload).layer(DefaultBodyLimit::max(UPLOAD_BYTES_MAX));
    Router::new().route("/imports", uploads).route("/imports/{id}", get(one::show).post(one::decide))
}
