//! `[entitlements]` of an app file: when groups and other entitlements are read from the target, and what may be done with them.

use serde::{Deserialize, Serialize};

use crate::text::cron_shape;

/// `[entitlements]` of an app file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EntitlementPolicy {
    /// Whether a group that a rule names and the target lacks is created; otherwise such a grant waits, with the reason.
    pub create_missing: bool,
    /// False = no request ever changes who is a member: grants are planned and shown, nothing more.
    pub memberships: bool,
    /// Cron expression of the refresh, in the app's time zone; empty = once before the first plan that needs it, and on command.
    pub refresh: String,
}

impl Default for EntitlementPolicy {
    fn default() -> Self {
        Self { create_missing: false, memberships: true, refresh: String::new() }
    }
}

impl EntitlementPolicy {
    /// The first thing that contradicts another, in words.
    pub(super) fn contradiction(&self) -> Option<String> {
        if self.create_missing && !self.memberships {
            return Some(
                "entitlements.create_missing is true and entitlements.memberships false: groups would be made that nobody \
                 is ever put into"
                    .to_owned(),
            );
        }
        cron_shape(&self.refresh).err().map(|why| format!("entitlements.refresh is `{}`: {why}", self.refresh))
    }
}
