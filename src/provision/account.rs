//! The ledger entry of a pair (user × app): what we own there, what we last pushed, and what lookups said.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::directory::value::Value;
use crate::id::{AppName, EventId, InstanceId, UserId};

/// How the account came to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// We created it.
    Created,
    /// It existed and was linked with consent.
    Adopted,
}

/// Whether there is an account, as far as we know.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// None of ours.
    #[default]
    None,
    /// There and active.
    Active,
    /// There and deactivated by us.
    Deactivated,
    /// We deleted it.
    Deleted,
    /// Frozen by the policy `nothing`.
    Kept,
    /// Disassociated: nothing is planned until *rematch*.
    Unlinked,
    /// The target gave an answer that would make someone else's account ours: a person must look.
    Conflict,
    /// It was ours and the target no longer has it.
    Lost,
    /// The outcome of an operation is not known yet.
    Unknown,
    /// There, and deactivated by the target's own admin: activating it again is held.
    DeactivatedThere,
}

/// What the last lookup of the pair at the target said (`design.md` section 6).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observation {
    /// Never looked.
    #[default]
    Unknown,
    /// Looked and found nothing.
    Absent {
        /// When.
        at: Timestamp,
    },
    /// Bears our externalId for this user, though the ledger has no entry.
    Ours {
        /// The account's id at the target.
        remote_id: String,
        /// Its values by attribute path.
        values: BTreeMap<String, Value>,
        /// When.
        at: Timestamp,
    },
    /// Someone made it who is not us.
    ThirdParty {
        /// The account's id at the target.
        remote_id: String,
        /// The attribute it was found by.
        matched_on: String,
        /// Its values by attribute path.
        values: BTreeMap<String, Value>,
        /// When.
        at: Timestamp,
    },
    /// It is in the ledger, under another user.
    OwnedByOther {
        /// The account's id at the target.
        remote_id: String,
        /// Whose it is.
        owner: UserId,
        /// When.
        at: Timestamp,
    },
    /// Several accounts match.
    Ambiguous {
        /// Their ids.
        remote_ids: Vec<String>,
        /// When.
        at: Timestamp,
    },
}

impl Observation {
    /// When the target was looked at; `None` = never.
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Self::Unknown => None,
            Self::Absent { at }
            | Self::Ours { at, .. }
            | Self::ThirdParty { at, .. }
            | Self::OwnedByOther { at, .. }
            | Self::Ambiguous { at, .. } => Some(*at),
        }
    }
}

/// A payload that ended badly: not asked again until it changes (`design.md` section 5, *After an end*).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mute {
    /// Digest of the payload ([`crate::provision::Operation::payload_digest`]).
    pub payload: Digest,
    /// The app's digest then: a changed app lifts the mute.
    pub app: Digest,
    /// The event that ended.
    pub event: EventId,
    /// How it ended: shown with the skip.
    pub why: MuteReason,
    /// When.
    pub at: Timestamp,
}

/// How a muted payload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MuteReason {
    /// It failed for good; lifted daily.
    Failed,
    /// An approver rejected it.
    Rejected,
    /// A guard or the rules refused it.
    Refused,
}

/// An account replaced by a rename, kept until its deactivation is verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// Its id at the target.
    pub remote_id: String,
    /// Its last userName.
    pub user_name: String,
    /// Since when.
    pub at: Timestamp,
}

/// The ledger entry of one pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The app.
    pub app: AppName,
    /// The user.
    pub user: UserId,
    /// Whether there is an account.
    pub presence: Presence,
    /// How it came to be ours; `None` = it is not.
    pub origin: Option<Origin>,
    /// Its id at the target.
    pub remote_id: Option<String>,
    /// What we last pushed (or, after a link, found), by attribute path.
    pub pushed: BTreeMap<String, Value>,
    /// Paths of `pushed` whose values were found at link time and never written by us.
    pub found: BTreeSet<String>,
    /// Rises with every filed event; an event of an older generation can't begin.
    pub generation: u64,
    /// The one open event, if there is one.
    pub open_event: Option<EventId>,
    /// The newest event, open or not.
    pub last_event: Option<EventId>,
    /// What must not be asked again.
    pub mute: Option<Mute>,
    /// What the last lookup said.
    pub observation: Observation,
    /// Over user revision, app digest, assignment and references when the pair was last planned with nothing left to do after
    /// it; a pair whose basis is unchanged is skipped without running rules.
    pub basis: Option<Digest>,
    /// When it was deactivated, for `delete_after`.
    pub deactivated_at: Option<Timestamp>,
    /// Accounts replaced by a rename, until their deactivation is verified.
    pub retired: Vec<Retired>,
    /// Something worth telling ops, in words.
    pub note: String,
}

impl Account {
    /// An empty entry: nothing known.
    pub fn new(app: AppName, user: UserId) -> Self {
        Self {
            app,
            user,
            presence: Presence::None,
            origin: None,
            remote_id: None,
            pushed: BTreeMap::new(),
            found: BTreeSet::new(),
            generation: 0,
            open_event: None,
            last_event: None,
            mute: None,
            observation: Observation::Unknown,
            basis: None,
            deactivated_at: None,
            retired: Vec::new(),
            note: String::new(),
        }
    }

    /// Whether the target has an account that is ours.
    pub fn is_ours(&self) -> bool {
        self.origin.is_some()
            && self.remote_id.is_some()
            && matches!(
                self.presence,
                Presence::Active
                    | Presence::Deactivated
                    | Presence::DeactivatedThere
                    | Presence::Kept
                    | Presence::Unknown
            )
    }

    /// Whether it is there and inactive, whoever made it so.
    pub fn is_inactive(&self) -> bool {
        matches!(self.presence, Presence::Deactivated | Presence::DeactivatedThere)
    }

    /// The userName last pushed, if any.
    pub fn user_name(&self) -> Option<&str> {
        self.pushed.get("userName").and_then(Value::as_text)
    }
}

/// The engine's externalId for a user: `<instance>:<user uuid>`. Never a bare number, never guessable from the directory.
pub fn external_id(instance: InstanceId, user: UserId) -> String {
    format!("{}:{}", instance.0.simple(), user.0.hyphenated())
}
