//! What a target says of itself (RFC 7644 section 4). It only narrows what the connector says, and is never believed when it is
//! absent, broken or generous.

use serde_json::{Map, Value as Json};

use crate::provision::desired::split_path;
use crate::scim::decode::{self, DecodeError};
use crate::scim::target::Answer;

/// What ServiceProviderConfig says (RFC 7643 section 5), as far as it says so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderConfig {
    /// `patch.supported`.
    pub patch: Option<bool>,
    /// `filter.supported`.
    pub filter: Option<bool>,
    /// `filter.maxResults`, if above zero.
    pub results_max: Option<u32>,
    /// `bulk.supported`.
    pub bulk: Option<bool>,
    /// `etag.supported`.
    pub etag: Option<bool>,
}

/// Reads ServiceProviderConfig: the object itself, or a list or array of one.
///
/// # Errors
/// [`DecodeError`] if the body is no JSON object.
pub fn provider_config(answer: &Answer) -> Result<ProviderConfig, DecodeError> {
    let body = decode::json(answer)?;
    let map = only_object(&body).ok_or(DecodeError::NotScim("not a ServiceProviderConfig"))?;
    let results_max = decode::get(map, "filter").and_then(Json::as_object).and_then(|filter| {
        decode::get(filter, "maxResults").and_then(Json::as_u64).and_then(|max| u32::try_from(max).ok())
    });
    Ok(ProviderConfig {
        patch: supported(map, "patch"),
        filter: supported(map, "filter"),
        results_max: results_max.filter(|max| *max > 0),
        bulk: supported(map, "bulk"),
        etag: supported(map, "etag"),
    })
}

fn supported(map: &Map<String, Json>, name: &str) -> Option<bool> {
    match decode::get(decode::get(map, name)?.as_object()?, "supported")? {
        Json::Bool(flag) => Some(*flag),
        Json::String(text) => text.to_ascii_lowercase().parse().ok(),
        _ => None,
    }
}

/// The object meant by an answer that may wrap it into a list.
fn only_object(body: &Json) -> Option<&Map<String, Json>> {
    match body {
        Json::Array(items) => items.first()?.as_object(),
        Json::Object(map) => match decode::get(map, "Resources") {
            Some(Json::Array(items)) => items.first()?.as_object(),
            _ => Some(map),
        },
        _ => None,
    }
}

/// The rows of ResourceTypes or Schemas: a ListResponse, a bare array, or one object.
///
/// # Errors
/// [`DecodeError`] if the body is no JSON of that kind.
fn rows(answer: &Answer) -> Result<Vec<Map<String, Json>>, DecodeError> {
    let items = match decode::json(answer)? {
        Json::Array(items) => items,
        Json::Object(mut map) => match map.remove("Resources") {
            Some(Json::Array(items)) => items,
            _ => vec![Json::Object(map)],
        },
        _ => return Err(DecodeError::NotScim("not a list")),
    };
    Ok(items.into_iter().filter_map(|item| if let Json::Object(map) = item { Some(map) } else { None }).collect())
}

/// Names and endpoints of resource types (RFC 7643 section 6). Endpoints may be relative, absolute or without a slash: they are
/// for people to compare with the connector, never requested.
///
/// # Errors
/// [`DecodeError`] if the body is no list.
pub fn resource_types(answer: &Answer) -> Result<Vec<(String, String)>, DecodeError> {
    let text = |map: &Map<String, Json>, name: &str| {
        decode::get(map, name).and_then(Json::as_str).unwrap_or_default().to_owned()
    };
    Ok(rows(answer)?.iter().map(|map| (text(map, "name"), text(map, "endpoint"))).collect())
}

/// The canonical values (RFC 7643 section 7) of an attribute of users: `roles`, `roles.value` or `urn:…:User:department`. Those of a
/// complex attribute are looked for at its sub-attribute `value`, too. Empty if the target names none.
///
/// # Errors
/// [`DecodeError`] if the body is no list.
pub fn canonical_values(answer: &Answer, path: &str) -> Result<Vec<String>, DecodeError> {
    let (urn, attribute, sub) = split_path(path);
    let wanted = |schema: &&Map<String, Json>| {
        let id = decode::get(schema, "id").and_then(Json::as_str).unwrap_or_default();
        urn.map_or_else(|| id.ends_with(":core:2.0:User"), |urn| id.eq_ignore_ascii_case(urn))
    };
    let schemas = rows(answer)?;
    let found =
        schemas.iter().find(wanted).and_then(|schema| named(schema, "attributes", attribute)).and_then(|found| {
            let values = |of: &Map<String, Json>| decode::get(of, "canonicalValues").and_then(Json::as_array).cloned();
            let own = if sub.is_none() { values(found).filter(|values| !values.is_empty()) } else { None };
            own.or_else(|| values(named(found, "subAttributes", sub.unwrap_or("value"))?))
        });
    Ok(found.into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned)).collect())
}

/// The member called `name` of a list of attributes.
fn named<'a>(of: &'a Map<String, Json>, list: &str, name: &str) -> Option<&'a Map<String, Json>> {
    let is = |each: &&Map<String, Json>| {
        decode::get(each, "name").and_then(Json::as_str).is_some_and(|own| own.eq_ignore_ascii_case(name))
    };
    decode::get(of, list)?.as_array()?.iter().filter_map(Json::as_object).find(is)
}

/// Schema URNs (RFC 7643 section 7).
///
/// # Errors
/// [`DecodeError`] if the body is no list.
pub fn schemas(answer: &Answer) -> Result<Vec<String>, DecodeError> {
    Ok(rows(answer)?
        .iter()
        .filter_map(|map| decode::get(map, "id").and_then(Json::as_str).map(str::to_owned))
        .collect())
}
