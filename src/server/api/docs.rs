//! The description as a page for people: by tag, with parameters, bodies and answers. No script, nothing from elsewhere.

use std::sync::Arc;

use axum::response::Html;
use maud::{Markup, html};
use serde_json::Value;

use crate::server::api::describe;
use crate::server::console::layout;

const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// One operation, as the description has it.
struct Operation<'a> {
    method: &'static str,
    path: &'a str,
    what: &'a Value,
}

/// `GET /api/v1/docs`.
pub async fn show(page: Arc<str>) -> Html<String> {
    Html(page.to_string())
}

/// The page.
pub fn page(description: &utoipa::openapi::OpenApi) -> String {
    // It was written as JSON, so it can be read.
    let all: Value = serde_json::from_str(&describe::text(description)).unwrap_or_default();
    let tags = list(&all["tags"]);
    let operations = operations(&all);
    let of = |tag: &Value| -> Vec<&Operation<'_>> {
        operations.iter().filter(|each| each.what["tags"][0] == tag["name"]).collect()
    };
    let body = html! {
        div .reference {
            h1 { "API" }
            p { (prose(text(&all["info"]["description"]))) }
            p { "For programs: " a href="openapi.json" { "openapi.json" } " (OpenAPI " (text(&all["openapi"])) ")." }
            nav aria-label="Contents" {
                @for tag in &tags {
                    section {
                        h2 { a href={ "#" (text(&tag["name"])) } { (text(&tag["name"])) } }
                        ul { @for each in of(tag) {
                            li { a href={ "#" (text(&each.what["operationId"])) } { (text(&each.what["summary"])) } }
                        } }
                    }
                }
            }
            @for tag in &tags {
                section #(text(&tag["name"])) .kind {
                    h2 { (text(&tag["name"])) }
                    p { (text(&tag["description"])) }
                    @for each in of(tag) { (operation(each)) }
                }
            }
            (refusals(&all))
            section #schemas .kind {
                h2 { "Shapes" }
                @for (name, schema) in fields(&all["components"]["schemas"]) { (shape(name, schema)) }
            }
        }
    };
    layout::plain("API", &body).into_string()
}

fn operations(all: &Value) -> Vec<Operation<'_>> {
    let mut operations = Vec::new();
    for (path, item) in fields(&all["paths"]) {
        for method in METHODS {
            if let Some(what) = item.get(method) {
                operations.push(Operation { method, path, what });
            }
        }
    }
    operations
}

fn operation(each: &Operation<'_>) -> Markup {
    let what = each.what;
    html! {
        article #(text(&what["operationId"])) .endpoint {
            h3 { (text(&what["summary"])) }
            p .address { span .method .(each.method) { (each.method.to_uppercase()) } " " code { "/api/v1" (each.path) } }
            @if let Some(more) = what["description"].as_str() { p { (prose(more)) } }
            @let parameters = list(&what["parameters"]);
            @if !parameters.is_empty() {
                h4 { "Parameters" }
                dl { @for parameter in &parameters {
                    dt {
                        code { (text(&parameter["name"])) } " "
                        span .soft { (text(&parameter["in"])) @if parameter["required"] == true { ", required" } }
                    }
                    dd { (kind(&parameter["schema"])) " " (prose(text(&parameter["description"]))) }
                } }
            }
            @for (media, content) in fields(&what["requestBody"]["content"]) {
                h4 { "Body" }
                p { code { (media) } " " (kind(&content["schema"])) }
            }
            h4 { "Answers" }
            @let (shared, own): (Vec<_>, Vec<_>) =
                fields(&what["responses"]).into_iter().partition(|(_, answer)| answer.get("$ref").is_some());
            dl { @for (status, answer) in own {
                dt { code { (status) } }
                dd {
                    (prose(text(&answer["description"])))
                    @for (media, content) in fields(&answer["content"]) {
                        @if media != super::refusals::PROBLEM { " " code { (media) } " " (kind(&content["schema"])) }
                    }
                }
            } }
            p .shared {
                "Or a " a href="#refusals" { "refusal" } ": "
                @for (status, _) in shared { code { (status) } " " }
            }
        }
    }
}

/// What every endpoint can refuse, once for all.
fn refusals(all: &Value) -> Markup {
    let mut meanings: Vec<(&String, &Value)> = Vec::new();
    for each in operations(all) {
        for (status, answer) in fields(&each.what["responses"]) {
            if answer.get("$ref").is_some() && !meanings.iter().any(|(known, _)| *known == status) {
                meanings.push((status, resolved(all, answer)));
            }
        }
    }
    meanings.sort_by_key(|(status, _)| *status);
    html! {
        section #refusals .kind {
            h2 { "Refusals" }
            p { "As " code { (super::refusals::PROBLEM) } " " a href="#shape-Problem" { "Problem" } "." }
            dl { @for (status, meaning) in meanings { dt { code { (status) } } dd { (prose(text(&meaning["description"]))) } } }
        }
    }
}

/// One named shape: its fields or its words.
fn shape(name: &str, schema: &Value) -> Markup {
    let required = list(&schema["required"]);
    let is_required = |field: &str| required.iter().any(|each| each.as_str() == Some(field));
    html! {
        article #{ "shape-" (name) } .endpoint {
            h3 { (name) }
            @if let Some(about) = schema["description"].as_str() { p { (prose(about)) } }
            @if schema.get("properties").is_none() { p { (kind(schema)) } }
            dl { @for (field, of) in fields(&schema["properties"]) {
                dt { code { (field) } @if !is_required(field) { " " span .soft { "optional" } } }
                dd { (kind(of)) " " (prose(text(&of["description"]))) }
            } }
            @if let Some(example) = schema.get("example") {
                pre tabindex="0" role="group" aria-label=(format!("Example of {name}")) { (serde_json::to_string_pretty(example).unwrap_or_default()) }
            }
        }
    }
}

/// What kind of value a schema is, in a few words, with a link to the shape if it has a name.
fn kind(schema: &Value) -> Markup {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return html! { a href={ "#shape-" (name) } { (name) } };
    }
    let several = list(if schema["oneOf"].is_array() { &schema["oneOf"] } else { &schema["anyOf"] });
    if !several.is_empty() {
        return html! { @for (at, each) in several.iter().enumerate() { @if at > 0 { " or " } (kind(each)) } };
    }
    let words: Vec<&str> = list(&schema["enum"]).into_iter().filter_map(Value::as_str).collect();
    if !words.is_empty() {
        return html! { span .soft { "one of " } code { (words.join(" ")) } };
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => vec!["any value"],
    };
    html! {
        @if types.contains(&"array") { span .soft { "list of " } (kind(&schema["items"])) }
        @else if types.contains(&"object") && schema["additionalProperties"].is_object() {
            span .soft { "by name: " } (kind(&schema["additionalProperties"]))
        }
        @else { span .soft { (types.join(" or ")) } }
    }
}

/// A sentence whose `words` are shown as code.
fn prose(sentence: &str) -> Markup {
    html! {
        @for (at, part) in sentence.split('`').enumerate() {
            @if at % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

fn resolved<'a>(all: &'a Value, answer: &'a Value) -> &'a Value {
    match answer["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        Some(name) => &all["components"]["responses"][name],
        None => answer,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> Vec<&Value> {
    value.as_array().map(|items| items.iter().collect()).unwrap_or_default()
}

fn fields(value: &Value) -> Vec<(&String, &Value)> {
    value.as_object().map(|fields| fields.iter().collect()).unwrap_or_default()
}
