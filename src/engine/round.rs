//! One pushing round: claims, sends, records until nothing is due any more.
//!
//! Three things are under way at once and meet here: the next batch being claimed and begun, requests in flight, and outcomes
//! being recorded. Each event passes them strictly in order. Leavers go before whatever was claimed before them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::{JoinHandle, JoinSet};

use crate::clock::Timestamp;
use crate::connector::capability::FilterProbe;
use crate::engine::breaker::Verdict;
use crate::engine::context::{Engine, EngineError};
use crate::engine::lane::Lane;
use crate::engine::perform::Lesson;
use crate::engine::push::{Pushed, Ready, Shared, Wanted, attempt, claim, learn_locally, record};
use crate::id::{EventId, UserId};
use crate::provision::backoff;
use crate::provision::outcome::{Failure, FailureClass, Outcome};
use crate::store::act::{Finish, Lane as Claim};

/// Outcomes recorded in one act at most.
const FINISH_MAX: usize = 256;
/// Events claimed at once, as a multiple of the concurrency: few where the rate is limited, so that a leaver overtakes all but them.
const AHEAD: usize = 2;
/// Where nothing limits the rate, claims grow from this multiple ...
const AHEAD_UNLIMITED: usize = 8;
/// ... up to so many, while the target takes a claim within [`QUICK_MILLIS`]: then few claims and commits serve many events.
const AHEAD_MAX: usize = 1_024;
/// A claim that is taken within this long was too small.
const QUICK_MILLIS: u64 = 50;
/// Outcomes are recorded when there are as many, ...
const TOGETHER: usize = 64;
/// ... or when nothing more has landed for so long: a commit costs as much for one as for many.
const PATIENCE: std::time::Duration = std::time::Duration::from_millis(1);

/// Events that were claimed; true = of all that the round claims, false = leavers in a hurry.
type Batch = (bool, Vec<Ready>);

/// One round over the events of one app.
pub(super) struct Round<'a> {
    engine: &'a Engine,
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    pub(super) concurrency: usize,
    ready: VecDeque<Ready>,
    flying: JoinSet<(Finish, Vec<Lesson>)>,
    /// Which event of whom each task is about, also for the case that it breaks down.
    aboard: HashMap<tokio::task::Id, (EventId, UserId)>,
    /// Events being looked up: on disk they stay `verifying` meanwhile and must not be claimed twice.
    verifying: HashSet<EventId>,
    landed: Vec<Finish>,
    recording: Option<JoinHandle<Result<Vec<EventId>, EngineError>>>,
    /// The batch being claimed.
    claiming: Option<JoinHandle<Result<Batch, EngineError>>>,
    pushed: Pushed,
    /// Which events are claimed: leavers only while memberships are under way.
    claims: Claim,
    /// A leaver may be queued: leavers are claimed next, and go before what was claimed already.
    urgent: bool,
    exhausted: bool,
    pub(super) stopping: bool,
    /// The breaker has seen enough: nothing more is sent until it is heeded.
    tripped: bool,
    /// Nothing more has landed for a while: what has is recorded, however little.
    patient: bool,
    /// How much is claimed at once where nothing limits the rate, and when the last claim began.
    stride: (usize, Timestamp),
}

impl<'a> Round<'a> {
    pub(super) fn new(engine: &'a Engine, shared: &Arc<Shared>, lane: &Arc<Lane>, claims: Claim) -> Self {
        let concurrency = match shared.app.spec.app.limits.concurrency {
            0 => 4,
            set => set as usize,
        };
        Self {
            engine,
            shared: Arc::clone(shared),
            lane: Arc::clone(lane),
            concurrency,
            ready: VecDeque::new(),
            flying: JoinSet::new(),
            aboard: HashMap::new(),
            verifying: HashSet::new(),
            landed: Vec::new(),
            recording: None,
            claiming: None,
            pushed: Pushed::default(),
            claims,
            urgent: false,
            exhausted: false,
            stopping: false,
            tripped: false,
            patient: false,
            stride: (concurrency * AHEAD_UNLIMITED, Timestamp::default()),
        }
    }

