//! How fast requests go out to one app: a token bucket that starts at 10 a second with a burst of 20, climbs while all goes well, and
//! halves when the target says *too many* (`design.md` section 8).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::connector::app::AppSpec;

/// Requests a second to start with.
const RATE_START: f64 = 10.0;
/// Requests that may go out at once.
const BURST: f64 = 20.0;
/// The slowest it gets: one request in ten seconds.
const RATE_MIN: f64 = 0.1;

/// The bucket of one app. One mutex, held for arithmetic only.
#[derive(Debug)]
pub struct Throttle {
    bucket: Option<Mutex<Bucket>>,
    rate_max: f64,
}

#[derive(Debug)]
struct Bucket {
    rate: f64,
    /// Below zero: promised to requests that wait.
    tokens: f64,
    filled_at: Instant,
    halved_at: Option<Instant>,
}

impl Throttle {
    /// The bucket for `spec`: fixed at `limits.rate` if that is set, none for loopback, else climbing to `http.rate_max`.
    pub fn new(spec: &AppSpec) -> Self {
        match f64::from(spec.app.limits.rate) {
            0.0 if spec.app.is_loopback() => Self::unlimited(),
            0.0 => {
                let rate_max = f64::from(spec.connector.http.rate_max);
                Self::between(RATE_START.min(rate_max), rate_max)
            }
            fixed => Self::between(fixed, fixed),
        }
    }

    /// No limit.
    pub fn unlimited() -> Self {
        Self { bucket: None, rate_max: f64::INFINITY }
    }

    /// A bucket that starts at `rate` and climbs to `rate_max` requests a second.
    pub fn between(rate: f64, rate_max: f64) -> Self {
        let bucket = Bucket { rate, tokens: BURST.min(rate * 2.0), filled_at: Instant::now(), halved_at: None };
        Self { bucket: Some(Mutex::new(bucket)), rate_max }
    }

    /// Waits until one request may go out.
    pub async fn acquire(&self) {
        let wait = self.reserve(Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// Takes the next free place at `now` and says how long it is until then.
    pub fn reserve(&self, now: Instant) -> Duration {
        let Some(mut bucket) = self.lock() else { return Duration::ZERO };
        let earned = now.saturating_duration_since(bucket.filled_at).as_secs_f64() * bucket.rate;
        bucket.tokens = (bucket.tokens + earned).min(BURST.min(bucket.rate * 2.0).max(1.0)) - 1.0;
        bucket.filled_at = now;
        Duration::from_secs_f64((-bucket.tokens / bucket.rate).max(0.0))
    }

    /// A request went well: the rate rises by one request a second every second.
    pub fn went_well(&self) {
        if let Some(mut bucket) = self.lock() {
            bucket.rate = (bucket.rate + 1.0 / bucket.rate).min(self.rate_max);
        }
    }

    /// The target said *too many*: the rate is halved, once for all requests that were under way together.
    pub fn too_many(&self) {
        let Some(mut bucket) = self.lock() else { return };
        let now = Instant::now();
        let settled = bucket.halved_at.is_none_or(|at| now.duration_since(at) >= Duration::from_secs(1));
        if settled {
            bucket.rate = (bucket.rate / 2.0).max(RATE_MIN);
            bucket.tokens = bucket.tokens.min(0.0);
            bucket.halved_at = Some(now);
        }
    }

    /// Requests a second now; `None` = unlimited.
    pub fn rate(&self) -> Option<f64> {
        self.lock().map(|bucket| bucket.rate)
    }

    fn lock(&self) -> Option<MutexGuard<'_, Bucket>> {
        // Nothing panics while it is held; a poisoned bucket is still a bucket.
        self.bucket.as_ref().map(|bucket| bucket.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
