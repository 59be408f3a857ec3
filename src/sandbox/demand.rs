//! What a connector demands of an account: settles a resource that a client sent, or says why it can't be.

use serde_json::{Value as Json, json};

use crate::connector::{AttributeRule, Connector, Deactivation};
use crate::directory::Value;
use crate::sandbox::attribute::{MULTI, Place, Resource, is_multi, paths, prune};
use crate::sandbox::refusal::Refusal;

/// Makes of what a client sent what the target would keep. `before` is the account as it was, `None` for a new one.
///
/// # Errors
/// 400 with the attribute, its value and what was expected.
pub(super) fn settle(connector: &Connector, before: Option<&Resource>, sent: Resource) -> Result<Resource, Refusal> {
    let mut after = sent;
    for computed in ["id", "meta", "schemas", "groups"] {
        after.remove(computed);
    }
    prune(&mut after);
    shape(&after)?;
    for (path, rule) in &connector.attributes {
        let place = Place::parse(path);
        if rule.read_only || (rule.create_only && before.is_some()) {
            place.set(&mut after, before.and_then(|before| place.get(before)).cloned());
        }
    }
    known(connector, before, &after)?;
    for (path, rule) in &connector.attributes {
        attribute(path, rule, &mut after)?;
    }
    texts(connector, &after)?;
    user_name(connector, &after)?;
    if !after.contains_key("active") {
        let active = before.and_then(|before| before.get("active")).cloned().unwrap_or(json!(true));
        after.insert("active".to_owned(), active);
    }
    if !connector.users.keeps_external_id {
        after.remove("externalId");
    }
    Ok(after)
}

/// The JSON types of RFC 7643 section 4.1: strings, `active` a boolean, lists of objects.
fn shape(resource: &Resource) -> Result<(), Refusal> {
    const TEXTS: [&str; 10] = [
        "userName",
        "externalId",
        "displayName",
        "nickName",
        "title",
        "userType",
        "preferredLanguage",
        "locale",
        "timezone",
        "profileUrl",
    ];
    let wrong = |name: &str, value: &Json, expected: &str| {
        Refusal::bad("invalidValue", format!("`{name}` is {value}, expected {expected}"))
    };
    for (name, value) in resource {
        let name = name.as_str();
        if TEXTS.contains(&name) && !value.is_string() {
            return Err(wrong(name, value, "a string"));
        }
        if name == "active" && !value.is_boolean() {
            return Err(wrong(name, value, "true or false"));
        }
        if name == "name" && !value.is_object() {
            return Err(wrong(name, value, "an object"));
        }
        let objects = |items: &Vec<Json>| items.iter().all(Json::is_object);
        if MULTI.contains(&name) && !value.as_array().is_some_and(objects) {
            return Err(wrong(name, value, "a list of objects"));
        }
    }
    Ok(())
}

/// Refuses what the target does not have.
fn known(connector: &Connector, before: Option<&Resource>, after: &Resource) -> Result<(), Refusal> {
    for path in paths(after) {
        let own = path == "active" && connector.users.deactivate == Deactivation::Active;
        let there = before.is_some_and(|before| Place::parse(&path).get(before).is_some());
        if !own && !there && connector.lacks(&path) {
            return Err(Refusal::bad("invalidPath", format!("`{path}` is not supported by this target")));
        }
    }
    Ok(())
}

/// One attribute's rule: required, allowed, fallback, number of values, length.
fn attribute(path: &str, rule: &AttributeRule, after: &mut Resource) -> Result<(), Refusal> {
    let place = Place::parse(path);
    let multi = place.sub.is_none() && (is_multi(&place.name) || matches!(place.get(after), Some(Json::Array(_))));
    let empty = |value: Option<&Json>| value.is_none_or(|value| value.as_str().is_some_and(str::is_empty));
    if empty(place.get(after))
        && let Some(fallback) = &rule.fallback
    {
        place.set(after, Some(fallen_back(fallback, multi)));
    }
    if rule.required && empty(place.get(after)) {
        return Err(Refusal::bad("invalidValue", format!("`{path}` is required")));
    }
    if !rule.allowed.is_empty() {
        let bad = place.values(after).into_iter().find(|value| !allowed(rule, value));
        if let Some(value) = bad {
            let expected = rule.allowed.join(", ");
            return Err(Refusal::bad("invalidValue", format!("`{path}` is {value}, allowed are {expected}")));
        }
    }
    if rule.length_max > 0
        && let Some(text) = place.get(after).and_then(Json::as_str)
        && text.chars().count() > rule.length_max as usize
    {
        return Err(Refusal::bad("invalidValue", format!("`{path}` is longer than {} characters", rule.length_max)));
    }
    if rule.values_max > 0
        && let Some(Json::Array(items)) = place.get(after)
        && items.len() > rule.values_max as usize
    {
        let mut items = items.clone();
        items.sort_by_key(|item| item["primary"] != json!(true));
        items.truncate(rule.values_max as usize);
        place.set(after, Some(Json::Array(items)));
    }
    Ok(())
}

fn allowed(rule: &AttributeRule, value: &Json) -> bool {
    value.as_str().is_some_and(|text| rule.allowed.iter().any(|known| known == text))
}

fn fallen_back(fallback: &Value, multi: bool) -> Json {
    match fallback {
        Value::Text(text) if multi => json!([{ "value": text, "primary": true }]),
        other => other.to_json(),
    }
}

/// Characters the target refuses.
fn texts(connector: &Connector, after: &Resource) -> Result<(), Refusal> {
    if connector.users.strip.is_empty() {
        return Ok(());
    }
    for (name, value) in after {
        if let Some(text) = value.as_str()
            && let Some(bad) = text.chars().find(|c| connector.users.strip.contains(*c))
        {
            return Err(Refusal::bad("invalidValue", format!("`{name}` has the character `{bad}`, which is refused")));
        }
    }
    Ok(())
}

fn user_name(connector: &Connector, after: &Resource) -> Result<(), Refusal> {
    let name = after.get("userName").and_then(Json::as_str).unwrap_or_default();
    if name.is_empty() {
        return Err(Refusal::bad("invalidValue", "`userName` is required"));
    }
    let address = name.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && domain.contains('.') && !domain.contains('@') && !name.contains(char::is_whitespace)
    });
    if connector.users.username_is_email && !address {
        return Err(Refusal::bad("invalidValue", format!("userName `{name}` is not an e-mail address")));
    }
    Ok(())
}
