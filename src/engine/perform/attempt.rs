//! One attempt at one event: the conversation, the event, its account, and what an answer means for them.

use crate::clock::{Span, Timestamp};
use crate::directory::value::Value;
use crate::engine::perform::context::Context;
use crate::engine::perform::conversation::{Conversation, Silence};
use crate::engine::perform::find::{Effort, Found, Marks};
use crate::id::UserId;
use crate::provision::account::Account;
use crate::provision::backoff;
use crate::provision::event::Event;
use crate::provision::outcome::{Done, Failure, FailureClass, Outcome};
use crate::scim::decode::{self, DecodeError, Resource};
use crate::scim::failure::of_decoding;
use crate::scim::target::Answer;

/// How long after an unknown outcome the target is looked at first.
const VERIFY_FIRST: Span = Span::from_secs(2);
/// The longest pause between two looks.
const VERIFY_PAUSE_MAX: Span = Span::from_hours(1);
/// The place in the schedule that means *daily*.
const DAILY: u32 = backoff::SCHEDULE.len() as u32;

/// One attempt at one event.
pub struct Attempt<'a> {
    /// What is said.
    pub talk: Conversation<'a>,
    /// The event.
    pub event: &'a Event,
    /// The ledger entry as it was claimed.
    pub account: &'a Account,
    /// Which attempt this is, from 1.
    pub number: u32,
    /// When it began: after the intent was on disk.
    pub started: Timestamp,
}

