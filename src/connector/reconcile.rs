//! `[reconcile]` of an app file: when the target is compared with what we pushed, and what becomes of each kind of difference.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::text::cron_shape;

/// `[reconcile]` of an app file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReconcilePolicy {
    /// Cron expression, in the app's time zone; empty = on command only.
    pub schedule: String,
    /// What becomes of an attribute that differs and is not under `attributes`.
    pub default: Drift,
    /// By attribute path.
    pub attributes: BTreeMap<String, Drift>,
    /// What becomes of a membership of ours that is gone. What others added is kept in any case.
    pub memberships: MembershipDrift,
}

/// What becomes of a value that was changed at the target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// It is reported.
    #[default]
    Report,
    /// Our value is sent again, as an ordinary operation.
    Repair,
    /// The target's value counts as pushed.
    Adopt,
}

/// What becomes of a membership that we granted and the target no longer has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MembershipDrift {
    /// It is reported.
    #[default]
    Report,
    /// It is granted again, as an ordinary operation.
    Repair,
}

/// Attributes that have rules of their own: who is active follows leaving policies, ids and groups are the target's.
const NOT_BY_ATTRIBUTE: [&str; 6] = ["active", "id", "meta", "schemas", "groups", "members"];

impl ReconcilePolicy {
    /// What becomes of a difference in `path`.
    pub fn drift(&self, path: &str) -> Drift {
        self.attributes.get(path).copied().unwrap_or(self.default)
    }

    /// The first thing that can't be, in words.
    pub(super) fn contradiction(&self) -> Option<String> {
        let fixed = |path: &&String| NOT_BY_ATTRIBUTE.iter().any(|name| name.eq_ignore_ascii_case(path));
        if let Some(path) = self.attributes.keys().find(fixed) {
            return Some(format!("reconcile.attributes has `{path}`, which is not compared as an attribute"));
        }
        cron_shape(&self.schedule).err().map(|why| format!("reconcile.schedule is `{}`: {why}", self.schedule))
    }
}
