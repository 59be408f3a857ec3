//! PATCH (RFC 7644 section 3.5.2), value paths included, on one resource; atomic because it works on a copy.

use scim_v2::filter::{AttrExp, CompValue, CompareOp, PatchPath, PatchValuePath, ValFilter};
use serde_json::{Value as Json, json};

use crate::connector::PatchStyle;
use crate::sandbox::attribute::{Place, Resource, is_multi, key_of, spelled};
use crate::sandbox::filter::item_matches;
use crate::sandbox::refusal::Refusal;

/// Schema of PATCH bodies.
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// Attributes that no client may change (RFC 7643 section 3.1, 4.1.2).
const READ_ONLY: [&str; 4] = ["id", "meta", "schemas", "groups"];

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Op {
    /// Adds values.
    Add,
    /// Puts others in their place.
    Replace,
    /// Takes them away.
    Remove,
}

/// Applies the body of a PATCH request to `resource`.
pub(super) fn apply(resource: &mut Resource, body: &Json, style: PatchStyle) -> Result<(), Refusal> {
    let operations = operations(body)?;
    if style == PatchStyle::Single && operations.len() > 1 {
        return Err(Refusal::bad("invalidSyntax", "this target takes one operation a request"));
    }
    operations.iter().try_for_each(|operation| operate(resource, operation, style))
}

/// The operations of a PATCH body.
pub(super) fn operations(body: &Json) -> Result<&[Json], Refusal> {
    let syntax = |why: &str| Refusal::bad("invalidSyntax", why.to_owned());
    let schemas = body["schemas"].as_array().ok_or_else(|| syntax("PATCH needs `schemas`"))?;
    if !schemas.iter().any(|schema| schema.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(PATCH_OP))) {
        return Err(syntax(&format!("`schemas` must have {PATCH_OP}")));
    }
    let operations = body["Operations"].as_array().ok_or_else(|| syntax("PATCH needs a list `Operations`"))?;
    if operations.is_empty() {
        return Err(syntax("`Operations` is empty"));
    }
    Ok(operations)
}

/// What an operation does.
pub(super) fn op(operation: &Json) -> Result<Op, Refusal> {
    match operation["op"].as_str().map(str::to_ascii_lowercase).as_deref() {
        Some("add") => Ok(Op::Add),
        Some("replace") => Ok(Op::Replace),
        Some("remove") => Ok(Op::Remove),
        _ => {
            let why = format!("`op` is {}, not add, replace or remove", operation["op"]);
            Err(Refusal::bad("invalidSyntax", why))
        }
    }
}

/// Applies one operation to `resource`.
pub(super) fn operate(resource: &mut Resource, operation: &Json, style: PatchStyle) -> Result<(), Refusal> {
    let op = op(operation)?;
    let value = &operation["value"];
    if op != Op::Remove && operation.get("value").is_none() {
        return Err(Refusal::bad("invalidValue", "add and replace need a `value`"));
    }
    let Some(text) = operation["path"].as_str() else {
        return match value.as_object() {
            _ if op == Op::Remove => Err(Refusal::bad("noTarget", "remove needs a `path`")),
            Some(parts) if style != PatchStyle::Single || parts.len() == 1 => whole(resource, op, parts),
            Some(_) => Err(Refusal::bad("invalidSyntax", "this target takes one attribute a request")),
            None => Err(Refusal::bad("invalidValue", "without a `path` the value must be an object of attributes")),
        };
    };
    if style == PatchStyle::NoPath && op != Op::Remove {
        return Err(Refusal::bad("invalidPath", "this target takes add and replace without a `path` only"));
    }
    at_path(resource, op, text, value)
}

/// An operation without a path: each member of the value is an attribute.
fn whole(resource: &mut Resource, op: Op, parts: &Resource) -> Result<(), Refusal> {
    for (name, value) in parts {
        if READ_ONLY.contains(&name.as_str()) {
            continue;
        }
        if name.starts_with("urn:") {
            extend(resource, name, value)?;
        } else if name.contains('.') || name.contains('[') {
            return Err(Refusal::bad("invalidPath", format!("`{name}` is a path; it belongs in `path`")));
        } else {
            attribute(resource, op, &Place { extension: None, name: spelled(name).to_owned(), sub: None }, value);
        }
    }
    Ok(())
}

fn extend(resource: &mut Resource, urn: &str, value: &Json) -> Result<(), Refusal> {
    let parts = value.as_object().ok_or_else(|| {
        Refusal::bad("invalidValue", format!("`{urn}` must be an object of the extension's attributes"))
    })?;
    for (name, value) in parts {
        let place = Place { extension: Some(urn.to_owned()), name: name.clone(), sub: None };
        attribute(resource, Op::Replace, &place, value);
    }
    Ok(())
}

