//! The first page: what needs somebody.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Redirect;

use crate::server::house::House;
use crate::server::permit::{Read, Visitor};

/// `GET /`: what waits for a decision is where everybody begins.
pub async fn show(State(_): State<Arc<House>>, _: Visitor<Read>) -> Redirect {
    Redirect::to("/approvals")
}
