//! What a value at the target means, whatever its form: targets rewrite, wrap and add.

use crate::directory::value::Value;
use crate::provision::desired::split_path;
use crate::scim::decode::Resource;

/// The value at a path; a core attribute that the target shows qualified by a URN counts too.
pub fn value_at(resource: &Resource, path: &str) -> Option<Value> {
    let present = |value: &&Value| !value.is_empty();
    if let Some(value) = resource.values.get(path).filter(present) {
        return Some(value.clone());
    }
    let (schema, attribute, sub) = split_path(path);
    let prefix = schema.map(|schema| format!("{schema}:")).unwrap_or_default();
    match sub {
        // One part of a complex attribute that came as a whole.
        Some(sub) => match resource.values.get(&format!("{prefix}{attribute}"))? {
            Value::Object(parts) => parts.get(sub).filter(present).cloned(),
            _ => None,
        },
        // A whole complex attribute that came in parts.
        None => {
            let inner = format!("{prefix}{attribute}.");
            let parts = resource
                .values
                .iter()
                .filter_map(|(key, value)| Some((key.strip_prefix(&inner)?.to_owned(), value.clone())));
            let object = Value::Object(parts.collect());
            (!object.is_empty()).then_some(object)
        }
    }
}

/// Whether `actual` shows everything that `wanted` says, by meaning: targets add types, displays and defaults of their own.
pub fn covers(actual: &Value, wanted: &Value) -> bool {
    match (actual, wanted) {
        (Value::List(actual), Value::List(wanted)) => {
            let same_number = actual.iter().filter(|item| !item.is_empty()).count() <= wanted.len();
            same_number && wanted.iter().all(|item| item.is_empty() || actual.iter().any(|other| covers(other, item)))
        }
        // A target that keeps one value only, or wraps a single one into a list.
        (actual, Value::List(wanted)) => matches!(wanted.as_slice(), [one] if covers(actual, one)),
        (Value::List(actual), wanted) => matches!(actual.as_slice(), [one] if covers(one, wanted)),
        (Value::Object(actual), Value::Object(wanted)) => wanted.iter().all(|(name, part)| {
            // Some lose the type of an e-mail address; the address itself must be there.
            let optional = matches!(name.as_str(), "type" | "primary" | "display");
            part.is_empty() || actual.get(name).map_or(optional, |other| covers(other, part))
        }),
        (Value::Object(actual), wanted) => actual.get("value").is_some_and(|value| covers(value, wanted)),
        (actual, Value::Object(wanted)) => wanted.get("value").is_some_and(|value| covers(actual, value)),
        (actual, wanted) => actual.same(wanted) || actual.to_string().eq_ignore_ascii_case(&wanted.to_string()),
    }
}
