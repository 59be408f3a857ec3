//! How fast requests go out to one app: a token bucket for each class of request, which starts at 10 a second with a burst of 20, climbs
//! while all goes well, and halves when the target says *too many* (`design.md` section 8); and a roof over all classes together.
//!
//! Deactivations have their place under the roof at once: what they take, the other classes wait for. The arithmetic is a few lines of
//! our own: the rates move with what the target answers, and tests bring the time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::connector::app::AppSpec;
use crate::connector::descriptor::PerMinute;

/// Requests a second to start with.
const RATE_START: f64 = 10.0;
/// Requests that may go out at once.
const BURST: f64 = 20.0;
/// The slowest it gets: one request in ten seconds.
const RATE_MIN: f64 = 0.1;

/// A class of requests that targets count by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// GET.
    Read,
    /// What changes an account.
    Write,
    /// What changes the members of a group, or makes one.
    Membership,
    /// Whatever is sent to take a leaver's account away, reads too.
    Deactivation,
}

impl Class {
    const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Membership, Self::Deactivation];

    /// Its rate in a connector's table.
    fn per_minute(self, rates: &PerMinute) -> u32 {
        match self {
            Self::Read => rates.reads,
            Self::Write => rates.writes,
            Self::Membership => rates.memberships,
            Self::Deactivation => rates.deactivations,
        }
    }
}

/// The buckets of one app. One mutex, held for arithmetic only.
#[derive(Debug)]
pub struct Throttle(Option<Mutex<Buckets>>);

#[derive(Debug)]
struct Buckets {
    /// By class.
    of: [Bucket; 4],
    /// Over all classes.
    roof: Bucket,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    rate: f64,
    rate_max: f64,
    /// Below zero: promised to requests that wait.
    tokens: f64,
    filled_at: Instant,
    halved_at: Option<Instant>,
}

impl Bucket {
    fn between(rate: f64, rate_max: f64) -> Self {
        let rate = rate.min(rate_max);
        let tokens = BURST.min(rate * 2.0).max(1.0);
        Self { rate, rate_max, tokens, filled_at: Instant::now(), halved_at: None }
    }

    /// Takes the next free place and says how long it is until then.
    fn take(&mut self, now: Instant) -> Duration {
        let earned = now.saturating_duration_since(self.filled_at).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + earned).min(BURST.min(self.rate * 2.0).max(1.0)) - 1.0;
        self.filled_at = self.filled_at.max(now);
        Duration::from_secs_f64((-self.tokens / self.rate).max(0.0))
    }
}

impl Throttle {
    /// The buckets for `spec`: fixed at `limits.rate` if that is set, none for loopback, else climbing to what the connector says.
    pub fn new(spec: &AppSpec) -> Self {
        let http = &spec.connector.http;
        match f64::from(spec.app.limits.rate) {
            0.0 if spec.app.is_loopback() => Self::unlimited(),
            0.0 => {
                let roof = f64::from(http.rate_max);
                let of = Class::ALL.map(|class| match f64::from(class.per_minute(&http.per_minute)) / 60.0 {
                    0.0 => Bucket::between(RATE_START, roof),
                    own => Bucket::between(RATE_START, own.min(roof)),
                });
                Self(Some(Mutex::new(Buckets { of, roof: Bucket::between(roof, roof) })))
            }
            fixed => Self::between(fixed, fixed),
        }
    }

    /// No limit.
    pub fn unlimited() -> Self {
        Self(None)
    }

    /// Each class starts at `rate` and climbs to `rate_max` requests a second, which all together don't exceed.
    pub fn between(rate: f64, rate_max: f64) -> Self {
        let of = Class::ALL.map(|_| Bucket::between(rate, rate_max));
        Self(Some(Mutex::new(Buckets { of, roof: Bucket::between(rate_max, rate_max) })))
    }

    /// Waits until one request of `class` may go out.
    pub async fn acquire(&self, class: Class) {
        let wait = self.reserve(class, Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes the next free place of `class` at `now` and says how long it is until then.
    pub fn reserve(&self, class: Class, now: Instant) -> Duration {
        let Some(mut buckets) = self.lock() else { return Duration::ZERO };
        let own = buckets.of[class as usize].take(now);
        let all = buckets.roof.take(now);
        if class == Class::Deactivation { own } else { own.max(all) }
    }

    /// A request went well: the rate of its class rises by one request a second every second.
    pub fn went_well(&self, class: Class) {
        if let Some(mut buckets) = self.lock() {
            let bucket = &mut buckets.of[class as usize];
            bucket.rate = (bucket.rate + 1.0 / bucket.rate).min(bucket.rate_max);
        }
    }

    /// The target said *too many*: the rate of the class is halved, once for all requests that were under way together.
    pub fn too_many(&self, class: Class) {
        let Some(mut buckets) = self.lock() else { return };
        let now = Instant::now();
        let bucket = &mut buckets.of[class as usize];
        let settled = bucket.halved_at.is_none_or(|at| now.duration_since(at) >= Duration::from_secs(1));
        if settled {
            bucket.rate = (bucket.rate / 2.0).max(RATE_MIN);
            bucket.tokens = bucket.tokens.min(0.0);
            bucket.halved_at = Some(now);
        }
    }

    /// Requests of `class` a second now; `None` = unlimited.
    pub fn rate(&self, class: Class) -> Option<f64> {
        self.lock().map(|buckets| buckets.of[class as usize].rate)
    }

    /// Whether nothing is held back.
    pub fn is_unlimited(&self) -> bool {
        self.0.is_none()
    }

    fn lock(&self) -> Option<MutexGuard<'_, Buckets>> {
        // Nothing panics while it is held; a poisoned bucket is still a bucket.
        self.0.as_ref().map(|buckets| buckets.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
