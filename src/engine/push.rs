//! The pusher: claims due events, clears them, puts the intent on disk, sends, puts the outcome on disk. It never decides what is sent.
//! A round ([`Round`]) does so until nothing is due; here is what it is made of, and when one begins.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::connector::capability::{AppState, Learned};
use crate::engine::active::ActiveApp;
use crate::engine::breaker::{self, Sign};
use crate::engine::context::{Engine, EngineError};
use crate::engine::lane::{Lane, Way};
use crate::engine::perform::{self, Lesson};
use crate::engine::registrar::Registrar;
use crate::engine::round::Round;
use crate::engine::traffic::Traffic;
use crate::id::EventId;
use crate::provision::account::Account;
use crate::provision::event::{Event, StatusKind};
use crate::provision::guard::Cleared;
use crate::provision::guard::clearance::{self, Void};
use crate::provision::outcome::Outcome;
use crate::store::act::{Claimed, Finish, Lane as Claim, Store};
use crate::store::query::AppRecord;

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
    pub(super) learned: std::sync::RwLock<Arc<Learned>>,
    registrar: Registrar,
    pub(super) state: AppState,
    pub(super) clock: Arc<dyn crate::clock::Clock>,
    pub(super) store: Arc<dyn Store>,
    traffic: Arc<Traffic>,
    pub(super) instance: crate::id::InstanceId,
    /// Groups that accounts showed in this round, by the account's id.
    pub(super) groups_of: std::sync::Mutex<HashMap<String, Arc<BTreeSet<String>>>>,
}

/// What a conversation can be about.
pub(super) enum Ready {
    /// Cleared, with its intent on disk.
    Send(Cleared, Account),
    /// To be found out.
    LookUp(Claimed),
}

impl Ready {
    pub(super) fn event(&self) -> &Event {
        match self {
            Self::Send(cleared, _) => cleared.event(),
            Self::LookUp(claimed) => &claimed.event,
        }
    }
}

/// Which events a claim asks for.
pub(super) struct Wanted {
    pub(super) lane: Claim,
    pub(super) as_of: Timestamp,
    pub(super) limit: usize,
    /// Being looked up already.
    pub(super) except: HashSet<EventId>,
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
        let _at_work = lane.at_work();
        self.push_all(&shared, &lane, stop).await
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
            traffic: Arc::clone(&self.lanes.of(&app.spec.name).traffic),
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

pub(super) fn learn_locally(shared: &Shared, lessons: &[Lesson]) {
    if lessons.is_empty() {
        return;
    }
    let mut learned = shared.learned.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(more) = perform::absorb(&learned, shared.app.spec.digest, lessons) {
        *learned = Arc::new(more);
        shared.way.learned_something();
    }
}

/// Puts outcomes on disk, and what they taught.
pub(super) async fn record(shared: Arc<Shared>, outcomes: Vec<Finish>) -> Result<Vec<EventId>, EngineError> {
    let events = outcomes.iter().map(|finish| finish.event).collect();
    shared.store.finish(outcomes, shared.clock.now()).await?;
    if shared.way.take_learned() {
        let learned = Arc::clone(&shared.learned.read().unwrap_or_else(std::sync::PoisonError::into_inner));
        shared.store.learn(&shared.app.spec.name, (*learned).clone()).await?;
    }
    Ok(events)
}

/// Claims due events, clears them, and puts the intents of those that may go on disk.
pub(super) async fn claim(shared: Arc<Shared>, wanted: Wanted) -> Result<Vec<Ready>, EngineError> {
    let now = shared.clock.now();
    let Wanted { lane, as_of, limit, except } = wanted;
    let mut claimed = shared.store.claim(&shared.app.spec.name, lane, as_of, limit + except.len()).await?;
    claimed.retain(|one| !except.contains(&one.event.id));
    claimed.truncate(limit);
    let (mut ready, mut void, mut cleared) = (Vec::new(), Vec::new(), Vec::new());
    let protections = shared.protections(claimed.iter().map(|one| &one.event)).await?;
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
pub(super) async fn attempt(shared: &Shared, ready: Ready) -> (Finish, Vec<Lesson>) {
    let learned = shared.learned();
    let cx = shared.context(&learned);
    let event = ready.event().id;
    let performed = match &ready {
        Ready::LookUp(claimed) => perform::verify(cx, &claimed.event, &claimed.account).await,
        Ready::Send(cleared, account) => perform::perform(cx, cleared, account).await,
    };
    let kind = ready.event().operation.kind;
    shared.traffic.tried(kind, &performed.outcome);
    tracing::debug!(app = %shared.app.spec.name, %event, %kind, came_to = performed.outcome.word(), "tried");
    (Finish { event, outcome: performed.outcome, exchanges: performed.exchanges }, performed.lessons)
}
