//! Edges: the ledger's entries of memberships and other entitlements, one for each entitlement of each account.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::EventId;
use crate::provision::entitlement::EntitlementKey;

/// How an edge stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeState {
    /// To be added by the open event.
    Adding,
    /// We added it: ours, and the only kind that is ever removed.
    Granted,
    /// It was there before us: it satisfies the rule and is never removed.
    Found,
    /// To be removed by the open event; it was granted.
    Removing,
    /// The outcome of a request is not known yet: looked up before anything is sent again.
    Unknown,
}

/// The ledger entry of one entitlement of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge {
    /// Which entitlement.
    pub key: EntitlementKey,
    /// Its name when it was granted, for people.
    pub name: String,
    /// How it stands.
    pub state: EdgeState,
    /// The event that last concerned it.
    pub event: Option<EventId>,
    /// Since when it stands so.
    pub since: Timestamp,
    /// False = sent successfully, and still the target does not show it: *not effective at the target*. Never sent again.
    pub effective: bool,
}

/// One entitlement to add or remove with an operation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EdgeChange {
    /// `group`, `role`, …
    pub kind: String,
    /// The entitlement's id at the target; empty = it is created first (create-if-missing).
    pub remote_id: String,
    /// Its name, for people.
    pub name: String,
    /// True = add, false = remove.
    pub add: bool,
}
