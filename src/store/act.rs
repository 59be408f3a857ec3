//! The acts. Each method is atomic and durable: when it returns, it is on disk, with its events and entries. Methods work on
//! batches or pages; no transaction handle crosses the trait. Acts are idempotent by their natural key.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::access::operator::{FourEyes, Operator};
use crate::clock::Timestamp;
use crate::connector::capability::{AppState, Learned};
use crate::connector::revision::{Bundle, Revision};
use crate::digest::Digest;
use crate::directory::change::{Cause, StagedRow, UserEdit};
use crate::directory::user::User;
use crate::id::{AppName, BatchId, EventId, ImportId, InstanceId, OperatorId, RevisionNumber, SourceName, UserId};
use crate::page::Page;
use crate::provision::account::{Account, Observation};
use crate::provision::approval::Decision;
use crate::provision::drift::{Correction, Memory, ReconcileReport};
use crate::provision::edge::{Edge, EdgeChange, EdgeOutcome};
use crate::provision::entitlement::{Catalogue, CatalogueDiff, Entitlement, EntitlementKey};
use crate::provision::entry::{Entry, Fact};
use crate::provision::event::Event;
use crate::provision::outcome::{Exchange, Outcome};
use crate::provision::plan::{PlanPage, PlanSummary};
use crate::store::deeds::Deeds;
use crate::store::drafts::Drafts;
use crate::store::keyring::Keyring;
use crate::store::query::{
    AccountQuery, Aged, AppRecord, Counts, ErasedUser, EventQuery, Import, Mark, PairRow, Preview, Prune, Waiting,
    Window,
};
use crate::store::vault::Vault;
use crate::store::views::Views;

/// Why an act was not done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What was asked for does not exist.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The act was computed against something that changed meanwhile: compute it again.
    #[error("out of date: {0}")]
    Stale(String),
    /// The act is not allowed in this state.
    #[error("{0}")]
    Conflict(String),
    /// Another process has the store open.
    #[error("the store is in use by {0}")]
    InUse(String),
    /// The disk is full or nearly so: nothing was written; free space and go on.
    #[error("the disk is full: {0}")]
    DiskFull(String),
    /// The store lost or changed data: it is not opened.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// Reading or writing failed.
    #[error("the store could not {act}")]
    Io {
        /// What it was doing.
        act: &'static str,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

/// What an act returns.
pub type StoreResult<T> = Result<T, StoreError>;

/// Operations of a page that were filed as events.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filed {
    /// The new events, in the order of the page's operations.
    pub events: Vec<EventId>,
    /// Users whose operation was not filed because the pair moved since the page was read: they stay dirty.
    pub stale: Vec<UserId>,
}

/// An event that is due, with its account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// The event, `queued` or `verifying`.
    pub event: Event,
    /// The ledger entry.
    pub account: Account,
}

/// What an attempt brought, for [`Store::finish`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finish {
    /// The event.
    pub event: EventId,
    /// What came of it.
    pub outcome: Outcome,
    /// Requests and answers, redacted.
    pub exchanges: Vec<Exchange>,
}

/// Edges of one entitlement that are due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedEdges {
    /// The entitlement; without an id if it is created first.
    pub key: EntitlementKey,
    /// Its name.
    pub name: String,
    /// Additions first.
    pub edges: Vec<ClaimedEdge>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimedEdge {
    /// The event that wants it.
    pub event: Event,
    /// The ledger entry of the account.
    pub account: Account,
    /// What is to be done.
    pub change: EdgeChange,
    /// Attempts so far.
    pub attempts: u32,
    /// An earlier request may have been carried out: it is looked up first.
    pub unknown: bool,
}

/// Edges whose intent is on disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BegunEdges {
    /// Names the chunk for [`Store::finish_edges`].
    pub chunk: u64,
    /// The events whose edges are in it.
    pub events: Vec<EventId>,
}

