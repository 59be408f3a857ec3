//! The breaker: looks at what becomes of an app's requests and says when its endpoint or credential fails. A refused user never counts.
//!
//! It says one of two things. *Open*: the endpoint fails just now; after a short pause one request tries it (`reliability.md` section 4).
//! *Quarantine*: a credential is refused, or much of a whole cycle failed; only probes are sent from then on. One breaker an app, for as
//! long as the process lives: it looks at many pushing rounds. What came of its words is in the store, as the app's state.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::clock::{Span, Timestamp};
use crate::id::UserId;
use crate::provision::outcome::{Failure, FailureClass, Outcome};

/// Users in a row for whom the endpoint failed that open it.
const CONSECUTIVE_MAX: usize = 5;
/// Refused credentials in a row that mean quarantine; a 403 that a read has confirmed weighs as much as two.
pub const CREDENTIAL_MAX: u32 = 2;
/// How far back a share is looked at: half of at least [`SHARE_MIN`] opens it.
const LOOKED_BACK: Span = Span::from_secs(60);
/// The least number of outcomes for a share.
const SHARE_MIN: u64 = 20;
/// The least number of outcomes in a cycle, and the per cent of them that mean quarantine.
const CYCLE_MIN: u64 = 25;
const CYCLE_PERCENT: u64 = 40;

/// What is to be done about an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Closed,
    /// It fails just now: a short pause, then one request. Why, in words.
    Open(String),
    /// It fails for good, or its credential is refused. Why, in words.
    Quarantine(String),
}

/// What one outcome says about the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It answers, whatever it says about this user.
    Answers,
    /// It fails.
    Fails,
    /// The credential is refused; with the weight.
    Denied(u32),
    /// Nothing: the outcome is in doubt, or nothing was sent.
    None,
}

/// Outcomes of one second.
#[derive(Debug)]
struct Second {
    number: i64,
    answered: u64,
    failed: u64,
}

/// Watches the outcomes of one app.
#[derive(Debug, Default)]
pub struct Breaker {
    /// For whom the endpoint failed since it last answered.
    in_a_row: BTreeSet<UserId>,
    denied_in_a_row: u32,
    recent: VecDeque<Second>,
    /// When a user last failed: several failures of one user within the minute count once.
    failed_at: BTreeMap<UserId, Timestamp>,
    /// The cycle under way: outcomes that were answers, and for whom the endpoint failed.
    cycle: (u64, BTreeSet<UserId>),
    last: String,
}

impl Breaker {
    /// Takes an outcome about `user` into account.
    pub fn saw(&mut self, user: UserId, outcome: &Outcome, now: Timestamp) {
        let (sign, failure) = sign(outcome);
        match sign {
            Sign::None => return,
            Sign::Answers => {
                self.in_a_row.clear();
                self.denied_in_a_row = 0;
                self.cycle.0 += 1;
                self.cycle.1.remove(&user);
                self.second(now).answered += 1;
                return;
            }
            Sign::Fails => self.denied_in_a_row = 0,
            Sign::Denied(weight) => self.denied_in_a_row += weight,
        }
        self.in_a_row.insert(user);
        self.cycle.1.insert(user);
        let again = self.failed_at.insert(user, now).is_some_and(|at| at.plus(LOOKED_BACK) > now);
        if !again {
            self.second(now).failed += 1;
        }
        self.failed_at.retain(|_, at| at.plus(LOOKED_BACK) > now);
        if let Some(failure) = failure {
            self.last.clone_from(&failure.detail);
        }
    }

    /// The counts of this second; those of more than a minute ago are dropped.
    fn second(&mut self, now: Timestamp) -> &mut Second {
        let number = now.as_millis().div_euclid(1000);
        let oldest = now.minus(LOOKED_BACK).as_millis().div_euclid(1000);
        // A clock that was set back starts the minute anew.
        self.recent.retain(|second| second.number > oldest && second.number <= number);
        if self.recent.back().is_none_or(|second| second.number != number) {
            self.recent.push_back(Second { number, answered: 0, failed: 0 });
        }
        let last = self.recent.len() - 1;
        &mut self.recent[last]
    }

    /// What is to be done.
    pub fn verdict(&self) -> Verdict {
        let (answered, failed) = (self.cycle.0, self.cycle.1.len() as u64);
        let seen = answered + failed;
        if self.denied_in_a_row >= CREDENTIAL_MAX {
            return Verdict::Quarantine(format!("the credential is refused: {}", self.last));
        }
        if seen >= CYCLE_MIN && failed * 100 >= seen * CYCLE_PERCENT {
            return Verdict::Quarantine(format!("{failed} of {seen} users failed in one cycle: {}", self.last));
        }
        if self.in_a_row.len() >= CONSECUTIVE_MAX {
            return Verdict::Open(format!("{} users in a row failed: {}", self.in_a_row.len(), self.last));
        }
        let (answered, failed) =
            self.recent.iter().fold((0, 0), |(all, bad), second| (all + second.answered, bad + second.failed));
        if answered + failed >= SHARE_MIN && failed * 2 >= answered + failed {
            let seen = answered + failed;
            return Verdict::Open(format!("{failed} of {seen} users failed within a minute: {}", self.last));
        }
        Verdict::Closed
    }

    /// Why the last outcome that says something was a failure of the endpoint, if it was.
    pub fn failing(&self) -> Option<&str> {
        (!self.in_a_row.is_empty()).then_some(self.last.as_str())
    }

    /// Begins anew, but for the cycle: the app is tried again.
    pub fn clear(&mut self) {
        let cycle = std::mem::take(&mut self.cycle);
        *self = Self { cycle, ..Self::default() };
    }

    /// Another cycle begins, or a person has looked: what was before says nothing any more.
    pub fn begin_cycle(&mut self) {
        self.cycle = <(u64, BTreeSet<UserId>)>::default();
    }
}

/// What an outcome says about the endpoint, and its failure.
pub fn sign(outcome: &Outcome) -> (Sign, Option<&Failure>) {
    let failure = match outcome {
        Outcome::Retry { failure, .. } | Outcome::Unknown { failure, .. } | Outcome::Failed(failure) => failure,
        Outcome::Succeeded(_) | Outcome::Conflict(_) | Outcome::Lost(_) => return (Sign::Answers, None),
        Outcome::Void { .. } => return (Sign::None, None),
    };
    let sign = match (failure.class, failure.status) {
        // A conversation that broke down inside Usher.
        (FailureClass::NotEffective, _) if matches!(outcome, Outcome::Unknown { .. }) => Sign::None,
        _ => sign_of(failure),
    };
    (sign, Some(failure))
}

/// What a failure says about the endpoint, whatever was asked of it.
pub fn sign_of(failure: &Failure) -> Sign {
    match (failure.class, failure.status) {
        (FailureClass::Endpoint | FailureClass::NotScim, _) => Sign::Fails,
        (FailureClass::Credential, Some(403)) => Sign::Denied(CREDENTIAL_MAX),
        (FailureClass::Credential, _) => Sign::Denied(1),
        // Without a status of its own it is doubt about an outcome, not about the endpoint.
        (FailureClass::Server, Some(408 | 425 | 500..)) => Sign::Fails,
        (FailureClass::Server, None) => Sign::None,
        _ => Sign::Answers,
    }
}
