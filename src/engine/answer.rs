//! Answers: what commands give back, as data. The door renders them as tables or JSON.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::access::credential::{Token, Typed};
use crate::access::operator::{FourEyes, Operator};
use crate::clock::Timestamp;
use crate::connector::app::App;
use crate::connector::capability::AppState;
use crate::connector::revision::{Bundle, Revision};
use crate::digest::Digest;
use crate::directory::user::User;
use crate::engine::access_command::AccessAnswer;
use crate::engine::explained::Explained;
use crate::engine::heads::ChainHead;
use crate::engine::intake::compare::StagedChange;
use crate::engine::overview::Overview;
use crate::engine::paged::{PageAnswer, RolesAnswer};
use crate::engine::pending::{Asking, Chosen, Leaver, Pending, Shown};
use crate::engine::queue::{Decided, QueuePage};
pub use crate::engine::refreshed::{Concern, EntitlementsAnswer, Meaning, RefreshAnswer};
use crate::engine::retention::Pruned;
use crate::engine::trial::{DraftAnswer, RulesChecked, RulesTried};
use crate::engine::user_list::UserList;
use crate::id::{AppName, BatchId, EventId, RevisionNumber, UserId};
use crate::provision::account::Account;
use crate::provision::drift::ReconcileReport;
use crate::provision::edge::Edge;
use crate::provision::entry::Entry;
use crate::provision::escalation::Escalation;
use crate::provision::event::{Event, StatusKind};
use crate::provision::guard::finding::Finding;
use crate::provision::operation::Kind;
use crate::provision::plan::{PlanSummary, Planned, Skipped};
use crate::store::act::{Head, Verified};
use crate::store::query::{Counts, Import, Remarks};
use crate::store::views::Trends;

/// What a command gives back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer", content = "data")]
pub enum Answer {
    /// Done; a sentence says what.
    Done(String),
    /// An import, with the rows that could not be read.
    Imported(ImportAnswer),
    /// One page.
    Page(PageAnswer),
    /// Roles.
    Roles(Box<RolesAnswer>),
    /// Generations.
    Imports(Vec<Import>),
    /// Users, with the number that did not fit.
    Users(Vec<User>),
    /// Users by name.
    UsersByName(Box<UserList>),
    /// What ended in the last hours, and how old what waits is.
    Trends(Box<Trends>),
    /// One user and his accounts.
    User(Box<UserAnswer>),
    /// Apps.
    Apps(Vec<AppAnswer>),
    /// One app.
    App(Box<AppAnswer>),
    /// What *test connection* found.
    Tested(TestAnswer),
    /// What a refresh found.
    Refreshed(Box<RefreshAnswer>),
    /// What an app can grant.
    Entitlements(EntitlementsAnswer),
    /// What a reconcile found.
    Reconciled(Box<ReconcileReport>),
    /// A revision was applied, or would be.
    Applied(ApplyAnswer),
    /// A revision's files.
    Files {
        /// Which.
        revision: Revision,
        /// Its files.
        bundle: Bundle,
    },
    /// Revisions, the active one named.
    Revisions {
        /// Newest first.
        revisions: Vec<Revision>,
        /// The active one.
        active: Option<RevisionNumber>,
    },
    /// What the operator is writing; `None` = nothing.
    Draft(Option<Box<DraftAnswer>>),
    /// What is wrong with rules, and how their examples came out.
    RulesChecked(RulesChecked),
    /// What rules make of one user.
    RulesTried(Box<RulesTried>),
    /// Plans, one an app.
    Plan(PlanFile),
    /// What a sync did, one an app.
    Synced(Vec<SyncAnswer>),
    /// Pending events.
    Approvals(Vec<Pending>),
    /// What needs somebody.
    Overview(Box<Overview>),
    /// A page of what waits for a decision.
    Queue(Box<QueuePage>),
    /// Decisions that were made.
    Decisions(Vec<Decided>),
    /// What a decision would take.
    Chosen(Chosen),
    /// Who should have no account any more, and has.
    Leavers(Vec<Leaver>),
    /// A held batch.
    Batch(BatchAnswer),
    /// What became of decisions, in words, one an event.
    Decided(Vec<DecisionAnswer>),
    /// Pairs.
    Status(Vec<StatusRow>),
    /// Events, newest first, with the cursor of the next page.
    History {
        /// The events.
        events: Vec<Event>,
        /// Pass this as `before`.
        next: Option<EventId>,
        /// Pass this as `after`.
        newer: Option<EventId>,
    },
    /// A page of the history, for programs.
    Exported {
        /// Newest first.
        events: Vec<ExportedEvent>,
        /// Pass this as `before`.
        next: Option<EventId>,
    },
    /// The end of the chain.
    Head(ChainHead),
    /// What left the history.
    Pruned(Pruned),
    /// One pair, explained.
    Explained(Box<Explained>),
    /// One event with its entries and explanation.
    Event(Box<EventAnswer>),
    /// Operators.
    Operators {
        /// By name.
        operators: Vec<Operator>,
        /// How decisions are checked.
        four_eyes: FourEyes,
    },
    /// The one-time token, shown once.
    OneTime(Typed),
    /// Tokens, without their secrets.
    Tokens(Vec<TokenAnswer>),
    /// A new token, with its secret: shown once.
    Token(Box<TokenAnswer>),
    /// Who may do what, and what they did.
    Access(AccessAnswer),
    /// What the doctor found.
    Doctor(Vec<Check>),
    /// What `store verify` found.
    Verified(Verified),
}

