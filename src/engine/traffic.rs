//! What was sent to an app since the process began, for whoever measures: requests by method and outcome, attempts by kind and result.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::provision::operation::Kind;
use crate::provision::outcome::Outcome;
use crate::scim::target::{Answer, Request, TransportError};

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// It was answered with this status.
    Answered(u16),
    /// It did not reach the target.
    NotSent,
    /// No complete answer came.
    Unknown,
}

/// Method, and what became of the request.
pub type Sent = (&'static str, Reached);
/// Kind, and how the attempt ended, in a word.
pub type Tried = (Kind, &'static str);

/// Requests and attempts, counted.
#[derive(Debug, Default)]
pub struct Traffic {
    requests: Mutex<BTreeMap<Sent, u64>>,
    attempts: Mutex<BTreeMap<Tried, u64>>,
}

impl Traffic {
    /// A request was sent.
    pub(crate) fn sent(&self, method: &'static str, answer: &Result<Answer, TransportError>) {
        let reached = match answer {
            Ok(answer) => Reached::Answered(answer.status),
            Err(TransportError::NotSent(_)) => Reached::NotSent,
            Err(TransportError::Unknown(_)) => Reached::Unknown,
        };
        *self.requests.lock().unwrap_or_else(PoisonError::into_inner).entry((method, reached)).or_default() += 1;
    }

    /// An attempt ended.
    pub(crate) fn tried(&self, kind: Kind, outcome: &Outcome) {
        let word = match outcome {
            Outcome::Succeeded(_) => "succeeded",
            Outcome::Retry { .. } => "retry",
            Outcome::Unknown { .. } => "unknown",
            Outcome::Failed(_) => "failed",
            Outcome::Conflict(_) => "conflict",
            Outcome::Lost(_) => "lost",
            Outcome::Void { .. } => "void",
        };
        *self.attempts.lock().unwrap_or_else(PoisonError::into_inner).entry((kind, word)).or_default() += 1;
    }

    /// Requests so far.
    pub fn requests(&self) -> BTreeMap<Sent, u64> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Attempts so far.
    pub fn attempts(&self) -> BTreeMap<Tried, u64> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The method of a request, as it is counted.
pub(crate) fn method(request: &Request) -> &'static str {
    request.method.as_str()
}
