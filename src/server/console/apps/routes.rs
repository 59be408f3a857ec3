//! The routes of this place.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::server::console::apps::{actions, entitlements, list, one, policies, reconcile};
use crate::server::house::House;

/// The routes.
pub fn router() -> Router<Arc<House>> {
    Router::new()
        .route("/apps", get(list::show))
        .route("/apps/{app}", get(one::show))
        .route("/apps/{app}/policies", get(policies::show))
        .route("/apps/{app}/entitlements", get(entitlements::show))
        .route("/apps/{app}/reconcile", get(reconcile::show).post(actions::reconcile))
        .route("/apps/{app}/test", get(one::again).post(actions::test))
        .route("/apps/{app}/refresh", post(actions::refresh))
        .route("/apps/{app}/pause", post(actions::pause))
        .route("/apps/{app}/resume", post(actions::resume))
}
