//! What the sandbox says when it refuses (RFC 7644 section 3.12).

use serde_json::json;

/// Schema of error answers.
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// An error answer before it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// HTTP status.
    pub(super) status: u16,
    /// `scimType`; empty = none.
    pub(super) scim_type: &'static str,
    /// What was wrong, with the offending value.
    pub(super) detail: String,
}

impl Refusal {
    /// An error without `scimType`.
    pub(super) fn status(status: u16, detail: impl Into<String>) -> Self {
        Self { status, scim_type: "", detail: detail.into() }
    }

    /// 400 with a `scimType`.
    pub(super) fn bad(scim_type: &'static str, detail: impl Into<String>) -> Self {
        Self { status: 400, scim_type, detail: detail.into() }
    }

    /// 409 `uniqueness`.
    pub(super) fn taken(detail: impl Into<String>) -> Self {
        Self { status: 409, scim_type: "uniqueness", detail: detail.into() }
    }

    /// 404 for a resource.
    pub(super) fn not_found(kind: &str, id: &str) -> Self {
        Self::status(404, format!("{kind} `{id}` does not exist"))
    }

    /// The body, as RFC 7644 shows it: `status` is a string.
    pub(super) fn body(&self) -> Vec<u8> {
        let mut body = json!({ "schemas": [ERROR], "status": self.status.to_string(), "detail": self.detail });
        if !self.scim_type.is_empty() {
            body["scimType"] = self.scim_type.into();
        }
        body.to_string().into_bytes()
    }
}