/// An import.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportAnswer {
    /// The generation; `None` if nothing could be staged.
    pub import: Import,
    /// Rows that could not be read: `file:line:column: reason`.
    pub problems: Vec<String>,
    /// Things worth knowing, in words.
    pub notes: Vec<String>,
    /// The same rows with their places, and how often each attribute changes: what is kept of it for later.
    #[serde(default)]
    pub remarks: Box<Remarks>,
    /// Of a parked generation: some of the users it would bring or change.
    #[serde(default)]
    pub sample: Vec<StagedChange>,
}

/// One user and his accounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserAnswer {
    /// The user.
    pub user: User,
    /// All roles, those by condition included.
    pub roles: Vec<String>,
    /// Pairs.
    pub accounts: Vec<StatusRow>,
}

/// A held batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchAnswer {
    /// Which.
    pub batch: BatchId,
    /// Count and digest of what is decided with it.
    pub shown: Shown,
    /// What is decided with it. For adoptions: accounts that are as the rules want them, or anything else than adoptions.
    pub exact: Vec<Pending>,
    /// Adoptions of accounts with other values than the rules want; the finding says what becomes of those.
    pub differing: Vec<Pending>,
    /// Adoptions that are blocked because several accounts match: not decided with the batch.
    pub ambiguous: Vec<Pending>,
}

/// What the last reconcile of an app found, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastReconcile {
    /// When it ended.
    pub at: Timestamp,
    /// Differences that somebody should look at.
    pub drift: u64,
    /// Why it is not the whole truth, in words.
    pub incomplete: Option<String>,
}

/// One app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppAnswer {
    /// Its name.
    pub name: AppName,
    /// Its definition.
    pub app: App,
    /// How it stands.
    pub state: AppState,
    /// Numbers.
    pub counts: Counts,
    /// The last completed cycle.
    pub last_cycle: Option<Timestamp>,
    /// Pending events that were asked before, and nobody decided in time.
    pub escalated: u64,
    /// The last reconcile, if there was one.
    pub reconciled: Option<LastReconcile>,
    /// What several users have in common, since the last completed cycle began: the same refusal, for example.
    pub findings: Vec<Finding>,
    /// What waits in it.
    pub waiting: WaitingAnswer,
    /// What it taught us, in words.
    pub learned: Vec<String>,
    /// What an admin must know of the connector.
    pub notes: Vec<String>,
}

/// What waits in an app.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingAnswer {
    /// Leavers, whoever has waited longest first.
    pub leavers: Vec<LeaverAnswer>,
    /// Other queued events by kind.
    pub queued: BTreeMap<Kind, u64>,
    /// Those beyond what was counted by kind.
    pub more: u64,
    /// Why users could not be looked up by the last plan, and wait to be planned again.
    #[serde(default)]
    pub unseen: Option<String>,
}

/// A leaver whose deactivation or delete is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaverAnswer {
    /// The event.
    pub event: EventId,
    /// What people call the user.
    pub label: String,
    /// Deactivate or delete.
    pub kind: Kind,
    /// What it waits for: `pending` an approver, `queued` the target.
    pub status: StatusKind,
    /// Since when.
    pub since: Timestamp,
    /// How loudly people are told, if it has taken too long.
    pub escalation: Option<Escalation>,
    /// Why it is not done, and what to do.
    pub reason: String,
}

