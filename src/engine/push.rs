//! The pusher: claims due events, clears them, puts the intent on disk, sends, puts the outcome on disk. It never decides what is sent.
//!
//! Three things are under way at once and meet here: the next batch being claimed and begun, requests in flight, and outcomes
//! being recorded. Each event passes them strictly in order.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::{JoinHandle, JoinSet};

use crate::clock::Timestamp;
use crate::connector::capability::{AppState, FilterProbe, Learned};
use crate::engine::active::ActiveApp;
use crate::engine::breaker::{self, Sign, Verdict};
use crate::engine::context::{Engine, EngineError};
use crate::engine::lane::{Lane, Way};
use crate::engine::perform::{self, Lesson};
use crate::engine::registrar::Registrar;
use crate::id::{EventId, UserId};
use crate::provision::account::Account;
use crate::provision::backoff;
use crate::provision::event::{Event, StatusKind};
use crate::provision::guard::Cleared;
use crate::provision::guard::clearance::{self, Void};
use crate::provision::outcome::{Failure, FailureClass, Outcome};
use crate::store::act::{Claimed, Finish, Lane as Claim, Store};
use crate::store::query::AppRecord;

/// Outcomes recorded in one act at most.
const FINISH_MAX: usize = 256;
/// Events claimed at once, as a multiple of the concurrency: few where the rate is limited, so that a leaver overtakes all but them.
const AHEAD: usize = 2;
/// The same where nothing limits the rate: what is claimed lasts while a page is being filed.
const AHEAD_UNLIMITED: usize = 8;

/// What a pushing round did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// Attempts whose outcome was recorded.
    pub attempts: u64,
}

/// What every attempt of a round shares.
pub(super) struct Shared {
    pub(super) app: Arc<ActiveApp>,
    pub(super) way: Way,
    learned: std::sync::RwLock<Arc<Learned>>,
    registrar: Registrar,
    pub(super) state: AppState,
    pub(super) clock: Arc<dyn crate::clock::Clock>,
    pub(super) store: Arc<dyn Store>,
    pub(super) instance: crate::id::InstanceId,
    /// Groups that accounts showed in this round, by the account's id.
    pub(super) groups_of: std::sync::Mutex<HashMap<String, Arc<BTreeSet<String>>>>,
}

/// What a conversation can be about.
enum Ready {
    /// Cleared, with its intent on disk.
    Send(Cleared, Account),
    /// To be found out.
    LookUp(Claimed),
}

impl Ready {
    fn event(&self) -> &Event {
        match self {
            Self::Send(cleared, _) => cleared.event(),
            Self::LookUp(claimed) => &claimed.event,
        }
    }
}

/// Which events a claim asks for.
struct Wanted {
    lane: Claim,
    as_of: Timestamp,
    limit: usize,
    /// Being looked up already.
    except: HashSet<EventId>,
}

struct Round<'a> {
    engine: &'a Engine,
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    concurrency: usize,
    ready: VecDeque<Ready>,
    flying: JoinSet<(Finish, Vec<Lesson>)>,
    /// Which event of whom each task is about, also for the case that it breaks down.
    aboard: HashMap<tokio::task::Id, (EventId, UserId)>,
    /// Events being looked up: on disk they stay `verifying` meanwhile and must not be claimed twice.
    verifying: HashSet<EventId>,
    landed: Vec<Finish>,
    recording: Option<JoinHandle<Result<Vec<EventId>, EngineError>>>,
    /// The batch being claimed; true = of all that this round claims, false = leavers in a hurry.
    claiming: Option<JoinHandle<Result<(bool, Vec<Ready>), EngineError>>>,
    pushed: Pushed,
    /// Which events are claimed: leavers only while memberships are under way.
    claims: Claim,
    /// A leaver may be queued: leavers are claimed next, and go before what was claimed already.
    urgent: bool,
    exhausted: bool,
    stopping: bool,
}

