//! Groups and other entitlements of a kind of target app: where they are listed, what may be written, and in which form.

use serde::{Deserialize, Serialize};

/// Groups at the target (RFC 7643 section 4.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Groups {
    /// What can be done with them.
    pub mode: GroupMode,
    /// `/Groups`.
    pub path: String,
    /// Query parameters of a list of groups, for example `excludedAttributes=members`; empty = none.
    pub list_parameters: String,
    /// Where it is seen who is a member.
    pub read: MembershipRead,
    /// The most member changes of one request (100 at AWS, 1 in a strict case); 0 = any number.
    pub members_max: u32,
    /// The most bytes of one request (800,000 at Miro); 0 = any number.
    pub bytes_max: u32,
    /// How members are added.
    pub add: MemberAdd,
    /// How members are removed.
    pub remove: MemberRemove,
    /// What the list of a group shows of a member.
    pub member_value: MemberValue,
    /// Whether members are sent with `type: "User"`.
    pub member_type: bool,
    /// The target computes who is a member: what was sent is read back, and a membership that does not show is reported as *not
    /// effective*, never sent again.
    pub computed: bool,
    /// The vendor does not publish the form of member changes: what is here is a guess, and every plan says so.
    pub unverified: bool,
}

impl Default for Groups {
    fn default() -> Self {
        Self {
            mode: GroupMode::Full,
            path: String::new(),
            list_parameters: String::new(),
            read: MembershipRead::Group,
            members_max: 100,
            bytes_max: 0,
            add: MemberAdd::Array,
            remove: MemberRemove::ValuePath,
            member_value: MemberValue::Id,
            member_type: false,
            computed: false,
            unverified: false,
        }
    }
}

impl Groups {
    /// The path of the resource, `/Groups` unless set otherwise.
    pub fn path(&self) -> &str {
        if self.path.is_empty() { "/Groups" } else { &self.path }
    }

    /// Whether the target has groups at all.
    pub fn exist(&self) -> bool {
        self.mode != GroupMode::None
    }
}

/// What can be done with groups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupMode {
    /// Created, read, and members changed.
    #[default]
    Full,
    /// Members are added and removed; the group resources and `User.groups` are never written.
    MembershipOnly,
    /// Only read.
    ReadOnly,
    /// There are none.
    None,
}

/// Where it is seen who is a member of a group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MembershipRead {
    /// `members` of the group.
    #[default]
    Group,
    /// `groups` of the user.
    User,
    /// A filter on groups, `members.value eq "ID"` (AWS).
    Filter,
    /// Nowhere: drift is unknown.
    None,
}

/// How members are added by PATCH.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberAdd {
    /// One `add` with path `members` and an array.
    #[default]
    Array,
    /// One `add` a member.
    Single,
}

/// What the list of a group shows of a member.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberValue {
    /// The account's id (RFC 7643 section 4.2).
    #[default]
    Id,
    /// Its userName.
    UserName,
}

/// How members are removed by PATCH.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberRemove {
    /// One `remove` with path `members[value eq "ID"]` a member (RFC 7644 section 3.5.2.2).
    #[default]
    ValuePath,
    /// One `remove` with path `members` and an array of values (targets that know no value path).
    Array,
    /// One `replace` of `members` with everybody else, as read just before and only if the group has not changed since (`If-Match`,
    /// RFC 7644 section 3.14): for targets that know no way to remove a member. Nothing is sent where the group has no version.
    Replace,
}

/// Another kind of entitlement than groups: `[[entitlements]]` of a connector file. Exactly one of `path` and `attribute` is given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntitlementSource {
    /// `role`, `licence`, `department`, …: what rules call it.
    pub kind: String,
    /// A resource type that lists them, for example `/Roles`; only read.
    #[serde(default)]
    pub path: String,
    /// The attribute of such a resource that holds its name.
    #[serde(default = "display_name")]
    pub name: String,
    /// An attribute of the user schema whose canonical values (`/Schemas`, RFC 7643 section 7) they are, for example `roles`.
    #[serde(default)]
    pub attribute: String,
}

impl EntitlementSource {
    /// The first thing that contradicts another, in words.
    pub(super) fn contradiction(&self) -> Option<String> {
        let Self { kind, path, attribute, .. } = self;
        let wrong = if kind.is_empty() {
            "it has no kind".to_owned()
        } else if kind == "group" {
            "the kind `group` is that of [groups]".to_owned()
        } else if path.is_empty() == attribute.is_empty() {
            "give it either a path (a resource type) or an attribute (of the user schema)".to_owned()
        } else if !path.is_empty() && !path.starts_with('/') {
            format!("its path is `{path}`, it must start with `/` (it is appended to the base URL)")
        } else {
            return None;
        };
        Some(format!("[[entitlements]] of kind `{kind}`: {wrong}"))
    }
}

fn display_name() -> String {
    "displayName".to_owned()
}
