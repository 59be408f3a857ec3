//! Reading what targets answer: lenient about shape, strict about identity. A resource without a usable id is none.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::clock::Timestamp;
use crate::directory::value::Value;
use crate::provision::desired::flatten;
use crate::scim::target::Answer;

/// The deepest nesting of JSON that is read (`reliability.md` section 4).
pub const DEPTH_MAX: usize = 32;
/// The longest id that is accepted, in bytes: it becomes part of keys and paths.
pub const ID_MAX_BYTES: usize = 1024;

/// One user resource as a target shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resource {
    /// Its id; a number is taken as its digits.
    pub id: String,
    /// `userName`.
    pub user_name: Option<String>,
    /// `externalId`, if not empty.
    pub external_id: Option<String>,
    /// `active`; also from the strings "True" and "False". `None` = not shown.
    pub active: Option<bool>,
    /// `meta.created`.
    pub created: Option<Timestamp>,
    /// `meta.version`.
    pub version: Option<String>,
    /// Attributes by flat path, without `id`, `meta`, `schemas` and `active`; nulls are left out.
    pub values: BTreeMap<String, Value>,
}

impl Resource {
    /// The values that `path` has for searching: of a list of objects the named sub-attribute, or `value`, of each.
    pub fn texts(&self, path: &str) -> Vec<&str> {
        if let Some(value) = self.values.get(path) {
            return texts_of(value, "value");
        }
        match path.rsplit_once('.') {
            Some((parent, sub)) => self.values.get(parent).map(|value| texts_of(value, sub)).unwrap_or_default(),
            None => Vec::new(),
        }
    }

    /// Whether the resource really has `value` at `path`: without case, except for externalId (RFC 7643 section 4.1.1 and 3.1).
    pub fn has(&self, path: &str, value: &str) -> bool {
        let same = |text: &str| match path {
            "externalId" => text == value,
            _ => fold(text) == fold(value),
        };
        self.texts(path).into_iter().any(same)
    }
}

/// `text` folded for collision checks and searching: never for authority.
pub fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

fn texts_of<'a>(value: &'a Value, sub: &str) -> Vec<&'a str> {
    match value {
        Value::Text(text) => vec![text],
        Value::List(items) => items.iter().flat_map(|item| texts_of(item, sub)).collect(),
        Value::Object(parts) => parts.get(sub).and_then(Value::as_text).into_iter().collect(),
        Value::Integer(_) | Value::Boolean(_) => Vec::new(),
    }
}

/// Why an answer is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There is no body.
    #[error("the answer has no body")]
    Empty,
    /// It is no JSON: an HTML page, text, broken off.
    #[error("the answer is {0}, not SCIM")]
    NotJson(String),
    /// It is JSON, but not what was asked for.
    #[error("the answer is JSON, but {0}")]
    NotScim(&'static str),
}

/// The JSON of an answer.
///
/// # Errors
/// [`DecodeError`] if there is none, or it nests deeper than [`DEPTH_MAX`].
pub fn json(answer: &Answer) -> Result<Json, DecodeError> {
    let body = answer.body.trim_ascii();
    if body.is_empty() {
        return Err(DecodeError::Empty);
    }
    if body.first() == Some(&b'<') {
        return Err(DecodeError::NotJson("an HTML or XML page".to_owned()));
    }
    if too_deep(body) {
        return Err(DecodeError::NotScim("nested too deeply"));
    }
    serde_json::from_slice(body).map_err(|error| {
        let what = if answer.content_type.is_empty() { "text" } else { answer.content_type.as_str() };
        DecodeError::NotJson(format!("{what} that is no JSON ({error})"))
    })
}

