//! What every endpoint can refuse, added to the description in one place: what it says of itself can't be forgotten there.

use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{
    ContentBuilder, HeaderBuilder, OpenApi, PathItem, Ref, RefOr, Required, Response, ResponseBuilder,
};

use crate::server::api::once::{KEY_BYTES_MAX, REPLAYED};

/// The kind of all refusals.
pub const PROBLEM: &str = "application/problem+json";

/// Status, the name in the description, and what it means.
const REFUSALS: [(&str, &str, &str); 10] = [
    ("400", "BadRequest", "the request can't be read: a parameter or field is unknown or wrong"),
    ("401", "Unauthorized", "nobody is signed in, or the token counts for nothing"),
    (
        "403",
        "Forbidden",
        "the role is not enough (`forbidden`), a program asked for what only people decide \
     (`approval-needs-a-person`), the last proof is too old (`proof-needed`), or the form is from elsewhere (`foreign-form`)",
    ),
    ("404", "NotFound", "there is no such thing"),
    (
        "409",
        "Conflict",
        "it can't be done as things stand (`conflict`), or the same write is under way (`request-under-way`)",
    ),
    ("413", "TooLarge", "the body is too large"),
    ("415", "MediaType", "the body is of another kind"),
    (
        "422",
        "Invalid",
        "what was asked for can't be done (`invalid`; `errors` names mistakes in files), or the Idempotency-Key \
     was sent with another request (`idempotency-key-reused`)",
    ),
    ("500", "Fault", "a fault in Usher, or the store failed"),
    ("507", "DiskFull", "the disk is full; nothing was written"),
];

/// The operations of an address, with their methods.
pub fn operations(item: &mut PathItem) -> Vec<(&'static str, &mut Operation)> {
    let all = [
        ("GET", item.get.as_mut()),
        ("POST", item.post.as_mut()),
        ("PUT", item.put.as_mut()),
        ("PATCH", item.patch.as_mut()),
        ("DELETE", item.delete.as_mut()),
    ];
    all.into_iter().filter_map(|(method, operation)| operation.map(|operation| (method, operation))).collect()
}

/// Adds them.
pub fn add(openapi: &mut OpenApi) {
    for (path, item) in &mut openapi.paths.paths {
        for (method, operation) in operations(item) {
            let of = statuses(path, method, operation);
            for (status, name, _) in REFUSALS.iter().filter(|(status, ..)| of.contains(status)) {
                let refusal = RefOr::Ref(Ref::new(format!("#/components/responses/{name}")));
                operation.responses.responses.entry((*status).to_owned()).or_insert(refusal);
            }
            if method != "GET" {
                name_once(operation);
            }
        }
    }
    let components = openapi.components.get_or_insert_default();
    for (_, name, meaning) in &REFUSALS {
        components.responses.insert((*name).to_owned(), RefOr::T(refusal(meaning)));
    }
}

fn statuses(path: &str, method: &str, operation: &Operation) -> Vec<&'static str> {
    let mut of = vec!["400", "401", "403", "500"];
    if path.contains('{') {
        of.push("404");
    }
    let asked = operation.parameters.iter().flatten();
    let asks = asked.filter(|each| matches!(each, RefOr::T(Parameter { parameter_in: ParameterIn::Query, .. })));
    if method != "GET" || path.contains('{') || asks.count() > 0 {
        of.push("422");
    }
    if method != "GET" {
        of.extend(["409", "413", "507"]);
    }
    if operation.request_body.is_some() {
        of.push("415");
        // What a body names may not be there.
        of.push("404");
    }
    of
}

fn refusal(meaning: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(meaning).content(PROBLEM, content).build()
}

/// What names a write, and what its answer says of it.
fn name_once(operation: &mut Operation) {
    let text = ObjectBuilder::new().schema_type(Type::String).min_length(Some(1)).max_length(Some(KEY_BYTES_MAX));
    let key = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(
            "Names this write: sent twice, it is done once, and the first answer is given again for 24 hours",
        ))
        .schema(Some(text.pattern(Some("^[!-~]+$")).build()))
        .build();
    operation.parameters.get_or_insert_default().push(RefOr::T(key));
    let said = || {
        let header = HeaderBuilder::new().description(Some("true: this is the first answer, given again")).build();
        RefOr::T(header)
    };
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && status.starts_with('2')
        {
            response.headers.insert(REPLAYED.to_owned(), said());
        }
    }
}
