//! What a refresh of an app's catalogue found, and what the catalogue holds.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::engine::perform::SourceRead;
use crate::id::AppName;
use crate::provision::entitlement::{CatalogueDiff, Entitlement};

/// What a refresh found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshAnswer {
    /// Which app.
    pub app: AppName,
    /// How each source went.
    pub sources: Vec<SourceRead>,
    /// What is not as it was.
    pub diff: CatalogueDiff,
    /// What the rules grant, name by name, and what each name means now.
    pub concerns: Vec<Concern>,
}

/// A name that the rules grant, evaluated over everybody who has the app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concern {
    /// `group`, `role`, …
    pub kind: String,
    /// The name.
    pub name: String,
    /// To how many users.
    pub users: u64,
    /// What people call some of them.
    pub sample: Vec<String>,
    /// What the name means now.
    pub meaning: Meaning,
}

/// What a granted name means after a refresh.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// What it meant before.
    Same,
    /// One that was not there before, or was called otherwise.
    Now,
    /// Nothing: it was never there.
    Unknown,
    /// Nothing any more: what it meant is gone.
    Gone,
    /// Nothing any more: what it meant is called so now.
    RenamedTo(String),
    /// Several.
    Ambiguous,
}

/// What an app can grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntitlementsAnswer {
    /// Which app.
    pub app: AppName,
    /// The last refresh; `None` = never.
    pub refreshed: Option<Timestamp>,
    /// By kind and name, also those that are gone.
    pub entitlements: Vec<Entitlement>,
}