    pub(super) async fn run(&mut self, stop: &(dyn Fn() -> bool + Send + Sync)) -> Result<Pushed, EngineError> {
        loop {
            self.stopping = self.stopping || stop();
            self.gather();
            self.record();
            self.claim();
            self.launch();
            if self.flying.is_empty() && self.recording.is_none() && self.claiming.is_none() {
                return Ok(self.pushed);
            }
            tokio::select! {
                Some(landed) = self.flying.join_next_with_id(), if !self.flying.is_empty() => self.land(landed),
                recorded = ended(&mut self.recording), if self.recording.is_some() => self.recorded(recorded?).await?,
                claimed = ended(&mut self.claiming), if self.claiming.is_some() => self.take(claimed?),
                () = tokio::time::sleep(PATIENCE), if self.recording.is_none() && !self.landed.is_empty() => self.patient = true,
                () = self.lane.hurried(), if !self.urgent && !self.stopping => self.urgent = true,
            }
        }
    }

    fn wants_more(&self) -> bool {
        // Where nothing limits the rate, the next claim is made while one is sent: it waits for two commits.
        let few = if self.shared.way.throttle.is_unlimited() { self.ahead() } else { self.ahead() / 2 };
        !self.stopping && !self.exhausted && self.ready.len() < few
    }

    /// Events claimed at once.
    fn ahead(&self) -> usize {
        if self.shared.way.throttle.is_unlimited() { self.stride.0 } else { self.concurrency * AHEAD }
    }

    /// Starts recording what has landed; one act at a time, the next one takes what lands meanwhile.
    fn record(&mut self) {
        let at_rest = self.flying.is_empty() && (self.ready.is_empty() || self.tripped);
        let enough = self.landed.len() >= TOGETHER || self.patient || at_rest || self.tripped;
        if self.recording.is_none() && !self.landed.is_empty() && enough {
            self.patient = false;
            let outcomes = std::mem::take(&mut self.landed);
            self.recording = Some(tokio::spawn(record(Arc::clone(&self.shared), outcomes)));
        }
    }

    /// Starts claiming the next batch, ahead of what is in flight; at once, and leavers only, if one may be queued.
    fn claim(&mut self) {
        if self.claiming.is_some() || self.stopping || !(self.urgent || self.wants_more()) {
            return;
        }
        let now = self.shared.clock.now();
        if !self.urgent {
            self.lengthen(now);
        }
        let rests = self.lane.rests_until(now).is_some();
        let lane = if self.urgent || rests { Claim::Fast } else { self.claims };
        let all = !std::mem::take(&mut self.urgent);
        let except = self.verifying.clone();
        let wanted = Wanted { lane, as_of: now, limit: self.ahead(), except };
        let claimed = claim(Arc::clone(&self.shared), wanted);
        self.claiming = Some(tokio::spawn(async move { Ok((all, claimed.await?)) }));
    }

    /// More at once while claims are taken quickly, fewer when not: a leaver never has much before him, and a target that fails little
    /// to give back.
    fn lengthen(&mut self, now: Timestamp) {
        let (stride, last) = self.stride;
        let least = self.concurrency * AHEAD_UNLIMITED;
        let quick = now.millis_since(last) <= QUICK_MILLIS;
        let next = if quick { (stride * 2).min(AHEAD_MAX.max(least)) } else { (stride / 2).max(least) };
        self.stride = (next, now);
    }

    async fn recorded(&mut self, events: Vec<EventId>) -> Result<(), EngineError> {
        self.pushed.attempts += events.len() as u64;
        for event in events {
            self.verifying.remove(&event);
        }
        self.exhausted = false;
        self.lane.drained.notify_one();
        if self.lane.leaver_in_flight.swap(false, Ordering::SeqCst) {
            self.lane.leaver.notify_one();
        }
        self.trip().await
    }

    /// Leavers go before whatever was claimed before them and is not in flight.
    fn take(&mut self, (all, claimed): Batch) {
        self.exhausted = (self.exhausted || all) && claimed.is_empty();
        let looked_up = claimed.iter().filter(|one| matches!(one, Ready::LookUp(_)));
        self.verifying.extend(looked_up.map(|one| one.event().id));
        let place = self.ready.iter().take_while(|one| one.event().operation.kind.is_leaving()).count();
        let (leavers, others): (Vec<_>, Vec<_>) =
            claimed.into_iter().partition(|one| one.event().operation.kind.is_leaving());
        for (index, leaver) in leavers.into_iter().enumerate() {
            self.ready.insert(place + index, leaver);
        }
        self.ready.extend(others);
    }

