//! Rows: how a value becomes bytes. Each row starts with a version byte and knows how to read its previous versions.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::access::credential::{OpenIdentity, PasswordHash, SealedSecret, SignIn, Token};
use crate::access::operator::Operator;
use crate::clock::Timestamp;
use crate::connector::draft::Draft;
use crate::connector::revision::Revision;
use crate::digest::Digest;
use crate::directory::change::{Cause, StagedRow};
use crate::directory::user::User;
use crate::directory::value::Value;
use crate::id::{BatchId, EventId, OperatorId, PlanId, SourceName, UserId};
use crate::provision::account::Account;
use crate::provision::approval::Decision;
use crate::provision::drift::{Memory, ReconcileReport};
use crate::provision::edge::{Edge, EdgeChange};
use crate::provision::entitlement::Entitlement;
use crate::provision::event::{Event, Progress, Status, StatusKind};
use crate::provision::guard::finding::Class;
use crate::provision::plan::PlanSummary;
use crate::store::act::{Head, Identity, StoreError, StoreResult};
use crate::store::previous::{FiledEventV1, FiledEventV2};
use crate::store::query::{AppRecord, Counts, Import, Remarks};

/// A value that is kept as a row.
pub(crate) trait Row: Serialize + DeserializeOwned {
    /// What it is, for people.
    const NAME: &'static str;
    /// The version that is written.
    const VERSION: u8 = 1;

    /// Reads a row of an earlier version; `None` = this version was never written.
    fn previous(_version: u8, _body: &[u8]) -> Option<Self> {
        None
    }
}

/// The bytes of a row.
pub(crate) fn encode<R: Row>(row: &R) -> Vec<u8> {
    let mut start = Vec::with_capacity(256);
    start.push(R::VERSION);
    // Our types have no unserialisable parts: no maps of unknown length, no i/o.
    postcard::to_extend(row, start).expect("rows serialise")
}

/// A row from its bytes.
pub(crate) fn decode<R: Row>(bytes: &[u8]) -> StoreResult<R> {
    let damaged = |why: String| StoreError::Damaged(format!("a row of {} can't be read: {why}", R::NAME));
    let (version, body) = bytes.split_first().ok_or_else(|| damaged("it is empty".to_owned()))?;
    if *version == R::VERSION {
        return postcard::from_bytes(body).map_err(|error| damaged(error.to_string()));
    }
    R::previous(*version, body).ok_or_else(|| {
        damaged(format!("it has version {version}, this program knows {} and older; use a newer usher", R::VERSION))
    })
}

macro_rules! rows {
    ($($type:ty = $name:literal;)*) => {$(impl Row for $type { const NAME: &'static str = $name; })*};
}

rows! {
    u32 = "the format version";
    u64 = "a number";
    StoredHead = "the end of the chain";
    Identity = "the identity";
    Operator = "an operator";
    PasswordHash = "a password";
    Token = "a token";
    SealedSecret = "a sealed secret";
    OpenIdentity = "somebody at an OpenID provider";
    SignIn = "a sign-in";
    Digest = "a digest";
    User = "a user";
    StagedRow = "a staged row";
    Revision = "a revision";
    BundleFile = "a bundle file";
    StoredMark = "a dirty mark";
    Account = "an account";
    Edge = "an edge";
    QueuedEdge = "an edge that waits";
    RunningEdges = "members that are being changed";
    RunningBatch = "running events";
    HeldClass = "a held batch";
    WindowCount = "a blast radius count";
    Tally = "what counts against the blast radius";
    PlanSummary = "a plan";
    Entitlement = "an entitlement";
    Refresh = "a refresh";
    AdoptedValues = "adopted values";
    Reconciled = "a reconcile";
    Activation = "an activation";
    EndedCount = "how many events ended";
    Actors = "whose act it was";
    Draft = "a draft";
    Remarks = "remarks on an import";
}

/// The body of an earlier version to whose end empty values were added.
fn with_zeros<R: DeserializeOwned>(body: &[u8], zeros: usize) -> Option<R> {
    let mut longer = body.to_vec();
    longer.resize(body.len() + zeros, 0);
    postcard::from_bytes(&longer).ok()
}

impl Row for Counts {
    const NAME: &'static str = "kept counters";
    /// 2: edges.
    const VERSION: u8 = 2;

    fn previous(version: u8, body: &[u8]) -> Option<Self> {
        if version == 1 { with_zeros(body, 1) } else { None }
    }
}

impl Row for Import {
    const NAME: &'static str = "an import";
    /// 2: what shrinks.
    const VERSION: u8 = 2;

    fn previous(version: u8, body: &[u8]) -> Option<Self> {
        if version == 1 { with_zeros(body, 1) } else { None }
    }
}

impl Row for AppRecord {
    const NAME: &'static str = "an app";
    /// 2: one more state, the breaker is open. A row of version 1 reads as it is.
    const VERSION: u8 = 2;

    fn previous(version: u8, body: &[u8]) -> Option<Self> {
        if version == 1 { postcard::from_bytes(body).ok() } else { None }
    }
}

impl Row for EventState {
    const NAME: &'static str = "an event's state";
    /// 2: how far it came, five fields.
    const VERSION: u8 = 2;

    fn previous(version: u8, body: &[u8]) -> Option<Self> {
        if version == 1 { with_zeros(body, 5) } else { None }
    }
}

impl Row for FiledEvent {
    const NAME: &'static str = "an event";
    /// 2: how far it came, which is known from the operation when it is filed. 3: the app's digest and since when it is escalated are
    /// parts of the event.
    const VERSION: u8 = 3;

    fn previous(version: u8, body: &[u8]) -> Option<Self> {
        match version {
            1 => FiledEventV1::read(body),
            2 => FiledEventV2::read(body),
            _ => None,
        }
    }
}

/// The end of the chain and the store's own numbering.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredHead {
    /// Entries so far.
    pub(crate) sequence: u64,
    /// Blocks so far.
    pub(crate) blocks: u64,
    /// Groups committed so far: counts those without entries too.
    pub(crate) commits: u64,
    /// Hash of the last block.
    pub(crate) hash: [u8; 32],
    /// First sequence of the last block.
    pub(crate) last_block: u64,
    /// Users.
    pub(crate) users: u64,
    /// Ledger entries.
    pub(crate) accounts: u64,
    /// Events, which is also the last event's number.
    pub(crate) events: u64,
}

impl StoredHead {
    /// As the trait shows it.
    pub(crate) fn shown(&self) -> Head {
        Head {
            sequence: self.sequence,
            blocks: self.blocks,
            hash: Digest(self.hash).to_string(),
            users: self.users,
            accounts: self.accounts,
            events: self.events,
        }
    }
}

/// One file of a bundle.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct BundleFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// A dirty mark; urgency and user are in the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredMark {
    pub(crate) cause: Cause,
    pub(crate) at: Timestamp,
}

/// An event as it was filed. Written once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FiledEvent {
    /// With the status it was filed with.
    pub(crate) event: Event,
    /// The hour in which it was filed, if it counts against the blast radius until it has ended.
    pub(crate) counted: Option<u64>,
    /// The pair's event before: the user's history is a walk from the account's last event.
    pub(crate) previous: Option<EventId>,
    /// The user's source and key: finds the direct reports without reading the user.
    pub(crate) source: SourceName,
    /// See `source`.
    pub(crate) key: String,
    /// Sequence of the entry that says it was planned.
    pub(crate) entry: u64,
}

