//! How the servers depart from one another, as far as a test must know it to say what it expects.

use serde_json::{Map, Value as Json};

/// What one server does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traits {
    /// externalId is kept.
    pub(crate) external_id: bool,
    /// userType is known, and items of lists have `type` and `primary`.
    pub(crate) rich: bool,
    /// name.formatted and name.familyName are required.
    pub(crate) full_names: bool,
    /// `filter` is heeded.
    pub(crate) filters: bool,
    /// Status of a second POST with the same userName.
    pub(crate) duplicate: u16,
    /// `members[].value` of a group is the userName, not the id.
    pub(crate) members_by_name: bool,
    /// A user shows the groups that he is in.
    pub(crate) user_groups: bool,
}

/// What RFC 7643 and 7644 say.
const STANDARD: Traits = Traits {
    external_id: true,
    rich: true,
    full_names: false,
    filters: true,
    duplicate: 409,
    members_by_name: false,
    user_groups: false,
};

impl Traits {
    /// Those of the server that this connector describes.
    pub(crate) fn of(connector: &str) -> Self {
        match connector {
            "canaille" => Self {
                external_id: false,
                rich: false,
                full_names: true,
                filters: false,
                duplicate: 500,
                members_by_name: true,
                user_groups: true,
            },
            _ => STANDARD,
        }
    }

    /// A user in the form that this server takes and shows: without what it does not know, with what it demands.
    pub(crate) fn fit(&self, user: &Json) -> Json {
        let mut user = user.clone();
        let parts = user.as_object_mut().unwrap();
        if !self.external_id {
            parts.remove("externalId");
        }
        if !self.rich {
            parts.remove("userType");
            if let Some(Json::Array(emails)) = parts.get_mut("emails") {
                emails.iter_mut().for_each(|email| email.as_object_mut().unwrap().retain(|name, _| name == "value"));
            }
        }
        if self.full_names {
            let user_name = parts["userName"].clone();
            let name = parts.entry("name").or_insert_with(|| Map::new().into()).as_object_mut().unwrap();
            for required in ["formatted", "familyName"] {
                name.entry(required).or_insert_with(|| user_name.clone());
            }
        }
        user
    }
}
