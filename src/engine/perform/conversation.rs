//! A conversation: requests one after another, each held back by the rate, kept (redacted) for the history.

use std::time::Duration;

use crate::engine::perform::context::Context;
use crate::engine::perform::lesson::Lesson;
use crate::engine::perform::throttle::Class;
use crate::provision::outcome::{Exchange, Failure, FailureClass};
use crate::scim::decode::{self, ListPage, Resource};
use crate::scim::failure;
use crate::scim::filter;
use crate::scim::redact::redact;
use crate::scim::target::{Answer, Method, Request, TransportError};

/// The most bytes of an answer about one resource (`reliability.md` section 4).
const RESOURCE_MAX_BYTES: usize = 1024 * 1024;
/// The most bytes of one page of a list.
const PAGE_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Exchanges kept of one conversation: with two bodies of at most 2 KiB each they stay well below the store's 64 KiB a value.
const EXCHANGES_KEPT_MAX: usize = 10;

/// No complete answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// What is known.
    pub failure: Failure,
    /// Whether the target may have seen the request.
    pub may_have_arrived: bool,
}

/// Requests and answers in order, and what they taught.
pub struct Conversation<'a> {
    /// With whom.
    pub cx: Context<'a>,
    /// What was said.
    pub exchanges: Vec<Exchange>,
    /// What it taught.
    pub lessons: Vec<Lesson>,
    /// The class that its requests count as, reads apart.
    class: Class,
}

impl<'a> Conversation<'a> {
    /// Nothing said yet.
    pub fn new(cx: Context<'a>) -> Self {
        Self { cx, exchanges: Vec::new(), lessons: Vec::new(), class: Class::Write }
    }

    /// One about members of groups.
    #[must_use]
    pub fn about_members(self) -> Self {
        Self { class: Class::Membership, ..self }
    }

    /// One that takes a leaver's account away, if `leaving`: its reads wait for no others either.
    #[must_use]
    pub fn of_leaver(self, leaving: bool) -> Self {
        if leaving { Self { class: Class::Deactivation, ..self } } else { self }
    }

    /// Sends one request and keeps what was said.
    ///
    /// # Errors
    /// [`Silence`] if no complete answer came.
    pub async fn send(&mut self, method: Method, path: String, body: Option<Vec<u8>>) -> Result<Answer, Silence> {
        let timeout = Duration::from_secs(self.cx.spec.app.limits.timeout_secs);
        let answer_max_bytes = RESOURCE_MAX_BYTES;
        self.send_with(Request { method, path, body, if_match: None, timeout, answer_max_bytes }).await
    }

    /// Sends a PATCH that is carried out only if the resource still has `version`.
    ///
    /// # Errors
    /// [`Silence`] if no complete answer came.
    pub async fn patch_if(&mut self, path: String, body: Vec<u8>, version: &str) -> Result<Answer, Silence> {
        let timeout = Duration::from_secs(self.cx.spec.app.limits.timeout_secs);
        let (body, if_match, answer_max_bytes) = (Some(body), Some(version.to_owned()), RESOURCE_MAX_BYTES);
        self.send_with(Request { method: Method::Patch, path, body, if_match, timeout, answer_max_bytes }).await
    }