/// What came of one edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishedEdge {
    /// The event that wanted it.
    pub event: EventId,
    /// What was to be done.
    pub change: EdgeChange,
    /// What came of it.
    pub outcome: EdgeOutcome,
}

/// What requests about the members of one entitlement brought, for [`Store::finish_edges`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FinishEdges {
    /// The chunk that was begun; `None` = nothing was sent.
    pub chunk: Option<u64>,
    /// Each edge.
    pub edges: Vec<FinishedEdge>,
    /// Requests and answers, redacted; kept with the first event.
    pub exchanges: Vec<Exchange>,
}

/// Which events to claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Lane {
    /// Deactivations and deletes.
    Fast,
    /// Everything.
    All,
}

/// A decision for events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decide {
    /// Which events, each with the payload that was on screen.
    pub events: Vec<(EventId, Digest)>,
    /// The decision; its `payload` is filled in per event.
    pub decision: Decision,
    /// How many different operators must approve each of them, by the app's policy.
    pub approvers: usize,
}

/// What became of a decision about one event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The event.
    pub event: EventId,
    /// `None` = done; otherwise why not, in words.
    pub refused: Option<String>,
    /// It is approved, and waits for this many more approvals.
    pub missing: usize,
}

/// The end of the chain: what a checkpoint outside the store remembers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Entries so far.
    pub sequence: u64,
    /// Blocks so far.
    pub blocks: u64,
    /// Hash of the last block (SHA-256), hexadecimal.
    pub hash: String,
    /// Users.
    pub users: u64,
    /// Ledger entries.
    pub accounts: u64,
    /// Events.
    pub events: u64,
}

/// What `verify` found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// The end of the chain.
    pub head: Head,
    /// What is wrong, in words; empty = all is well.
    pub problems: Vec<String>,
}

/// Workspace-wide settings in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// This installation.
    pub instance: InstanceId,
    /// When it was made.
    pub created_at: Timestamp,
    /// Four eyes.
    pub four_eyes: FourEyes,
}

/// The store.
#[async_trait]
pub trait Store: Keyring + Views + Drafts + Vault + Deeds {
    // --- identity and operators -------------------------------------------------------------------------------------

    /// Writes the identity; a second call with the same instance is a no-op, with another a conflict.
    async fn found(&self, identity: Identity) -> StoreResult<()>;
    /// The identity; `None` before [`Store::found`].
    async fn identity(&self) -> StoreResult<Option<Identity>>;
    /// Inserts or replaces an operator by id (names are unique), with an [`Fact::Operator`] entry.
    async fn put_operator(&self, operator: Operator, by: OperatorId, at: Timestamp) -> StoreResult<()>;
    /// All operators, by name.
    async fn operators(&self) -> StoreResult<Vec<Operator>>;
    /// Changes how decisions are checked, with an [`Fact::Operator`] entry.
    async fn set_four_eyes(&self, four_eyes: FourEyes, by: OperatorId, at: Timestamp) -> StoreResult<()>;
    /// The operators whose act a cause is: who edited; who brought the import, and who applied one that was parked; who made the
    /// revision, and who activated it. Empty for what nobody did.
    async fn requesters(&self, cause: &Cause) -> StoreResult<Vec<OperatorId>>;

    // --- directory ----------------------------------------------------------------------------------------------------

    /// Users by id, tombstones included.
    async fn users(&self, after: Option<UserId>, limit: usize) -> StoreResult<Page<User, UserId>>;
    /// One user.
    async fn user(&self, id: UserId) -> StoreResult<Option<User>>;
    /// The users of these keys of a source, in the order asked; `None` where unknown.
    async fn users_by_key(&self, source: &SourceName, keys: Vec<String>) -> StoreResult<Vec<Option<User>>>;
    /// Users whose `email` or `username` equals `text` without case, or whose key does.
    async fn find_users(&self, text: &str) -> StoreResult<Vec<User>>;
    /// Applies one edit; marks the user's pairs in `apps` (and the direct reports' pairs) dirty in the same act.
    async fn change_user(
        &self,
        user: UserId,
        edit: UserEdit,
        apps: Vec<AppName>,
        by: OperatorId,
        at: Timestamp,
    ) -> StoreResult<User>;

