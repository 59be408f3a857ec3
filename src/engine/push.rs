//! The pusher: claims due events, clears them, puts the intent on disk, sends, puts the outcome on disk. It never decides what is sent.
//!
//! Three things are under way at once and meet here: the next batch being claimed and begun, requests in flight, and outcomes
//! being recorded. Each event passes them strictly in order.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::JoinSet;

use crate::clock::Timestamp;
use crate::connector::capability::{AppState, FilterProbe, Learned};
use crate::engine::active::ActiveApp;
use crate::engine::breaker::Breaker;
use crate::engine::context::{Engine, EngineError};
use crate::engine::lane::{Lane, Way};
use crate::engine::perform::{self, Lesson, Performed};
use crate::id::EventId;
use crate::provision::backoff;
use crate::provision::event::StatusKind;
use crate::provision::guard::clearance::{self, Void};
use crate::provision::outcome::{Failure, FailureClass, Outcome};
use crate::store::act::{Claimed, Finish, Lane as Claim, Store};

/// Outcomes recorded in one act at most.
const FINISH_MAX: usize = 256;
/// Events claimed ahead of what is in flight, as a multiple of the concurrency.
const AHEAD: usize = 2;

/// What a pushing round did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Pushed {
    /// Attempts whose outcome was recorded.
    pub attempts: u64,
    /// Operations that succeeded.
    pub succeeded: u64,
}

/// What every attempt of a round shares.
struct Shared {
    app: Arc<ActiveApp>,
    way: Way,
    learned: std::sync::RwLock<Learned>,
    state: AppState,
    clock: Arc<dyn crate::clock::Clock>,
    store: Arc<dyn Store>,
    instance: crate::id::InstanceId,
}

struct Round<'a> {
    engine: &'a Engine,
    shared: Arc<Shared>,
    lane: Arc<Lane>,
    concurrency: usize,
    ready: VecDeque<Claimed>,
    flying: JoinSet<(Finish, Vec<Lesson>)>,
    /// Which event each task is about, for the case that it breaks down.
    aboard: HashMap<tokio::task::Id, EventId>,
    landed: Vec<Finish>,
    pushed: Pushed,
    breaker: Breaker,
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
        if !record.state.may_push() {
            return Ok(Pushed::default());
        }
        let way = match lane.way(app, &*self.parts.connect) {
            Ok(way) => way,
            Err(why) => {
                self.quarantine(&app.spec.name, why).await?;
                return Ok(Pushed::default());
            }
        };
        let shared = Arc::new(Shared {
            app: Arc::clone(app),
            way,
            learned: std::sync::RwLock::new(record.learned),
            state: record.state,
            clock: Arc::clone(&self.parts.clock),
            store: Arc::clone(&self.parts.store),
            instance: self.instance,
        });
        let concurrency = match app.spec.app.limits.concurrency {
            0 => 4,
            set => set as usize,
        };
        lane.busy.store(true, Ordering::SeqCst);
        let mut round = Round {
            engine: self,
            shared,
            lane: Arc::clone(&lane),
            concurrency,
            ready: VecDeque::new(),
            flying: JoinSet::new(),
            aboard: HashMap::new(),
            landed: Vec::new(),
            pushed: Pushed::default(),
            breaker: Breaker::default(),
            exhausted: false,
            stopping: false,
        };
        let done = round.run(stop).await;
        lane.busy.store(false, Ordering::SeqCst);
        lane.drained.notify_one();
        done
    }
}

