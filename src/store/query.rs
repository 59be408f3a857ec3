//! What reads ask for and what they get.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::connector::capability::{AppState, Learned};
use crate::digest::Digest;
use crate::directory::user::{Manager, User};
use crate::directory::value::Value;
use crate::id::{AppName, EventId, ImportId, OperatorId, SourceName, UserId};
use crate::provision::account::{Account, Presence};
use crate::provision::edge::{Edge, EdgeState};
use crate::provision::entry::Entry;
use crate::provision::event::{Event, StatusKind};
use crate::provision::guard::finding::Class;
use crate::provision::operation::Kind;

/// Which events, newest first. Absent fields do not filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventQuery {
    /// Of this user.
    pub user: Option<UserId>,
    /// Of this app.
    pub app: Option<AppName>,
    /// In one of these statuses; empty = any.
    pub statuses: Vec<StatusKind>,
    /// Only events that are open (pending, queued, running, verifying).
    pub open: bool,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Filed at or after.
    pub since: Option<Timestamp>,
    /// Filed before.
    pub until: Option<Timestamp>,
    /// Caused or decided by this operator.
    pub operator: Option<OperatorId>,
    /// Below this id: the cursor to older ones.
    pub before: Option<EventId>,
    /// Above this id: the cursor to newer ones. The page is the one next to it, and newest first all the same.
    pub after: Option<EventId>,
    /// At most this many rows.
    pub limit: usize,
}

impl EventQuery {
    /// Whether an event lies between the cursors.
    pub fn reaches(&self, event: EventId) -> bool {
        self.before.is_none_or(|before| event < before) && self.after.is_none_or(|after| event > after)
    }
}

/// An event that may be archived, with its entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aged {
    /// The event.
    pub event: Event,
    /// Its entries, oldest first.
    pub entries: Vec<Entry>,
}

/// Events that are in the archive, for [`crate::store::Store::prune`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prune {
    /// Which.
    pub events: Vec<EventId>,
    /// They ended before this.
    pub before: Timestamp,
    /// The archive's file.
    pub file: String,
    /// Of what was written there.
    pub digest: Digest,
}

/// What [`crate::store::Store::erase_user`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedUser {
    /// Events without values now.
    pub events: u64,
    /// Entries without bodies now.
    pub entries: u64,
    /// Events that are not over: they keep what they need.
    pub open: Vec<EventId>,
}

/// Which accounts, by user id. Absent fields do not filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountQuery {
    /// Of this app (all apps otherwise).
    pub app: Option<AppName>,
    /// Of this user.
    pub user: Option<UserId>,
    /// In one of these presences; empty = any.
    pub presences: Vec<Presence>,
    /// After this pair: the cursor.
    pub after: Option<(AppName, UserId)>,
    /// At most this many rows.
    pub limit: usize,
}

/// All that the planner reads of one pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairRow {
    /// The user.
    pub user: User,
    /// The ledger entry; an empty one if there is none yet.
    pub account: Account,
    /// The manager, resolved within the user's source, with his account in this app.
    pub manager: Option<Manager>,
    /// The ledger's edges of the account.
    pub edges: Vec<Edge>,
    /// Values that are kept as they are at the target, while the app's policy says so; `None` = kept empty.
    pub adopted: BTreeMap<String, Option<Value>>,
    /// The open event of the pair, if any.
    pub open: Option<OpenRow>,
    /// Why the pair is dirty, if it is.
    pub mark: Option<crate::directory::change::Cause>,
}

/// What the planner knows of the open event of a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenRow {
    /// The event.
    pub event: EventId,
    /// Where it stands; `running` or `verifying` also if that is so of one of its edges.
    pub status: StatusKind,
    /// Its payload.
    pub payload: Digest,
    /// What it does.
    pub kind: Kind,
    /// Its account part is done, only edges are left.
    pub account_done: bool,
}

/// Why a pair is dirty: the order of planning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Urgency {
    /// The user leaves: planned first.
    Leaver,
    /// Anything else.
    Normal,
}

/// A dirty mark.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Leavers first.
    pub urgency: Urgency,
    /// The user.
    pub user: UserId,
    /// Why.
    pub cause: crate::directory::change::Cause,
    /// When.
    pub at: Timestamp,
}

/// An app as the store keeps it beside the revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppRecord {
    /// How it stands.
    pub state: AppState,
    /// What it taught us.
    pub learned: Learned,
    /// Whether a cycle was completed (the first one has no limit on creates).
    pub first_cycle_done: bool,
    /// The last completed cycle.
    pub last_cycle: Option<Timestamp>,
    /// A sweep is due or under way: the last user handled (`None` inside = from the start).
    pub sweep: Option<Sweep>,
}

/// A sweep over all pairs of an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sweep {
    /// Handled up to and including this user.
    pub after: Option<UserId>,
    /// Why.
    pub cause: crate::directory::change::Cause,
}

