//! Plans: pages of operations with findings and verdicts, what was skipped and why, and the sum over all pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::digest::{Digest, Hasher};
use crate::directory::change::Cause;
use crate::id::{AppName, BatchId, EventId, PlanId, UserId};
use crate::provision::entitlement::EntitlementKey;
use crate::provision::guard::finding::{Class, Finding, FindingKind, Severity};
use crate::provision::operation::{Kind, Operation};

/// What admission decided about one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Sent as soon as there is room.
    Queued,
    /// Waits for an approver.
    Pending,
    /// Forbidden.
    Refused,
}

/// One operation of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Planned {
    /// The instruction.
    pub operation: Arc<Operation>,
    /// What the guards say about it.
    pub findings: Vec<Finding>,
    /// What follows from that.
    pub verdict: Verdict,
    /// Digest of the payload: what an approval is for.
    pub payload: Digest,
    /// Why it was planned.
    pub cause: Cause,
    /// Over user revision, app digest, assignment and references: stored at the account with the event.
    pub basis: Digest,
}

impl Planned {
    /// Whether it is decided with the other adoptions of its cycle: an account that is not ours, and no other reason to wait. One that
    /// shows a privileged value is decided singly.
    pub fn joins_the_adoptions(&self) -> bool {
        let holds = |finding: &&Finding| finding.severity == Severity::Hold;
        self.operation.kind == Kind::Link
            && self.verdict == Verdict::Pending
            && self.findings.iter().filter(holds).all(|finding| finding.kind == FindingKind::ThirdPartyAccount)
    }
}

/// Why a pair has no operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// A mute holds for the payload.
    Muted {
        /// The event that ended.
        event: EventId,
        /// How, in words.
        why: String,
    },
    /// The open event has the same payload already.
    AlreadyOpen {
        /// The event.
        event: EventId,
    },
    /// The request of the open event may be out: planned again when its outcome is known.
    InFlight {
        /// The event.
        event: EventId,
    },
    /// Disassociated: nothing until *rematch*.
    Unlinked,
    /// Presence `conflict`: a person must look.
    Conflict {
        /// What the target answered.
        note: String,
    },
    /// `on_existing = "skip"` and an account exists.
    Existing {
        /// Its id at the target.
        remote_id: String,
    },
    /// The leaving policy is `nothing`.
    Kept,
    /// The target could not be looked at: nothing is created blindly.
    NotObserved {
        /// Why not, in words.
        why: String,
    },
    /// A delete waits until the time the policy names.
    NotYet {
        /// When.
        due: Timestamp,
    },
    /// The leaving policy asks for something the connector cannot do.
    NotPossible {
        /// What, in words.
        why: String,
    },
    /// The rules no longer name these attributes: the target's values stay, the ledger forgets them.
    Released {
        /// The attribute paths.
        paths: Vec<String>,
    },
    /// The app keeps some wanted attribute changes unsent (adopted account, `observe` or `fill`).
    LeftAlone {
        /// The attribute paths.
        paths: Vec<String>,
    },
}

/// A pair without an operation that people should know of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The user.
    pub user: UserId,
    /// What people call the user.
    pub label: String,
    /// Why.
    pub reason: SkipReason,
}

/// What became of one page of pairs. The same input gives the same page, byte for byte.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanPage {
    /// Operations, leavers first, then by user id.
    pub operations: Vec<Planned>,
    /// Pairs without an operation that people should know of.
    pub skipped: Vec<Skipped>,
    /// Pairs in their desired state, with the basis to remember; those whose basis is unchanged are not listed.
    pub quiet: Vec<(UserId, Digest)>,
    /// Attribute paths that the ledger forgets (released by the rules), per pair.
    pub released: Vec<(UserId, Vec<String>)>,
    /// Edges that the ledger forgets, per pair: nothing is sent for them.
    pub forgotten: Vec<(UserId, Vec<EntitlementKey>)>,
    /// Grants that can't be carried out, per pair.
    pub ungranted: Vec<(UserId, Vec<Finding>)>,
    /// Pairs frozen by the policy `nothing`.
    pub kept: Vec<UserId>,
    /// Pairs that this plan found absent in a complete list of the target: remembered when the page is filed.
    pub absent: Vec<(UserId, Timestamp)>,
    /// All pairs of the page: their dirty marks are cleared by filing it.
    pub users: Vec<UserId>,
    /// How many were skipped because nothing they depend on changed.
    pub unchanged: u64,
}

impl PlanPage {
    /// Brings everything into its order.
    pub fn sort(&mut self) {
        self.operations.sort_by_key(|planned| (!planned.operation.kind.is_leaving(), planned.operation.user));
        self.skipped.sort_by_key(|skipped| skipped.user);
        self.quiet.sort_by_key(|quiet| quiet.0);
        self.kept.sort();
        self.released.sort();
        self.forgotten.sort();
        self.ungranted.sort_by_key(|ungranted| ungranted.0);
        self.absent.sort();
        self.users.sort();
    }