fn at_path(resource: &mut Resource, op: Op, text: &str, value: &Json) -> Result<(), Refusal> {
    // A path that is an extension's URN and nothing more.
    if text.starts_with("urn:") && (text.ends_with(":User") || text.ends_with(":Group")) {
        if op == Op::Remove {
            resource.remove(text);
            return Ok(());
        }
        return extend(resource, text, value);
    }
    let path: PatchPath =
        text.parse().map_err(|error| Refusal::bad("invalidPath", format!("`{text}` is not a path: {error}")))?;
    let place = match &path {
        PatchPath::Attr(attr) => Place::from(attr),
        PatchPath::Value(found) => Place::from(&found.attr),
    };
    if place.extension.is_none() && READ_ONLY.contains(&place.name.as_str()) {
        return Err(Refusal::bad("mutability", format!("`{}` is read-only", place.name)));
    }
    match &path {
        PatchPath::Attr(_) if op == Op::Remove => remove(resource, &place, value),
        PatchPath::Attr(_) => attribute(resource, op, &place, value),
        PatchPath::Value(found) => return items(resource, op, &place, found, value),
    }
    Ok(())
}

/// Removes an attribute; of a multi-valued one only the values listed, if some are (what Entra sends for members).
fn remove(resource: &mut Resource, place: &Place, value: &Json) {
    let listed: Vec<Json> = match value {
        Json::Array(items) => items.clone(),
        _ => Vec::new(),
    };
    let mut items = match place.get(resource) {
        Some(Json::Array(items)) if !listed.is_empty() => items.clone(),
        _ => return place.set(resource, None),
    };
    items.retain(|item| !listed.iter().any(|gone| same_item(gone, item)));
    place.set(resource, (!items.is_empty()).then_some(Json::Array(items)));
}

fn same_item(a: &Json, b: &Json) -> bool {
    a == b || (!a["value"].is_null() && a["value"] == b["value"] && a["type"] == b["type"])
}

/// `add` or `replace` of one attribute.
fn attribute(resource: &mut Resource, op: Op, place: &Place, value: &Json) {
    if value.is_null() {
        return place.set(resource, None);
    }
    let multi = place.sub.is_none() && place.extension.is_none() && is_multi(&place.name);
    let new = match (place.get(resource), value) {
        (Some(Json::Array(old)), added) if op == Op::Add => appended(old, added),
        (Some(Json::Object(old)), Json::Object(parts)) => {
            let mut merged = old.clone();
            for (name, part) in parts {
                let key = key_of(&merged, name);
                merged.insert(key, part.clone());
            }
            Json::Object(merged)
        }
        (_, Json::Array(items)) => Json::Array(items.clone()),
        (_, one) if multi => json!([one]),
        (_, one) => one.clone(),
    };
    place.set(resource, Some(new));
}

fn appended(old: &[Json], added: &Json) -> Json {
    let mut items = old.to_vec();
    let new: &[Json] = match added {
        Json::Array(new) => new,
        one => std::slice::from_ref(one),
    };
    for item in new {
        if item["primary"] == json!(true) {
            items.iter_mut().filter(|other| other.is_object()).for_each(drop_primary);
        }
        if !items.iter().any(|known| same_item(known, item)) {
            items.push(item.clone());
        }
    }
    Json::Array(items)
}

fn drop_primary(item: &mut Json) {
    if let Some(parts) = item.as_object_mut() {
        parts.remove("primary");
    }
}

/// An operation on the items of a multi-valued attribute that a filter selects.
fn items(resource: &mut Resource, op: Op, place: &Place, path: &PatchValuePath, value: &Json) -> Result<(), Refusal> {
    let mut items = match place.get(resource) {
        Some(Json::Array(items)) => items.clone(),
        _ => Vec::new(),
    };
    let hit = |item: &Json| item.as_object().is_some_and(|item| item_matches(&path.filter, item));
    if op == Op::Remove && path.sub_attr.is_none() {
        items.retain(|item| !hit(item));
    } else if !items.iter().any(hit) {
        match (op, started(&path.filter)) {
            (Op::Add, Some(mut item)) => {
                change(&mut item, op, path.sub_attr.as_deref(), value)?;
                items.push(Json::Object(item));
            }
            (Op::Remove, _) => {}
            _ => return Err(Refusal::bad("noTarget", format!("nothing in `{place}` matches [{}]", path.filter))),
        }
    } else {
        for item in items.iter_mut().filter(|item| hit(item)).filter_map(Json::as_object_mut) {
            change(item, op, path.sub_attr.as_deref(), value)?;
        }
    }
    place.set(resource, (!items.is_empty()).then_some(Json::Array(items)));
    Ok(())
}

/// The item that `attribute[type eq "work"]` describes, for `add` without a match.
fn started(filter: &ValFilter) -> Option<Resource> {
    match filter {
        ValFilter::Attr(AttrExp::Comparison(path, CompareOp::Eq, value)) => {
            let value = match value {
                CompValue::Str(text) => json!(text),
                CompValue::True => json!(true),
                CompValue::False => json!(false),
                CompValue::Number(number) => Json::Number(number.clone()),
                CompValue::Null => return None,
            };
            Some(Resource::from_iter([(path.name.clone(), value)]))
        }
        _ => None,
    }
}

fn change(item: &mut Resource, op: Op, sub: Option<&str>, value: &Json) -> Result<(), Refusal> {
    match (sub, value.as_object()) {
        (Some(sub), _) => {
            let key = key_of(item, sub);
            if op == Op::Remove || value.is_null() {
                item.remove(&key);
            } else {
                item.insert(key, value.clone());
            }
        }
        (None, Some(parts)) => item.extend(parts.iter().map(|(name, part)| (name.clone(), part.clone()))),
        (None, None) => {
            return Err(Refusal::bad("invalidValue", "the value of a selected item must be an object"));
        }
    }
    Ok(())
}
