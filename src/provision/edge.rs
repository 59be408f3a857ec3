//! Edges: the ledger entries of entitlements. Operations carry them so that the payload's digest and the store's encoding do not
//! change when entitlements are granted.

use serde::{Deserialize, Serialize};

/// One entitlement to add or remove with an operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EdgeChange {
    /// `group`, `role`, …
    pub kind: String,
    /// The entitlement's id at the target.
    pub remote_id: String,
    /// Its name, for people.
    pub name: String,
    /// True = add, false = remove.
    pub add: bool,
}
