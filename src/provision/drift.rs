//! Drift: where the target is not as we left it, as a reconcile finds it, and what becomes of each difference. Pure data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::{Span, Timestamp};
use crate::digest::Digest;
use crate::directory::value::Value;
use crate::id::{AppName, EventId, UserId};
use crate::provision::account::Presence;
use crate::provision::entitlement::EntitlementKey;

/// How far apart two looks must be before an account or a group that answers 404 counts as gone.
pub const APART: Span = Span::from_secs(600);

/// What is not as we left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// A leaver's account, deactivated by us, is active again.
    LeaverActive,
    /// The target's own admin deactivated an account.
    Deactivated,
    /// The target's own admin activated an account of somebody who should have it.
    Reactivated,
    /// An account of ours answers 404 for the second time.
    Vanished,
    /// An account of ours answers 404 for the first time.
    Missing,
    /// A value was changed.
    Changed,
    /// Somebody whom we put into a group is not in it any more.
    MembershipRemoved,
    /// Sent, and the target, which computes who is a member, does not show it.
    NotEffective,
    /// It did not show before, and does now.
    Effective,
    /// An account of ours is in a group that we did not put it into.
    MembershipAdded,
    /// Members of a group whose accounts are not ours.
    OthersInGroup,
    /// A group answers 404 for the second time.
    GroupGone,
    /// A group answers 404 for the first time.
    GroupMissing,
    /// An account that is not ours matches somebody who should have one, and shows what the rules want.
    AdoptionExact,
    /// The same, and some values differ.
    AdoptionDiffering,
    /// Several accounts match.
    AdoptionAmbiguous,
    /// The account that matches belongs to another user.
    OwnedByOther,
    /// An account that is not ours and matches nobody.
    ThirdParty,
}

impl DriftKind {
    /// All kinds, in the order in which they are shown.
    pub const ALL: [Self; 18] = [
        Self::LeaverActive,
        Self::Deactivated,
        Self::Reactivated,
        Self::Vanished,
        Self::Missing,
        Self::Changed,
        Self::MembershipRemoved,
        Self::NotEffective,
        Self::Effective,
        Self::MembershipAdded,
        Self::OthersInGroup,
        Self::GroupGone,
        Self::GroupMissing,
        Self::AdoptionExact,
        Self::AdoptionDiffering,
        Self::AdoptionAmbiguous,
        Self::OwnedByOther,
        Self::ThirdParty,
    ];

    /// What it is, in a few words.
    pub fn title(self) -> &'static str {
        match self {
            Self::LeaverActive => "leavers' accounts that are active again",
            Self::Deactivated => "accounts that somebody deactivated at the target",
            Self::Reactivated => "accounts that somebody activated at the target",
            Self::Vanished => "accounts of ours that are gone",
            Self::Missing => "accounts of ours that were not found this time",
            Self::Changed => "values that were changed at the target",
            Self::MembershipRemoved => "memberships of ours that somebody removed",
            Self::NotEffective => "memberships of ours that are not effective",
            Self::Effective => "memberships of ours that are effective now",
            Self::MembershipAdded => "memberships that others gave to accounts of ours",
            Self::OthersInGroup => "members that are not ours",
            Self::GroupGone => "groups that are gone",
            Self::GroupMissing => "groups that were not found this time",
            Self::AdoptionExact => "accounts to adopt that are as the rules want them",
            Self::AdoptionDiffering => "accounts to adopt that differ",
            Self::AdoptionAmbiguous => "users whom several accounts match",
            Self::OwnedByOther => "users whose account belongs to another user",
            Self::ThirdParty => "other accounts that are not ours",
        }
    }

    /// Whether somebody should look: third parties, what others added and proposals are no trouble.
    pub fn is_drift(self) -> bool {
        !matches!(
            self,
            Self::Reactivated
                | Self::Effective
                | Self::MembershipAdded
                | Self::OthersInGroup
                | Self::AdoptionExact
                | Self::AdoptionDiffering
                | Self::ThirdParty
        )
    }
}

/// What becomes of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Nothing: it is listed.
    Reported,
    /// The next cycle plans an ordinary operation that brings our value back.
    Repaired,
    /// The next cycle plans an operation that waits for an approver.
    Held,
    /// The next cycle deactivates the account, before all other work.
    Deactivated,
    /// The target's value is kept from now on.
    Adopted,
    /// It is somebody else's and stays.
    Kept,
    /// Nothing is concluded yet: the next reconcile looks again.
    LookedAtAgain,
    /// The ledger knows it now.
    Noted,
    /// The next cycle proposes to adopt it.
    Proposed,
}