/// Whether brackets nest deeper than [`DEPTH_MAX`], strings apart: checked before anything recurses.
fn too_deep(body: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for &byte in body {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                if depth > DEPTH_MAX {
                    return true;
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    false
}

/// One resource from the answer to GET, POST, PUT or PATCH.
///
/// # Errors
/// [`DecodeError`] if the body is no resource with an id.
pub fn resource(answer: &Answer) -> Result<Resource, DecodeError> {
    match json(answer)? {
        Json::Object(map) => {
            from_map(&map).ok_or(DecodeError::NotScim("not a resource: it has no id (a string of at most 1024 bytes)"))
        }
        _ => Err(DecodeError::NotScim("not an object")),
    }
}

/// One page of a list (RFC 7644 section 3.4.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListPage {
    /// The resources that have an id.
    pub resources: Vec<Resource>,
    /// How many rows came, those without an id included.
    pub rows: u64,
    /// `totalResults`, if the target says so.
    pub total: Option<u64>,
    /// `itemsPerPage`, if the target says so.
    pub items_per_page: Option<u64>,
}

/// A list from an answer: a ListResponse, or a bare array.
///
/// # Errors
/// [`DecodeError`] if the body is no list.
pub fn list(answer: &Answer) -> Result<ListPage, DecodeError> {
    let body = json(answer)?;
    let (rows, total, items_per_page) = match &body {
        Json::Array(rows) => (rows.as_slice(), None, None),
        Json::Object(map) => {
            let total = get(map, "totalResults").and_then(whole);
            let rows = match get(map, "Resources") {
                Some(Json::Array(rows)) => rows.as_slice(),
                // RFC 7644 section 3.4.2: no Resources when nothing matches; some say null.
                None | Some(Json::Null) if total.is_some() || get(map, "schemas").is_some() => &[],
                _ => return Err(DecodeError::NotScim("not a list: it has neither Resources nor totalResults")),
            };
            (rows, total, get(map, "itemsPerPage").and_then(whole))
        }
        _ => return Err(DecodeError::NotScim("not a list")),
    };
    Ok(ListPage {
        resources: rows.iter().filter_map(Json::as_object).filter_map(from_map).collect(),
        rows: rows.len() as u64,
        total,
        items_per_page,
    })
}

/// A member of an object by its name, else without case (RFC 7643 section 2.1: names are case-insensitive).
pub(super) fn get<'a>(map: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    map.get(name).or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

fn whole(json: &Json) -> Option<u64> {
    json.as_u64().or_else(|| json.as_str()?.parse().ok())
}

/// Core attributes whose names are brought into the RFC's spelling, should a target write them otherwise.
const CORE_NAMES: [&str; 12] = [
    "userName",
    "externalId",
    "displayName",
    "nickName",
    "userType",
    "preferredLanguage",
    "phoneNumbers",
    "emails",
    "name",
    "roles",
    "groups",
    "timezone",
];

fn from_map(map: &Map<String, Json>) -> Option<Resource> {
    let id = match get(map, "id")? {
        Json::String(id) => id.clone(),
        Json::Number(number) => number.to_string(),
        _ => return None,
    };
    if id.is_empty() || id.len() > ID_MAX_BYTES || matches!(id.as_str(), "." | "..") {
        return None;
    }
    let mut nested = BTreeMap::new();
    for (key, value) in map {
        if ["id", "meta", "schemas", "active"].iter().any(|name| key.eq_ignore_ascii_case(name)) {
            continue;
        }
        let Some(value) = Value::from_json(value) else { continue };
        let name = CORE_NAMES.iter().find(|name| name.eq_ignore_ascii_case(key)).map_or(key.as_str(), |name| name);
        nested.insert(name.to_owned(), value);
    }
    let values = flatten(&nested);
    let text = |path: &str| values.get(path).and_then(as_words).filter(|text| !text.is_empty());
    let meta = get(map, "meta").and_then(Json::as_object);
    let created = meta.and_then(|meta| get(meta, "created"));
    let version =
        meta.and_then(|meta| get(meta, "version")).and_then(Json::as_str).filter(|version| !version.is_empty());
    Some(Resource {
        id,
        user_name: text("userName"),
        external_id: text("externalId"),
        active: get(map, "active").and_then(flag),
        created: created.and_then(Json::as_str).and_then(|at| at.parse().ok()),
        version: version.map(str::to_owned),
        values,
    })
}

fn as_words(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

/// `active` in the forms that are seen: true, "True", "true", 1.
fn flag(json: &Json) -> Option<bool> {
    match json {
        Json::Bool(flag) => Some(*flag),
        Json::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Json::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        Json::Number(number) => number.as_i64().map(|number| number != 0),
        _ => None,
    }
}

/// What an error answer says, in whatever shape: SCIM's (RFC 7644 section 3.12), another framework's JSON, HTML, text, nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ErrorBody {
    /// `scimType`, if given.
    pub scim_type: String,
    /// The words of it, not yet redacted.
    pub detail: String,
}

/// Reads an error answer. Never fails: what is not understood is quoted.
pub fn error_body(answer: &Answer) -> ErrorBody {
    let Ok(Json::Object(map)) = json(answer) else {
        return ErrorBody { scim_type: String::new(), detail: plain_words(&answer.body) };
    };
    let scim_type = get(&map, "scimType").and_then(Json::as_str).unwrap_or_default().to_owned();
    let words = ["detail", "message", "error_description", "title", "error", "Message", "errors"];
    let detail = words.iter().find_map(|name| match get(&map, name) {
        Some(Json::String(text)) if !text.is_empty() => Some(text.clone()),
        Some(other @ (Json::Array(_) | Json::Object(_))) => Some(other.to_string()),
        _ => None,
    });
    ErrorBody { scim_type, detail: detail.unwrap_or_else(|| String::from_utf8_lossy(&answer.body).into_owned()) }
}

/// A page's words without its tags: what a person would read.
fn plain_words(body: &[u8]) -> String {
    const READ_MAX_BYTES: usize = 16 * 1024;
    let text = String::from_utf8_lossy(&body[..body.len().min(READ_MAX_BYTES)]);
    if !text.trim_start().starts_with('<') {
        return text.trim().to_owned();
    }
    let mut words = String::new();
    let mut in_tag = false;
    for c in text.chars() {
        match c {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                words.push(' ');
            }
            c if !in_tag => words.push(c),
            _ => {}
        }
    }
    let joined = words.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("an HTML page: {joined}")
}
