//! The queue of decisions by page, as an approver works through it: leavers first, then what escalated, then whatever has waited longest. What is
//! held in a batch stands together, apart from the rest.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::engine::pending::{Choice, Pending, Shown};
use crate::id::{AppName, BatchId};
use crate::provision::approval::Decision;
use crate::provision::event::Event;
use crate::provision::guard::finding::FindingKind;
use crate::provision::operation::Kind;

/// Which part of the queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueFilter {
    /// App, kinds, findings, age. With a batch: what is held in it; with nothing at all: what is in none, or alone in one.
    pub choice: Choice,
    /// Part of a user's name or of an account's.
    pub search: String,
    /// Which page, from 1.
    pub page: usize,
    /// Events of a page.
    pub limit: usize,
}

/// One page of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueuePage {
    /// The page's events.
    pub waiting: Vec<Pending>,
    /// Events that the filter finds.
    pub matching: usize,
    /// Everything that waits, with what is in batches.
    pub total: usize,
    /// Which page it is, from 1.
    pub page: usize,
    /// Of how many; at least 1.
    pub pages: usize,
    /// Held batches of several as they stand, whoever has waited longest first; and the one that was asked for.
    pub batches: Vec<Held>,
    /// Adoptions that belong to the batch that was asked for and can't be decided: several accounts match.
    pub ambiguous: Vec<Pending>,
    /// Apps in which something waits.
    pub apps: BTreeSet<AppName>,
    /// Kinds that wait.
    pub kinds: BTreeSet<Kind>,
    /// Findings of what waits.
    pub findings: BTreeSet<FindingKind>,
}

/// A held batch in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Which.
    pub batch: BatchId,
    /// Its app.
    pub app: AppName,
    /// Count and digest of what is decided with it.
    pub shown: Shown,
    /// How many of each kind.
    pub kinds: BTreeMap<Kind, usize>,
    /// Why it is held, in words.
    pub why: Vec<String>,
    /// Since when its oldest event has waited.
    pub since: Timestamp,
    /// How many were asked before, and nobody decided in time.
    pub escalated: usize,
}

/// A decision that was made, and about what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The event as it stands now.
    pub event: Event,
    /// The decision.
    pub decision: Decision,
}
