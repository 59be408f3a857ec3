//! Changing the members of one group: one request for a chunk, split in halves on refusal until the guilty one stands alone.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::connector::groups::{MemberRemove, MembershipRead};
use crate::engine::perform::context::Context;
use crate::engine::perform::conversation::{Conversation, Silence};
use crate::engine::perform::leave_out::LeftOut;
use crate::engine::perform::membership::Membership;
use crate::provision::backoff;
use crate::provision::edge::{EdgeChange, EdgeOutcome};
use crate::provision::event::Event;
use crate::provision::guard::{ClearedEdge, ClearedGroup};
use crate::provision::outcome::{Exchange, Failure, FailureClass};
use crate::scim::decode::{self, DecodeError};
use crate::scim::failure::of_decoding;
use crate::scim::filter::resource_path;
use crate::scim::members;
use crate::scim::target::{Answer, Method};

/// The place in the schedule that means *daily*.
const DAILY: u32 = backoff::SCHEDULE.len() as u32;
/// Answers of 500 to one chunk that are taken for refusals; after that it is the target that fails.
const FAULTS_MAX: u32 = 3;

/// One membership that is to change.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// Cleared just now.
    pub cleared: ClearedEdge<'a>,
    /// As the ledger names it.
    pub change: &'a EdgeChange,
    /// The event that wants it.
    pub event: &'a Event,
    /// Attempts before this one.
    pub attempts: u32,
}

/// What came of a chunk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// One for each change, in order.
    pub outcomes: Vec<EdgeOutcome>,
    /// Requests and answers, redacted, in order.
    pub exchanges: Vec<Exchange>,
    /// The target fails, or asks to be left alone: nothing more should be sent to it now.
    pub stop: Option<Failure>,
}

struct Chunk<'a> {
    talk: Conversation<'a>,
    changes: &'a [Change<'a>],
    outcomes: BTreeMap<usize, EdgeOutcome>,
    faults: u32,
    stop: Option<Failure>,
}

/// Sends `changes`, all of one group and one direction, whose intent is on disk.
pub async fn change_members<'a>(cx: Context<'a>, changes: &'a [Change<'a>]) -> Changed {
    let talk = Conversation::new(cx).about_members();
    let mut chunk = Chunk { talk, changes, outcomes: BTreeMap::new(), faults: 0, stop: None };
    let mut work: Vec<Range<usize>> = Vec::from([Range { start: 0, end: changes.len() }]);
    while let Some(range) = work.pop() {
        match &chunk.stop {
            Some(failure) => {
                let failure = failure.clone();
                chunk.again(range, &failure);
            }
            None => work.extend(chunk.send(range).await),
        }
    }
    let now = chunk.talk.cx.clock.now();
    let lost = |change: &Change<'_>| EdgeOutcome::Unknown { failure: unheard(), due: later(change, now, None) };
    let outcomes = changes.iter().enumerate();
    let outcomes = outcomes.map(|(index, change)| chunk.outcomes.remove(&index).unwrap_or_else(|| lost(change)));
    Changed { outcomes: outcomes.collect(), exchanges: chunk.talk.exchanges, stop: chunk.stop }
}

fn unheard() -> Failure {
    Failure { class: FailureClass::Server, status: None, detail: "no outcome is known".to_owned(), retry_after: None }
}

/// When another attempt may be made.
fn later(
    change: &Change<'_>,
    now: crate::clock::Timestamp,
    asked: Option<crate::clock::Timestamp>,
) -> crate::clock::Timestamp {
    match asked {
        Some(at) => backoff::clamp_retry_after(now, at),
        None => backoff::due(change.event.id, change.attempts + 1, now),
    }
}

/// Another attempt at `change` after `failure`, which did not carry it out; given up after a while.
pub fn retry(cx: Context<'_>, change: &Change<'_>, failure: &Failure) -> EdgeOutcome {
    let now = cx.clock.now();
    if gives_up(cx, change) {
        return EdgeOutcome::Refused(failure.clone());
    }
    EdgeOutcome::Retry { failure: failure.clone(), due: later(change, now, failure.retry_after) }
}

fn gives_up(cx: Context<'_>, change: &Change<'_>) -> bool {
    let age = cx.clock.now().millis_since(change.event.filed_at);
    !change.event.operation.kind.is_leaving() && age > cx.spec.app.limits.give_up_after.as_millis()
}

