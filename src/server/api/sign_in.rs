//! `/sign-in`: a person's token for the command line on another machine. It may decide, and it lives 12 hours.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::credential::Typed;
use crate::server::house::House;
use crate::server::permit;
use crate::server::problem::Problem;

/// What a person types.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The operator.
    #[schema(example = "kenji")]
    pub name: String,
    /// His password.
    #[schema(value_type = String, format = Password)]
    pub password: Typed,
    /// What the token is for, in the list of tokens.
    #[schema(example = "command line on kenji-laptop")]
    pub purpose: String,
}

/// A token of his own.
#[derive(Deserialize, Serialize, ToSchema)]
pub struct SignedIn {
    /// Its id: it is revoked by it.
    pub id: String,
    /// The token. It is not shown again.
    #[schema(value_type = String)]
    pub token: Typed,
    /// Whose.
    pub operator: String,
    /// Until when (RFC 3339).
    pub expires_at: String,
}

/// Sign in
///
/// With name and password, for a token of one's own that lives 12 hours and may decide.
#[utoipa::path(post, path = "/sign-in", operation_id = "signIn", tag = "commands", security(()), request_body = SignIn, responses(
    (status = 200, body = SignedIn),
    (status = 400, body = Problem, content_type = "application/problem+json"),
    (status = 401, body = Problem, content_type = "application/problem+json"),
    (status = 403, body = Problem, content_type = "application/problem+json"),
    (status = 413, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
    (status = 429, body = Problem, content_type = "application/problem+json"),
))]
pub async fn sign_in(
    State(house): State<Arc<House>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Json<SignedIn>, Problem> {
    if !permit::is_from_here(&house, &headers) {
        return Err(Problem::foreign_form());
    }
    let body = body.map_err(|_| Problem::too_large())?;
    let typed: SignIn = serde_json::from_slice(&body).map_err(|error| {
        // Where it went wrong, not what stands there: it may be a password.
        let place = format!("line {} column {}", error.line(), error.column());
        Problem::bad_request(format!("expected {{\"name\", \"password\", \"purpose\"}}; it goes wrong at {place}"))
    })?;
    if !house.settings.sign_in.passwords {
        return Err(Problem::no_passwords());
    }
    let asker = house.address(&headers, peer);
    let attempt = house.password_attempt(&typed.name, asker).await?.map_err(Problem::locked)?;
    let Some(operator) = house.engine.sign_in(&typed.name, typed.password.into_secret()).await? else {
        attempt.failed();
        tracing::warn!("a sign-in failed");
        return Err(Problem::wrong_password());
    };
    attempt.succeeded();
    let (token, secret) = house.engine.token_at_sign_in(&operator, typed.purpose).await?;
    Ok(Json(SignedIn {
        id: token.id.to_string(),
        token: Typed::new(secret.expose()),
        operator: operator.name,
        expires_at: token.expires_at.to_string(),
    }))
}