    // --- imports ------------------------------------------------------------------------------------------------------

    /// Opens a generation in state `Staging`. Idempotent by id.
    async fn open_import(&self, import: Import) -> StoreResult<()>;
    /// Puts rows aside (at most 1,000 a call), by position: `offset` is the number of rows staged before.
    async fn stage_import(&self, import: ImportId, offset: u64, rows: Vec<StagedRow>) -> StoreResult<()>;
    /// Ends staging: `Parked` with reasons if there are any, else `Committed`, with the preview.
    async fn close_import(
        &self,
        import: ImportId,
        preview: Preview,
        parked: Vec<String>,
        at: Timestamp,
    ) -> StoreResult<()>;
    /// Commits a parked generation.
    async fn commit_import(&self, import: ImportId, by: OperatorId, at: Timestamp) -> StoreResult<()>;
    /// Drops a parked or staging generation.
    async fn drop_import(&self, import: ImportId, by: OperatorId, at: Timestamp) -> StoreResult<()>;
    /// Applies up to `limit` more rows of a committed generation: users, indexes, dirty marks for `apps` (leavers urgent; the
    /// reports of changed managers too). Returns true when all rows are applied. Resumable: rows already applied change nothing.
    async fn apply_import(
        &self,
        import: ImportId,
        apps: Vec<AppName>,
        limit: usize,
        at: Timestamp,
    ) -> StoreResult<bool>;
    /// One generation.
    async fn import(&self, id: ImportId) -> StoreResult<Option<Import>>;
    /// Generations, newest first.
    async fn imports(&self, limit: usize) -> StoreResult<Vec<Import>>;
    /// The staged rows of a generation.
    async fn staged(&self, import: ImportId, offset: u64, limit: usize) -> StoreResult<Vec<StagedRow>>;

    // --- revisions and apps -------------------------------------------------------------------------------------------

    /// Stores a bundle (idempotent by digest: the newest revision with the same digest is returned).
    async fn put_revision(
        &self,
        bundle: Bundle,
        author: OperatorId,
        comment: String,
        at: Timestamp,
    ) -> StoreResult<Revision>;
    /// Makes a revision active if `parent` is still the active one (`Stale` otherwise) and opens a sweep for each of `apps`.
    async fn activate(
        &self,
        number: RevisionNumber,
        parent: Option<RevisionNumber>,
        apps: Vec<AppName>,
        by: OperatorId,
        at: Timestamp,
    ) -> StoreResult<()>;
    /// The revision that was active at a time, and since when, as far as that was kept.
    async fn active_at(&self, at: Timestamp) -> StoreResult<Option<(RevisionNumber, Timestamp)>>;
    /// Who is behind a cause of something filed at a time: who edited, imported or activated; `None` = nobody.
    async fn causer(&self, cause: &Cause, at: Timestamp) -> StoreResult<Option<OperatorId>>;
    /// The active revision.
    async fn active_revision(&self) -> StoreResult<Option<Revision>>;
    /// Revisions, newest first.
    async fn revisions(&self) -> StoreResult<Vec<Revision>>;
    /// A revision's files.
    async fn bundle(&self, number: RevisionNumber) -> StoreResult<Bundle>;
    /// What the store knows of an app; the default if nothing.
    async fn app(&self, app: &AppName) -> StoreResult<AppRecord>;
    /// Sets the state, with an [`Fact::AppState`] entry saying `what`.
    async fn set_app(&self, app: &AppName, state: AppState, what: String, at: Timestamp) -> StoreResult<()>;
    /// Stores what the app taught us.
    async fn learn(&self, app: &AppName, learned: Learned) -> StoreResult<()>;
    /// Opens a sweep over all pairs (from the start; one that is under way starts again).
    async fn open_sweep(&self, app: &AppName, cause: Cause) -> StoreResult<()>;

