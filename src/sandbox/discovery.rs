//! Discovery (RFC 7644 section 4), drawn from the connector.

use serde_json::{Value as Json, json};

use crate::connector::{AttributeRule, Connector, GroupMode, UpdateVerb};
use crate::sandbox::answer::Answer;
use crate::sandbox::attribute::{GROUP, USER, is_multi};
use crate::sandbox::list::{Page, Query};

/// The answer for a discovery path below the base URL, if it is one.
pub(super) fn answer(connector: &Connector, path: &str) -> Option<Answer> {
    let known = |own: &str| !own.is_empty() && own == path;
    let discovery = &connector.discovery;
    if known(&discovery.service_provider_config) {
        return Some(Answer::scim(200, &service_provider_config(connector)));
    }
    if known(&discovery.resource_types) {
        return Some(listed(resource_types(connector)));
    }
    if known(&discovery.schemas) {
        return Some(listed(schemas(connector)));
    }
    let one_of = |own: &str, all: Vec<Json>| {
        let id = path.strip_prefix(own)?.strip_prefix('/')?;
        let found = all.into_iter().find(|each| each["id"] == id)?;
        (!own.is_empty()).then(|| Answer::scim(200, &found))
    };
    one_of(&discovery.resource_types, resource_types(connector))
        .or_else(|| one_of(&discovery.schemas, schemas(connector)))
}

fn listed(all: Vec<Json>) -> Answer {
    let window = Query::default().window(100, 100);
    Answer::scim(200, &Page::new(all.len(), window, all))
}

/// RFC 7643 section 5.
fn service_provider_config(connector: &Connector) -> Json {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "documentationUri": connector.documentation,
        "patch": { "supported": connector.users.update == UpdateVerb::Patch },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": connector.filter.supported, "maxResults": connector.paging.page_size_max },
        "changePassword": { "supported": false },
        "sort": { "supported": false },
        "etag": { "supported": false },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "OAuth Bearer Token",
            "description": "A bearer token (RFC 6750)",
            "primary": true,
        }],
        "meta": { "resourceType": "ServiceProviderConfig" },
    })
}

/// RFC 7643 section 6.
fn resource_types(connector: &Connector) -> Vec<Json> {
    let kind = |name: &str, endpoint: &str, schema: &str| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
            "id": name,
            "name": name,
            "endpoint": endpoint,
            "schema": schema,
            "meta": { "resourceType": "ResourceType" },
        })
    };
    let mut kinds = vec![kind("User", &connector.users.path, USER)];
    if connector.groups.mode != GroupMode::None {
        kinds.push(kind("Group", groups_path(connector), GROUP));
    }
    kinds
}

/// Path of groups below the base URL.
pub(super) fn groups_path(connector: &Connector) -> &str {
    if connector.groups.path.is_empty() { "/Groups" } else { &connector.groups.path }
}

/// RFC 7643 section 7: the attributes that the connector names.
fn schemas(connector: &Connector) -> Vec<Json> {
    let simple = |path: &str, rule: &AttributeRule| {
        let mutability = if rule.read_only { "readOnly" } else { "readWrite" };
        json!({
            "name": path,
            "type": if is_multi(path) { "complex" } else if path == "active" { "boolean" } else { "string" },
            "multiValued": is_multi(path),
            "required": rule.required,
            "caseExact": path == "externalId",
            "mutability": mutability,
            "returned": "default",
            "uniqueness": if path == "userName" { "server" } else { "none" },
            "canonicalValues": rule.allowed,
        })
    };
    let mut attributes: Vec<Json> = Vec::new();
    let mut name_parts: Vec<Json> = Vec::new();
    for (path, rule) in connector.attributes.iter().filter(|(path, _)| !path.starts_with("urn:")) {
        match path.strip_prefix("name.") {
            Some(part) => name_parts.push(simple(part, rule)),
            None => attributes.push(simple(path, rule)),
        }
    }
    if !name_parts.is_empty() {
        attributes.push(json!({
            "name": "name", "type": "complex", "multiValued": false, "required": false,
            "mutability": "readWrite", "returned": "default", "subAttributes": name_parts,
        }));
    }
    let schema = |id: &str, name: &str, attributes: Vec<Json>| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
            "id": id,
            "name": name,
            "attributes": attributes,
            "meta": { "resourceType": "Schema" },
        })
    };
    vec![schema(USER, "User", attributes)]
}
