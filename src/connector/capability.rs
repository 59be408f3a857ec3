//! What an app has taught us, and how it stands: kept in the store beside its definition.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::digest::Digest;

/// How an app stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppState {
    /// Nothing was ever sent to it.
    Untested,
    /// It works.
    Live,
    /// An operator stopped it.
    Paused {
        /// Who.
        by: String,
        /// When.
        at: Timestamp,
    },
    /// Its endpoint or credential fails, and not only for a moment: nothing but probes is sent, hourly at first, daily in the end. It ends
    /// with a good probe or by a person.
    Quarantined {
        /// Since when.
        since: Timestamp,
        /// Why, in words.
        why: String,
        /// When it is tried next.
        next_probe: Timestamp,
        /// Probes so far.
        probes: u32,
    },
    /// Too long in quarantine; a person must resume it.
    Disabled {
        /// Since when.
        since: Timestamp,
        /// Why, in words.
        why: String,
    },
    /// The breaker is open: its endpoint fails just now. After a pause of seconds to minutes one request tries it, and whatever waits
    /// follows by itself if that is answered; if nothing is for an hour, it is quarantined.
    BreakerOpen {
        /// Since when nothing was answered.
        since: Timestamp,
        /// Why, in words.
        why: String,
        /// When one request tries it.
        next_try: Timestamp,
        /// Tries so far.
        tries: u32,
    },
}

impl AppState {
    /// Whether operations may be sent.
    pub fn may_push(&self) -> bool {
        matches!(self, Self::Untested | Self::Live)
    }

    /// Why nothing is sent, since when, and when it goes on, in words; `None` = operations are sent.
    pub fn stopped(&self) -> Option<String> {
        match self {
            Self::Untested | Self::Live => None,
            Self::Paused { by, at } => Some(format!("paused by {by} at {at}")),
            Self::Quarantined { since, why, next_probe, .. } => {
                Some(format!("in quarantine since {since}: {why}; next probe {next_probe}"))
            }
            Self::Disabled { since, why } => Some(format!("disabled, in quarantine since {since}: {why}")),
            Self::BreakerOpen { since, why, next_try, .. } => {
                Some(format!("not answering since {since}: {why}; one request tries it at {next_try}"))
            }
        }
    }
}

/// Whether a filter of a target can be trusted (`design.md` section 6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FilterProbe {
    /// A random value found nothing, a known value found its owner.
    Works,
    /// A random value found nothing; the target was empty, so the other half is still open.
    HalfProven,
    /// It lies; the reason in words.
    Fails(String),
}

/// What an app has taught us: discovery, filters, forms. Narrows the connector, never widens it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// The app digest this was learned under; a changed connector or base URL is probed anew.
    pub basis: Digest,
    /// When discovery was last read.
    pub discovered_at: Option<Timestamp>,
    /// `patch.supported` of ServiceProviderConfig.
    pub patch_supported: Option<bool>,
    /// `filter.supported` of ServiceProviderConfig.
    pub filter_supported: Option<bool>,
    /// `filter.maxResults`.
    pub results_max: Option<u32>,
    /// Filters by attribute.
    pub filters: BTreeMap<String, FilterProbe>,
    /// Whether externalId is known to be kept.
    pub keeps_external_id: Option<bool>,
    /// PATCH paths that answered 200 but changed nothing.
    pub dead_patch_paths: BTreeSet<String>,
    /// PATCH paths that were read back and worked.
    pub proven_patch_paths: BTreeSet<String>,
    /// What discovery said that is worth telling, in words.
    pub remarks: Vec<String>,
}