impl Fate {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::Repaired => "repaired by the next cycle",
            Self::Held => "held by the next cycle for an approver",
            Self::Deactivated => "deactivated by the next cycle, first of all",
            Self::Adopted => "kept as it is there",
            Self::Kept => "left alone",
            Self::LookedAtAgain => "nothing is concluded; looked at again",
            Self::Noted => "noted",
            Self::Proposed => "proposed by the next cycle",
        }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriftLine {
    /// What it is.
    pub kind: DriftKind,
    /// What becomes of it.
    pub fate: Fate,
    /// Whose account it is, if it is ours.
    pub user: Option<UserId>,
    /// What people call the user, the account or the group.
    pub label: String,
    /// The id at the target.
    pub remote_id: String,
    /// The attribute or the group.
    pub subject: String,
    /// What we last pushed.
    pub pushed: Option<Value>,
    /// What the rules want.
    pub desired: Option<Value>,
    /// What is there.
    pub actual: Option<Value>,
    /// Anything else, in words.
    pub note: String,
    /// The event that came of it, once there is one.
    pub event: Option<EventId>,
}

impl DriftLine {
    /// A line about an account or a group.
    pub fn new(kind: DriftKind, fate: Fate, label: &str, remote_id: &str) -> Self {
        Self {
            kind,
            fate,
            user: None,
            label: label.to_owned(),
            remote_id: remote_id.to_owned(),
            subject: String::new(),
            pushed: None,
            desired: None,
            actual: None,
            note: String::new(),
            event: None,
        }
    }
}

/// How much was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Pages of the list of accounts.
    pub pages: u64,
    /// Accounts on them.
    pub listed: u64,
    /// Accounts of ours that were compared.
    pub compared: u64,
    /// Accounts that were read by their id.
    pub by_id: u64,
    /// Groups read.
    pub groups: u64,
    /// Pairs with an operation under way, which were left out.
    pub in_flight: u64,
}

/// What a reconcile found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileReport {
    /// Which app.
    pub app: AppName,
    /// When it began.
    pub begun: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How much was read.
    pub read: Reading,
    /// Why the list of accounts proves no absence, in words; `None` = it is complete.
    pub incomplete: Option<String>,
    /// Why it was given up before its end, in words.
    pub trouble: Option<String>,
    /// How many there are of each kind.
    pub counts: BTreeMap<DriftKind, u64>,
    /// Some of each kind.
    pub lines: Vec<DriftLine>,
    /// What else people should know, in sentences.
    pub notes: Vec<String>,
}

impl ReconcileReport {
    /// An empty one.
    pub fn new(app: AppName, begun: Timestamp) -> Self {
        Self {
            app,
            begun,
            ended: begun,
            read: Reading::default(),
            incomplete: None,
            trouble: None,
            counts: BTreeMap::new(),
            lines: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// How many there are of a kind.
    pub fn count(&self, kind: DriftKind) -> u64 {
        self.counts.get(&kind).copied().unwrap_or(0)
    }

    /// Differences that somebody should look at.
    pub fn drift(&self) -> u64 {
        self.counts.iter().filter(|(kind, _)| kind.is_drift()).map(|(_, number)| number).sum()
    }
}

/// An account of ours that answered 404.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Its id at the target.
    pub remote_id: String,
    /// When it did so first.
    pub since: Timestamp,
}

/// What one reconcile remembers for the next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Accounts that answered 404.
    pub accounts: BTreeMap<UserId, Missing>,
    /// Groups that did.
    pub groups: BTreeMap<EntitlementKey, Timestamp>,
    /// Attributes whose repair was begun, with what was there: found the same again, it does not hold.
    pub repaired: BTreeMap<UserId, BTreeMap<String, Digest>>,
}

/// What the target shows of an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EdgeSight {
    /// The account is a member.
    There,
    /// It is not, and ought to be granted again.
    Gone,
    /// It is not, and the target computes that.
    NotEffective,
}

/// What the ledger must learn of one pair, so that the ordinary planner does the rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Correction {
    /// Whose pair.
    pub user: UserId,
    /// The account's generation that was compared: a pair that moved since is left alone.
    pub generation: u64,
    /// What is really there, by attribute path; `None` = no value.
    pub values: BTreeMap<String, Option<Value>>,
    /// All values that are kept as they are at the target, if that changed; `None` inside = kept empty.
    pub adopted: Option<BTreeMap<String, Option<Value>>>,
    /// How the account stands there, if it is not as the ledger says.
    pub presence: Option<Presence>,
    /// Edges.
    pub edges: Vec<(EntitlementKey, EdgeSight)>,
    /// Whether the pair goes before all others: a leaver.
    pub urgent: bool,
    /// What was found, in words, for the history.
    pub what: String,
}

impl Correction {
    /// Nothing to learn: the pair is only planned again.
    pub fn new(user: UserId, generation: u64) -> Self {
        Self {
            user,
            generation,
            values: BTreeMap::new(),
            adopted: None,
            presence: None,
            edges: Vec::new(),
            urgent: false,
            what: String::new(),
        }
    }

    /// Whether the ledger is as it should be.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.adopted.is_none() && self.presence.is_none() && self.edges.is_empty()
    }
}
