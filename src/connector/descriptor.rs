//! A connector: what a kind of target app can do and where it departs from RFC 7643/7644. Every quirk is a field, never an
//! `if` on a vendor's name. Defaults are what RFC 7644 says of a well-behaved server.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::connector::groups::{EntitlementSource, GroupMode, Groups, MemberValue, MembershipRead};
use crate::directory::value::Value;
use crate::id::Name;
use crate::text::{self, FileError};

/// A connector file (`connectors/NAME.toml`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connector {
    /// Its name; the file is called the same.
    pub name: Name,
    /// What people call it.
    pub title: String,
    /// Where the vendor documents it.
    #[serde(default)]
    pub documentation: String,
    /// The shape of the base URL, with `{PLACEHOLDERS}`; shown by `init` and in errors.
    #[serde(default)]
    pub base_url: String,
    /// What an admin must know before connecting, in sentences.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Values that mean *privileged*, as `attribute:VALUE` (also `group:NAME`).
    #[serde(default)]
    pub privileged: Vec<String>,
    /// The target's roles from least to most, for apps that do not list them: a step down is held.
    #[serde(default)]
    pub app_role_order: Vec<String>,
    /// How requests look.
    #[serde(default)]
    pub http: Http,
    /// Discovery endpoints (RFC 7644 section 4).
    #[serde(default)]
    pub discovery: Discovery,
    /// Listing and paging (RFC 7644 section 3.4.2.4).
    #[serde(default)]
    pub paging: Paging,
    /// What `filter=` may say (RFC 7644 section 3.4.2.2).
    #[serde(default)]
    pub filter: Filters,
    /// The `/Users` resource.
    #[serde(default)]
    pub users: Users,
    /// Groups and who is in them.
    #[serde(default)]
    pub groups: Groups,
    /// Other entitlements, and where they are listed.
    #[serde(default)]
    pub entitlements: Vec<EntitlementSource>,
    /// Rules per attribute path, for example `userName`, `name.givenName`, `roles`.
    #[serde(default)]
    pub attributes: BTreeMap<String, AttributeRule>,
}

/// How requests look and what rates the target takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Http {
    /// `Content-Type` of bodies.
    pub content_type: String,
    /// `Accept`.
    pub accept: String,
    /// `User-Agent`; some targets block requests without one.
    pub user_agent: String,
    /// The most requests a second this kind of target takes.
    pub rate_max: u32,
    /// What it takes a minute of one class of request, where it counts them apart.
    pub per_minute: PerMinute,
    /// Status codes that mean *too many requests*, beside 429.
    pub rate_limit_statuses: Vec<u16>,
    /// Words in a body of `rate_limit_statuses` that mean *too many requests*; empty = the status alone does.
    pub rate_limit_words: Vec<String>,
    /// How long a token lives, for `doctor`; empty = not said.
    pub token_lifetime: String,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            content_type: "application/scim+json".into(),
            accept: "application/scim+json, application/json;q=0.9".into(),
            user_agent: concat!("Usher/", env!("CARGO_PKG_VERSION")).into(),
            rate_max: 50,
            per_minute: PerMinute::default(),
            rate_limit_statuses: Vec::new(),
            rate_limit_words: Vec::new(),
            token_lifetime: String::new(),
        }
    }
}

/// The most requests a minute of each class; 0 = no limit but `rate_max`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PerMinute {
    /// GET.
    pub reads: u32,
    /// Creating and changing accounts.
    pub writes: u32,
    /// Changing who is in a group.
    pub memberships: u32,
    /// Deactivating and deleting accounts.
    pub deactivations: u32,
}

/// Discovery endpoints, relative to the base URL; empty = the target has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Discovery {
    /// RFC 7644 section 4: `/ServiceProviderConfig`.
    pub service_provider_config: String,
    /// `/ResourceTypes`.
    pub resource_types: String,
    /// `/Schemas`.
    pub schemas: String,
}

