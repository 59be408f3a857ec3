//! All pages.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::server::console::{approvals, apps, assets, home, layout, sign_in};
use crate::server::house::House;

/// All pages.
pub fn router() -> Router<Arc<House>> {
    Router::new()
        .route("/", get(home::show))
        .route("/approvals", get(approvals::show).post(approvals::decide))
        .route("/apps", get(apps::show))
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/sign-out", post(sign_in::leave))
        .route("/set-up", get(sign_in::show_set_up).post(sign_in::set_up))
        .route("/assets/{file}", get(assets::serve))
        .fallback(layout::nothing_here)
}
