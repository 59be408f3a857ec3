//! Who is signed in. Sessions live in memory: a restart signs everybody out. The cookie is a random token of which only the digest is
//! kept; it changes at every proof.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::access::Means;
use crate::access::credential::Way;
use crate::clock::{Span, Timestamp};
use crate::digest::Digest;
use crate::entropy::Entropy;
use crate::id::OperatorId;
use crate::password;
use crate::secret::Secret;

/// A session ends when nothing was asked for so long.
const IDLE_MAX: Span = Span::from_secs(30 * 60);
/// And at the latest after this long.
const LIFE_MAX: Span = Span::from_hours(12);
/// Sessions at once; beyond it the one that was idle longest ends.
const SESSIONS_MAX: usize = 10_000;

/// One session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Who.
    pub operator: OperatorId,
    /// What forms must carry: no other site knows it.
    pub csrf: String,
    /// When the person last proved himself.
    pub proved_at: Timestamp,
    /// The operator's epoch at that time: in a later one the session is over.
    pub epoch: u64,
    /// How he signed in, and proves himself again.
    pub way: Way,
    began: Timestamp,
    seen: Timestamp,
    /// What happened, for the next page to say.
    told: Vec<String>,
}

impl Session {
    /// How the person proved himself.
    pub fn means(&self) -> Means {
        Means::Session { proved_at: self.proved_at }
    }

    /// Whether it was idle, or lived, too long.
    fn is_over(&self, now: Timestamp) -> bool {
        self.seen.plus(IDLE_MAX) < now || self.began.plus(LIFE_MAX) < now
    }
}

/// Who proved himself, how and when.
#[derive(Debug, Clone, Copy)]
pub struct Proof {
    /// Who.
    pub operator: OperatorId,
    /// His epoch.
    pub epoch: u64,
    /// How.
    pub way: Way,
    /// When: now, unless a provider remembered him from before.
    pub proved_at: Timestamp,
}

/// All sessions.
#[derive(Debug, Default)]
pub struct Sessions {
    by_digest: Mutex<HashMap<Digest, Session>>,
}

impl Sessions {
    /// Opens a session for somebody who proved himself; `old` ends. Returns the cookie's value.
    pub fn open(&self, proof: Proof, old: Option<&Secret>, now: Timestamp, entropy: &dyn Entropy) -> Secret {
        let Proof { operator, epoch, way, proved_at } = proof;
        let token = password::token("ses", entropy);
        let csrf = password::token("form", entropy).expose().to_owned();
        let mut sessions = self.by_digest.lock().unwrap_or_else(PoisonError::into_inner);
        // A proof within a session does not lengthen its life.
        let before = old.and_then(|old| sessions.remove(&password::fingerprint(old)));
        let before = before.filter(|before| before.operator == operator && !before.is_over(now));
        let began = before.map_or(now, |before| before.began);
        if sessions.len() >= SESSIONS_MAX
            && let Some(idle) = sessions.iter().min_by_key(|(_, one)| one.seen).map(|(digest, _)| *digest)
        {
            sessions.remove(&idle);
        }
        let session = Session { operator, csrf, proved_at, epoch, way, began, seen: now, told: Vec::new() };
        sessions.insert(password::fingerprint(&token), session);
        token
    }

    /// The session of a cookie, if it has not ended; asking keeps it awake.
    pub fn find(&self, token: &Secret, now: Timestamp) -> Option<Session> {
        let digest = password::fingerprint(token);
        let mut sessions = self.by_digest.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get_mut(&digest)?;
        if session.is_over(now) {
            sessions.remove(&digest);
            return None;
        }
        session.seen = now;
        Some(session.clone())
    }

    /// The session of a cookie, without keeping it awake: a page that renews itself is nobody at work.
    pub fn peek(&self, token: &Secret, now: Timestamp) -> Option<Session> {
        let sessions = self.by_digest.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get(&password::fingerprint(token))?;
        (!session.is_over(now)).then(|| session.clone())
    }

    /// Leaves word for the next page.
    pub fn tell(&self, token: &Secret, lines: Vec<String>) {
        let mut sessions = self.by_digest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = sessions.get_mut(&password::fingerprint(token)) {
            session.told = lines;
        }
    }

    /// Takes the word that was left.
    pub fn take_told(&self, token: &Secret) -> Vec<String> {
        let mut sessions = self.by_digest.lock().unwrap_or_else(PoisonError::into_inner);
        sessions
            .get_mut(&password::fingerprint(token))
            .map(|session| std::mem::take(&mut session.told))
            .unwrap_or_default()
    }

    /// Ends a session.
    pub fn close(&self, token: &Secret) {
        self.by_digest.lock().unwrap_or_else(PoisonError::into_inner).remove(&password::fingerprint(token));
    }
}
