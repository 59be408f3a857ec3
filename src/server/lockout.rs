//! Who tried too often to sign in: 10 failures within 15 minutes lock a name or an address for 15 minutes, doubling up to 4 hours
//! (`reliability.md` section 4, *sign-in*). Kept in memory: a restart forgives, and restarting is not for strangers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::clock::{Span, Timestamp};

/// Failures that lock.
const FAILURES_MAX: u32 = 10;
/// Within this long, and the first lock.
const WINDOW: Span = Span::from_secs(15 * 60);
/// The longest lock.
const LOCK_MAX: Span = Span::from_hours(4);
/// Names and addresses remembered; the oldest go first.
const REMEMBERED_MAX: usize = 10_000;

/// Failures of one name or address.
#[derive(Debug, Clone, Copy)]
struct Tries {
    failures: u32,
    since: Timestamp,
    locked_until: Option<Timestamp>,
    locks: u32,
}

/// Counts failures by name and by address.
#[derive(Debug, Default)]
pub struct Lockout {
    tries: Mutex<HashMap<String, Tries>>,
}

impl Lockout {
    /// Somebody is about to try, by what he calls himself and from where. What was tried under a name in an earlier epoch of the
    /// operator's, before he got a new password, does not count any more.
    ///
    /// # Errors
    /// Until when he must wait.
    pub fn attempt(
        &self,
        name: Option<(&str, u64)>,
        address: IpAddr,
        now: Timestamp,
    ) -> Result<Attempt<'_>, Timestamp> {
        let mut who = vec![format!("address {address}")];
        who.extend(name.map(|(name, epoch)| format!("name {} in epoch {epoch}", name.to_lowercase())));
        self.begin(who, now)
    }

    /// Somebody is about to redeem a one-time token. Counted apart from passwords: who locked himself out gets in with a new token.
    ///
    /// # Errors
    /// Until when he must wait.
    pub fn token(&self, address: IpAddr, now: Timestamp) -> Result<Attempt<'_>, Timestamp> {
        self.begin(vec![format!("token from {address}")], now)
    }

    fn begin(&self, who: Vec<String>, now: Timestamp) -> Result<Attempt<'_>, Timestamp> {
        match self.locked(&who, now) {
            Some(until) => Err(until),
            None => Ok(Attempt { lockout: self, who, now }),
        }
    }

    /// Until when one of `who` is locked, if one is.
    fn locked(&self, who: &[String], now: Timestamp) -> Option<Timestamp> {
        let tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        who.iter().filter_map(|one| tries.get(one)?.locked_until).filter(|until| *until > now).max()
    }

    /// Somebody failed.
    fn failed(&self, who: &[String], now: Timestamp) {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        if tries.len() >= REMEMBERED_MAX
            && let Some(oldest) = tries.iter().min_by_key(|(_, one)| one.since).map(|(who, _)| who.clone())
        {
            tries.remove(&oldest);
        }
        for one in who {
            let fresh = Tries { failures: 0, since: now, locked_until: None, locks: 0 };
            let entry = tries.entry(one.clone()).or_insert(fresh);
            if entry.since.plus(WINDOW) < now {
                (entry.failures, entry.since) = (0, now);
            }
            entry.failures += 1;
            if entry.failures >= FAILURES_MAX {
                let lock = WINDOW.as_secs().saturating_mul(1 << entry.locks.min(8)).min(LOCK_MAX.as_secs());
                entry.locked_until = Some(now.plus(Span::from_secs(lock)));
                (entry.failures, entry.since, entry.locks) = (0, now, entry.locks + 1);
            }
        }
    }

    /// Somebody proved himself: his failures are forgotten.
    fn succeeded(&self, who: &[String]) {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        for one in who {
            tries.remove(one);
        }
    }
}

/// One try, which ends well or not.
#[derive(Debug)]
pub struct Attempt<'a> {
    lockout: &'a Lockout,
    who: Vec<String>,
    now: Timestamp,
}

impl Attempt<'_> {
    /// It failed: it counts.
    pub fn failed(self) {
        self.lockout.failed(&self.who, self.now);
    }

    /// He proved himself: his failures are forgotten.
    pub fn succeeded(self) {
        self.lockout.succeeded(&self.who);
    }
}