    // --- the catalogue of entitlements --------------------------------------------------------------------------------

    /// All entitlements of an app, also those that are gone.
    async fn catalogue(&self, app: &AppName) -> StoreResult<Catalogue>;
    /// When the catalogue was last refreshed; `None` = never.
    async fn refreshed(&self, app: &AppName) -> StoreResult<Option<Timestamp>>;
    /// Takes in what a refresh saw, with names ([`Catalogue::compare`]); only kinds that were listed completely lose what was not
    /// seen. If anything is not as it was: [`Fact::Catalogue`], and a sweep over the app's pairs.
    async fn put_catalogue(
        &self,
        app: &AppName,
        seen: Vec<(EntitlementKey, String)>,
        complete_kinds: BTreeSet<String>,
        at: Timestamp,
    ) -> StoreResult<CatalogueDiff>;
    /// Adds one entitlement that we created, or replaces one, for example by one that is gone.
    async fn add_entitlement(&self, app: &AppName, entitlement: Entitlement) -> StoreResult<()>;

    // --- reconciliation -----------------------------------------------------------------------------------------------

    /// Writes into the ledger what a reconcile found, each pair by itself, and marks it to be planned with [`Cause::Reconcile`]. Pairs
    /// that moved since they were compared, or whose operation is under way, are left alone. Returns the others.
    async fn correct(&self, app: &AppName, corrections: Vec<Correction>, at: Timestamp) -> StoreResult<Vec<UserId>>;
    /// Keeps what a reconcile found in place of what the one before did, with [`Fact::Reconciled`].
    async fn put_report(&self, report: ReconcileReport, memory: Memory, at: Timestamp) -> StoreResult<()>;
    /// What the last reconcile found, and what it remembers for the next; `None` = there was none.
    async fn report(&self, app: &AppName) -> StoreResult<Option<(ReconcileReport, Memory)>>;

    // --- planning -----------------------------------------------------------------------------------------------------

    /// Dirty marks of an app, leavers first.
    async fn dirty(&self, app: &AppName, limit: usize) -> StoreResult<Vec<Mark>>;
    /// Dirty marks of leavers alone.
    async fn dirty_leavers(&self, app: &AppName, limit: usize) -> StoreResult<Vec<Mark>>;
    /// The pairs of these users, in the order asked; unknown users are left out.
    async fn pairs(&self, app: &AppName, users: Vec<UserId>) -> StoreResult<Vec<PairRow>>;
    /// The pairs of the next `limit` users by id.
    async fn pairs_after(&self, app: &AppName, after: Option<UserId>, limit: usize) -> StoreResult<Vec<PairRow>>;
    /// Which users' ledger entries in `app` have these userNames (compared without case), in the order asked.
    async fn owners_by_name(&self, app: &AppName, names: Vec<String>) -> StoreResult<Vec<Option<UserId>>>;
    /// Which users' ledger entries in `app` have these remote ids, in the order asked.
    async fn owners_by_remote_id(&self, app: &AppName, ids: Vec<String>) -> StoreResult<Vec<Option<UserId>>>;
    /// Stores results of lookups.
    async fn note_matches(&self, app: &AppName, matches: Vec<(UserId, Observation)>) -> StoreResult<()>;
    /// What counts against the blast radius at `as_of`.
    async fn window(&self, app: &AppName, as_of: Timestamp) -> StoreResult<Window>;
    /// Plan header and verdict, budget of the window reserved for the classes that are not held.
    async fn admit(&self, summary: PlanSummary) -> StoreResult<()>;
    /// Files a page: supersedes open `pending` and `queued` events of its pairs, inserts its operations as events (refused ones
    /// as final ones with a mute), remembers `quiet` bases, marks `kept`, clears the marks of `users` that were read before
    /// `as_of`, advances the sweep's cursor to `cursor`. Pairs whose account generation, user revision or open event moved, or whose event is
    /// `running` or `verifying`, are left alone and reported as stale.
    async fn file(&self, summary: &PlanSummary, page: PlanPage, cursor: Cursor) -> StoreResult<Filed>;