impl Round<'_> {
    async fn run(&mut self, stop: &(dyn Fn() -> bool + Send + Sync)) -> Result<Pushed, EngineError> {
        loop {
            self.stopping = self.stopping || stop();
            self.launch();
            self.gather();
            if !self.landed.is_empty() {
                // The next batch is claimed while these outcomes are being recorded: they never touch the same event.
                let outcomes = std::mem::take(&mut self.landed);
                let (recorded, claimed) = tokio::join!(self.record(outcomes), self.claim());
                recorded?;
                self.take(claimed?);
                self.lane.drained.notify_one();
                self.trip().await?;
                continue;
            }
            if self.wants_more() {
                let claimed = self.claim().await?;
                self.take(claimed);
                if !self.ready.is_empty() {
                    continue;
                }
            }
            match self.flying.join_next_with_id().await {
                Some(landed) => self.land(landed),
                None => return Ok(self.pushed),
            }
        }
    }

    fn wants_more(&self) -> bool {
        !self.stopping && !self.exhausted && self.ready.len() < self.concurrency
    }

    /// Sends what is ready, up to the concurrency.
    fn launch(&mut self) {
        while self.flying.len() < self.room() {
            let Some(claimed) = self.ready.pop_front() else { return };
            let shared = Arc::clone(&self.shared);
            let event = claimed.event.id;
            let task = self.flying.spawn(async move { attempt(&shared, claimed).await });
            self.aboard.insert(task.id(), event);
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
        let (finish, lessons) = match landed {
            Ok((task, done)) => {
                self.aboard.remove(&task);
                done
            }
            // A conversation that breaks down leaves its outcome open: it is looked up. Others are not stopped.
            Err(broken) => match self.aboard.remove(&broken.id()) {
                Some(event) => (self.unknown(event), Vec::new()),
                None => return,
            },
        };
        self.learn_locally(&lessons);
        self.breaker.saw(&finish.outcome);
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

    fn learn_locally(&self, lessons: &[Lesson]) {
        if lessons.is_empty() {
            return;
        }
        let mut learned = self.shared.learned.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(more) = perform::absorb(&learned, self.shared.app.spec.digest, lessons) {
            *learned = more;
            self.shared.way.learned_something();
        }
    }

    async fn record(&self, outcomes: Vec<Finish>) -> Result<Vec<Finish>, EngineError> {
        let now = self.shared.clock.now();
        self.shared.store.finish(outcomes.clone(), now).await?;
        if self.shared.way.take_learned() {
            let learned = self.shared.learned.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
            self.shared.store.learn(&self.shared.app.spec.name, learned).await?;
        }
        Ok(outcomes)
    }

    /// Claims due events, clears them, and puts the intents of those that may go on disk.
    async fn claim(&self) -> Result<Batch, EngineError> {
        if !self.wants_more() {
            return Ok(Batch::NotAsked);
        }
        let now = self.shared.clock.now();
        let limit = self.concurrency * AHEAD;
        let name = &self.shared.app.spec.name;
        let mut claimed = self.shared.store.claim(name, Claim::All, now, limit).await?;
        // Those already begun and waiting here are `running` on disk and not claimed again; those verifying are.
        claimed.retain(|one| !self.ready.iter().any(|ready| ready.event.id == one.event.id));
        if claimed.is_empty() {
            return Ok(Batch::Nothing);
        }
        let (mut ready, mut void, mut queued) = (Vec::new(), Vec::new(), Vec::new());
        for one in claimed {
            if one.event.status.kind() == StatusKind::Verifying {
                ready.push(one);
                continue;
            }
            match clear(&self.shared, &one, now) {
                Ok(()) => queued.push(one),
                Err(Void::AppStopped(_)) => return Ok(Batch::Nothing),
                Err(Void::Stale(why)) => {
                    void.push(Finish { event: one.event.id, outcome: Outcome::Void { why }, exchanges: Vec::new() });
                }
            }
        }
        if !void.is_empty() {
            self.shared.store.finish(void, now).await?;
        }
        let begun = self.shared.store.begin(queued.iter().map(|one| one.event.id).collect(), now).await?;
        ready.extend(queued.into_iter().filter(|one| begun.contains(&one.event.id)));
        Ok(Batch::Ready(ready))
    }

    fn take(&mut self, batch: Batch) {
        match batch {
            Batch::NotAsked => {}
            Batch::Nothing => self.exhausted = true,
            Batch::Ready(ready) => self.ready.extend(ready),
        }
    }

    /// Opens the breaker: what is begun is finished, nothing more is claimed.
    async fn trip(&mut self) -> Result<(), EngineError> {
        if let Some(why) = self.breaker.tripped()
            && !self.stopping
        {
            self.stopping = true;
            self.engine.quarantine(&self.shared.app.spec.name, why).await?;
        }
        Ok(())
    }
}

/// A task that ended, with its id.
type Landed = Result<(tokio::task::Id, (Finish, Vec<Lesson>)), tokio::task::JoinError>;

enum Batch {
    NotAsked,
    Nothing,
    Ready(Vec<Claimed>),
}

fn clear(shared: &Shared, claimed: &Claimed, now: Timestamp) -> Result<(), Void> {
    let app = &shared.app;
    clearance::clear(&claimed.event, &claimed.account, &app.spec, app.connector, &shared.state, now).map(drop)
}

/// One attempt: clearance again, at the last moment, then the conversation.
async fn attempt(shared: &Shared, claimed: Claimed) -> (Finish, Vec<Lesson>) {
    let learned = shared.learned.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
    let cx = perform::Context {
        target: &*shared.way.target,
        spec: &shared.app.spec,
        learned: &learned,
        clock: &*shared.clock,
        owners: &shared.store,
        throttle: &shared.way.throttle,
        instance: shared.instance,
    };
    let event = claimed.event.id;
    let performed = if claimed.event.status.kind() == StatusKind::Verifying {
        perform::verify(cx, &claimed.event, &claimed.account).await
    } else {
        let (app, now) = (&shared.app, shared.clock.now());
        match clearance::clear(&claimed.event, &claimed.account, &app.spec, app.connector, &shared.state, now) {
            Ok(cleared) => perform::perform(cx, &cleared, &claimed.account).await,
            Err(void) => Performed {
                outcome: Outcome::Void { why: void.to_string() },
                exchanges: Vec::new(),
                lessons: Vec::new(),
            },
        }
    };
    (Finish { event, outcome: performed.outcome, exchanges: performed.exchanges }, performed.lessons)
}