impl Engine {
    /// Pushes until nothing is due any more, or the app stops taking operations. One pusher an app: a second caller waits.
    ///
    /// # Errors
    /// If the store fails. An app that can't be reached is no error: its events wait.
    pub async fn push(
        &self,
        app: &Arc<ActiveApp>,
        stop: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<Pushed, EngineError> {
        let lane = self.lanes.of(&app.spec.name);
        let _one = lane.pushing.lock().await;
        let record = self.parts.store.app(&app.spec.name).await?;
        let now = self.parts.clock.now();
        let half_open = matches!(record.state, AppState::BreakerOpen { next_try, .. } if next_try <= now);
        if !record.state.may_push() && !half_open {
            return Ok(Pushed::default());
        }
        let way = match lane.way(app, &*self.parts.connect) {
            Ok(way) => way,
            Err(why) => {
                self.quarantine(&app.spec.name, why).await?;
                return Ok(Pushed::default());
            }
        };
        let shared = self.share(app, way, record);
        if half_open && self.try_one(&shared, &lane, Claim::All, now).await? != Some(true) {
            return Ok(Pushed::default());
        }
        lane.busy.store(true, Ordering::SeqCst);
        let done = self.push_all(&shared, &lane, stop).await;
        lane.busy.store(false, Ordering::SeqCst);
        lane.drained.notify_one();
        done
    }

    /// What every attempt of a round shares. Whoever asks has made sure that the app may be sent something.
    pub(super) fn share(&self, app: &Arc<ActiveApp>, way: Way, record: AppRecord) -> Arc<Shared> {
        Arc::new(Shared {
            app: Arc::clone(app),
            way,
            learned: std::sync::RwLock::new(Arc::new(record.learned)),
            registrar: Registrar::new(Arc::clone(&self.parts.store)),
            state: if record.state.may_push() { record.state } else { AppState::Live },
            clock: Arc::clone(&self.parts.clock),
            store: Arc::clone(&self.parts.store),
            instance: self.instance,
            groups_of: std::sync::Mutex::default(),
        })
    }

    async fn push_all(
        &self,
        shared: &Arc<Shared>,
        lane: &Arc<Lane>,
        stop: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<Pushed, EngineError> {
        let mut round = Round::new(self, shared, lane, Claim::All);
        let mut pushed = round.run(stop).await?;
        if !round.stopping && lane.rests_until(shared.clock.now()).is_none() {
            pushed.attempts += self.push_members(shared, lane, round.concurrency, stop).await?;
        }
        Ok(pushed)
    }

    /// Pushes the leavers that are due, beside whatever else is under way.
    pub(super) async fn push_leavers(
        &self,
        shared: &Arc<Shared>,
        lane: &Arc<Lane>,
        stop: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<u64, EngineError> {
        Ok(Round::new(self, shared, lane, Claim::Fast).run(stop).await?.attempts)
    }

    /// Tries an app that did not answer with one event, a leaver's first. If it answers it is live; if not, the breaker stays open, or the
    /// quarantine is lengthened. `None` = there was nothing to try, or it said nothing about the endpoint.
    ///
    /// # Errors
    /// If the store fails.
    pub(super) async fn try_one(
        &self,
        shared: &Arc<Shared>,
        lane: &Lane,
        claims: Claim,
        as_of: Timestamp,
    ) -> Result<Option<bool>, EngineError> {
        let name = &shared.app.spec.name;
        let wanted = Wanted { lane: claims, as_of, limit: 1, except: HashSet::new() };
        let Some(ready) = claim(Arc::clone(shared), wanted).await?.pop() else { return Ok(None) };
        let (finish, lessons) = attempt(shared, ready).await;
        learn_locally(shared, &lessons);
        let (sign, failure) = breaker::sign(&finish.outcome);
        let why = failure.map(|failure| failure.detail.clone()).unwrap_or_default();
        record(Arc::clone(shared), vec![finish]).await?;
        lane.breaker().clear();
        Ok(match sign {
            Sign::Answers => {
                self.revive(name).await?;
                Some(true)
            }
            Sign::Fails => {
                self.open_breaker(name, why).await?;
                Some(false)
            }
            Sign::Denied(_) => {
                let why = format!("the credential is refused: {why}");
                self.quarantine(name, why).await?;
                Some(false)
            }
            Sign::None => None,
        })
    }
}

impl Shared {
    /// What a conversation needs, with what was learned until now.
    pub(super) fn context<'a>(&'a self, learned: &'a Learned) -> perform::Context<'a> {
        perform::Context {
            target: &*self.way.target,
            spec: &self.app.spec,
            learned,
            clock: &*self.clock,
            owners: &self.registrar,
            throttle: &self.way.throttle,
            instance: self.instance,
        }
    }

    /// What the app has taught us until now.
    pub(super) fn learned(&self) -> Arc<Learned> {
        Arc::clone(&self.learned.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

impl<'a> Round<'a> {
    fn new(engine: &'a Engine, shared: &Arc<Shared>, lane: &Arc<Lane>, claims: Claim) -> Self {
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
        }
    }

    async fn run(&mut self, stop: &(dyn Fn() -> bool + Send + Sync)) -> Result<Pushed, EngineError> {
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
                () = self.lane.hurried(), if !self.urgent && !self.stopping => self.urgent = true,
            }
        }
    }

    fn wants_more(&self) -> bool {
        !self.stopping && !self.exhausted && self.ready.len() < self.ahead() / 2
    }

    /// Events claimed at once; the next ones when half of them are under way.
    fn ahead(&self) -> usize {
        let times = if self.shared.way.throttle.rate().is_none() { AHEAD_UNLIMITED } else { AHEAD };
        self.concurrency * times
    }

    /// Starts recording what has landed; one act at a time, the next one takes what lands meanwhile.
    fn record(&mut self) {
        if self.recording.is_none() && !self.landed.is_empty() {
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
        let rests = self.lane.rests_until(now).is_some();
        let lane = if self.urgent || rests { Claim::Fast } else { self.claims };
        let all = !std::mem::take(&mut self.urgent);
        let except = self.verifying.clone();
        let wanted = Wanted { lane, as_of: now, limit: self.ahead(), except };
        let claimed = claim(Arc::clone(&self.shared), wanted);
        self.claiming = Some(tokio::spawn(async move { Ok((all, claimed.await?)) }));
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
    fn take(&mut self, (all, claimed): (bool, Vec<Ready>)) {
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
        while self.flying.len() < self.room() {
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
            return Ok(());
        }
        let verdict = self.lane.breaker().verdict();
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

fn learn_locally(shared: &Shared, lessons: &[Lesson]) {
    if lessons.is_empty() {
        return;
    }
    let mut learned = shared.learned.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(more) = perform::absorb(&learned, shared.app.spec.digest, lessons) {
        *learned = Arc::new(more);
        shared.way.learned_something();
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

/// Puts outcomes on disk, and what they taught.
async fn record(shared: Arc<Shared>, outcomes: Vec<Finish>) -> Result<Vec<EventId>, EngineError> {
    let events = outcomes.iter().map(|finish| finish.event).collect();
    shared.store.finish(outcomes, shared.clock.now()).await?;
    if shared.way.take_learned() {
        let learned = Arc::clone(&shared.learned.read().unwrap_or_else(std::sync::PoisonError::into_inner));
        shared.store.learn(&shared.app.spec.name, (*learned).clone()).await?;
    }
    Ok(events)
}

/// Claims due events, clears them, and puts the intents of those that may go on disk.
async fn claim(shared: Arc<Shared>, wanted: Wanted) -> Result<Vec<Ready>, EngineError> {
    let now = shared.clock.now();
    let Wanted { lane, as_of, limit, except } = wanted;
    let mut claimed = shared.store.claim(&shared.app.spec.name, lane, as_of, limit + except.len()).await?;
    claimed.retain(|one| !except.contains(&one.event.id));
    claimed.truncate(limit);
    let (mut ready, mut void, mut cleared) = (Vec::new(), Vec::new(), Vec::new());
    let protections = shared.protections(claimed.iter().map(|one| (&one.event, one.app_digest))).await?;
    for one in claimed {
        if one.event.status.kind() == StatusKind::Verifying {
            ready.push(Ready::LookUp(one));
            continue;
        }
        let app = &shared.app;
        match clearance::clear(&one.event, &one.account, &app.spec, shared.today(&protections, one.event.id, now)) {
            Ok(clear) => cleared.push((clear, one.account)),
            Err(Void::AppStopped(_)) => return Ok(Vec::new()),
            Err(Void::Stale(why)) => {
                void.push(Finish { event: one.event.id, outcome: Outcome::Void { why }, exchanges: Vec::new() });
            }
        }
    }
    if !void.is_empty() {
        shared.store.finish(void, now).await?;
    }
    if cleared.is_empty() {
        return Ok(ready);
    }
    let begun = shared.store.begin(cleared.iter().map(|(one, _)| one.event().id).collect(), now).await?;
    let begun: HashSet<EventId> = begun.into_iter().collect();
    let cleared = cleared.into_iter().filter(|(one, _)| begun.contains(&one.event().id));
    ready.extend(cleared.map(|(one, account)| Ready::Send(one, account)));
    Ok(ready)
}

/// One attempt: the conversation about what was cleared, or a look at what became of the one before.
async fn attempt(shared: &Shared, ready: Ready) -> (Finish, Vec<Lesson>) {
    let learned = shared.learned();
    let cx = shared.context(&learned);
    let event = ready.event().id;
    let performed = match &ready {
        Ready::LookUp(claimed) => perform::verify(cx, &claimed.event, &claimed.account).await,
        Ready::Send(cleared, account) => perform::perform(cx, cleared, account).await,
    };
    (Finish { event, outcome: performed.outcome, exchanges: performed.exchanges }, performed.lessons)
}
