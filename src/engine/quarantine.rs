//! What is done about an app that fails: the breaker's pauses, quarantine and its probes, and how both end. All of it is the app's state
//! in the store: it outlives the process.

use crate::clock::Span;
use crate::connector::capability::AppState;
use crate::engine::breaker::Verdict;
use crate::engine::context::{Engine, EngineError};
use crate::id::AppName;

/// The first pause of an open breaker, and the longest: they double.
const PAUSE_FIRST: Span = Span::from_secs(30);
const PAUSE_MAX: Span = Span::from_secs(300);
/// A breaker that was open for this long, without one answer, is no passing trouble.
const OPEN_MAX: Span = Span::from_hours(1);
/// Pauses between probes: hourly at first, daily in the end.
const PROBE_FIRST: Span = Span::from_hours(1);
const PROBE_MAX: Span = Span::from_days(1);
/// How long an app stays in quarantine before a person must resume it.
const DISABLED_AFTER: Span = Span::from_days(28);

impl Engine {
    /// Does what the breaker says. Returns whether the app goes on.
    ///
    /// # Errors
    /// If the store fails.
    pub(super) async fn heed(&self, app: &AppName, verdict: Verdict) -> Result<bool, EngineError> {
        match verdict {
            Verdict::Closed => return Ok(true),
            Verdict::Open(why) => self.open_breaker(app, why).await?,
            Verdict::Quarantine(why) => self.quarantine(app, why).await?,
        }
        Ok(false)
    }

    /// Opens the breaker, or leaves it open for longer; after an hour without an answer the app is quarantined.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn open_breaker(&self, app: &AppName, why: String) -> Result<(), EngineError> {
        let now = self.parts.clock.now();
        let (since, tries) = match self.parts.store.app(app).await?.state {
            // Said before: what was in flight lands later.
            AppState::BreakerOpen { next_try, .. } if next_try > now => return Ok(()),
            AppState::BreakerOpen { since, tries, .. } => (since, tries + 1),
            AppState::Untested | AppState::Live => (now, 0),
            AppState::Quarantined { .. } => return self.quarantine(app, why).await,
            AppState::Paused { .. } | AppState::Disabled { .. } => return Ok(()),
        };
        if since.plus(OPEN_MAX) <= now {
            return self.quarantine(app, format!("not one answer for an hour: {why}")).await;
        }
        let pause = PAUSE_FIRST.as_secs().saturating_mul(1 << tries.min(8)).min(PAUSE_MAX.as_secs());
        let next_try = now.plus(Span::from_secs(pause));
        tracing::warn!(app = %app, seconds = pause, "the app does not answer: after a pause one request tries it");
        let state = AppState::BreakerOpen { since, why: why.clone(), next_try, tries };
        let what = format!("the breaker is open for {pause} s: {why}");
        self.parts.store.set_app(app, state, what, now).await?;
        Ok(())
    }

    /// Lets the next request try an app whose breaker is open: a person asked.
    ///
    /// # Errors
    /// If the store fails.
    pub(super) async fn try_now(&self, app: &AppName) -> Result<(), EngineError> {
        let now = self.parts.clock.now();
        if let AppState::BreakerOpen { since, why, tries, .. } = self.parts.store.app(app).await?.state {
            let state = AppState::BreakerOpen { since, why, next_try: now, tries };
            self.parts.store.set_app(app, state, "tried now: somebody asked".to_owned(), now).await?;
        }
        Ok(())
    }

    /// Puts an app into quarantine, or lengthens it.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn quarantine(&self, app: &AppName, why: String) -> Result<(), EngineError> {
        let now = self.parts.clock.now();
        let (since, probes, next_probe) = match self.parts.store.app(app).await?.state {
            // Out of turn: a person asked, or the credential has changed. The schedule stays as it is.
            AppState::Quarantined { since, next_probe, probes, .. } if next_probe > now => {
                (since, probes, Some(next_probe))
            }
            AppState::Quarantined { since, probes, .. } => (since, probes + 1, None),
            AppState::Paused { .. } | AppState::Disabled { .. } => return Ok(()),
            AppState::Untested | AppState::Live | AppState::BreakerOpen { .. } => (now, 0, None),
        };
        let (state, what) = if since.plus(DISABLED_AFTER) <= now {
            tracing::error!(app = %app, "in quarantine for 28 days: disabled until a person resumes it");
            let what = format!("disabled after 28 days in quarantine: {why}");
            (AppState::Disabled { since, why }, what)
        } else {
            let pause = PROBE_FIRST.as_secs().saturating_mul(1 << probes.min(5)).min(PROBE_MAX.as_secs());
            let next_probe = next_probe.unwrap_or_else(|| now.plus(Span::from_secs(pause)));
            tracing::warn!(app = %app, %next_probe, "the app does not take operations: quarantined");
            let what = format!("quarantined: {why}; next probe {next_probe}");
            (AppState::Quarantined { since, why, next_probe, probes }, what)
        };
        self.lanes.of(app).breaker().clear();
        self.parts.store.set_app(app, state, what, now).await?;
        Ok(())
    }

    /// Makes an app live that answers: after first contact, a good test, a good probe, or the request that tried an open breaker. What
    /// waits only because the endpoint failed is due now.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn revive(&self, app: &AppName) -> Result<(), EngineError> {
        let record = self.parts.store.app(app).await?;
        if matches!(record.state, AppState::Untested | AppState::Quarantined { .. } | AppState::BreakerOpen { .. }) {
            let was_stopped = record.state != AppState::Untested;
            self.go_live(app, "live".to_owned()).await?;
            if was_stopped {
                tracing::info!(app = %app, "the app answers again: what waited is sent, leavers first");
            }
        }
        Ok(())
    }

    /// Sets an app live, and has what waited looked at.
    ///
    /// # Errors
    /// If the store fails.
    pub(super) async fn go_live(&self, app: &AppName, what: String) -> Result<(), EngineError> {
        let now = self.parts.clock.now();
        // Before the state: if the power goes now, it is done again.
        self.parts.store.hasten(app, now).await?;
        self.parts.store.set_app(app, AppState::Live, what, now).await?;
        let lane = self.lanes.of(app);
        let mut breaker = lane.breaker();
        breaker.clear();
        breaker.begin_cycle();
        Ok(())
    }
}
