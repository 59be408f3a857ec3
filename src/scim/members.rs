//! Bodies of requests about groups (RFC 7644 section 3.5.2): members added and removed one by one, never replaced as a list. They are
//! made for cleared changes only.

use serde_json::{Value as Json, json};

use crate::connector::groups::{Groups, MemberAdd, MemberRemove, MemberValue};
use crate::provision::guard::{ClearedEdge, ClearedGroup};

const GROUP_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// The body of a POST that creates a group.
pub fn create_group(cleared: &ClearedGroup<'_>) -> Vec<u8> {
    bytes(&json!({ "schemas": [GROUP_SCHEMA], "displayName": cleared.name() }))
}

/// The body of a PATCH that changes members of one group in one direction: that of the first. Others are left out.
pub fn patch(edges: &[ClearedEdge<'_>], groups: &Groups) -> Vec<u8> {
    let Some(first) = edges.first() else { return bytes(&json!({ "schemas": [PATCH_SCHEMA], "Operations": [] })) };
    let members: Vec<&str> = edges
        .iter()
        .filter(|edge| edge.adds() == first.adds() && edge.group() == first.group())
        .map(ClearedEdge::member)
        .collect();
    let operations = if first.adds() { additions(&members, groups) } else { removals(&members, groups) };
    bytes(&json!({ "schemas": [PATCH_SCHEMA], "Operations": operations }))
}

/// The body of a PATCH that leaves out `edges` of those whom the group lists (`listed`, as it shows them), and the number of those left
/// out. Everybody else stays.
pub fn without(edges: &[ClearedEdge<'_>], listed: &[&str], groups: &Groups) -> (Vec<u8>, usize) {
    let leaves = |shown: &str| {
        edges.iter().filter(|edge| !edge.adds()).any(|edge| match groups.member_value {
            MemberValue::Id => edge.member() == shown,
            MemberValue::UserName => edge.user_name() == Some(shown),
        })
    };
    let others: Vec<Json> = listed.iter().filter(|shown| !leaves(shown)).map(|shown| member(shown, groups)).collect();
    let gone = listed.len() - others.len();
    let operation = json!({ "op": "replace", "path": "members", "value": others });
    (bytes(&json!({ "schemas": [PATCH_SCHEMA], "Operations": [operation] })), gone)
}

fn additions(members: &[&str], groups: &Groups) -> Vec<Json> {
    let add = |members: &[&str]| {
        let value: Vec<Json> = members.iter().map(|id| member(id, groups)).collect();
        json!({ "op": "add", "path": "members", "value": value })
    };
    match groups.add {
        MemberAdd::Array => vec![add(members)],
        MemberAdd::Single => members.chunks(1).map(add).collect(),
    }
}

fn removals(members: &[&str], groups: &Groups) -> Vec<Json> {
    match groups.remove {
        MemberRemove::ValuePath => members
            .iter()
            .map(|id| json!({ "op": "remove", "path": format!("members[value eq {}]", Json::from(*id)) }))
            .collect(),
        // Made by `without`, which knows who else is there.
        MemberRemove::Replace => Vec::new(),
        MemberRemove::Array => {
            let value: Vec<Json> = members.iter().map(|id| json!({ "value": id })).collect();
            vec![json!({ "op": "remove", "path": "members", "value": value })]
        }
    }
}

fn member(id: &str, groups: &Groups) -> Json {
    if groups.member_type { json!({ "value": id, "type": "User" }) } else { json!({ "value": id }) }
}

fn bytes(json: &Json) -> Vec<u8> {
    // JSON values built here have string keys and no foreign serialiser: they always encode.
    serde_json::to_vec(json).expect("a JSON value encodes")
}