/// What *test connection* found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestAnswer {
    /// Which app.
    pub app: AppName,
    /// What was checked.
    pub checks: Vec<Check>,
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckLevel {
    /// All is well.
    Good,
    /// Worth knowing.
    Note,
    /// Must be put right.
    Bad,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What was checked.
    pub subject: String,
    /// How it ended.
    pub level: CheckLevel,
    /// What was found, and what to do.
    pub finding: String,
}

/// A revision was applied, or would be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApplyAnswer {
    /// The revision; `None` in a dry run, or if nothing changed.
    pub revision: Option<Revision>,
    /// In words: which files changed.
    pub changes: Vec<String>,
    /// What it does to each app.
    pub plan: PlanFile,
    /// Whether it was activated.
    pub activated: bool,
}

/// One or more plans, as `usher plan --out` writes them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanFile {
    /// The active revision's digest then (of the draft's bundle, if it was a draft).
    pub revision: Digest,
    /// True = planned with files that are not active.
    pub draft: bool,
    /// By app.
    pub apps: Vec<AppPlan>,
    /// Apps that these files no longer have, if something stays behind there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub abandoned: Vec<Abandoned>,
}

/// An app that is no longer configured, and what is left of it in the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Abandoned {
    /// What it was called.
    pub app: AppName,
    /// Accounts of ours that are active there.
    pub accounts: u64,
    /// Events that wait and are not sent any more.
    pub waiting: u64,
}

/// The plan of one app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AppPlan {
    /// Numbers, findings, digest.
    pub summary: PlanSummary,
    /// Operations, at most a few thousand.
    pub operations: Vec<Planned>,
    /// Pairs without an operation that people should know of.
    pub skipped: Vec<Skipped>,
    /// Operations beyond those shown.
    pub not_shown: u64,
    /// Restricted to one user, if it was.
    pub user: Option<UserId>,
    /// Why the app could not be planned, in words.
    pub trouble: Option<String>,
}

/// What a sync did in one app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncAnswer {
    /// Which app.
    pub app: AppName,
    /// Numbers of the plan: kind → verdict → count.
    pub summary: Option<PlanSummary>,
    /// Events that ended during the sync, by status.
    pub ended: BTreeMap<StatusKind, u64>,
    /// Events that wait: pending for an approver, queued for another attempt.
    pub waiting: BTreeMap<StatusKind, u64>,
    /// Requests sent (reads and writes).
    pub requests: u64,
    /// Requests that write.
    pub writes: u64,
    /// What several users have in common: the same refusal, for example.
    pub findings: Vec<Finding>,
    /// What went wrong, in words.
    pub trouble: Option<String>,
}

/// What became of one decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionAnswer {
    /// The event.
    pub event: EventId,
    /// What people call the user.
    pub label: String,
    /// `None` = done; otherwise why not.
    pub refused: Option<String>,
    /// How many different operators must approve it.
    pub approvers: usize,
    /// How many of them are missing still.
    pub missing: usize,
}

/// One pair: presence plus the newest open event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StatusRow {
    /// Who.
    pub label: String,
    /// The ledger entry.
    pub account: Account,
    /// Its entitlements.
    pub edges: Vec<Edge>,
    /// The newest event.
    pub event: Option<Event>,
    /// What ops see, for example `Provisioned · update failed`.
    pub shown: String,
    /// The reason and what to do, if something is wrong.
    pub reason: String,
}

/// One event with its entries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventAnswer {
    /// The event.
    pub event: Event,
    /// Its facts, oldest first.
    pub entries: Vec<Entry>,
    /// The history in sentences, oldest first.
    pub story: Vec<String>,
    /// What lies around it: who, whose change, which rules, who may decide.
    pub asking: Asking,
}

/// One event of an export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportedEvent {
    /// What made it be planned, in words.
    pub cause: String,
    /// The operator behind it.
    pub caused_by: Option<String>,
    /// The event.
    pub event: Event,
    /// Its facts, oldest first, if they were asked for.
    pub entries: Vec<Entry>,
}

/// A token for the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenAnswer {
    /// The token.
    pub token: Token,
    /// Its operator's name.
    pub owner: String,
    /// The token itself, in the answer that issues it and nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<Typed>,
}

/// Progress of a long command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done, for example `planning nulab`.
    pub step: String,
    /// In which app, if in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<AppName>,
    /// How far.
    pub done: u64,
    /// Of how many; 0 = not known.
    pub total: u64,
}

/// The store's head, for `doctor` and `store verify`.
pub type StoreHead = Head;
