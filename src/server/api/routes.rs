//! All endpoints.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request};
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::ParameterIn;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::server::api::describe::{self, Head};
use crate::server::api::{
    accounts, approvals, apps, assignments, catalogue, commands, connectors, docs, events, history, imports, leavers,
    once, operators, plans, reconcile, refusals, revisions, roles, rules, sign_in, users,
};
use crate::server::house::House;
use crate::server::problem::Problem;
use crate::server::stream;
use crate::server::upload::UPLOAD_BYTES_MAX;
use crate::text::printable;

/// Where the API lies.
const ROOT: &str = "/api/v1";

fn described() -> OpenApiRouter<Arc<House>> {
    OpenApiRouter::with_openapi(Head::openapi())
        .merge(people())
        .merge(targets())
        .merge(deciding())
        .merge(keeping())
        .merge(far())
}

/// What the command line on another machine uses, and what is live.
fn far() -> OpenApiRouter<Arc<House>> {
    OpenApiRouter::new()
        .routes(routes!(commands::carry_out))
        .layer(DefaultBodyLimit::max(UPLOAD_BYTES_MAX))
        .routes(routes!(sign_in::sign_in))
        .routes(routes!(stream::listen))
}

/// Users, and where they come from.
fn people() -> OpenApiRouter<Arc<House>> {
    let uploads = OpenApiRouter::new()
        .routes(routes!(imports::list, imports::upload))
        .layer(DefaultBodyLimit::max(UPLOAD_BYTES_MAX));
    OpenApiRouter::new()
        .routes(routes!(users::list))
        .routes(routes!(users::show, users::patch))
        .routes(routes!(assignments::list))
        .routes(routes!(assignments::put, assignments::delete))
        .routes(routes!(roles::list))
        .routes(routes!(roles::users))
        .merge(uploads)
        .routes(routes!(imports::show))
        .routes(routes!(imports::apply))
        .routes(routes!(imports::drop_parked))
        .routes(routes!(imports::sources))
}

/// Apps, and who is there.
fn targets() -> OpenApiRouter<Arc<House>> {
    OpenApiRouter::new()
        .routes(routes!(apps::list))
        .routes(routes!(apps::show))
        .routes(routes!(apps::test))
        .routes(routes!(apps::pause))
        .routes(routes!(apps::resume))
        .routes(routes!(catalogue::list))
        .routes(routes!(catalogue::refresh))
        .routes(routes!(reconcile::last, reconcile::run))
        .routes(routes!(connectors::list))
        .routes(routes!(accounts::list))
        .routes(routes!(accounts::show))
        .routes(routes!(accounts::explain))
        .routes(routes!(accounts::retry))
        .routes(routes!(accounts::rematch))
        .routes(routes!(accounts::disassociate))
        .routes(routes!(accounts::adopt))
        .routes(routes!(leavers::list))
}

/// Rules, plans, decisions.
fn deciding() -> OpenApiRouter<Arc<House>> {
    OpenApiRouter::new()
        .routes(routes!(rules::show))
        .routes(routes!(rules::validate))
        .routes(routes!(rules::attempt))
        .routes(routes!(rules::plan))
        .routes(routes!(rules::activate))
        .routes(routes!(revisions::list))
        .routes(routes!(revisions::show))
        .routes(routes!(revisions::roll_back))
        .routes(routes!(plans::plan))
        .routes(routes!(plans::sync))
        .routes(routes!(approvals::list))
        .routes(routes!(approvals::show))
        .routes(routes!(approvals::batch))
        .routes(routes!(approvals::preview))
        .routes(routes!(approvals::decide))
}

/// What was done, and who may.
fn keeping() -> OpenApiRouter<Arc<House>> {
    OpenApiRouter::new()
        .routes(routes!(events::list))
        .routes(routes!(events::show))
        .routes(routes!(events::retry))
        .routes(routes!(events::retry_several))
        .routes(routes!(history::export))
        .routes(routes!(history::head))
        .routes(routes!(operators::list, operators::add))
        .routes(routes!(operators::disable))
        .routes(routes!(operators::tokens, operators::issue))
        .routes(routes!(operators::revoke))
}

/// The routes, and the description of them as it comes out of the handlers.
fn parts() -> (Router<Arc<House>>, utoipa::openapi::OpenApi) {
    let (router, mut description) = described().split_for_parts();
    refusals::add(&mut description);
    (router, description)
}

/// The description of the API.
pub fn description() -> utoipa::openapi::OpenApi {
    parts().1
}

/// The routes, with what all of them have in common.
pub fn router(house: &Arc<House>) -> Router<Arc<House>> {
    let (router, description) = parts();
    let known = Arc::new(Known::of(description.clone()));
    let text: Arc<str> = describe::text(&description).into();
    let page: Arc<str> = docs::page(&description).into();
    router
        .layer(middleware::from_fn(move |request, next| known_query(Arc::clone(&known), request, next)))
        .layer(middleware::from_fn_with_state(Arc::clone(house), once::once))
        .route("/openapi.json", get(move || describe::json(Arc::clone(&text))))
        .route("/docs", get(move || docs::show(Arc::clone(&page))))
        .method_not_allowed_fallback(describe::other_method)
        .fallback(describe::nothing_here)
}

/// The query parameters of each operation, by address and method.
struct Known(BTreeMap<(String, &'static str), BTreeSet<String>>);

impl Known {
    fn of(mut description: utoipa::openapi::OpenApi) -> Self {
        let mut known = BTreeMap::new();
        for (path, item) in &mut description.paths.paths {
            for (method, operation) in refusals::operations(item) {
                let names = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
                    RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => Some(parameter.name.clone()),
                    _ => None,
                });
                known.insert((format!("{ROOT}{path}"), method), names.collect());
            }
        }
        Self(known)
    }
}

/// Refuses parameters that an endpoint does not have: a filter that is misspelt must not filter nothing.
async fn known_query(known: Arc<Known>, request: Request, next: Next) -> Result<Response, Problem> {
    let method = match *request.method() {
        Method::GET | Method::HEAD => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        _ => "DELETE",
    };
    let path = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    if let (Some(query), Some(names)) = (request.uri().query(), known.0.get(&(path, method))) {
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let name = pair.split('=').next().unwrap_or_default();
            if !names.contains(name) {
                let all: Vec<&str> = names.iter().map(String::as_str).collect();
                let has = if all.is_empty() {
                    "there are none here".to_owned()
                } else {
                    format!("expected {}", all.join(", "))
                };
                return Err(Problem::bad_request(format!("unknown query parameter `{}`, {has}", printable(name))));
            }
        }
    }
    Ok(next.run(request).await)
}
