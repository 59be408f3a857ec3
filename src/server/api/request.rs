//! What a handler takes from a request. Whatever can't be read is a problem that says where it is wrong.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::server::api::cursor;
use crate::server::problem::Problem;

/// Rows of a page unless more or fewer are asked for.
pub const LIMIT_USUAL: usize = 50;
/// The most rows of a page.
pub const LIMIT_MAX: usize = 500;

/// Which page of a list.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Where the page begins: `next` of the one before.
    pub cursor: Option<String>,
    /// At most this many.
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: Option<usize>,
}

impl Paging {
    /// Where the page of this list begins; `None` = at the start.
    ///
    /// # Errors
    /// If the cursor is not one of this list.
    pub fn from<T: std::str::FromStr>(&self, list: &str) -> Result<Option<T>, Problem> {
        cursor::read(list, self.cursor.as_deref())
    }

    /// How many rows the page has.
    ///
    /// # Errors
    /// If fewer than one or more than [`LIMIT_MAX`] are asked for.
    pub fn rows(&self) -> Result<usize, Problem> {
        match self.limit.unwrap_or(LIMIT_USUAL) {
            limit @ 1..=LIMIT_MAX => Ok(limit),
            other => Err(Problem::bad_request(format!("limit: {other} is not between 1 and {LIMIT_MAX}"))),
        }
    }
}

/// The query.
#[derive(Debug)]
pub struct Asked<T>(pub T);

/// The parts of the path.
#[derive(Debug)]
pub struct At<T>(pub T);

/// A JSON body.
#[derive(Debug)]
pub struct Sent<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(query) => Ok(Self(query.0)),
            Err(rejection) => Err(Problem::bad_request(rejection.body_text())),
        }
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for At<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(path) => Ok(Self(path.0)),
            Err(rejection) => Err(Problem::bad_request(rejection.body_text())),
        }
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::<T>::from_request(request, state).await {
            Ok(json) => Ok(Self(json.0)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Problem::media_type("application/json")),
            Err(rejection) if rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Problem::too_large())
            }
            Err(rejection) => Err(Problem::bad_request(rejection.body_text())),
        }
    }
}

/// Words of a query parameter, separated by commas.
///
/// # Errors
/// If one of them is not known.
pub fn words<T: DeserializeOwned>(name: &str, asked: Option<&str>) -> Result<Vec<T>, Problem> {
    let words = asked.unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| {
            serde_json::from_value(serde_json::Value::from(word))
                .map_err(|error| Problem::bad_request(format!("{name}: {error}")))
        })
        .collect()
}

/// A query parameter, as text that is read.
///
/// # Errors
/// If it can't be read as what it should be.
pub fn value<T: std::str::FromStr>(name: &str, asked: Option<&str>) -> Result<Option<T>, Problem>
where
    T::Err: std::fmt::Display,
{
    asked.map(|text| text.parse().map_err(|error| Problem::bad_request(format!("{name}: {error}")))).transpose()
}

/// Which versions of what it changes a request is for; `None` = any.
pub fn if_match(headers: &HeaderMap) -> Option<Vec<String>> {
    let mut tags = Vec::new();
    for value in headers.get_all(header::IF_MATCH) {
        let text = String::from_utf8_lossy(value.as_bytes());
        tags.extend(text.split(',').map(|tag| tag.trim().to_owned()));
    }
    (!tags.is_empty() && !tags.iter().any(|tag| tag == "*")).then_some(tags)
}

/// A version as the `ETag` header has it.
pub fn tag(version: impl std::fmt::Display) -> String {
    format!("\"{version}\"")
}
