//! Escalation: a leaver whose account is still active after an hour, after a day. Computed from how long the event has waited, whatever it
//! waits for: the target, the breaker, quarantine, or an approver. Nothing is kept for it, so nothing can be lost.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::{Span, Timestamp};
use crate::provision::event::Event;

/// How long a leaver may wait before people are told.
pub const ESCALATED_AFTER: Span = Span::from_hours(1);
/// How long before they are told louder.
pub const OVERDUE_AFTER: Span = Span::from_hours(24);

/// How loudly people are told of a leaver who still has his account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Escalation {
    /// For an hour or longer.
    Escalated,
    /// For a day or longer.
    Overdue,
}

impl Escalation {
    /// Of an event at `now`; `None` = nobody leaves by it, it has ended, or it has not waited for long.
    pub fn of(event: &Event, now: Timestamp) -> Option<Self> {
        if !event.operation.kind.is_leaving() || event.status.kind().is_final() || event.progress.account_done {
            return None;
        }
        if event.waiting_since.plus(OVERDUE_AFTER) <= now {
            Some(Self::Overdue)
        } else if event.waiting_since.plus(ESCALATED_AFTER) <= now {
            Some(Self::Escalated)
        } else {
            None
        }
    }

    /// The word that people see.
    pub fn word(self) -> &'static str {
        match self {
            Self::Escalated => "escalated",
            Self::Overdue => "ESCALATED, OVERDUE",
        }
    }

    /// Its word, and since when the leaver has waited.
    pub fn sentence(self, event: &Event) -> String {
        let what = match event.operation.kind {
            crate::provision::operation::Kind::Delete => "the account of a leaver was to be deleted",
            _ => "the account of a leaver is still active",
        };
        format!("{}: {what}, due since {}", self.word(), event.waiting_since)
    }
}

impl fmt::Display for Escalation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
