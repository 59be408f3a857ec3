//! Sources: where users come from, and which of their columns become which attributes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::directory::value::Value;
use crate::id::{AppName, SourceName};

/// The attributes every user may have; anything else is `custom.<name>`. Multi-valued ones end in `s` except where noted.
pub const STANDARD_ATTRIBUTES: &[&str] = &[
    "username",
    "email",
    "emails",
    "given_name",
    "family_name",
    "middle_name",
    "display_name",
    "nick_name",
    "title",
    "department",
    "division",
    "organization",
    "cost_center",
    "employee_number",
    "user_type",
    "phone",
    "mobile",
    "street_address",
    "locality",
    "region",
    "postal_code",
    "country",
    "preferred_language",
    "locale",
    "timezone",
];

/// Never imported, even if mapped (compared without case and punctuation).
pub const REFUSED_COLUMNS: &[&str] =
    &["userpassword", "password", "passwordhash", "unicodepwd", "sambantpassword", "krbprincipalkey"];

/// What a mapping's left-hand side names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum SourceTarget {
    /// A standard attribute, or `custom.<name>`.
    Attribute(String),
    /// `state`: active, suspended or deleted.
    State,
    /// `roles`: several values.
    Roles,
    /// `groups`: several values.
    Groups,
    /// `manager`: the key (or, in LDIF, the DN) of another user of the same source.
    Manager,
    /// `app_role.<app>`.
    AppRole(AppName),
}

impl From<SourceTarget> for String {
    /// The word that [`SourceTarget::parse`] reads.
    fn from(target: SourceTarget) -> Self {
        match target {
            SourceTarget::Attribute(name) => name,
            SourceTarget::State => "state".to_owned(),
            SourceTarget::Roles => "roles".to_owned(),
            SourceTarget::Groups => "groups".to_owned(),
            SourceTarget::Manager => "manager".to_owned(),
            SourceTarget::AppRole(app) => format!("app_role.{app}"),
        }
    }
}

impl TryFrom<String> for SourceTarget {
    type Error = String;
    fn try_from(name: String) -> Result<Self, String> {
        Self::parse(&name)
    }
}

impl SourceTarget {
    /// Parses `department`, `custom.badge`, `state`, `roles`, `groups`, `manager` or `app_role.<app>`.
    ///
    /// # Errors
    /// A sentence that names the unknown attribute and, if one is near, the one that may be meant.
    pub fn parse(name: &str) -> Result<Self, String> {
        if let Some(app) = name.strip_prefix("app_role.") {
            return AppName::new(app).map(Self::AppRole).map_err(|error| error.to_string());
        }
        if let Some(custom) = name.strip_prefix("custom.") {
            let valid = !custom.is_empty()
                && custom.len() <= 64
                && custom.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            return if valid {
                Ok(Self::Attribute(name.to_owned()))
            } else {
                Err(format!("`{name}`: a custom attribute is `custom.` and letters, digits or `_`"))
            };
        }
        match name {
            "state" => Ok(Self::State),
            "roles" => Ok(Self::Roles),
            "groups" => Ok(Self::Groups),
            "manager" => Ok(Self::Manager),
            _ if STANDARD_ATTRIBUTES.contains(&name) => Ok(Self::Attribute(name.to_owned())),
            _ => Err(format!(
                "unknown attribute `{name}`; use one of {}, state, roles, groups, manager, app_role.<app>, or custom.{name}",
                STANDARD_ATTRIBUTES.join(", ")
            )),
        }
    }
}

/// Whether a text names a user as `source:key`.
pub fn names_user(text: &str) -> bool {
    text.split_once(':').is_some_and(|(source, key)| SourceName::new(source).is_ok() && !key.is_empty())
}

/// A value that an operator gives an attribute, as an import would bring it: custom attributes keep their type, `emails` is a list of
/// texts, everything else is one text.
///
/// # Errors
/// A sentence that says what the attribute holds.
pub fn as_held(attribute: &str, value: Value) -> Result<Value, String> {
    if attribute.starts_with("custom.") {
        return Ok(value);
    }
    let text = |value: Value| match value {
        Value::Text(text) => Ok(Value::Text(text)),
        Value::Integer(number) => Ok(Value::Text(number.to_string())),
        Value::Boolean(flag) => Ok(Value::Text(flag.to_string())),
        other => Err(crate::text::printable(&other.to_json().to_string())),
    };
    match (attribute, value) {
        ("emails", Value::List(items)) => items.into_iter().map(text).collect::<Result<_, _>>().map(Value::List),
        ("emails", one) => text(one).map(|one| Value::List(vec![one])),
        (_, one) => text(one),
    }
    .map_err(|found| match attribute {
        "emails" => format!("`emails` is a list of texts like [\"a@example.com\"], not {found}"),
        _ => format!("`{attribute}` is one text, not {found}"),
    })
}

/// A source as the engine uses it: checked, with its mapping resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its name.
    pub name: SourceName,
    /// The column (CSV), field (JSON lines) or attribute (LDIF) that never changes for a person.
    pub key: String,
    /// Target ← column names, tried in order (the first that has a value wins for single values; lists join).
    pub mapping: BTreeMap<SourceTarget, Vec<String>>,
    /// Attributes that hold several values, beside `emails`: usually custom ones (`custom.skills`).
    pub multi_valued: BTreeSet<String>,
    /// What separates several values in one CSV cell.
    pub separator: char,
    /// What happens to users missing from a full import.
    pub missing: Missing,
    /// Attribute of group entries that names members by DN (LDIF only), for example `member`.
    pub group_members: Vec<String>,
    /// Attribute that names a group entry (LDIF only).
    pub group_name: String,
    /// Which words in the state column mean what, in lower case; see [`Source::default_states`].
    pub states: BTreeMap<String, crate::directory::user::Standing>,
}

/// What happens to users of a source that a full import no longer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// They are suspended (default).
    Suspend,
    /// They are deleted (tombstoned).
    Delete,
    /// They stay.
    Keep,
}

impl Source {
    /// The words understood in a state column unless the source says otherwise.
    pub fn default_states() -> BTreeMap<String, crate::directory::user::Standing> {
        use crate::directory::user::Standing::{Active, Deleted, Suspended};
        [
            ("active", Active),
            ("enabled", Active),
            ("true", Active),
            ("1", Active),
            ("suspended", Suspended),
            ("inactive", Suspended),
            ("disabled", Suspended),
            ("on leave", Suspended),
            ("false", Suspended),
            ("0", Suspended),
            ("deleted", Deleted),
            ("terminated", Deleted),
            ("left", Deleted),
        ]
        .into_iter()
        .map(|(word, standing)| (word.to_owned(), standing))
        .collect()
    }

    /// Whether a column may never be imported (password hashes).
    pub fn refuses_column(column: &str) -> bool {
        let plain: String =
            column.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
        REFUSED_COLUMNS.contains(&plain.as_str())
    }
}
