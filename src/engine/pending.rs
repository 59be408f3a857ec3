//! What waits for a decision, as an approver sees it, and how he says what he decides about.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::{Span, Timestamp};
use crate::digest::{Digest, Hasher};
use crate::engine::command::UserRef;
use crate::id::{AppName, BatchId, EventId, RevisionNumber};
use crate::provision::event::Event;
use crate::provision::guard::finding::FindingKind;
use crate::provision::operation::Kind;

/// Hexadecimal digits of a digest that people type.
const DIGITS: usize = 12;

/// An event with everything an approver needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// What would be done, findings, decisions, age.
    #[serde(flatten)]
    pub event: Event,
    /// What lies around it.
    pub asking: Asking,
}

/// What an approver needs beside the event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asking {
    /// The user's e-mail address.
    pub email: Option<String>,
    /// The user as `source:key`.
    pub key: String,
    /// The change that caused it.
    pub because: Because,
    /// Which rule gave each changed value.
    pub rules: Vec<RulePlace>,
    /// The revision that the rules are of; `None` = it is not known any more.
    pub revision: Option<RevisionNumber>,
    /// Whether that is the active one.
    pub current: bool,
    /// When it expires; `None` = never.
    pub expires: Option<Timestamp>,
    /// How many different operators must approve it.
    pub approvers: usize,
    /// Who approved it so far.
    pub approved: Vec<String>,
    /// Who may approve it.
    pub deciders: Vec<String>,
    /// Too few may, and how to get on.
    pub stuck: Option<String>,
}

impl Asking {
    /// Where the value of an attribute comes from.
    pub fn place(&self, path: &str) -> Option<&str> {
        self.rules.iter().find(|rule| rule.path == path).map(|rule| rule.place.as_str())
    }
}

/// The change that caused an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Because {
    /// In words, for example `import imp_… of people.csv`.
    pub what: String,
    /// Whose act it was.
    pub by: Vec<String>,
    /// When, if that is known.
    pub at: Option<Timestamp>,
}

/// Which line of which rule gives a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulePlace {
    /// The attribute path, or the kind and name of an entitlement.
    pub path: String,
    /// `rules/FILE.rhai:14`, or what it is if no rule gives it.
    pub place: String,
}

/// Somebody who should have no account any more, and has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaver {
    /// What people call him.
    pub label: String,
    /// `source:key`.
    pub key: String,
    /// Where.
    pub app: AppName,
    /// The account's userName.
    pub user_name: String,
    /// Why he leaves, in words.
    pub leaves: String,
    /// Why the account is active still, and what to do.
    pub why: String,
    /// The event that stands for it, if there is one.
    pub event: Option<EventId>,
    /// Since when, as far as is known.
    pub since: Option<Timestamp>,
}

/// What a decision is about: named events, whole batches, or everything that a filter matches.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// These events.
    pub events: Vec<EventId>,
    /// These held batches, as they stand.
    pub batches: Vec<BatchId>,
    /// True = everything pending outside held batches.
    pub all: bool,
    /// Restricts batches and `all` to an app.
    pub app: Option<AppName>,
    /// To a user.
    pub user: Option<UserRef>,
    /// To kinds of operation; empty = any.
    pub kinds: Vec<Kind>,
    /// To operations with one of these findings; empty = any.
    pub findings: Vec<FindingKind>,
    /// To what waits for longer than this.
    pub older_than: Option<Span>,
}

impl Choice {
    /// These events.
    pub fn of(events: Vec<EventId>) -> Self {
        Self { events, ..Self::default() }
    }

    /// Whether it restricts what is chosen.
    pub fn filters(&self) -> bool {
        self.app.is_some()
            || self.user.is_some()
            || !self.kinds.is_empty()
            || !self.findings.is_empty()
            || self.older_than.is_some()
    }

    /// Whether nothing is said at all.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.batches.is_empty() && !self.all && !self.filters()
    }
}

/// What was on screen: how many events, and a digest over which and what they would do. Written `42:bbd486394747`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Shown {
    /// How many.
    pub count: usize,
    digits: String,
}

impl Shown {
    /// Of events in the order of their numbers.
    pub fn of(events: &[Event]) -> Self {
        let mut hasher = Hasher::new();
        for event in events {
            hasher.number(event.id.0).value(&event.payload);
        }
        let digest: Digest = hasher.finish();
        Self { count: events.len(), digits: digest.short() }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.count, self.digits)
    }
}

impl FromStr for Shown {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not what was shown; it looks like 42:bbd486394747");
        let (count, digits) = text.split_once(':').ok_or_else(wrong)?;
        let count = count.parse().map_err(|_| wrong())?;
        let is_digest = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_digest.then(|| Self { count, digits: digits.to_ascii_lowercase() }).ok_or_else(wrong)
    }
}

impl TryFrom<String> for Shown {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Shown> for String {
    fn from(shown: Shown) -> Self {
        shown.to_string()
    }
}

/// What a decision would take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// Count and digest: pass them with the decision to take exactly these.
    pub shown: Shown,
    /// True = it would be approved.
    pub approve: bool,
    /// Oldest first, at most as many as people look at.
    pub events: Vec<Pending>,
}
