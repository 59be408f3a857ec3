//! Create: one POST, and whatever it takes to know what became of it. Never a second POST before a look.

use crate::clock::Span;
use crate::connector::capability::FilterProbe;
use crate::engine::perform::accept::Evidence;
use crate::engine::perform::attempt::Attempt;
use crate::engine::perform::find::{Effort, Filtered, Found};
use crate::engine::perform::lesson::Lesson;
use crate::provision::event::Status;
use crate::provision::guard::Cleared;
use crate::provision::outcome::{Failure, FailureClass, Outcome};
use crate::scim::target::{Answer, Method};
use crate::scim::{decode, encode, failure};

/// The longest that one attempt takes, a few time-outs included: what the one before may have created is not older than that.
const ATTEMPT_MAX: Span = Span::from_secs(120);
/// Attempts after which *taken, but not to be found* is believed: about twenty minutes by the schedule.
const LAGGING_ATTEMPTS_MAX: u32 = 6;

impl Attempt<'_> {
    /// Carries out a create.
    pub async fn create(&mut self, cleared: &Cleared) -> Outcome {
        let users = &self.cx().connector().users;
        if !users.username_unique
            && let Some(outcome) = self.look_before().await
        {
            return outcome;
        }
        let body = encode::create(cleared, self.cx().connector());
        let answer = match self.talk.send(Method::Post, users.path.clone(), Some(body)).await {
            Ok(answer) => answer,
            Err(silence) => return self.silent(silence),
        };
        let outcome = self.created(&answer).await;
        if let Outcome::Succeeded(done) = &outcome
            && let Some(id) = done.remote_id.clone()
        {
            self.finish_probes(&id).await;
        }
        outcome
    }

    async fn created(&mut self, answer: &Answer) -> Outcome {
        match answer.status {
            201 => match decode::resource(answer) {
                Ok(resource) => self.accept_created(resource).await,
                Err(error) => {
                    let failure = failure::of_decoding(answer, &error);
                    self.search_after(failure, Evidence::SaidCreated).await
                }
            },
            // An existing account, as likely as not: RFC 7644 section 3.3 says 201.
            200 => match decode::resource(answer) {
                Ok(resource) => {
                    let id = resource.id;
                    self.conflict(&format!(
                        "a create must be answered with 201; the target answered 200 with account {id}"
                    ))
                }
                Err(error) => self.again(failure::of_decoding(answer, &error)),
            },
            202..=204 => {
                let failure = self.doubt(&format!("the target answered {} to a create", answer.status));
                self.search_after(failure, self.earlier(true)).await
            }
            _ => self.not_created(answer).await,
        }
    }

    /// No success. The name may be taken, by us or by somebody else, whatever the status says.
    async fn not_created(&mut self, answer: &Answer) -> Outcome {
        let failure = self.talk.look_into(answer).await;
        match failure.class {
            FailureClass::Conflict => self.search_after(failure, self.earlier(false)).await,
            // 503 may come after the commit, and some say 500, 400 or 422 for a duplicate.
            FailureClass::Server => self.search_after(failure, self.earlier(true)).await,
            FailureClass::Refused if matches!(answer.status, 400 | 422) => {
                self.search_after(failure, self.earlier(false)).await
            }
            // There is no account that could be missing: the path is wrong.
            FailureClass::Missing => self.again(Failure { class: FailureClass::NotScim, ..failure }),
            _ => self.ended(failure),
        }
    }

    /// Whether this request (`this`) or the one before may have been carried out, and since when an account could be of it.
    fn earlier(&self, this: bool) -> Evidence {
        match &self.event.status {
            // 503 after the commit, then 409.
            Status::Queued { last: Some(last), .. } if last.status.is_some_and(|status| status >= 500) => {
                Evidence::MayHaveArrived(self.event.changed_at.minus(ATTEMPT_MAX))
            }
            _ if this => Evidence::MayHaveArrived(self.started),
            _ => Evidence::None,
        }
    }

    /// Whether an account that is ours may exist and only not be seen yet: an earlier request may have been carried out.
    fn may_lag(&self) -> bool {
        self.number <= LAGGING_ATTEMPTS_MAX
            && matches!(&self.event.status, Status::Queued { last: Some(last), .. } if last.class == FailureClass::Server)
    }

    async fn search_after(&mut self, failure: Failure, evidence: Evidence) -> Outcome {
        let taken = failure.class == FailureClass::Conflict;
        let effort = if taken { Effort::Thorough } else { Effort::Normal };
        let hits = match self.talk.find(&self.marks(), effort).await {
            Ok(Found::Hits(hits)) => hits,
            Ok(Found::Unsearchable(_)) => Vec::new(),
            Err(second) if evidence == Evidence::None => return self.again(second),
            Err(_) => return self.unknown(failure),
        };
        if !hits.is_empty() {
            return self.judge(&hits, evidence, failure).await;
        }
        match evidence {
            Evidence::SaidCreated => self.unknown(failure),
            // It may show up yet: where names are not unique, another POST must wait until that is certain.
            Evidence::MayHaveArrived(_) if !self.cx().connector().users.username_unique => self.unknown(failure),
            _ if taken && self.may_lag() => self.again(Failure { class: FailureClass::Server, ..failure }),
            _ if taken => Outcome::Failed(Failure {
                detail: format!("{}; no search finds the account that has the name", failure.detail),
                ..failure
            }),
            _ => self.ended(failure),
        }
    }

    /// Where the target does not refuse a second account of the same name, each POST has its lookup.
    async fn look_before(&mut self) -> Option<Outcome> {
        match self.talk.find(&self.marks(), Effort::Normal).await {
            Ok(Found::Hits(hits)) if hits.is_empty() => None,
            Ok(Found::Hits(hits)) => {
                let failure = self.doubt("the account was looked for before it would be created");
                Some(self.judge(&hits, self.earlier(false), failure).await)
            }
            Ok(Found::Unsearchable(why)) => Some(self.again(Failure {
                class: FailureClass::NotScim,
                status: None,
                detail: format!(
                    "this target does not refuse duplicates, and nothing can be looked up before a create: {why}"
                ),
                retry_after: None,
            })),
            Err(failure) => Some(self.again(failure)),
        }
    }

    /// An empty target could prove only half of its filters; the account just created proves the rest.
    async fn finish_probes(&mut self, id: &str) {
        let open: Vec<(String, String)> = self
            .marks()
            .0
            .into_iter()
            .filter(|(path, _)| self.cx().learned.filters.get(path) == Some(&FilterProbe::HalfProven))
            .collect();
        for (path, value) in open {
            // A failed search teaches nothing, and the create stands.
            let Ok(Filtered::Hits(hits)) = self.talk.search(&path, &value).await else { continue };
            let probe = if hits.iter().any(|hit| hit.id == id) {
                FilterProbe::Works
            } else {
                FilterProbe::Fails("it does not find an account that was just created".to_owned())
            };
            self.talk.lessons.push(Lesson::Filter(path, probe));
        }
    }
}