impl Chunk<'_> {
    /// Sends a part of the chunk. Returns what must be sent again in smaller parts, the first one last.
    async fn send(&mut self, range: Range<usize>) -> Vec<Range<usize>> {
        let open = range.clone().filter(|index| !self.outcomes.contains_key(index));
        let cleared: Vec<ClearedEdge<'_>> = open.map(|index| self.changes[index].cleared).collect();
        let Some(first) = cleared.first() else { return Vec::new() };
        let groups = &self.talk.cx.connector().groups;
        let path = resource_path(groups.path(), first.group());
        let sent = if !first.adds() && groups.remove == MemberRemove::Replace {
            match self.talk.leave_out(&cleared).await {
                LeftOut::Sent(sent) => sent,
                LeftOut::NobodyThere => return self.all(range, &EdgeOutcome::Removed { already: true }),
                LeftOut::Not(failure) if failure.class.retries() => {
                    self.again(range, &failure);
                    self.stop = Some(failure);
                    return Vec::new();
                }
                LeftOut::Not(failure) => return self.all(range, &EdgeOutcome::Refused(failure)),
            }
        } else {
            self.talk.send(Method::Patch, path, Some(members::patch(&cleared, groups))).await
        };
        match sent {
            Ok(answer) => self.answered(range, &answer).await,
            Err(Silence { failure, may_have_arrived: true }) => {
                self.look(range, &failure).await;
                self.stop = Some(failure);
                Vec::new()
            }
            Err(Silence { failure, .. }) => {
                self.again(range, &failure);
                self.stop = Some(failure);
                Vec::new()
            }
        }
    }

    async fn answered(&mut self, range: Range<usize>, answer: &Answer) -> Vec<Range<usize>> {
        if matches!(answer.status, 200..=204) {
            match decode::json(answer) {
                Err(error @ DecodeError::NotJson(_)) if answer.body.trim_ascii().starts_with(b"<") => {
                    let failure = of_decoding(answer, &error);
                    self.look(range, &failure).await;
                    self.stop = Some(failure);
                }
                _ => self.done(range).await,
            }
            return Vec::new();
        }
        let failure = self.talk.look_into(answer).await;
        let fault = answer.status == 500 && failure.class == FailureClass::Server;
        self.faults += u32::from(fault);
        let refusal = matches!(failure.class, FailureClass::Refused | FailureClass::Conflict | FailureClass::Missing);
        if !refusal && (!fault || self.faults > FAULTS_MAX) {
            if failure.class == FailureClass::Server {
                self.look(range, &failure).await;
            } else {
                self.again(range, &failure);
            }
            self.stop = Some(failure);
            return Vec::new();
        }
        if fault {
            self.settle(range.clone()).await;
        }
        if failure.class == FailureClass::Missing && self.group_is_gone(range.clone(), &failure).await {
            return Vec::new();
        }
        if range.len() > 1 {
            let middle = range.start + range.len() / 2;
            return vec![middle..range.end, range.start..middle];
        }
        self.alone(range, failure).await;
        Vec::new()
    }

    /// A fault does not say that nothing was done: what is as it should be by now is not sent again.
    async fn settle(&mut self, range: Range<usize>) {
        let Ok(shown) = self.read(range.clone()).await else { return };
        for index in range {
            let cleared = self.changes[index].cleared;
            match (shown.has(cleared.member()), cleared.adds()) {
                (Some(true), true) => self.set(index, EdgeOutcome::Added { effective: true }),
                (Some(false), false) if !self.by_filter() => self.set(index, EdgeOutcome::Removed { already: false }),
                _ => {}
            }
        }
    }

    /// What came of one change; the first answer counts.
    fn set(&mut self, index: usize, outcome: EdgeOutcome) {
        self.outcomes.entry(index).or_insert(outcome);
    }

    /// The target said yes. Where it computes who is a member, that is looked at.
    async fn done(&mut self, range: Range<usize>) {
        self.faults = 0;
        let adds = self.changes[range.start].cleared.adds();
        let mut shown = Membership::NotShown;
        if adds && self.talk.cx.connector().groups.computed {
            shown = self.read(range.clone()).await.unwrap_or(Membership::NotShown);
        }
        for index in range {
            let effective = shown.has(self.changes[index].cleared.member()).unwrap_or(true);
            let outcome = if adds { EdgeOutcome::Added { effective } } else { EdgeOutcome::Removed { already: false } };
            self.set(index, outcome);
        }
    }

    async fn read(&mut self, range: Range<usize>) -> Result<Membership, Failure> {
        let changes = &self.changes[range];
        let members: Vec<&str> = changes.iter().map(|change| change.cleared.member()).collect();
        let Some(group) = changes.first().map(|change| change.cleared.group()) else { return Ok(Membership::NotShown) };
        self.talk.membership(group, &members).await
    }

    /// The same for all; nothing is left to send.
    fn all(&mut self, range: Range<usize>, outcome: &EdgeOutcome) -> Vec<Range<usize>> {
        range.for_each(|index| self.set(index, outcome.clone()));
        Vec::new()
    }

    /// Not carried out: again later.
    fn again(&mut self, range: Range<usize>, failure: &Failure) {
        for index in range {
            let outcome = retry(self.talk.cx, &self.changes[index], failure);
            self.set(index, outcome);
        }
    }

    /// It may have been carried out: looked at now if the target can be asked, else before anything is sent again.
    async fn look(&mut self, range: Range<usize>, failure: &Failure) {
        let shown = self.read(range.clone()).await.unwrap_or(Membership::NotShown);
        for index in range {
            let change = &self.changes[index];
            let adds = change.cleared.adds();
            let outcome = match shown.has(change.cleared.member()) {
                Some(true) if adds => EdgeOutcome::Added { effective: true },
                Some(false) if !adds && !self.by_filter() => EdgeOutcome::Removed { already: false },
                Some(_) => retry(self.talk.cx, change, failure),
                None if gives_up(self.talk.cx, change) => EdgeOutcome::Refused(failure.clone()),
                None => {
                    let due = later(change, self.talk.cx.clock.now(), failure.retry_after);
                    EdgeOutcome::Unknown { failure: failure.clone(), due }
                }
            };
            self.set(index, outcome);
        }
    }

    /// Whether only a filter shows who is there: one that finds nobody is no reason to forget whom we put there.
    fn by_filter(&self) -> bool {
        self.talk.cx.connector().groups.read == MembershipRead::Filter
    }

    /// Whether it is the group that is not there: then nobody can be added, and nobody is left to be removed.
    async fn group_is_gone(&mut self, range: Range<usize>, failure: &Failure) -> bool {
        if !matches!(self.read(range.clone()).await, Ok(Membership::NoGroup)) {
            return false;
        }
        for index in range {
            let outcome = if self.changes[index].cleared.adds() {
                EdgeOutcome::Refused(Failure {
                    detail: "the group is not there any more".to_owned(),
                    ..failure.clone()
                })
            } else {
                EdgeOutcome::Removed { already: true }
            };
            self.set(index, outcome);
        }
        true
    }

    /// The guilty one. It may be refused because there is nothing to do.
    async fn alone(&mut self, range: Range<usize>, failure: Failure) {
        let index = range.start;
        let change = self.changes[index];
        let adds = change.cleared.adds();
        let shown = match self.read(range).await {
            Ok(shown) => shown,
            Err(other) => {
                self.set(index, retry(self.talk.cx, &change, &other));
                return;
            }
        };
        let nothing_there = failure.class == FailureClass::Missing || failure.detail.contains("(noTarget)");
        let outcome = match (shown.has(change.cleared.member()), adds) {
            (Some(true), true) => EdgeOutcome::Seen,
            (Some(false), false) if !self.by_filter() || nothing_there => EdgeOutcome::Removed { already: true },
            (None, true) if failure.class == FailureClass::Conflict => EdgeOutcome::Seen,
            (None, false) if nothing_there => EdgeOutcome::Removed { already: true },
            _ if failure.class.retries() => retry(self.talk.cx, &change, &failure),
            _ if change.event.operation.kind.is_leaving() => {
                // Never given up: tried daily.
                let due = backoff::due(change.event.id, DAILY, self.talk.cx.clock.now());
                EdgeOutcome::Retry { failure, due }
            }
            _ => EdgeOutcome::Refused(failure),
        };
        self.set(index, outcome);
    }
}