impl Default for AppRecord {
    fn default() -> Self {
        Self {
            state: AppState::Untested,
            learned: Learned::default(),
            first_cycle_done: false,
            last_cycle: None,
            sweep: None,
        }
    }
}

/// Kept counters of an app: never a full scan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Accounts by presence.
    pub accounts: BTreeMap<Presence, u64>,
    /// Events by status.
    pub events: BTreeMap<StatusKind, u64>,
    /// Dirty marks.
    pub dirty: u64,
    /// Edges by state.
    pub edges: BTreeMap<EdgeState, u64>,
}

/// What waits in an app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Open deactivations and deletes, whoever has waited longest first; those that wait for an approver too.
    pub leavers: Vec<Event>,
    /// Other events that are queued or being found out, by kind.
    pub queued: BTreeMap<Kind, u64>,
    /// Those beyond what was looked at.
    pub more: u64,
}

/// What counts against the blast radius of an app within the rolling window: operations without an approval.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Class → number that counts: sent within the last 24 h, not ended yet, or reserved.
    pub used: BTreeMap<Class, u64>,
    /// Of these, sent and ended.
    pub sent: BTreeMap<Class, u64>,
    /// Of these, reserved by the last admitted plan and not filed: nothing if no plan of the app is being filed.
    pub reserved: BTreeMap<Class, u64>,
    /// Active accounts at the window's start.
    pub base_at_start: u64,
    /// Granted edges at the window's start: the base of edge removals.
    pub edges_at_start: u64,
    /// Classes that have an open held batch, with its id.
    pub batches: BTreeMap<Class, crate::id::BatchId>,
}

/// One generation of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Import {
    /// Which.
    pub id: ImportId,
    /// The source.
    pub source: SourceName,
    /// Whether absence means something.
    pub full: bool,
    /// File names, for people.
    pub files: Vec<String>,
    /// Who.
    pub operator: OperatorId,
    /// When.
    pub at: Timestamp,
    /// Where it stands.
    pub state: ImportState,
    /// Rows read.
    pub rows: u64,
    /// Staged rows (users that change, the missing ones included).
    pub staged: u64,
    /// What it would do or did.
    pub preview: Preview,
}

/// Where an import stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportState {
    /// Rows are being put aside.
    Staging,
    /// The guard wants a person to look.
    Parked {
        /// Why, in words.
        reasons: Vec<String>,
    },
    /// Decided; rows follow by redo. Planners wait.
    Committed {
        /// Rows applied so far.
        applied: u64,
    },
    /// Done.
    Applied,
    /// Dropped by an operator, or left behind by a crash before the commit.
    Dropped,
}

/// What an import would do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// New users.
    pub added: u64,
    /// Users whose values change.
    pub changed: u64,
    /// Users that come back from suspended or deleted.
    pub returned: u64,
    /// Users suspended or deleted by the source's own state.
    pub left: u64,
    /// Users missing from a full import.
    pub missing: u64,
    /// Names of some of the missing, for people.
    pub missing_sample: Vec<String>,
    /// Role or group → users who lose it.
    pub losing: BTreeMap<String, u64>,
    /// Attribute → users for whom it goes empty.
    pub emptied: BTreeMap<String, u64>,
    /// Findings in words (a new key with the e-mail of another user).
    pub findings: Vec<String>,
    /// What shrinks by more than goes unasked, in words: it parks the generation unless somebody expected it.
    pub shrinks: Vec<String>,
}

impl Preview {
    /// How many users it concerns, and how: `new 5, changed 2`; `None` = nothing changes.
    pub fn words(&self) -> Option<String> {
        let numbers = [
            ("new", self.added),
            ("changed", self.changed),
            ("returned", self.returned),
            ("left", self.left),
            ("missing", self.missing),
        ];
        let told = numbers.iter().filter(|(_, number)| *number > 0).map(|(word, number)| format!("{word} {number}"));
        Some(told.collect::<Vec<_>>().join(", ")).filter(|told| !told.is_empty())
    }
}

/// What was said of an import's rows, and is not decided by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remarks {
    /// Rows that could not be read, the first of them.
    pub problems: Vec<RowProblem>,
    /// How many there are.
    pub problem_count: u64,
    /// Things worth knowing, in words.
    pub notes: Vec<String>,
    /// Attribute, `roles`, `groups`, `manager`, `state` or `app_role.APP` → known users for whom it changes.
    pub touched: BTreeMap<String, u64>,
}

/// A row that could not be read: where it stands, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowProblem {
    /// The file, as it was given.
    pub file: String,
    /// From 1; 0 when the whole file is meant.
    pub line: u64,
    /// From 1.
    pub column: u64,
    /// The user it is about, if that much could be read: he is left as he is, and is not missing.
    pub key: Option<String>,
    /// What is wrong, and what was expected.
    pub reason: String,
}
