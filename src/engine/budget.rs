//! What counts when admission judges a class: the app's rolling window, its active accounts, and those of all apps together.

use crate::clock::Timestamp;
use crate::engine::active::ActiveApp;
use crate::engine::context::{Engine, EngineError};
use crate::id::AppName;
use crate::provision::account::Presence;
use crate::provision::edge::EdgeState;
use crate::provision::guard::admission::Budget;
use crate::provision::guard::finding::Class;
use crate::store::query::Window;

impl Engine {
    /// The budget of `app` now; `rule_errors` are the evaluations and errors of the plan being judged.
    ///
    /// # Errors
    /// If the store can't be read.
    pub async fn budget(&self, app: &ActiveApp, rule_errors: (u64, u64)) -> Result<Budget, EngineError> {
        let as_of = self.parts.clock.now();
        let name = &app.spec.name;
        let record = self.parts.store.app(name).await?;
        let (mut window, base) = self.base(name, as_of).await?;
        // One plan of an app is filed at a time: what an earlier one has left, it never came to file.
        for (class, left) in &window.reserved {
            window.used.entry(class.clone()).and_modify(|used| *used -= (*used).min(*left));
        }
        let mut everywhere = (window.used.get(&Class::Leave).copied().unwrap_or(0), base);
        for other in self.active().await?.names().into_iter().filter(|other| other != name) {
            let (window, base) = self.base(&other, as_of).await?;
            everywhere.0 += window.used.get(&Class::Leave).copied().unwrap_or(0);
            everywhere.1 += base;
        }
        let edges = &self.parts.store.counts(name).await?.edges;
        let of = |state| edges.get(&state).copied().unwrap_or(0);
        let removed = window.sent.get(&Class::EdgeRemoval).copied().unwrap_or(0);
        let edges = window.edges_at_start.max(of(EdgeState::Granted) + removed);
        Ok(Budget { used: window.used, base, edges, first_cycle: !record.first_cycle_done, everywhere, rule_errors })
    }

    /// The larger of the active accounts at the window's start and those now plus what left within it.
    async fn base(&self, app: &AppName, as_of: Timestamp) -> Result<(Window, u64), EngineError> {
        let window = self.parts.store.window(app, as_of).await?;
        let counts = self.parts.store.counts(app).await?;
        let active = counts.accounts.get(&Presence::Active).copied().unwrap_or(0);
        let left = window.sent.get(&Class::Leave).copied().unwrap_or(0);
        let base = window.base_at_start.max(active + left);
        Ok((window, base))
    }
}