/// What came of the wish for a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Made {
    /// It is there: its id, and whether we created it.
    There(String, bool),
    /// It can't be had: why, and whether another attempt may help.
    Not(Failure),
}

/// Finds a group by its name, or creates it: once, and never if a search finds one.
pub async fn create_group(cx: Context<'_>, cleared: &ClearedGroup<'_>) -> (Made, Vec<Exchange>) {
    let mut talk = Conversation::new(cx).about_members();
    let made = match find_group(&mut talk, cleared.name()).await {
        Ok(Some(id)) => Made::There(id, false),
        Ok(None) => post_group(&mut talk, cleared).await,
        Err(failure) => Made::Not(failure),
    };
    (made, talk.exchanges)
}

async fn find_group(talk: &mut Conversation<'_>, name: &str) -> Result<Option<String>, Failure> {
    let page = match talk.groups_where("displayName", name).await {
        Ok(page) => page,
        // It can't be searched; the last refresh did not show it.
        Err(failure) if !failure.class.retries() => return Ok(None),
        Err(failure) => return Err(failure),
    };
    let same = |shown: &&decode::Resource| shown.has("displayName", name);
    let hits: Vec<&decode::Resource> = page.resources.iter().filter(same).collect();
    match hits.as_slice() {
        [] => Ok(None),
        [one] => Ok(Some(one.id.clone())),
        _ => Err(Failure {
            class: FailureClass::Refused,
            status: None,
            detail: format!("there are {} groups called “{name}”", hits.len()),
            retry_after: None,
        }),
    }
}

async fn post_group(talk: &mut Conversation<'_>, cleared: &ClearedGroup<'_>) -> Made {
    let path = talk.cx.connector().groups.path().to_owned();
    let answer = match talk.send(Method::Post, path, Some(members::create_group(cleared))).await {
        Ok(answer) => answer,
        // Whether or not it arrived: the next attempt searches first.
        Err(silence) => return Made::Not(silence.failure),
    };
    if matches!(answer.status, 200 | 201) {
        return match decode::resource(&answer) {
            Ok(group) => Made::There(group.id, true),
            Err(error) => Made::Not(of_decoding(&answer, &error)),
        };
    }
    let failure = talk.look_into(&answer).await;
    if failure.class == FailureClass::Conflict
        && let Ok(Some(id)) = find_group(talk, cleared.name()).await
    {
        return Made::There(id, false);
    }
    Made::Not(failure)
}
