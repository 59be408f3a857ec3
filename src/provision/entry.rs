//! Entries: immutable facts. The sum of an event's entries is its history; the committer numbers them, so chain order is commit
//! order. Bodies are kept beside the chain (which covers their digests), so that personal data can be erased later.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::directory::value::Value;
use crate::id::{AppName, EventId, ImportId, OperatorId, PlanId, RevisionNumber, UserId};
use crate::provision::approval::Decision;
use crate::provision::edge::EdgeChange;
use crate::provision::event::StatusKind;
use crate::provision::gone::Ranges;
use crate::provision::operation::Kind;
use crate::provision::outcome::{Exchange, FailureClass};

/// One fact, numbered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Position in the chain, from 1, without gaps.
    pub sequence: u64,
    /// When it was committed, by the committing process's clock.
    pub at: Timestamp,
    /// The event it belongs to, if any.
    pub event: Option<EventId>,
    /// The app it is about, if any.
    pub app: Option<AppName>,
    /// The user it is about, if any.
    pub user: Option<UserId>,
    /// What happened.
    pub fact: Fact,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// An event was filed, as it was said before [`Fact::Filed`]: its payload's digest binds the operation.
    Planned {
        /// What it does.
        kind: Kind,
        /// Which plan.
        plan: PlanId,
        /// The payload's digest.
        payload: Digest,
        /// Pending, queued or refused.
        status: StatusKind,
    },
    /// An operator decided.
    Decided(Decision),
    /// The request is about to go out.
    Intent {
        /// Which attempt, from 1.
        attempt: u32,
        /// The payload's digest.
        payload: Digest,
    },
    /// Requests of an attempt and their answers.
    Attempted {
        /// Which attempt, from 1.
        attempt: u32,
        /// In order.
        exchanges: Vec<Exchange>,
    },
    /// The event took a step.
    Stepped {
        /// Where it stands now.
        status: StatusKind,
        /// If it failed: what it means.
        class: Option<FailureClass>,
        /// In words.
        detail: String,
    },
    /// An import was committed, parked or dropped.
    Import {
        /// Which.
        import: ImportId,
        /// In words: `committed`, `parked`, `dropped`, with numbers.
        what: String,
        /// Who.
        operator: OperatorId,
    },
    /// A user was changed by an operator.
    UserEdited {
        /// In words, without values.
        what: String,
        /// Who.
        operator: OperatorId,
    },
    /// A revision was stored or activated.
    Revision {
        /// Which.
        number: RevisionNumber,
        /// Its content.
        digest: Digest,
        /// `activated`, `rolled back to`.
        what: String,
        /// Who.
        operator: OperatorId,
    },
    /// An app was paused, resumed, quarantined.
    AppState {
        /// In words.
        what: String,
    },
    /// An operator acted on an account: `rematch`, `disassociate`.
    AccountTouched {
        /// In words.
        what: String,
        /// Who.
        operator: OperatorId,
    },
    /// Operators were added or disabled.
    Operator {
        /// In words.
        what: String,
        /// Who did it.
        operator: OperatorId,
    },
    /// The store itself: created, restored from a backup, recovered after a crash.
    Store {
        /// In words.
        what: String,
    },
    /// A refresh found other entitlements at the target than before.
    Catalogue {
        /// In words, with numbers.
        what: String,
    },
    /// Members of an entitlement are about to be changed; the entry says it for one of them.
    EdgeIntent {
        /// Which, and whether it is added or removed.
        change: EdgeChange,
        /// How many are sent together.
        together: u32,
        /// The payload's digest.
        payload: Digest,
    },
    /// What came of it.
    EdgeEnded {
        /// Which, and whether it was added or removed.
        change: EdgeChange,
        /// If it failed: what it means.
        class: Option<FailureClass>,
        /// In words.
        detail: String,
        /// The event that keeps the exchange with the target for all that were sent together.
        exchange: Option<EventId>,
    },
    /// A reconcile ended, or what it found of one account was written into the ledger.
    Reconciled {
        /// In words, without values.
        what: String,
    },
    /// An event was filed. Its row, with operation, findings and cause, is bound by a digest.
    Filed {
        /// What it does.
        kind: Kind,
        /// Which plan.
        plan: PlanId,
        /// Over all operations of the plan.
        plan_digest: Digest,
        /// The revision it was planned under.
        revision: Option<RevisionNumber>,
        /// The payload's digest.
        payload: Digest,
        /// Pending, queued or refused.
        status: StatusKind,
        /// Of the event's row as it was filed.
        row: Digest,
    },
    /// A link found these values at the target: they became the base of what follows.
    Found {
        /// By attribute path.
        values: BTreeMap<String, Value>,
        /// Whether the account was active.
        active: bool,
    },
    /// Events or bodies of entries were taken out of the history: archived because of their age, or erased because of whom they are about.
    Erased {
        /// In words.
        what: String,
        /// Events that are gone or have no values any more.
        events: Ranges,
        /// Entries whose bodies are gone; what the chain says of them stays.
        entries: Ranges,
        /// Digest of what was written to the archive.
        archived: Option<Digest>,
        /// Who asked for it; nobody if it was their age.
        operator: Option<OperatorId>,
    },
}

impl Fact {
    /// Whose deed it is: what an operator did himself, beside decisions, which belong to their events.
    pub fn deed_of(&self) -> Option<OperatorId> {
        match self {
            Self::Import { operator, .. }
            | Self::UserEdited { operator, .. }
            | Self::Revision { operator, .. }
            | Self::AccountTouched { operator, .. }
            | Self::Operator { operator, .. } => Some(*operator),
            Self::Erased { operator, .. } => *operator,
            _ => None,
        }
    }
}