/// What changes in an event's life. Absent until the first step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EventState {
    pub(crate) status: Status,
    pub(crate) attempts: u32,
    pub(crate) decisions: Vec<Decision>,
    pub(crate) changed_at: Timestamp,
    pub(crate) counted: Option<u64>,
    /// Sequences of the event's entries after the first.
    pub(crate) trail: Vec<u64>,
    /// How far it came.
    pub(crate) progress: Progress,
}

/// Events whose intent is on disk. One row a `begin`, so that events are not rewritten for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunningBatch {
    pub(crate) since: Timestamp,
    pub(crate) events: Vec<RunningEvent>,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunningEvent {
    pub(crate) event: EventId,
    /// Which attempt, from 1.
    pub(crate) attempt: u32,
    /// Sequence of the intent.
    pub(crate) entry: u64,
}

/// An edge that may be sent; app, entitlement, direction and user are in the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueuedEdge {
    pub(crate) event: EventId,
    /// Not before.
    pub(crate) due: Timestamp,
    /// Attempts so far.
    pub(crate) attempts: u32,
    pub(crate) change: EdgeChange,
}

/// Members of one entitlement whose intent is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunningEdges {
    pub(crate) since: Timestamp,
    pub(crate) edges: Vec<RunningEdge>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RunningEdge {
    pub(crate) user: UserId,
    pub(crate) event: EventId,
    pub(crate) change: EdgeChange,
    /// Sequence of the intent.
    pub(crate) entry: u64,
}

/// A class with an open held batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeldClass {
    pub(crate) class: Class,
    pub(crate) batch: BatchId,
}

/// What counts against the blast radius of an app, beside what was sent by the hour.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// The plan that was admitted last, and what it may still file.
    pub(crate) reserved: Option<(PlanId, BTreeMap<Class, u64>)>,
    /// What was filed without an approval and has not ended: however long it waits, it counts.
    pub(crate) open: BTreeMap<Class, u64>,
    /// Creates up to this event were the first cycle's.
    pub(crate) forgiven: u64,
}

/// What was sent of a class in an hour; `None` = active accounts at the hour's first admission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WindowCount {
    pub(crate) class: Option<Class>,
    pub(crate) number: u64,
}

/// The last refresh of an app's catalogue; `at` is `None` while there are only entitlements that we created.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refresh {
    pub(crate) at: Option<Timestamp>,
    pub(crate) changed: Option<Timestamp>,
}

/// Values of one account that are kept as they are at the target; `None` = kept empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct AdoptedValues(pub(crate) BTreeMap<String, Option<Value>>);

/// What the last reconcile of an app found, and what it remembers for the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reconciled {
    pub(crate) report: ReconcileReport,
    pub(crate) memory: Memory,
}

/// A revision was activated; when and which are in the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Activation {
    pub(crate) by: OperatorId,
}

/// Operators, beside the one who brought it, whose act put a generation or a revision in force.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Actors(pub(crate) Vec<OperatorId>);

/// Counters of one app as maps without zeros, so that recomputed ones compare equal.
pub(crate) fn tidy_counts(counts: &mut Counts) {
    fn drop_zeros<K: Ord + Copy>(map: &mut BTreeMap<K, u64>) {
        map.retain(|_, number| *number > 0);
    }
    drop_zeros(&mut counts.accounts);
    drop_zeros(&mut counts.events);
    drop_zeros(&mut counts.edges);
}

/// How many events of an app ended within an hour, by how they ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EndedCount(pub(crate) BTreeMap<StatusKind, u64>);