impl Default for Discovery {
    fn default() -> Self {
        Self {
            service_provider_config: "/ServiceProviderConfig".into(),
            resource_types: "/ResourceTypes".into(),
            schemas: "/Schemas".into(),
        }
    }
}

/// How lists are paged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Paging {
    /// Whether the target can list `/Users` at all.
    pub list: bool,
    /// Whether `count` may be sent at all: where it is answered with an error, pages are as large as the target makes them.
    pub count: bool,
    /// `count` asked for.
    pub page_size: u32,
    /// The most results of one query; asking for more is refused or cut.
    pub page_size_max: u32,
    /// False = `totalResults` is capped or wrong: a list is complete when a page comes short.
    pub total_is_right: bool,
}

impl Default for Paging {
    fn default() -> Self {
        Self { list: true, count: true, page_size: 100, page_size_max: 1000, total_is_right: true }
    }
}

/// What `filter=` may say (RFC 7644 section 3.4.2.2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filters {
    /// Whether the target filters at all; if not, matching reads the list.
    pub supported: bool,
    /// Attributes that can be filtered; empty = any.
    pub attributes: Vec<String>,
    /// Operators that work, in lower case (`eq`, `sw`, `pr`, …); empty = all of RFC 7644.
    pub operators: Vec<String>,
    /// How conditions can be combined.
    pub combine: FilterCombination,
}

impl Default for Filters {
    fn default() -> Self {
        Self { supported: true, attributes: Vec::new(), operators: Vec::new(), combine: FilterCombination::Any }
    }
}

/// How the conditions of a filter can be combined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterCombination {
    /// `and`, `or`, `not` and value paths.
    #[default]
    Any,
    /// `and` only.
    And,
    /// One condition on one attribute.
    None,
}

/// What `/Users` can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Users {
    /// Path below the base URL.
    pub path: String,
    /// Attributes to match existing accounts on, in order. Each must be filterable with `eq`.
    pub match_on: Vec<String>,
    /// Verb of updates.
    pub update: UpdateVerb,
    /// Form of PATCH.
    pub patch_style: PatchStyle,
    /// What a changed userName does.
    pub username_change: UsernameChange,
    /// userName must be the account's e-mail address.
    pub username_is_email: bool,
    /// How an account is deactivated.
    pub deactivate: Deactivation,
    /// Whether DELETE removes the account for good and may be used for `delete`.
    pub delete: bool,
    /// Whether the target refuses a second account with the same userName.
    pub username_unique: bool,
    /// Whether `active` is sent on create.
    pub active_on_create: bool,
    /// Whether the target keeps externalId.
    pub keeps_external_id: bool,
    /// Whether `id` goes into PUT bodies.
    pub id_in_body: bool,
    /// Whether PUT bodies carry back writable values that Usher does not manage (PUT clears what is omitted).
    pub put_preserves: bool,
    /// Whether every write is read back (targets that ignore changes silently).
    pub read_back: bool,
    /// Attribute paths that the target does not have; a rule that gives one is refused.
    pub unsupported: Vec<String>,
    /// True = attributes that are not listed under `[attributes]` are refused too.
    pub closed: bool,
    /// Characters that the target refuses; they are removed from string values.
    pub strip: String,
    /// The account of whoever issued the token can't be deactivated, deleted, renamed or lowered in role: the target refuses.
    pub token_issuer_fixed: bool,
    /// Query parameters added to a filter search, for example `excludedAttributes=groups`.
    pub search_parameters: String,
}

impl Default for Users {
    fn default() -> Self {
        Self {
            path: "/Users".into(),
            match_on: vec!["userName".into()],
            update: UpdateVerb::Patch,
            patch_style: PatchStyle::Paths,
            username_change: UsernameChange::InPlace,
            username_is_email: false,
            deactivate: Deactivation::Active,
            delete: true,
            username_unique: true,
            active_on_create: true,
            keeps_external_id: true,
            id_in_body: false,
            put_preserves: true,
            read_back: false,
            unsupported: Vec::new(),
            closed: false,
            strip: String::new(),
            token_issuer_fixed: false,
            search_parameters: String::new(),
        }
    }
}

