//! Which provider, and what its claims mean here.

use std::collections::BTreeMap;

use crate::access::Role;
use crate::secret::Secret;

/// Which provider, and what its claims mean here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The issuer, as the provider's own description has it.
    pub issuer: String,
    /// What people call the provider.
    pub title: String,
    /// What the provider calls us.
    pub client_id: String,
    /// What proves us to the provider; `None` = a public client.
    pub client_secret: Option<Secret>,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim that says what somebody may do.
    pub role_claim: String,
    /// What each of its values means.
    pub roles: BTreeMap<String, Role>,
    /// The claim that says what somebody is called here.
    pub name_claim: String,
}
