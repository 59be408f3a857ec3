//! Commands: everything that can be asked of a workspace, as data. The same code answers in process and over the socket.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::access::credential::{TokenKind, Typed};
use crate::access::operator::{FourEyes, Role};
use crate::clock::{Span, Timestamp};
use crate::connector::draft::DraftEdit;
use crate::connector::revision::Bundle;
use crate::directory::assignment::DirectAssignment;
use crate::directory::source::Source;
use crate::directory::user::Standing;
use crate::directory::value::Value;
use crate::engine::access_command::AccessCommand;
use crate::engine::answer::PlanFile;
use crate::engine::desk::status::HistoryFilter;
use crate::engine::heads::ChainHead;
use crate::engine::paged::Paged;
use crate::engine::pending::{Choice, Shown};
use crate::engine::queue::QueueFilter;
use crate::id::{AppName, BatchId, EventId, ImportId, RevisionNumber, TokenId};
use crate::store::user_index::UserQuery;

/// One request to the engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Read files of a source as one generation.
    Import {
        /// The source, with its mapping.
        source: Source,
        /// Absolute paths.
        files: Vec<PathBuf>,
        /// Whether absence means something.
        full: bool,
        /// The expected number of users that leave, lose a role or lose a value.
        accept_shrink: Option<u64>,
        /// True = park it whatever the guard says: somebody wants to look before it counts.
        #[serde(default)]
        park: bool,
        /// The folder in which uploaded files lie for the moment: they are called without it.
        #[serde(default)]
        within: Option<PathBuf>,
    },
    /// Generations, newest first.
    Imports {
        /// At most this many.
        limit: usize,
    },
    /// One generation.
    ImportShow {
        /// Which.
        id: ImportId,
    },
    /// Apply a parked generation.
    ImportApply {
        /// Which.
        id: ImportId,
        /// The expected number of users that leave.
        accept_shrink: Option<u64>,
    },
    /// Drop a parked generation.
    ImportDrop {
        /// Which.
        id: ImportId,
    },
    /// One page of what there is much of.
    Page(Paged),
    /// The roles that users have, and what they give.
    Roles,
    /// Users by id.
    Users {
        /// Part of a name, e-mail or key.
        search: Option<String>,
        /// At most this many.
        limit: usize,
    },
    /// Users by name, with where they have accounts.
    UsersByName {
        /// Which.
        query: UserQuery,
    },
    /// What ended in the last hours, and how old what waits is.
    Trends {
        /// Since when.
        since: Timestamp,
    },
    /// One user with his accounts.
    UserShow {
        /// Who.
        user: UserRef,
    },
    /// Change one user.
    UserEdit {
        /// Who.
        user: UserRef,
        /// What.
        edit: Edit,
    },
    /// All apps.
    Apps,
    /// One app.
    AppShow {
        /// Which.
        app: AppName,
    },
    /// Check credential, discovery and filters.
    AppTest {
        /// Which.
        app: AppName,
    },
    /// Read what an app can grant. Sends only reads.
    Refresh {
        /// Which.
        app: AppName,
    },
    /// What an app can grant, as its last refresh showed it.
    Entitlements {
        /// Which.
        app: AppName,
        /// Of this kind; all otherwise.
        kind: Option<String>,
    },
    /// Compare an app with what we pushed and what the rules want. Sends only reads.
    Reconcile {
        /// Which.
        app: AppName,
        /// Show what the last one found instead.
        last: bool,
    },
    /// Stop sending to an app.
    AppPause {
        /// Which.
        app: AppName,
    },
    /// Go on.
    AppResume {
        /// Which.
        app: AppName,
    },
    /// Store the workspace's files as a revision and activate it.
    Apply {
        /// The files.
        bundle: Bundle,
        /// The revision that the workspace was last applied from or exported at.
        base: Option<RevisionNumber>,
        /// Why.
        comment: String,
        /// True = show what it would do and stop.
        dry_run: bool,
    },
    /// The active revision's files.
    Export,
    /// All revisions.
    Revisions,
    /// One revision with its files.
    RevisionShow {
        /// Which.
        number: RevisionNumber,
    },
    /// Activate an older revision again.
    Rollback {
        /// Which.
        number: RevisionNumber,
        /// Why.
        comment: String,
        /// The revision that was active when somebody looked: refused if it is another one by now. `None` = whatever is active.
        #[serde(default)]
        over: Option<RevisionNumber>,
    },
    /// What the operator is writing.
    Draft,
    /// Write on.
    DraftEdit {
        /// What.
        edit: DraftEdit,
    },
    /// Compile rules and run their examples.
    RulesCheck {
        /// Of one app; all otherwise.
        app: Option<AppName>,
        /// These files instead of the active revision's.
        draft: Option<Bundle>,
    },
    /// What rules make of one user, beside the account that stands. Sends only reads.
    RulesTry {
        /// Where.
        app: AppName,
        /// Who.
        user: UserRef,
        /// With these files instead of the active revision's.
        draft: Option<Bundle>,
    },
    /// What would be done. Sends only reads.
    Plan {
        /// One app; all otherwise.
        app: Option<AppName>,
        /// One user; all otherwise.
        user: Option<UserRef>,
        /// Plan with these files instead of the active revision.
        draft: Option<Bundle>,
    },
    /// Plan and push until the queues are at rest.
    Sync {
        /// One app; all otherwise.
        app: Option<AppName>,
        /// Execute exactly this plan, or nothing.
        plan: Option<PlanFile>,
        /// The workspace's files: applied if there is no revision yet, otherwise compared.
        workspace: Option<Bundle>,
    },
    /// What waits for a decision.
    Approvals {
        /// Of one app.
        app: Option<AppName>,
        /// At most this many.
        limit: usize,
    },
    /// What needs somebody, over all apps.
    Overview,
    /// A page of what waits for a decision, in the order in which people work through it.
    Queue {
        /// Which part of it.
        filter: QueueFilter,
    },
    /// What was decided, newest first.
    Decisions {
        /// Since when.
        since: Timestamp,
        /// At most this many.
        limit: usize,
    },
    /// One held batch: its events, and what else belongs to it.
    BatchShow {
        /// Which.
        batch: BatchId,
    },
    /// Decide.
    Decide {
        /// What about.
        choice: Choice,
        /// What was on screen: exactly that is decided, or nothing. `None` = as it stands.
        shown: Option<Shown>,
        /// True = approve, false = reject.
        approve: bool,
        /// Why.
        comment: String,
        /// True = show what it would take and stop.
        dry_run: bool,
    },
    /// Who should have no account any more, and has.
    Leavers {
        /// In one app.
        app: Option<AppName>,
    },
    /// Each pair: presence and newest open event.
    Status {
        /// Of one user.
        user: Option<UserRef>,
        /// Of one app.
        app: Option<AppName>,
        /// At most this many rows.
        limit: usize,
    },
    /// Events, newest first.
    History {
        /// Of one user.
        user: Option<UserRef>,
        /// Which.
        filter: HistoryFilter,
    },
    /// A page of the history, for programs.
    HistoryPage {
        /// Of one user.
        user: Option<UserRef>,
        /// Which.
        filter: HistoryFilter,
        /// With their entries.
        full: bool,
    },
    /// The end of the chain.
    HistoryHead,
    /// Archive what ended long ago.
    HistoryPrune {
        /// Longer ago than this.
        keep: Span,
        /// Absolute path of the archive's folder.
        archive: PathBuf,
        /// True = say what it would do and stop.
        dry_run: bool,
    },
    /// Take the values of one user out of the history.
    HistoryErase {
        /// Who.
        user: UserRef,
    },
    /// What an account should be, and why.
    Explain {
        /// Who.
        user: UserRef,
        /// Where.
        app: AppName,
        /// What stood at this time; `None` = now.
        at: Option<Timestamp>,
    },
    /// Check that the chain contains heads that were kept elsewhere.
    HeadsCheck {
        /// Which.
        heads: Vec<ChainHead>,
    },
    /// One event with its entries.
    EventShow {
        /// Which.
        event: EventId,
    },
    /// Try failed or waiting events now.
    Retry {
        /// Which.
        events: Vec<EventId>,
    },
    /// Look a pair up at the target again and allow it to be linked.
    Rematch {
        /// Who.
        user: UserRef,
        /// Where.
        app: AppName,
    },
    /// Forget an account without touching it.
    Disassociate {
        /// Who.
        user: UserRef,
        /// Where.
        app: AppName,
    },
    /// All operators.
    Operators,
    /// Change how decisions are checked.
    FourEyes {
        /// How.
        four_eyes: FourEyes,
    },
    /// Add one.
    OperatorAdd {
        /// Unique name.
        name: String,
        /// What he may do.
        role: Role,
        /// The OS account that proves him.
        os_account: Option<String>,
        /// The directory user he is.
        user: Option<UserRef>,
    },
    /// Disable one.
    OperatorDisable {
        /// Who.
        name: String,
    },
    /// Set a password for the network.
    PasswordSet {
        /// Whose; one's own otherwise.
        name: Option<String>,
        /// The password.
        password: Typed,
    },
    /// A new one-time token, with which the first admin sets a password in the console.
    Bootstrap,
    /// All tokens.
    Tokens,
    /// Issue a token of one's own.
    TokenAdd {
        /// What for.
        name: String,
        /// What it may do.
        role: Role,
        /// A person's or a program's.
        kind: TokenKind,
        /// How long it lives; 90 days otherwise.
        days: Option<u64>,
    },
    /// Forget a token.
    TokenRevoke {
        /// Which.
        id: TokenId,
    },
    /// Check store, apps and leavers.
    Doctor {
        /// The workspace's files, compared with the active revision.
        workspace: Option<Bundle>,
    },
    /// Walk the chain and the counters.
    StoreVerify,
    /// Who may do what, what proves it, and what they did.
    Access(AccessCommand),
    /// Write a logical copy.
    StoreBackup {
        /// Absolute path of a new file.
        file: PathBuf,
    },
}

/// How people name a user: an id (`usr_…`), `source:key`, a key, an e-mail address or a user name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserRef(pub String);

/// A change of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// Override an attribute; `None` = no value.
    Set {
        /// Attribute name.
        attribute: String,
        /// The value.
        value: Option<Value>,
    },
    /// Lift an override.
    Lift {
        /// Attribute name.
        attribute: String,
    },
    /// Suspend or delete by hand.
    Stand(Standing),
    /// Lift the manual suspension or deletion.
    Restore,
    /// Assign an app.
    Assign {
        /// The app.
        app: AppName,
        /// How.
        assignment: DirectAssignment,
    },
    /// Take a direct assignment back.
    Unassign {
        /// The app.
        app: AppName,
    },
    /// Several at once: all of them, or none.
    Several {
        /// In order.
        edits: Vec<Edit>,
        /// The user's revision that they were made from; `None` = whatever it is.
        from: Option<u64>,
    },
}