    // --- decisions ----------------------------------------------------------------------------------------------------

    /// One decision for many events, each for exactly the payload named. Its last approver releases an event, any rejection ends it.
    async fn decide(&self, decide: Decide) -> StoreResult<Vec<Decided>>;
    /// Ops say *retry*: failed → its mute is lifted and the pair marked dirty; queued → due now. Returns what was done, in words.
    async fn retry(&self, event: EventId, by: OperatorId, at: Timestamp) -> StoreResult<String>;
    /// Forgets the observation and any conflict or unlinking of a pair, so that it is looked up and planned again; recorded consent.
    async fn rematch(&self, app: &AppName, user: UserId, by: OperatorId, at: Timestamp) -> StoreResult<()>;
    /// Makes a pair unlinked: supersedes its open event (`Conflict` if running), forgets the ledger entry, plans nothing.
    async fn disassociate(&self, app: &AppName, user: UserId, by: OperatorId, at: Timestamp) -> StoreResult<()>;
    /// Pending events whose time is over become `expired`, their pairs dirty; leavers and adoptions never do.
    async fn expire(&self, app: &AppName, filed_before: Timestamp, at: Timestamp) -> StoreResult<u64>;
    /// Lifts mutes of `failed` older than a day, and marks their pairs dirty.
    async fn lift_failed_mutes(&self, app: &AppName, older_than: Timestamp) -> StoreResult<u64>;

    // --- pushing ------------------------------------------------------------------------------------------------------

    /// Events that are due at `as_of`: leaving first, then oldest due first; `queued` and `verifying`.
    async fn claim(&self, app: &AppName, lane: Lane, as_of: Timestamp, limit: usize) -> StoreResult<Vec<Claimed>>;
    /// When the next event of the app is due; `None` = nothing waits by time.
    async fn next_due(&self, app: &AppName) -> StoreResult<Option<Timestamp>>;
    /// What waits: all leavers; of the other queued events the kinds of at most `others`, and the number of the rest.
    async fn waiting(&self, app: &AppName, others: usize) -> StoreResult<Waiting>;
    /// The endpoint answers again: what was put off because it failed is due now. Returns how many events and edges.
    async fn hasten(&self, app: &AppName, at: Timestamp) -> StoreResult<u64>;
    /// Intent before the send: `queued` → `running`, attempts + 1, [`Fact::Intent`]. Events that moved are left out of the result.
    async fn begin(&self, events: Vec<EventId>, at: Timestamp) -> StoreResult<Vec<EventId>>;
    /// Outcome after it: status, account, next due, dependents' marks, [`Fact::Attempted`] and [`Fact::Stepped`].
    async fn finish(&self, outcomes: Vec<Finish>, at: Timestamp) -> StoreResult<()>;
    /// Edges that are due at `as_of`, by entitlement, additions first; not those of `except`, which are being pushed. At most `limit`
    /// entitlements.
    async fn claim_edges(
        &self,
        app: &AppName,
        as_of: Timestamp,
        except: Vec<EntitlementKey>,
        limit: usize,
    ) -> StoreResult<Vec<ClaimedEdges>>;
    /// Intent before the send, for edges of one entitlement and one direction: [`Fact::EdgeIntent`]. Edges that moved are left out of
    /// the result.
    async fn begin_edges(
        &self,
        app: &AppName,
        edges: Vec<(EventId, EdgeChange)>,
        at: Timestamp,
    ) -> StoreResult<BegunEdges>;
    /// Outcome after it: edges, their queue, and the events that end with them.
    async fn finish_edges(&self, app: &AppName, finish: FinishEdges, at: Timestamp) -> StoreResult<()>;
    /// A conversation about members broke down, and none is under way: what may be out is looked up before anything is sent again.
    async fn recover_edges(&self, app: &AppName, at: Timestamp) -> StoreResult<u64>;
    /// A group that was created first has its id now: edges that wait for it by name get it.
    async fn bind_edges(&self, app: &AppName, key: EntitlementKey, name: String) -> StoreResult<()>;
    /// After a crash: every `running` becomes `verifying`; every committed import is reported to be resumed. Returns how many events.
    async fn recover(&self, at: Timestamp) -> StoreResult<u64>;

