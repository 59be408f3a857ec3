//! The breaker: stops an app whose endpoint or credential fails, before every event has run into it. A refused user never counts.

use std::collections::VecDeque;

use crate::clock::Span;
use crate::connector::capability::AppState;
use crate::engine::context::{Engine, EngineError};
use crate::id::AppName;
use crate::provision::outcome::{Failure, FailureClass, Outcome};

/// Endpoint failures in a row that open it.
const CONSECUTIVE_MAX: u32 = 5;
/// Refused credentials in a row that open it.
const CREDENTIAL_MAX: u32 = 2;
/// Outcomes looked back on; half of at least [`SHARE_MIN`] failed opens it.
const LOOKED_BACK: usize = 64;
/// The least number of outcomes for a share.
const SHARE_MIN: usize = 20;
/// Pauses between probes: hourly at first, daily in the end.
const PROBE_FIRST: Span = Span::from_hours(1);
/// The longest pause between probes.
const PROBE_MAX: Span = Span::from_days(1);
/// How long an app stays in quarantine before a person must resume it.
const DISABLED_AFTER: Span = Span::from_days(28);

/// Watches the outcomes of one pushing round.
#[derive(Debug, Default)]
pub struct Breaker {
    in_a_row: u32,
    credential_in_a_row: u32,
    recent: VecDeque<bool>,
    last: Option<String>,
}

impl Breaker {
    /// Takes an outcome into account.
    pub fn saw(&mut self, outcome: &Outcome) {
        let failure: Option<&Failure> = match outcome {
            Outcome::Retry { failure, .. } | Outcome::Unknown { failure, .. } | Outcome::Failed(failure) => {
                Some(failure)
            }
            Outcome::Succeeded(_) | Outcome::Conflict(_) | Outcome::Lost(_) => None,
            Outcome::Void { .. } => return,
        };
        // A server failure without a status is doubt about an outcome, not about the endpoint.
        let doubt = |failure: &&Failure| failure.class == FailureClass::Server && failure.status.is_none();
        let counted = failure.filter(|failure| failure.class.counts_for_breaker() && !doubt(failure));
        self.recent.push_back(counted.is_some());
        if self.recent.len() > LOOKED_BACK {
            self.recent.pop_front();
        }
        match counted {
            Some(failure) => {
                self.in_a_row += 1;
                self.credential_in_a_row =
                    if failure.class == FailureClass::Credential { self.credential_in_a_row + 1 } else { 0 };
                self.last = Some(failure.detail.clone());
            }
            None => (self.in_a_row, self.credential_in_a_row) = (0, 0),
        }
    }

    /// Why it is open, if it is.
    pub fn tripped(&self) -> Option<String> {
        let failed = self.recent.iter().filter(|failed| **failed).count();
        let share = self.recent.len() >= SHARE_MIN && failed * 2 >= self.recent.len();
        let open = self.in_a_row >= CONSECUTIVE_MAX || self.credential_in_a_row >= CREDENTIAL_MAX || share;
        open.then(|| self.last.clone().unwrap_or_default())
    }
}

impl Engine {
    /// Puts an app into quarantine, or lengthens it.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn quarantine(&self, app: &AppName, why: String) -> Result<(), EngineError> {
        let now = self.parts.clock.now();
        let record = self.parts.store.app(app).await?;
        let (since, probes) = match record.state {
            AppState::Quarantined { since, probes, .. } => (since, probes + 1),
            AppState::Paused { .. } | AppState::Disabled { .. } => return Ok(()),
            AppState::Untested | AppState::Live => (now, 0),
        };
        let state = if since.plus(DISABLED_AFTER) <= now {
            AppState::Disabled { since, why: why.clone() }
        } else {
            let pause = PROBE_FIRST.as_secs().saturating_mul(1 << probes.min(5)).min(PROBE_MAX.as_secs());
            AppState::Quarantined { since, why: why.clone(), next_probe: now.plus(Span::from_secs(pause)), probes }
        };
        tracing::warn!(app = %app, "the app does not take operations: quarantined");
        self.parts.store.set_app(app, state, format!("quarantined: {why}"), now).await?;
        Ok(())
    }

    /// Makes an app live after a good test or first contact, if it is untested or in quarantine.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn revive(&self, app: &AppName) -> Result<(), EngineError> {
        let record = self.parts.store.app(app).await?;
        if matches!(record.state, AppState::Untested | AppState::Quarantined { .. }) {
            let now = self.parts.clock.now();
            self.parts.store.set_app(app, AppState::Live, "live".to_owned(), now).await?;
        }
        Ok(())
    }
}