    async fn send_with(&mut self, request: Request) -> Result<Answer, Silence> {
        let mut exchange = Exchange {
            method: request.method.as_str().to_owned(),
            path: request.path.clone(),
            status: None,
            millis: 0,
            request: request.body.as_deref().map(redact).unwrap_or_default(),
            answer: String::new(),
        };
        let class = match request.method {
            Method::Get if self.class != Class::Deactivation => Class::Read,
            _ => self.class,
        };
        self.cx.throttle.acquire(class).await;
        let result = self.cx.target.send(request).await.map_err(|error| Silence {
            failure: failure::of_transport(&error),
            may_have_arrived: matches!(error, TransportError::Unknown(_)),
        });
        match &result {
            Ok(answer) => {
                exchange.status = Some(answer.status);
                exchange.millis = u32::try_from(answer.elapsed.as_millis()).unwrap_or(u32::MAX);
                exchange.answer = redact(&answer.body);
                if failure::is_rate_limited(answer, &self.cx.connector().http) {
                    self.cx.throttle.too_many(class);
                } else {
                    self.cx.throttle.went_well(class);
                }
            }
            Err(silence) => exchange.answer.clone_from(&silence.failure.detail),
        }
        // Which kind of resource, not which: ids and filters may name people.
        let resource = exchange.path.split(['?', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        let (app, method, millis) = (&self.cx.spec.name, exchange.method.as_str(), exchange.millis);
        tracing::trace!(%app, method, resource, status = exchange.status, millis, "asked");
        self.keep(exchange);
        result
    }

    fn keep(&mut self, exchange: Exchange) {
        if self.exchanges.len() >= EXCHANGES_KEPT_MAX {
            // The first (what was asked) and the latest (how it ended) tell the story.
            self.exchanges.remove(EXCHANGES_KEPT_MAX / 2);
        }
        self.exchanges.push(exchange);
    }

    /// A GET that must succeed with 200.
    async fn read(&mut self, path: String, list: bool) -> Result<Answer, Failure> {
        let answer = self.get_once(path, list).await.map_err(|silence| silence.failure)?;
        if answer.status == 200 { Ok(answer) } else { Err(self.look_into(&answer).await) }
    }

    /// One GET.
    async fn get_once(&mut self, path: String, list: bool) -> Result<Answer, Silence> {
        let limits = &self.cx.spec.app.limits;
        let (secs, answer_max_bytes) =
            if list { (limits.list_timeout_secs, PAGE_MAX_BYTES) } else { (limits.timeout_secs, RESOURCE_MAX_BYTES) };
        let timeout = Duration::from_secs(secs);
        let request = Request { method: Method::Get, path, body: None, if_match: None, timeout, answer_max_bytes };
        self.send_with(request).await
    }

    /// What an answer that is no success means; a 403 is not looked into.
    pub fn failure(&self, answer: &Answer) -> Failure {
        failure::of_answer(answer, &self.cx.connector().http, self.cx.clock.now())
    }

    /// One account by its id; `None` = 404.
    ///
    /// # Errors
    /// A [`Failure`] if the target does not answer with that account.
    pub async fn get(&mut self, id: &str) -> Result<Option<Resource>, Failure> {
        let path = filter::resource_path(&self.cx.connector().users.path, id);
        let answer = match self.read(path, false).await {
            Ok(answer) => answer,
            Err(failure) if failure.class == FailureClass::Missing => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let resource = decode::resource(&answer).map_err(|error| failure::of_decoding(&answer, &error))?;
        if resource.id != id {
            return Err(Failure {
                class: FailureClass::NotScim,
                status: Some(answer.status),
                detail: redact(format!("asked for account {id}, the target showed {}", resource.id).as_bytes()),
                retry_after: None,
            });
        }
        Ok(Some(resource))
    }

    /// All rows that a filter brings, whether or not they have the value.
    ///
    /// # Errors
    /// A [`Failure`] if the target does not answer with a list.
    pub async fn filter(&mut self, attribute: &str, value: &str) -> Result<ListPage, Failure> {
        let users = &self.cx.connector().users;
        let path = filter::search_path(&users.path, attribute, value, &users.search_parameters);
        self.read_list(path).await
    }

    /// One page of the list of all accounts.
    ///
    /// # Errors
    /// A [`Failure`] if the target does not answer with a list.
    pub async fn page(&mut self, start_index: u64, count: u32) -> Result<ListPage, Failure> {
        let connector = self.cx.connector();
        let count = connector.paging.count.then_some(count);
        self.read_list(filter::list_path(&connector.users.path, start_index, count)).await
    }

    /// One page of a list of other resources than users, for example groups; without a page, all that one request brings.
    ///
    /// # Errors
    /// A [`Failure`] if the target does not answer with a list.
    pub async fn page_of(
        &mut self,
        path: &str,
        page: Option<(u64, u32)>,
        parameters: &str,
    ) -> Result<ListPage, Failure> {
        let paged = match page {
            Some((start_index, count)) => {
                let count = self.cx.connector().paging.count.then_some(count);
                filter::list_path(path, start_index, count)
            }
            None => path.to_owned(),
        };
        self.read_list(filter::with_parameters(paged, parameters)).await
    }

    /// One group by its id, with its members; `None` = 404.
    ///
    /// # Errors
    /// A [`Failure`] if the target does not answer with that group.
    pub async fn group(&mut self, id: &str) -> Result<Option<Resource>, Failure> {
        let path = filter::resource_path(self.cx.connector().groups.path(), id);
        let answer = match self.read(path, true).await {
            Ok(answer) => answer,
            Err(failure) if failure.class == FailureClass::Missing => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let resource = decode::resource(&answer).map_err(|error| failure::of_decoding(&answer, &error))?;
        if resource.id != id {
            let detail = format!("asked for group {id}, the target showed {}", resource.id);
            let detail = redact(detail.as_bytes());
            return Err(Failure {
                class: FailureClass::NotScim,
                status: Some(answer.status),
                detail,
                retry_after: None,
            });
        }
        Ok(Some(resource))
    }

    /// The groups that a filter brings, whether or not they have the value.
    ///
    /// # Errors
    /// A [`Failure`] if the target does not answer with a list.
    pub async fn groups_where(&mut self, attribute: &str, value: &str) -> Result<ListPage, Failure> {
        let groups = &self.cx.connector().groups;
        let path = filter::search_path(groups.path(), attribute, value, "");
        self.read_list(path).await
    }

    async fn read_list(&mut self, path: String) -> Result<ListPage, Failure> {
        let answer = self.read(path, true).await?;
        decode::list(&answer).map_err(|error| failure::of_decoding(&answer, &error))
    }

    /// Reads a discovery endpoint.
    ///
    /// # Errors
    /// A [`Failure`] if it does not answer 200.
    pub async fn discover(&mut self, path: &str) -> Result<Answer, Failure> {
        self.read(path.to_owned(), false).await
    }

    /// What an answer means, a 403 looked into: if reading one account is forbidden too, it is the credential.
    pub async fn look_into(&mut self, answer: &Answer) -> Failure {
        let mut failure = self.failure(answer);
        if answer.status == 403 && failure.class == FailureClass::Refused && self.is_shut_out().await {
            failure.class = FailureClass::Credential;
        }
        failure
    }

    /// Whether a page of one account is forbidden too. A 403 that means *too many* says nothing.
    async fn is_shut_out(&mut self) -> bool {
        let connector = self.cx.connector();
        let count = connector.paging.count.then_some(1);
        let path = filter::list_path(&connector.users.path, 1, count);
        let Ok(answer) = self.get_once(path, true).await else { return false };
        let second = self.failure(&answer);
        matches!(answer.status, 401 | 403) && second.class != FailureClass::RateLimited
    }
}
