//! What the engine keeps of each app while it runs: the way to it, its rate, its locks and its kick. Nothing here is on disk.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::clock::Timestamp;
use crate::digest::{Digest, Hasher};
use crate::engine::active::ActiveApp;
use crate::engine::breaker::Breaker;
use crate::engine::context::Connect;
use crate::engine::perform::Throttle;
use crate::engine::progress::Begun;
use crate::engine::traffic::{self, Traffic};
use crate::id::AppName;
use crate::scim::target::{Answer, Method, Request, Target, TransportError};

/// The running side of one app.
#[derive(Default)]
pub struct Lane {
    /// One planner at a time.
    pub planning: tokio::sync::Mutex<()>,
    /// One refresh of the catalogue at a time.
    pub refreshing: tokio::sync::Mutex<()>,
    /// One reconcile at a time.
    pub reconciling: tokio::sync::Mutex<()>,
    /// One pusher at a time.
    pub pushing: tokio::sync::Mutex<()>,
    /// "Look again": carries nothing else.
    pub kick: Notify,
    /// The pusher finished a batch, or stopped.
    pub drained: Notify,
    /// Whether a pusher is at work.
    pub busy: AtomicBool,
    /// "A leaver may be dirty": for whoever plans leavers while the rest goes on.
    pub leaver: Notify,
    /// A leaver could not be planned because something of his was in flight.
    pub leaver_in_flight: AtomicBool,
    /// "A leaver may be queued": for the pusher, in the middle of its round.
    hurry: Notify,
    /// Until when the target wants to be left alone, in milliseconds.
    rest_until: AtomicI64,
    breaker: Mutex<Breaker>,
    /// Why users could not be looked up by the last plan that was filed.
    blind: Mutex<Option<String>>,
    /// Requests sent since the start.
    pub requests: Arc<Tally>,
    /// The same, by what became of them; and attempts.
    pub traffic: Arc<Traffic>,
    /// Where progress counts from.
    pub begun: Arc<Begun>,
    way: Mutex<Option<(Digest, Way)>>,
}

/// The way to an app: its client and its rate.
#[derive(Clone)]
pub struct Way {
    /// The client, counting.
    pub target: Arc<dyn Target>,
    /// The rate.
    pub throttle: Arc<Throttle>,
    fresh_lessons: Arc<AtomicBool>,
}

impl Way {
    /// Something was learned that the store does not have yet.
    pub fn learned_something(&self) {
        self.fresh_lessons.store(true, Ordering::SeqCst);
    }

    /// Whether something is to be stored; asked once.
    pub fn take_learned(&self) -> bool {
        self.fresh_lessons.swap(false, Ordering::SeqCst)
    }
}

/// Requests sent.
#[derive(Debug, Default)]
pub struct Tally {
    all: AtomicU64,
    writes: AtomicU64,
}

impl Tally {
    /// (all requests, those that write).
    pub fn read(&self) -> (u64, u64) {
        (self.all.load(Ordering::Relaxed), self.writes.load(Ordering::Relaxed))
    }
}

struct Counted {
    inner: Arc<dyn Target>,
    tally: Arc<Tally>,
    traffic: Arc<Traffic>,
}

#[async_trait]
impl Target for Counted {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        self.tally.all.fetch_add(1, Ordering::Relaxed);
        if request.method != Method::Get {
            self.tally.writes.fetch_add(1, Ordering::Relaxed);
        }
        let method = traffic::method(&request);
        let answer = self.inner.send(request).await;
        self.traffic.sent(method, &answer);
        answer
    }
}

impl Lane {
    /// Remembers why users could not be looked up; `None` = they could.
    pub fn could_not_look(&self, why: Option<String>) {
        *self.blind.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }

    /// Why users could not be looked up by the last plan that was filed.
    pub fn blind(&self) -> Option<String> {
        self.blind.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The way to `app`; built once, and again when base URL, credential reference or connector change, or after [`Lane::forget`].
    ///
    /// # Errors
    /// What [`Connect`] says.
    pub fn way(&self, app: &ActiveApp, connect: &dyn Connect) -> Result<Way, String> {
        let mut hasher = Hasher::new();
        hasher.text(&app.spec.app.base_url).text(&app.spec.app.credential.to_string()).value(&app.connector);
        hasher.text(&app.spec.app.tls_ca).value(&app.spec.app.allow_private_network);
        let basis = hasher.value(&app.spec.app.limits).finish();
        let mut held = self.way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, way)) = &*held
            && *known == basis
        {
            return Ok(way.clone());
        }
        let inner = connect.connect(&app.spec)?;
        let target = Arc::new(Counted { inner, tally: Arc::clone(&self.requests), traffic: Arc::clone(&self.traffic) });
        let way = Way { target, throttle: Arc::new(Throttle::new(&app.spec)), fresh_lessons: Arc::default() };
        *held = Some((basis, way.clone()));
        Ok(way)
    }

    /// Says that a pusher is at work until what it returns is dropped.
    pub fn at_work(&self) -> AtWork<'_> {
        self.busy.store(true, Ordering::SeqCst);
        AtWork(self)
    }

    /// "Look again", for all who look: the app's task, whoever plans leavers, and the pusher.
    pub fn look_again(&self) {
        self.kick.notify_one();
        self.leaver.notify_one();
        self.hurry.notify_one();
    }

    /// Waits until a leaver may be queued.
    pub async fn hurried(&self) {
        self.hurry.notified().await;
    }

    /// The target wants to be left alone until then: only leavers are sent.
    pub fn rest(&self, until: Timestamp) {
        self.rest_until.fetch_max(until.as_millis(), Ordering::SeqCst);
    }

    /// Until when only leavers are sent, if that is after `now`.
    pub fn rests_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = Timestamp::from_millis(self.rest_until.load(Ordering::SeqCst));
        (until > now).then_some(until)
    }

    /// The breaker. Held for arithmetic only.
    pub fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the client, so that a renewed credential is read again.
    pub fn forget(&self) {
        *self.way.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// All lanes by app.
#[derive(Default)]
pub struct Lanes(Mutex<BTreeMap<AppName, Arc<Lane>>>);

/// A pusher at work. However it ends, whoever waits for it is told.
pub struct AtWork<'a>(&'a Lane);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.0.busy.store(false, Ordering::SeqCst);
        self.0.drained.notify_one();
    }
}

impl Lanes {
    /// The lane of an app.
    pub fn of(&self, app: &AppName) -> Arc<Lane> {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(app.clone()).or_default())
    }

    /// Kicks every app: "look again".
    pub fn kick_all(&self) {
        for lane in self.0.lock().unwrap_or_else(PoisonError::into_inner).values() {
            lane.look_again();
        }
    }
}