/// Verb of updates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateVerb {
    /// PATCH (RFC 7644 section 3.5.2).
    #[default]
    Patch,
    /// PUT of the whole resource (section 3.5.1).
    Put,
}

/// Form of PATCH.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatchStyle {
    /// Each attribute an operation with a path, all in one request.
    #[default]
    Paths,
    /// One `replace` without a path whose value is an object; removals still have paths.
    NoPath,
    /// One attribute a request.
    Single,
}

/// What a changed userName does at the target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsernameChange {
    /// The account keeps its id.
    #[default]
    InPlace,
    /// The old account becomes invalid and a new one appears (Nulab).
    Replaces,
    /// The target refuses.
    Never,
}

/// How an account is deactivated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deactivation {
    /// `active = false`.
    #[default]
    Active,
    /// DELETE deactivates (Slack, Atlassian).
    Delete,
    /// It can't be.
    None,
}

/// Rules for one attribute path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AttributeRule {
    /// No account without a value.
    pub required: bool,
    /// Sent on create and never again.
    pub create_only: bool,
    /// Never sent; the target computes it.
    pub read_only: bool,
    /// Allowed values (of `value` for complex multi-valued attributes); empty = any.
    pub allowed: Vec<String>,
    /// What an update that clears the attribute sends instead; also what the target uses when nothing is sent.
    pub fallback: Option<Value>,
    /// At most this many values are used by the target (the primary one first); 0 = any number.
    pub values_max: u32,
    /// The PATCH path that sets the single value of a multi-valued attribute, for example `roles[primary eq "True"].value`.
    pub patch_path: String,
    /// At most this many characters; 0 = any.
    pub length_max: u32,
}

impl Connector {
    /// Parses and checks a connector file.
    ///
    /// # Errors
    /// A [`FileError`] with line and column for TOML and unknown keys; about the whole file for contradictions.
    pub fn parse(file: &Path, source: &str) -> Result<Self, FileError> {
        let connector: Self = text::from_toml(file, source)?;
        match connector.contradiction() {
            Some(reason) => Err(FileError::whole(file, reason)),
            None => Ok(connector),
        }
    }

    /// The first thing in this connector that contradicts another, in words.
    fn contradiction(&self) -> Option<String> {
        let entitlements = || self.entitlements.iter().find_map(EntitlementSource::contradiction);
        self.contradiction_in_reach().or_else(|| self.contradiction_in_users()).or_else(entitlements).or_else(|| {
            self.attributes.iter().find_map(|(path, rule)| {
                let wrong = rule.contradiction(path)?;
                Some(format!("attributes.\"{path}\": {wrong}"))
            })
        })
    }

    fn contradiction_in_reach(&self) -> Option<String> {
        let (paging, filter, users) = (&self.paging, &self.filter, &self.users);
        if users.match_on.is_empty() && !paging.list {
            return Some(
                "users.match_on is empty and paging.list is false: no existing account could ever be found".into(),
            );
        }
        if !filter.supported && !paging.list {
            return Some("filter.supported and paging.list are both false: no existing account could be found".into());
        }
        if paging.page_size == 0 || paging.page_size > paging.page_size_max {
            return Some(format!(
                "paging.page_size is {}, it must be between 1 and paging.page_size_max ({})",
                paging.page_size, paging.page_size_max
            ));
        }
        if self.http.rate_max == 0 {
            return Some("http.rate_max must be at least 1 request a second".into());
        }
        const OPERATORS: [&str; 10] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr"];
        if let Some(operator) = filter.operators.iter().find(|operator| !OPERATORS.contains(&operator.as_str())) {
            return Some(format!("filter.operators has `{operator}`, expected some of {}", OPERATORS.join(", ")));
        }
        if filter.supported && !filter.operators.is_empty() && !filter.operators.iter().any(|each| each == "eq") {
            return Some("filter.operators lacks `eq`, without which no account can be looked up".into());
        }
        let unreachable = |path: &&String| {
            !filter.attributes.is_empty() && !filter.attributes.iter().any(|known| known.eq_ignore_ascii_case(path))
        };
        users.match_on.iter().find(unreachable).map(|path| {
            format!("users.match_on has `{path}`, which filter.attributes ({}) lacks", filter.attributes.join(", "))
        })
    }

