//! Filters (RFC 7644 section 3.4.2.2): parsed by `scim_v2`, held to what the connector allows, and evaluated on JSON.

use std::cmp::Ordering;

use scim_v2::filter::{AttrExp, CompValue, CompareOp, Filter, ValFilter};
use serde_json::Value as Json;

use crate::connector::FilterCombination;
use crate::connector::descriptor::Filters;
use crate::sandbox::attribute::{Place, Resource};
use crate::sandbox::refusal::Refusal;

/// Attributes whose values are compared with regard to case (RFC 7643: `caseExact`).
const CASE_EXACT: [&str; 3] = ["id", "externalId", "meta"];

/// Parses a filter and holds it to the connector's limits.
pub(super) fn parse(text: &str, limits: &Filters) -> Result<Filter, Refusal> {
    let refuse = |why: String| Refusal::bad("invalidFilter", why);
    if !limits.supported {
        return Err(refuse("this target does not filter".to_owned()));
    }
    let filter: Filter = text.parse().map_err(|error| refuse(format!("`{text}` is not a filter: {error}")))?;
    allowed(&filter, limits).map_err(refuse)?;
    Ok(filter)
}

fn allowed(filter: &Filter, limits: &Filters) -> Result<(), String> {
    match filter {
        Filter::Attr(expression) => expression_allowed(expression, limits),
        Filter::And(parts) if limits.combine != FilterCombination::None => {
            parts.iter().try_for_each(|part| allowed(part, limits))
        }
        Filter::Or(parts) if limits.combine == FilterCombination::Any => {
            parts.iter().try_for_each(|part| allowed(part, limits))
        }
        Filter::Not(inner) if limits.combine == FilterCombination::Any => allowed(inner, limits),
        Filter::ValuePath(_) if limits.combine == FilterCombination::Any => Ok(()),
        _ => Err(match limits.combine {
            FilterCombination::And => format!("`{filter}`: conditions can be combined with `and` only"),
            _ => format!("`{filter}`: a filter has one condition on one attribute"),
        }),
    }
}

fn expression_allowed(expression: &AttrExp, limits: &Filters) -> Result<(), String> {
    let (path, operator) = match expression {
        AttrExp::Present(path) => (path, "pr".to_owned()),
        AttrExp::Comparison(path, operator, _) => (path, operator.to_string()),
    };
    let name = Place::from(path).to_string();
    if !limits.attributes.is_empty() && !limits.attributes.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
        return Err(format!("`{name}` can't be filtered; {} can", limits.attributes.join(", ")));
    }
    if !limits.operators.is_empty() && !limits.operators.contains(&operator) {
        return Err(format!("operator `{operator}` is not supported; {} are", limits.operators.join(", ")));
    }
    Ok(())
}

/// The attribute and text of a plain `attribute eq "text"`, so that an index can answer it.
pub(super) fn single_eq(filter: &Filter) -> Option<(&str, &str)> {
    match filter {
        Filter::Attr(AttrExp::Comparison(path, CompareOp::Eq, CompValue::Str(text))) if path.sub_attr.is_none() => {
            Some((path.name.as_str(), text.as_str()))
        }
        _ => None,
    }
}

/// Whether `resource` matches.
pub(super) fn matches(filter: &Filter, resource: &Resource) -> bool {
    match filter {
        Filter::Attr(expression) => expression_matches(expression, resource),
        Filter::ValuePath(path) => items_at(&Place::from(&path.attr), resource)
            .iter()
            .any(|item| item.as_object().is_some_and(|item| item_matches(&path.filter, item))),
        Filter::Not(inner) => !matches(inner, resource),
        Filter::And(parts) => parts.iter().all(|part| matches(part, resource)),
        Filter::Or(parts) => parts.iter().any(|part| matches(part, resource)),
    }
}

fn items_at<'a>(place: &Place, resource: &'a Resource) -> &'a [Json] {
    place.get(resource).and_then(Json::as_array).map_or(&[], Vec::as_slice)
}

/// Whether one item of a multi-valued attribute matches the filter in brackets.
pub(super) fn item_matches(filter: &ValFilter, item: &Resource) -> bool {
    match filter {
        ValFilter::Attr(expression) => expression_matches(expression, item),
        ValFilter::Not(inner) => !item_matches(inner, item),
        ValFilter::And(parts) => parts.iter().all(|part| item_matches(part, item)),
        ValFilter::Or(parts) => parts.iter().any(|part| item_matches(part, item)),
    }
}

fn expression_matches(expression: &AttrExp, resource: &Resource) -> bool {
    match expression {
        AttrExp::Present(path) => {
            let place = Place::from(path);
            place.get(resource).is_some() || !place.values(resource).is_empty()
        }
        AttrExp::Comparison(path, operator, wanted) => {
            let place = Place::from(path);
            let exact = CASE_EXACT.contains(&place.name.as_str());
            let values = place.values(resource);
            match (operator, wanted) {
                (CompareOp::Eq, CompValue::Null) => values.is_empty(),
                (CompareOp::Ne, CompValue::Null) => !values.is_empty(),
                (CompareOp::Ne, _) => !values.iter().any(|value| compares(value, &CompareOp::Eq, wanted, exact)),
                _ => values.iter().any(|value| compares(value, operator, wanted, exact)),
            }
        }
    }
}

fn compares(value: &Json, operator: &CompareOp, wanted: &CompValue, exact: bool) -> bool {
    match (value, wanted) {
        (Json::String(text), CompValue::Str(wanted)) if exact => text_compares(text, operator, wanted),
        (Json::String(text), CompValue::Str(wanted)) => {
            text_compares(&text.to_lowercase(), operator, &wanted.to_lowercase())
        }
        (Json::Bool(flag), CompValue::True | CompValue::False) => {
            *operator == CompareOp::Eq && *flag == (*wanted == CompValue::True)
        }
        // `roles[primary eq "True"]`: what big identity providers send, and several targets document.
        (Json::Bool(flag), CompValue::Str(text)) => {
            *operator == CompareOp::Eq && text.eq_ignore_ascii_case(if *flag { "true" } else { "false" })
        }
        (Json::Number(number), CompValue::Number(wanted)) => {
            let order = number.as_f64().zip(wanted.as_f64()).and_then(|(a, b)| a.partial_cmp(&b));
            order.is_some_and(|order| ordered(order, operator))
        }
        _ => false,
    }
}

fn text_compares(text: &str, operator: &CompareOp, wanted: &str) -> bool {
    match operator {
        CompareOp::Co => text.contains(wanted),
        CompareOp::Sw => text.starts_with(wanted),
        CompareOp::Ew => text.ends_with(wanted),
        _ => ordered(text.cmp(wanted), operator),
    }
}

fn ordered(order: Ordering, operator: &CompareOp) -> bool {
    match operator {
        CompareOp::Eq => order.is_eq(),
        CompareOp::Gt => order.is_gt(),
        CompareOp::Ge => order.is_ge(),
        CompareOp::Lt => order.is_lt(),
        CompareOp::Le => order.is_le(),
        CompareOp::Ne | CompareOp::Co | CompareOp::Sw | CompareOp::Ew => false,
    }
}
