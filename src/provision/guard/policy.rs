//! What the guards of one app look for and do; defaults are those of `reliability.md` section 4.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::directory::source::{SourceTarget, names_user};
use crate::provision::guard::finding::{Class, FindingKind, Severity};
use crate::text::{Mistake, printable};

/// `[guard]` of an app file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardPolicy {
    /// Finding → `clear`, `hold` or `refuse`, where the app departs from the default.
    pub findings: BTreeMap<FindingKind, Severity>,
    /// Privileged values beside the connector's, as `attribute:VALUE` or `group:NAME`.
    pub privileged: Vec<String>,
    /// Protected users: `source:key`, `role:NAME`, `group:NAME`, or `attribute=value`; beside those whom `fn is_protected(user)` of the rules
    /// names.
    pub protected: Vec<String>,
    /// Groups (names or ids, as the target has them) in which nobody is added or removed without an approver.
    pub protected_groups: Vec<String>,
    /// Blast radius over a rolling 24 h.
    pub blast_radius: BlastRadius,
}

/// What one class may change within the window: held if more than `count` **and** more than `percent` of the base, or more
/// than `absolute` whatever the share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Radius {
    /// Number.
    pub count: u64,
    /// Share of the base, in per cent.
    pub percent: u64,
    /// Number whatever the share; 0 = none.
    #[serde(default)]
    pub absolute: u64,
}

impl Radius {
    /// Whether `number` of a base of `base` is too much.
    pub fn exceeded_by(&self, number: u64, base: u64) -> bool {
        let by_share = number > self.count && number.saturating_mul(100) > base.saturating_mul(self.percent);
        by_share || (self.absolute > 0 && number > self.absolute)
    }
}

/// Limits per class of one app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BlastRadius {
    /// Deactivate or delete.
    pub leave: Radius,
    /// Deactivate or delete while the app has fewer than 40 active accounts: more than this many are held.
    pub leave_small: u64,
    /// Rename or externalId change.
    pub rename: Radius,
    /// Edge removals.
    pub edge_removal: Radius,
    /// One attribute changed.
    pub update: Radius,
    /// One attribute cleared.
    pub clear: Radius,
    /// Creates after the app's first cycle.
    pub create: Radius,
}

/// Below this many active accounts the small-app limit counts.
pub const SMALL_APP: u64 = 40;

impl Default for BlastRadius {
    fn default() -> Self {
        let radius = |count, percent, absolute| Radius { count, percent, absolute };
        Self {
            leave: radius(10, 5, 500),
            leave_small: 2,
            rename: radius(10, 2, 0),
            edge_removal: radius(25, 10, 0),
            update: radius(200, 25, 0),
            clear: radius(10, 5, 0),
            create: radius(200, 25, 0),
        }
    }
}

impl GuardPolicy {
    /// The severity of a finding under this policy: never below what no policy may lift ([`FindingKind::least_severity`]).
    pub fn severity(&self, kind: FindingKind) -> Severity {
        let said = self.findings.get(&kind).copied().unwrap_or_else(|| kind.default_severity());
        said.max(kind.least_severity())
    }
}

impl GuardPolicy {
    /// What can't be meant: whoever writes it believes that something is guarded.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        for item in &self.protected {
            if let Some(why) = not_protected(item) {
                let reason = format!("guard.protected has `{}`, which protects nobody: {why}", printable(item));
                mistakes.push(Mistake::of_value(item, reason));
            }
        }
        let named =
            |item: &str| item.split_once(':').is_some_and(|(what, value)| !what.is_empty() && !value.is_empty());
        for item in self.privileged.iter().filter(|item| !named(item)) {
            let expected = "expected attribute:VALUE or group:NAME";
            let reason = format!("guard.privileged has `{}`, which names nothing; {expected}", printable(item));
            mistakes.push(Mistake::of_value(item, reason));
        }
        for (kind, severity) in self.findings.iter().filter(|(kind, severity)| **severity < kind.least_severity()) {
            let word = |severity: Severity| format!("{severity:?}").to_lowercase();
            let (kind, said, least) = (kind.word(), word(*severity), word(kind.least_severity()));
            let reason = format!("guard.findings makes `{kind}` {said}; no policy makes it less than {least}");
            mistakes.push(Mistake::new(&kind, reason));
        }
        mistakes.extend(self.blast_radius.mistakes());
        mistakes
    }
}

/// Why an item of `guard.protected` can't hit anybody.
fn not_protected(item: &str) -> Option<String> {
    if let Some(name) = item.strip_prefix("role:").or_else(|| item.strip_prefix("group:")) {
        return name.is_empty().then(|| "it names no role or group".to_owned());
    }
    match item.split_once('=') {
        Some((attribute, _)) => match SourceTarget::parse(attribute) {
            Ok(SourceTarget::Attribute(_)) => None,
            Ok(_) => Some(format!("`{attribute}` is no attribute")),
            Err(why) => Some(why),
        },
        None if names_user(item) => None,
        None => Some("expected source:key, role:NAME, group:NAME or attribute=value".to_owned()),
    }
}

impl BlastRadius {
    fn mistakes(&self) -> impl Iterator<Item = Mistake> {
        let classes = [
            ("leave", self.leave),
            ("rename", self.rename),
            ("edge_removal", self.edge_removal),
            ("update", self.update),
            ("clear", self.clear),
            ("create", self.create),
        ];
        classes.into_iter().filter(|(_, radius)| radius.percent > 100).map(|(class, radius)| {
            Mistake::new(class, format!("guard.blast_radius.{class}: {} per cent is more than all", radius.percent))
        })
    }

    /// Whether `number` operations of `class` within the window are too many for an app with `base` active accounts.
    pub fn exceeded(&self, class: &Class, number: u64, base: u64) -> bool {
        match class {
            Class::Leave if base < SMALL_APP => number > self.leave_small,
            Class::Leave => self.leave.exceeded_by(number, base),
            Class::Rename => self.rename.exceeded_by(number, base),
            Class::EdgeRemoval => self.edge_removal.exceeded_by(number, base),
            Class::Update(_) => self.update.exceeded_by(number, base),
            Class::Clear(_) => self.clear.exceeded_by(number, base),
            Class::Create => self.create.exceeded_by(number, base),
            // They write nothing, and each waits for an approver in any case.
            Class::Adoption => false,
        }
    }
}
