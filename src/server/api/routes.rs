//! All endpoints, and the head of their description.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::server::api::describe::{self, Security};
use crate::server::api::{apps, commands, sign_in};
use crate::server::house::House;
use crate::server::problem::Problem;
use crate::server::stream;
use crate::server::upload::UPLOAD_BYTES_MAX;

/// The head of the description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Usher",
        description = "Outbound provisioning: users, apps, plans, approvals, events. Errors are `application/problem+json` (RFC 9457).",
        license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT")
    ),
    components(schemas(Problem)),
    modifiers(&Security),
    security(("token" = []), ("cookie" = [])),
    servers((url = "/api/v1"))
)]
struct Head;

fn described() -> OpenApiRouter<Arc<House>> {
    OpenApiRouter::with_openapi(Head::openapi()).routes(routes!(apps::list)).routes(routes!(apps::show)).merge(far())
}

/// What the command line on another machine uses.
fn far() -> OpenApiRouter<Arc<House>> {
    OpenApiRouter::new()
        .routes(routes!(commands::carry_out))
        .layer(DefaultBodyLimit::max(UPLOAD_BYTES_MAX))
        .routes(routes!(sign_in::sign_in))
        .routes(routes!(stream::listen))
}

/// The description of the API, as it comes out of the handlers.
pub fn description() -> utoipa::openapi::OpenApi {
    described().split_for_parts().1
}

/// The routes, and the description of them.
pub fn router() -> Router<Arc<House>> {
    let (router, description) = described().split_for_parts();
    let description: Arc<str> = describe::text(&description).into();
    router
        .route("/openapi.json", get(move || describe::json(Arc::clone(&description))))
        .route("/docs", get(describe::page))
        .fallback(describe::nothing_here)
}
