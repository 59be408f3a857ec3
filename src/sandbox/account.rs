//! One account in the sandbox, and how it looks from outside.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use crate::clock::Timestamp;
use crate::sandbox::attribute::{GROUP, Resource, USER};

/// An account as the sandbox keeps it.
#[derive(Debug, Clone)]
pub(super) struct Account {
    /// The target's id.
    pub(super) id: String,
    /// Attributes, without `id`, `meta`, `schemas` and `groups`.
    pub(super) body: Resource,
    /// When it was made.
    pub(super) created: Timestamp,
    /// When it last changed.
    pub(super) modified: Timestamp,
    /// It was there before any client came.
    pub(super) third_party: bool,
    /// It was replaced by another account when its userName changed; it can't be used again.
    pub(super) invalid: bool,
}

impl Account {
    /// The userName; every account has one.
    pub(super) fn user_name(&self) -> &str {
        self.body.get("userName").and_then(Json::as_str).unwrap_or_default()
    }

    /// `active`.
    pub(super) fn active(&self) -> bool {
        self.body.get("active") == Some(&Json::Bool(true))
    }
}

/// A resource as it goes over the wire: computed attributes beside the stored ones.
pub(super) struct Rendered<'a> {
    pub(super) kind: &'static str,
    pub(super) id: &'a str,
    pub(super) body: &'a Resource,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    /// `meta.location`.
    pub(super) location: String,
    /// Attribute and value that the sandbox computes: `groups` of a user, `members` of a group.
    pub(super) computed: Option<(&'static str, Json)>,
}

/// RFC 7643 section 3.1.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Meta<'a> {
    resource_type: &'static str,
    created: Timestamp,
    last_modified: Timestamp,
    location: &'a str,
}

impl Serialize for Rendered<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let core = if self.kind == "User" { USER } else { GROUP };
        let extensions = self.body.keys().filter(|key| key.starts_with("urn:")).map(String::as_str);
        let schemas: Vec<&str> = std::iter::once(core).chain(extensions).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("schemas", &schemas)?;
        map.serialize_entry("id", self.id)?;
        for (name, value) in self.body {
            map.serialize_entry(name, value)?;
        }
        if let Some((name, value)) = &self.computed {
            map.serialize_entry(name, value)?;
        }
        let meta = Meta {
            resource_type: self.kind,
            created: self.created,
            last_modified: self.modified,
            location: &self.location,
        };
        map.serialize_entry("meta", &meta)?;
        map.end()
    }
}

/// What a test or a curious person sees of an account.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AccountView {
    /// The target's id.
    pub id: String,
    /// userName.
    pub user_name: String,
    /// externalId, if it was sent and kept.
    pub external_id: Option<String>,
    /// `active`.
    pub active: bool,
    /// It was there before any client came.
    pub third_party: bool,
    /// It was replaced by another account when its userName changed.
    pub invalid: bool,
    /// All stored attributes.
    pub body: Json,
}

impl From<&Account> for AccountView {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id.clone(),
            user_name: account.user_name().to_owned(),
            external_id: account.body.get("externalId").and_then(Json::as_str).map(str::to_owned),
            active: account.active(),
            third_party: account.third_party,
            invalid: account.invalid,
            body: Json::Object(account.body.clone()),
        }
    }
}