impl<'a> Attempt<'a> {
    /// The app and all else.
    pub fn cx(&self) -> Context<'a> {
        self.talk.cx
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.talk.cx.clock.now()
    }

    /// The account's id; the planner gives one to everything but creates.
    ///
    /// # Errors
    /// An outcome that says the operation is malformed.
    pub fn remote_id(&self) -> Result<&'a str, Outcome> {
        let id = self.event.operation.remote_id.as_deref();
        id.ok_or_else(|| Outcome::Void { why: "the operation names no account; it is planned again".to_owned() })
    }

    /// The externalId that the account bears or is to bear.
    pub fn external_id(&self) -> Option<&'a str> {
        let operation = &self.event.operation;
        let changed = operation.changes.iter().find(|change| change.path == "externalId");
        operation
            .external_id
            .as_deref()
            .or_else(|| changed?.new.as_ref()?.as_text())
            .or_else(|| self.account.pushed.get("externalId").and_then(Value::as_text))
    }

    /// Whether `resource` bears this user's own externalId: it is ours, whatever the ledger says.
    pub fn bears_our_id(&self, resource: &Resource) -> bool {
        resource.external_id.as_deref().is_some_and(|id| self.cx().named_by(id) == Some(self.event.user()))
    }

    /// What the account bears: externalId (where it is kept), then the connector's matching attributes.
    pub fn marks(&self) -> Marks {
        let operation = &self.event.operation;
        let mut marks = Marks::default();
        if self.cx().keeps_external_id() {
            marks.add("externalId", self.external_id());
        }
        for path in &self.cx().connector().users.match_on {
            match path.as_str() {
                "userName" => marks.add(path, Some(&operation.user_name)),
                "externalId" => marks.add(path, self.external_id()),
                other => {
                    let changed = operation.changes.iter().find(|change| change.path == other);
                    let value =
                        changed.and_then(|change| change.new.as_ref()).or_else(|| self.account.pushed.get(other));
                    marks.add(other, value.and_then(Value::as_text));
                }
            }
        }
        marks.add("userName", Some(&operation.user_name));
        marks
    }

    /// Whose account `remote_id` is in the ledger, if it is not this user's.
    ///
    /// # Errors
    /// An outcome if the store can't be read: nothing is concluded, and looked into again.
    pub async fn other_owner(&self, remote_id: &str) -> Result<Option<UserId>, Outcome> {
        let app = &self.cx().spec.name;
        match self.cx().owners.owners(app, vec![remote_id.to_owned()]).await {
            Ok(owners) => Ok(owners.into_iter().flatten().find(|owner| *owner != self.event.user())),
            Err(error) => Err(self.unknown(Failure {
                class: FailureClass::Server,
                status: None,
                detail: format!("the ledger could not be read: {error}"),
                retry_after: None,
            })),
        }
    }

    /// The outcome of a refusal or a fault that the target answered, or of a request that did not go out.
    pub fn ended(&self, failure: Failure) -> Outcome {
        let leaving = self.event.operation.kind.is_leaving();
        if failure.class.retries() {
            return self.again(failure);
        }
        if leaving {
            // Never given up: tried daily, and escalated with the target's words.
            let due = backoff::due(self.event.id, DAILY, self.now());
            return Outcome::Retry { failure, due };
        }
        Outcome::Failed(failure)
    }

    /// Another attempt by the schedule; creates and updates are given up after a while.
    pub fn again(&self, failure: Failure) -> Outcome {
        let now = self.now();
        let age = now.millis_since(self.event.filed_at);
        if !self.event.operation.kind.is_leaving() && age > self.cx().spec.app.limits.give_up_after.as_millis() {
            return Outcome::Failed(failure);
        }
        let due = match failure.retry_after {
            Some(at) => backoff::clamp_retry_after(now, at),
            None => backoff::due(self.event.id, self.number, now),
        };
        Outcome::Retry { failure, due }
    }

    /// It may or may not have been carried out: looked at soon, then in growing pauses.
    pub fn unknown(&self, failure: Failure) -> Outcome {
        let now = self.now();
        let since = match self.event.status {
            crate::provision::event::Status::Verifying { since, .. } => since,
            _ => now,
        };
        let age = now.millis_since(since);
        let give_up = self.cx().spec.app.limits.give_up_after.as_millis();
        if !self.event.operation.kind.is_leaving() && now.millis_since(self.event.filed_at) > give_up {
            return Outcome::Failed(failure);
        }
        let pause = age.clamp(VERIFY_FIRST.as_millis(), VERIFY_PAUSE_MAX.as_millis());
        let asked = failure.retry_after.map(|at| backoff::clamp_retry_after(now, at));
        let due = now.plus_millis(i64::try_from(pause).unwrap_or(i64::MAX));
        Outcome::Unknown { failure, due: asked.map_or(due, |at| at.max(due)) }
    }

    /// No complete answer to a write.
    pub fn silent(&self, silence: Silence) -> Outcome {
        if silence.may_have_arrived { self.unknown(silence.failure) } else { self.again(silence.failure) }
    }

    /// An answer to a write on a known account that must be a success.
    ///
    /// # Errors
    /// The outcome otherwise; a 404 is confirmed by a second GET and a search.
    pub async fn written(&mut self, answer: &Answer) -> Result<(), Outcome> {
        if matches!(answer.status, 200..=204) {
            // A page is no answer of a SCIM endpoint. Other bodies may be anything: whether it took is read back.
            return match decode::json(answer) {
                Err(error @ DecodeError::NotJson(_)) if answer.body.trim_ascii().starts_with(b"<") => {
                    Err(self.again(of_decoding(answer, &error)))
                }
                _ => Ok(()),
            };
        }
        let failure = self.talk.look_into(answer).await;
        if failure.class == FailureClass::Missing { Err(self.missing(failure).await) } else { Err(self.ended(failure)) }
    }

    /// A known id answered 404. Absence is concluded from a second GET and a search only (`reliability.md` section 3, case 17).
    pub async fn missing(&mut self, failure: Failure) -> Outcome {
        let id = match self.remote_id() {
            Ok(id) => id,
            Err(outcome) => return outcome,
        };
        match self.talk.get(id).await {
            Err(failure) => return self.ended(failure),
            Ok(Some(_)) => {
                return self.again(odd(&failure, "the target answered 404 for an account that it shows when read"));
            }
            Ok(None) => {}
        }
        let hits = match self.talk.find(&self.marks(), Effort::Normal).await {
            Err(failure) => return self.ended(failure),
            Ok(Found::Hits(hits)) => hits,
            // Two GETs are all that such a target lets us know.
            Ok(Found::Unsearchable(_)) => Vec::new(),
        };
        if hits.iter().any(|hit| hit.id == id) {
            return self.again(odd(&failure, "the target answered 404 for an account that a search finds"));
        }
        let elsewhere = hits.iter().find(|hit| self.bears_our_id(hit)).map(|hit| hit.id.clone());
        match (self.event.operation.kind.is_leaving(), elsewhere) {
            (true, None) => {
                succeeded(Some(id.to_owned()), "already gone: 404, confirmed by a second read and a search")
            }
            (true, Some(other)) => self.ended(Failure {
                class: FailureClass::Missing,
                detail: format!(
                    "account {id} is gone, but {other} bears this user's externalId and is not in the ledger"
                ),
                ..failure
            }),
            (false, Some(other)) => Outcome::Lost(Failure {
                detail: format!("account {id} is gone; {other} bears this user's externalId"),
                ..failure
            }),
            (false, None) => Outcome::Lost(Failure {
                detail: format!("account {id} is gone: 404, confirmed by a second read and a search"),
                ..failure
            }),
        }
    }
}

fn odd(failure: &Failure, detail: &str) -> Failure {
    Failure { class: FailureClass::Server, detail: detail.to_owned(), ..failure.clone() }
}

/// A success with a note (empty mostly).
pub fn succeeded(remote_id: Option<String>, note: &str) -> Outcome {
    Outcome::Succeeded(done(remote_id, note))
}

/// What a success leaves behind, with nothing found or replaced.
pub fn done(remote_id: Option<String>, note: &str) -> Done {
    Done {
        remote_id,
        found: std::collections::BTreeMap::new(),
        found_active: true,
        replaced: None,
        note: note.to_owned(),
    }
}
