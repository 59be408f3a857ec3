//! The head of the API's description, and the description as JSON. It is served without sign-in, as its page is.

use std::sync::Arc;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::server::problem::Problem;

/// What is said of the API as a whole.
const ABOUT: &str = "Outbound provisioning: users, apps, rules, plans, approvals, events. \
Send a token as `Authorization: Bearer …`. Errors are `application/problem+json` (RFC 9457), each with a `type` that stays. \
Lists have a `limit` (50 unless it is said, 500 at most) and go on with the `next` of a page as `cursor`; what filters them stands in \
the query, and a parameter that is not known is refused. A write with an `Idempotency-Key` is done once: sent again, it gives the \
first answer, with `Idempotent-Replayed: true`. Answers are kept in memory for 24 hours, ten thousand of them and 64 MiB at most, each \
up to 1 MiB; a restart forgets them. What is edited has an `ETag`; with `If-Match` it is changed only if nobody changed it since.";

/// The head of the description.
#[derive(OpenApi)]
#[openapi(
    info(title = "Usher", description = ABOUT, license(name = "Apache-2.0 OR MIT", identifier = "Apache-2.0 OR MIT")),
    components(schemas(Problem)),
    modifiers(&Security),
    security(("token" = []), ("cookie" = [])),
    servers((url = "/api/v1")),
    tags(
        (name = "approvals", description = "What waits for a decision, and decisions. Only people decide."),
        (name = "users", description = "People of the directory, and what operators lay over what their source says."),
        (name = "assignments", description = "Apps that operators assign to one person."),
        (name = "roles", description = "What users have from their source or by condition, and what it grants."),
        (name = "imports", description = "Files of people that come into the directory."),
        (name = "apps", description = "What is provisioned: state, connection, entitlements, reconciliation."),
        (name = "connectors", description = "Kinds of target, and what each can do."),
        (name = "accounts", description = "Each user in each app: how it stands, why, and what can be done about it."),
        (name = "rules", description = "What decides who gets what: the active revision, and drafts that become one."),
        (name = "plans", description = "What would be done, and doing it."),
        (name = "events", description = "What was done and what waits, with every attempt."),
        (name = "history", description = "All events as a stream, and the end of the chain."),
        (name = "operators", description = "Who may act here."),
        (name = "tokens", description = "What proves programs and people to the API."),
        (name = "live", description = "What changes, as it changes."),
        (name = "commands", description = "What the command line on another machine asks: each command as it travels over the socket."),
    )
)]
pub struct Head;

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
///
/// # Panics
/// Never: it has string keys only.
pub fn text(description: &utoipa::openapi::OpenApi) -> String {
    description.to_pretty_json().expect("the description is JSON")
}

/// `GET /api/v1/openapi.json`.
pub async fn json(text: Arc<str>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text.to_string()).into_response()
}

/// Whatever has no route.
pub async fn nothing_here() -> Problem {
    Problem::not_found("there is nothing at this address; /api/v1/docs lists what there is")
}

/// Whatever has a route for other methods.
pub async fn other_method() -> Problem {
    Problem::method()
}
