//! Roles: given by a column of the source, or by a condition over the user.

use serde::{Deserialize, Serialize};

/// A role that a condition gives: a rhai expression over `user`, evaluated when planning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleDefinition {
    /// Its name, as apps and rules use it.
    pub name: String,
    /// For example `user.department == "Sales" && user.country == "Japan"`.
    pub when: String,
}