    // --- reads --------------------------------------------------------------------------------------------------------

    /// Events, newest first. The page's cursor leads on in the direction asked for: to older ones, or with `after` to newer ones.
    async fn events(&self, query: EventQuery) -> StoreResult<Page<Event, EventId>>;
    /// One event.
    async fn event(&self, id: EventId) -> StoreResult<Option<Event>>;
    /// Open events of a held batch, oldest first.
    async fn batch(&self, app: &AppName, batch: BatchId) -> StoreResult<Vec<Event>>;
    /// The entries of one event, oldest first.
    async fn entries(&self, event: EventId) -> StoreResult<Vec<Entry>>;
    /// Entries after a sequence number, oldest first.
    async fn entries_after(&self, sequence: u64, limit: usize) -> StoreResult<Vec<Entry>>;
    /// Ledger entries.
    async fn accounts(&self, query: AccountQuery) -> StoreResult<Page<Account, (AppName, UserId)>>;
    /// The edges of one account.
    async fn edges(&self, app: &AppName, user: UserId) -> StoreResult<Vec<Edge>>;
    /// Who has an edge in an entitlement, by user.
    async fn members(
        &self,
        app: &AppName,
        key: EntitlementKey,
        after: Option<UserId>,
        limit: usize,
    ) -> StoreResult<Page<(UserId, Edge), UserId>>;
    /// Kept counters.
    async fn counts(&self, app: &AppName) -> StoreResult<Counts>;
    /// The end of the chain.
    async fn head(&self) -> StoreResult<Head>;
    /// Adds one entry that belongs to no other act.
    async fn note(&self, fact: Fact, app: Option<AppName>, at: Timestamp) -> StoreResult<()>;
    /// Which of these ends of the chain (sequence, hash) it does not contain any more, in words.
    async fn missing_heads(&self, heads: Vec<(u64, String)>) -> StoreResult<Vec<String>>;
    /// Events that ended before a time and that nothing refers to, oldest first.
    async fn aged(&self, before: Timestamp, after: Option<EventId>, limit: usize) -> StoreResult<Page<Aged, EventId>>;
    /// Takes archived events and the bodies of their entries out, with [`Fact::Erased`]; those that are gone or have moved are left
    /// alone. Returns how many.
    async fn prune(&self, prune: Prune, at: Timestamp) -> StoreResult<u64>;
    /// Takes the values of one user out of all events that are over, with [`Fact::Erased`].
    async fn erase_user(&self, user: UserId, by: OperatorId, at: Timestamp) -> StoreResult<ErasedUser>;
    /// Checks the whole chain and the kept counters.
    async fn verify(&self) -> StoreResult<Verified>;
    /// Writes a logical copy to a new file; returns the number of records.
    async fn backup(&self, file: std::path::PathBuf) -> StoreResult<u64>;
}

/// How far a filed page brings the app's cycle.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The page belongs to a sweep: handled up to and including this user.
    pub sweep_to: Option<UserId>,
    /// It was the last page of the sweep: the sweep is closed and, with it, the app's first cycle done.
    pub sweep_done: bool,
    /// Pairs of the sweep that could not be looked up so far. Of too many to mark each, another sweep follows.
    pub unseen: u64,
}
