//! All pages.

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::server::console::{
    access, activity, approvals, apps, assets, home, imports, layout, rules, sign_in, sign_in_openid, users,
};
use crate::server::house::House;

/// All pages.
pub fn router() -> Router<Arc<House>> {
    Router::new()
        .route("/", get(home::show))
        .route("/sign-in", get(sign_in::show).post(sign_in::submit))
        .route("/sign-in/openid", get(sign_in_openid::there))
        .route(sign_in_openid::BACK, get(sign_in_openid::back))
        .route("/sign-out", post(sign_in::leave))
        .route("/set-up", get(sign_in::show_set_up).post(sign_in::set_up))
        .route("/assets/{file}", get(assets::serve))
        .merge(approvals::router())
        .merge(users::router())
        .merge(apps::router())
        .merge(rules::router())
        .merge(activity::router())
        .merge(imports::router())
        .merge(access::router())
        .fallback(layout::nothing_here)
}