    /// One page from parts of it.
    pub fn merge(parts: impl IntoIterator<Item = Self>) -> Self {
        let mut parts = parts.into_iter();
        let Some(mut page) = parts.next() else { return Self::default() };
        for part in parts {
            page.operations.extend(part.operations);
            page.skipped.extend(part.skipped);
            page.quiet.extend(part.quiet);
            page.released.extend(part.released);
            page.forgotten.extend(part.forgotten);
            page.ungranted.extend(part.ungranted);
            page.kept.extend(part.kept);
            page.absent.extend(part.absent);
            page.users.extend(part.users);
            page.unchanged += part.unchanged;
        }
        page.sort();
        page
    }
}

/// Operations by kind and verdict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCounts {
    /// Kind → verdict → number.
    pub operations: BTreeMap<Kind, BTreeMap<Verdict, u64>>,
    /// Class of blast radius → number of operations that count for it (of edges, for edge removals), refused ones apart.
    pub classes: BTreeMap<Class, u64>,
    /// Pairs looked at.
    pub pairs: u64,
    /// Pairs skipped because nothing they depend on changed, or already as desired.
    pub unchanged: u64,
    /// Pairs skipped with a reason.
    pub skipped: u64,
}

impl PlanCounts {
    /// Operations of a verdict.
    pub fn of(&self, verdict: Verdict) -> u64 {
        self.operations.values().filter_map(|verdicts| verdicts.get(&verdict)).sum()
    }

    /// All operations.
    pub fn total(&self) -> u64 {
        self.operations.values().flat_map(BTreeMap::values).sum()
    }

    /// Adds the operations of another plan of the same cycle: pairs were looked at once, whatever made them dirty again.
    pub fn add_operations(&mut self, other: &Self) {
        for (kind, verdicts) in &other.operations {
            for (verdict, number) in verdicts {
                *self.operations.entry(*kind).or_default().entry(*verdict).or_default() += number;
            }
        }
        for (class, number) in &other.classes {
            *self.classes.entry(class.clone()).or_default() += number;
        }
    }

    /// Adds the operations of a plan that went before in the same cycle: their pairs were met again as they were meanwhile.
    pub fn add_before(&mut self, before: &Self) {
        self.add_operations(before);
        let done = before.of(Verdict::Queued).min(self.unchanged);
        self.unchanged -= done;
    }

    /// Operations of a kind and verdict.
    pub fn get(&self, kind: Kind, verdict: Verdict) -> u64 {
        self.operations.get(&kind).and_then(|verdicts| verdicts.get(&verdict)).copied().unwrap_or(0)
    }
}

/// The sum of a plan: what admission decides on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanSummary {
    /// The plan.
    pub id: PlanId,
    /// The app.
    pub app: AppName,
    /// The app digest it was computed with.
    pub app_digest: Digest,
    /// The one time of the whole plan.
    pub as_of: Timestamp,
    /// Numbers.
    pub counts: PlanCounts,
    /// Findings about the plan as a whole.
    pub findings: Vec<Finding>,
    /// Classes that exceed the blast radius: their operations are held, as one batch each.
    pub held: BTreeMap<Class, BatchId>,
    /// Over all operations in order.
    pub digest: Digest,
}

/// Folds pages into a summary's counts and digest, so that memory is flat at any size.
#[derive(Debug, Default)]
pub struct Fold {
    /// The numbers so far.
    pub counts: PlanCounts,
    hasher: Hasher,
}

impl Fold {
    /// Adds a page.
    pub fn page(&mut self, page: &PlanPage) {
        self.counts.pairs += page.users.len() as u64;
        // What is released is said with its reason, and quiet otherwise.
        self.counts.unchanged += page.unchanged + page.quiet.len().saturating_sub(page.released.len()) as u64;
        self.counts.skipped += page.skipped.len() as u64;
        for planned in &page.operations {
            let verdicts = self.counts.operations.entry(planned.operation.kind).or_default();
            *verdicts.entry(planned.verdict).or_default() += 1;
            if planned.verdict != Verdict::Refused {
                for class in Class::of(&planned.operation) {
                    let weight = class.weight(&planned.operation);
                    *self.counts.classes.entry(class).or_default() += weight;
                }
            }
            self.hasher.value(&planned.payload);
        }
    }

    /// Counts and digest of all pages.
    pub fn finish(self) -> (PlanCounts, Digest) {
        let digest = self.hasher.finish();
        (self.counts, digest)
    }
}
