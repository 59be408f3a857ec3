//! Verify: finding out what became of an operation whose outcome is unknown, before anything is sent again. Reads only.

use crate::clock::{Span, Timestamp};
use crate::connector::descriptor::UsernameChange;
use crate::engine::perform::accept::Evidence;
use crate::engine::perform::attempt::{Attempt, succeeded};
use crate::engine::perform::context::Context;
use crate::engine::perform::conversation::Conversation;
use crate::engine::perform::find::{Effort, Found};
use crate::engine::perform::run::Performed;
use crate::provision::account::Account;
use crate::provision::backoff;
use crate::provision::event::{Event, Status};
use crate::provision::operation::Kind;
use crate::provision::outcome::{Failure, FailureClass, Outcome};

/// How long a create may take to show up in searches where nothing else prevents a second account. Where the target refuses a
/// second account of the same name, that is protection enough.
const PATIENCE: Span = Span::from_secs(30);

/// Finds out what became of `event`, which is *verifying*.
pub async fn verify<'a>(cx: Context<'a>, event: &'a Event, account: &'a Account) -> Performed {
    let started = cx.clock.now();
    let talk = Conversation::new(cx).of_leaver(event.operation.kind.is_leaving());
    let mut attempt = Attempt { talk, event, account, number: event.attempts.max(1), started };
    let outcome = attempt.verify().await;
    Performed { outcome, exchanges: attempt.talk.exchanges, lessons: attempt.talk.lessons }
}

impl Attempt<'_> {
    async fn verify(&mut self) -> Outcome {
        let replaces = self.cx().connector().users.username_change == UsernameChange::Replaces
            && self.event.operation.changes.iter().any(|change| change.path == "userName");
        match self.event.operation.kind {
            Kind::Create => self.verify_create().await,
            Kind::Link => self.link().await,
            Kind::Rename if replaces => self.verify_replacement().await,
            Kind::Update | Kind::Rename | Kind::Reactivate | Kind::Deactivate | Kind::Delete => {
                self.verify_account().await
            }
        }
    }

    fn since(&self) -> Timestamp {
        match self.event.status {
            Status::Verifying { since, .. } => since,
            _ => self.event.changed_at,
        }
    }

    async fn verify_create(&mut self) -> Outcome {
        let since = self.since();
        let failure = self.doubt("it was not known whether the create was carried out");
        match self.talk.find(&self.marks(), Effort::Normal).await {
            Ok(Found::Hits(hits)) if hits.is_empty() => self.nowhere(since, failure),
            Ok(Found::Hits(hits)) => self.judge(&hits, Evidence::MayHaveArrived(since), failure).await,
            Ok(Found::Unsearchable(_)) if self.cx().connector().users.username_unique => self.send_again(failure),
            Ok(Found::Unsearchable(why)) => self.unknown(self.doubt(&why)),
            Err(failure) => self.unknown(failure),
        }
    }

    fn nowhere(&self, since: Timestamp, failure: Failure) -> Outcome {
        let waited = self.now().millis_since(since);
        if self.cx().connector().users.username_unique || waited >= PATIENCE.as_millis() {
            self.send_again(failure)
        } else {
            self.unknown(failure)
        }
    }

    /// It was not carried out: at once, the first time; by the schedule after that.
    fn send_again(&self, failure: Failure) -> Outcome {
        match self.again(failure) {
            Outcome::Retry { failure, .. } if self.number <= 1 => Outcome::Retry { failure, due: self.now() },
            other => other,
        }
    }

    async fn verify_account(&mut self) -> Outcome {
        let id = match self.remote_id() {
            Ok(id) => id,
            Err(outcome) => return outcome,
        };
        let resource = match self.talk.get(id).await {
            Ok(Some(resource)) => resource,
            Ok(None) => {
                let failure = Failure {
                    class: FailureClass::Missing,
                    status: Some(404),
                    detail: format!("account {id} is not there"),
                    retry_after: None,
                };
                return self.missing(failure).await;
            }
            Err(failure) => return self.unknown(failure),
        };
        let carried_out = match self.event.operation.kind {
            // An account that is still there may be one that the request never reached: it is sent again.
            Kind::Delete => false,
            Kind::Deactivate => resource.active == Some(false),
            kind => {
                let active = kind != Kind::Reactivate || resource.active.unwrap_or(true);
                active && self.event.operation.changes.iter().all(|change| self.change_took(&resource, change))
            }
        };
        if carried_out {
            return succeeded(Some(id.to_owned()), "");
        }
        self.send_again(self.doubt("it was not carried out"))
    }

    async fn verify_replacement(&mut self) -> Outcome {
        let failure = self.doubt("the account with the new userName is not to be seen");
        let outcome = self.after_replacement(failure.clone(), Some(self.since())).await;
        let waited = self.now().millis_since(self.since());
        match outcome {
            // Not there after all this time: the request never arrived.
            Outcome::Unknown { failure: said, .. } if said == failure && waited >= PATIENCE.as_millis() => {
                Outcome::Retry { failure, due: backoff::due(self.event.id, self.number, self.now()) }
            }
            other => other,
        }
    }
}