    fn contradiction_in_users(&self) -> Option<String> {
        let users = &self.users;
        if let Some(path) = users.match_on.iter().find(|path| self.lacks(path)) {
            return Some(format!("users.match_on has `{path}`, but the target does not have that attribute"));
        }
        if !users.keeps_external_id && users.match_on.iter().any(|path| path.eq_ignore_ascii_case("externalId")) {
            return Some("users.match_on has `externalId`, but users.keeps_external_id is false".into());
        }
        if let Some(path) = users.unsupported.iter().find(|path| self.attributes.contains_key(*path)) {
            return Some(format!("`{path}` is in users.unsupported and under [attributes]: it can only be in one"));
        }
        if self.lacks("userName") {
            return Some("userName is unsupported: every SCIM user has one (RFC 7643 section 4.1.1)".into());
        }
        if users.deactivate == Deactivation::Delete && users.delete {
            return Some(
                "users.deactivate is `delete` (DELETE deactivates), so users.delete (DELETE removes for good) must be false"
                    .into(),
            );
        }
        if self.groups.member_value == MemberValue::UserName && self.groups.read == MembershipRead::Group {
            return Some(
                "groups.member_value is `user_name`, so groups.read can't be `group`: edges are known by id".into(),
            );
        }
        if self.groups.mode == GroupMode::None && !self.groups.path.is_empty() {
            return Some(format!("groups.mode is `none`, but groups.path is `{}`", self.groups.path));
        }
        let places = [("users.path", &users.path), ("groups.path", &self.groups.path)];
        places
            .iter()
            .find(|(_, path)| !path.is_empty() && !path.starts_with('/'))
            .map(|(key, path)| format!("{key} is `{path}`, it must start with `/` (it is appended to the base URL)"))
    }

    /// The rule for an attribute path, if there is one.
    pub fn rule(&self, path: &str) -> Option<&AttributeRule> {
        self.attributes.get(path)
    }

    /// Whether the target lacks `path` (or its parent).
    pub fn lacks(&self, path: &str) -> bool {
        let parent = path.split('.').next().unwrap_or(path);
        let listed = |name: &str| self.users.unsupported.iter().any(|item| item.eq_ignore_ascii_case(name));
        if listed(path) || (!path.starts_with("urn:") && listed(parent)) {
            return true;
        }
        self.users.closed
            && !self.attributes.keys().any(|known| {
                known == path
                    || known.starts_with(&format!("{path}."))
                    || (!path.starts_with("urn:") && known == parent)
            })
    }
}

impl AttributeRule {
    /// What contradicts what in this rule, in words.
    fn contradiction(&self, path: &str) -> Option<String> {
        if self.read_only && (self.required || self.create_only) {
            return Some("read_only excludes required and create_only: it is never sent".into());
        }
        if let Some(Value::Text(fallback)) = &self.fallback
            && !self.allowed.is_empty()
            && !self.allowed.contains(fallback)
        {
            return Some(format!("fallback `{fallback}` is not allowed; allowed are {}", self.allowed.join(", ")));
        }
        if !self.patch_path.is_empty() && !self.patch_path.starts_with(path) {
            return Some(format!("patch_path `{}` must start with `{path}`", self.patch_path));
        }
        None
    }
}
