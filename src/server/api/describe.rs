//! The description of the API: as JSON for programs, as a page for people. Both are served without sign-in.

use std::sync::Arc;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};
use utoipa::Modify;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};

use crate::server::api::description;
use crate::server::console::layout;
use crate::server::problem::Problem;

/// How somebody proves who he is.
pub struct Security;

impl Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let components = openapi.components.get_or_insert_default();
        let token = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("token", SecurityScheme::Http(token));
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new("usher")));
        components.add_security_scheme("cookie", cookie);
    }
}

/// The description as JSON text.
pub fn text(description: &utoipa::openapi::OpenApi) -> String {
    // The description has string keys only.
    description.to_pretty_json().expect("the description is JSON")
}

/// `GET /api/v1/openapi.json`.
pub async fn json(text: Arc<str>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text.to_string()).into_response()
}

/// `GET /api/v1/docs`: the description as a page.
pub async fn page() -> Markup {
    let description = description();
    layout::plain(
        "API",
        &html! {
            h1 { "API" }
            p { (description.info.description.clone().unwrap_or_default()) " " a href="openapi.json" { "openapi.json" } }
            @for (path, item) in &description.paths.paths {
                @for (method, operation) in [("GET", &item.get), ("POST", &item.post), ("PUT", &item.put), ("PATCH", &item.patch), ("DELETE", &item.delete)] {
                    @if let Some(operation) = operation {
                        section .endpoint {
                            h2 { code { (method) " /api/v1" (path) } }
                            p { (operation.summary.clone().unwrap_or_default()) }
                            @if let Some(more) = &operation.description { p { (more) } }
                        }
                    }
                }
            }
        },
    )
}

/// Whatever has no route.
pub async fn nothing_here() -> Problem {
    Problem::not_found("there is nothing at this address; /api/v1/docs lists what there is")
}