    /// Sends what is ready, up to the concurrency.
    fn launch(&mut self) {
        while !self.tripped && self.flying.len() < self.room() {
            let Some(ready) = self.ready.pop_front() else { return };
            let shared = Arc::clone(&self.shared);
            let about = (ready.event().id, ready.event().user());
            let task = self.flying.spawn(async move { attempt(&shared, ready).await });
            self.aboard.insert(task.id(), about);
        }
    }

    /// How many may be in flight. An empty target proves its filters with one create alone.
    fn room(&self) -> usize {
        let learned = self.shared.learned.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let half_proven = learned.filters.values().any(|probe| *probe == FilterProbe::HalfProven);
        if half_proven { 1 } else { self.concurrency }
    }

    /// Collects what has landed meanwhile, without waiting.
    fn gather(&mut self) {
        while self.landed.len() < FINISH_MAX
            && let Some(landed) = self.flying.try_join_next_with_id()
        {
            self.land(landed);
        }
    }

    fn land(&mut self, landed: Landed) {
        let (task, done) = match landed {
            Ok((task, done)) => (task, Some(done)),
            // A conversation that breaks down leaves its outcome open: it is looked up. Others are not stopped.
            Err(broken) => (broken.id(), None),
        };
        let Some((event, user)) = self.aboard.remove(&task) else { return };
        let (finish, lessons) = done.unwrap_or_else(|| (self.unknown(event), Vec::new()));
        learn_locally(&self.shared, &lessons);
        let now = self.shared.clock.now();
        self.lane.breaker().saw(user, &finish.outcome, now);
        if !matches!(finish.outcome, Outcome::Succeeded(_)) {
            self.tripped |= self.lane.breaker().verdict() != Verdict::Closed;
        }
        if let Outcome::Retry { failure, due } = &finish.outcome
            && failure.class == FailureClass::RateLimited
            && failure.retry_after.is_some()
        {
            self.lane.rest(*due);
        }
        self.landed.push(finish);
        self.exhausted = false;
    }

    fn unknown(&self, event: EventId) -> Finish {
        let failure = Failure {
            class: FailureClass::NotEffective,
            status: None,
            detail: "the conversation with the target broke down inside Usher; please report this".to_owned(),
            retry_after: None,
        };
        let due = backoff::due(event, 1, self.shared.clock.now());
        Finish { event, outcome: Outcome::Unknown { failure, due }, exchanges: Vec::new() }
    }

    /// Opens the breaker: what is in flight is finished, what is not goes back, and nothing more is claimed.
    async fn trip(&mut self) -> Result<(), EngineError> {
        if self.stopping {
            // What is begun is sent all the same: the process wants to end, and nothing may stay in between.
            self.tripped = false;
            return Ok(());
        }
        let verdict = self.lane.breaker().verdict();
        self.tripped = false;
        if let Verdict::Open(why) | Verdict::Quarantine(why) = &verdict {
            self.stopping = true;
            self.give_back(why);
        }
        self.engine.heed(&self.shared.app.spec.name, verdict).await?;
        Ok(())
    }

    /// What was claimed and not sent waits for another attempt.
    fn give_back(&mut self, why: &str) {
        let now = self.shared.clock.now();
        for ready in self.ready.drain(..) {
            let Ready::Send(cleared, _) = ready else { continue };
            let event = cleared.event();
            let failure = Failure {
                class: FailureClass::Endpoint,
                status: None,
                detail: format!("not sent, because the app does not answer: {why}"),
                retry_after: None,
            };
            let due = backoff::due(event.id, event.attempts + 1, now);
            let outcome = Outcome::Retry { failure, due };
            self.landed.push(Finish { event: event.id, outcome, exchanges: Vec::new() });
        }
    }
}

/// A task that ended, with its id.
type Landed = Result<(tokio::task::Id, (Finish, Vec<Lesson>)), tokio::task::JoinError>;

/// Waits for a task of the round, and forgets it.
async fn ended<T>(task: &mut Option<JoinHandle<Result<T, EngineError>>>) -> Result<T, EngineError> {
    let Some(running) = task.as_mut() else { return std::future::pending().await };
    let done = running.await;
    *task = None;
    done.map_err(|error| EngineError::Invalid(format!("the pusher broke down: {error}")))?
}
