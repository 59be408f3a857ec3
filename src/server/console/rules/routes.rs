//! The routes of this place. A file's own address is [`files::address`](super::files::address).

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::server::console::rules::{draft, export, file, list, revision, revisions, trial, work};
use crate::server::house::House;

/// The routes.
pub fn router() -> Router<Arc<House>> {
    Router::new()
        .route("/rules", get(list::show).post(list::open))
        .route("/rules/draft", get(draft::show).post(draft::edit))
        .route("/rules/try", get(trial::show))
        .route("/rules/plan", get(work::show).post(work::begin))
        .route("/rules/revisions", get(revisions::show))
        .route("/rules/revisions/{number}", get(revision::show).post(revision::back))
        .route("/rules/export", get(export::all))
        .route("/rules/export/{*file}", get(export::one))
        .route("/rules/{*file}", get(file::show).post(file::write))
}
