//! Sign-ins that were begun and have not come back yet. In memory: a restart forgets them, and people begin again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::clock::{Span, Timestamp};
use crate::digest::Digest;
use crate::id::OperatorId;
use crate::password;
use crate::secret::Secret;

/// How long somebody may take at the provider.
pub const FLOW_LIVES: Span = Span::from_secs(10 * 60);
/// Sign-ins under way at once; beyond it the oldest are forgotten.
const FLOWS_MAX: usize = 10_000;

/// A sign-in that was begun.
#[derive(Debug, Clone)]
pub struct Begun {
    /// What the token must repeat.
    pub nonce: Secret,
    /// What proves that whoever brings the code began the sign-in.
    pub verifier: Secret,
    /// Where to go afterwards.
    pub next: String,
    /// Whether the person must prove himself now, whatever the provider remembers.
    pub again: bool,
    /// Who he must be, if he is signed in and proves himself again.
    pub expected: Option<OperatorId>,
    /// His session's cookie: the session gives way to the new one.
    pub old: Option<Secret>,
    /// When it began.
    pub at: Timestamp,
}

/// All of them, by the digest of their state.
#[derive(Debug, Default)]
pub struct Flows(Mutex<HashMap<Digest, Begun>>);

impl Flows {
    /// Remembers one.
    pub fn begin(&self, state: &Secret, begun: Begun) {
        let mut flows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flows.retain(|_, flow| flow.at.plus(FLOW_LIVES) >= begun.at);
        if flows.len() >= FLOWS_MAX
            && let Some(oldest) = flows.iter().min_by_key(|(_, flow)| flow.at).map(|(state, _)| *state)
        {
            flows.remove(&oldest);
        }
        flows.insert(password::fingerprint(state), begun);
    }

    /// The one with this state, once.
    pub fn take(&self, state: &Secret, now: Timestamp) -> Option<Begun> {
        let mut flows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        flows.remove(&password::fingerprint(state)).filter(|flow| flow.at.plus(FLOW_LIVES) >= now)
    }
}
