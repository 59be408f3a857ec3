//! Leavers wait for nothing: they are planned while a sweep or a push goes on and while the app is stopped, and people are told of those
//! who could not be delivered.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::engine::active::ActiveApp;
use crate::engine::context::{Engine, EngineError, Unwatched};
use crate::engine::cycle::{Cycle, Scope};
use crate::id::{AppName, EventId, UserId};
use crate::provision::escalation::Escalation;

/// Which leavers people were told of, and how loudly. Told again after a restart.
pub type Told = BTreeMap<EventId, Escalation>;

impl Engine {
    /// Plans and files the leavers of an app that have a mark; nothing is sent. Waits while another planner is at work, which does the
    /// same between its pages.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn plan_leavers(&self, app: &Arc<ActiveApp>) -> Result<(), EngineError> {
        if self.next_leaver(&app.spec.name).await?.is_none() {
            return Ok(());
        }
        let lane = self.lanes.of(&app.spec.name);
        let _one = lane.planning.lock().await;
        self.file_leavers(app).await
    }

    /// The same for whoever holds the planning lock. Boxed: a planner that files calls it, and it is one.
    pub(super) fn file_leavers<'a>(
        &'a self,
        app: &'a Arc<ActiveApp>,
    ) -> Pin<Box<dyn Future<Output = Result<(), EngineError>> + Send + 'a>> {
        Box::pin(async move {
            let name = &app.spec.name;
            let mut before = None;
            while let Some(leaver) = self.next_leaver(name).await? {
                if before == Some(leaver) {
                    // Something of his is in flight: planned again when its outcome is recorded.
                    self.lanes.of(name).leaver_in_flight.store(true, Ordering::SeqCst);
                    break;
                }
                before = Some(leaver);
                let scope = Scope::Dirty { leavers_only: true };
                let mut cycle = Cycle::begin(self, Arc::clone(app), scope, &Unwatched).await?.to_be_filed(false);
                let mut first = cycle.first_pass().await?;
                cycle.file(&mut first).await?;
            }
            Ok(())
        })
    }

    /// The first leaver with a mark.
    async fn next_leaver(&self, app: &AppName) -> Result<Option<UserId>, EngineError> {
        Ok(self.parts.store.dirty_leavers(app, 1).await?.first().map(|mark| mark.user))
    }

    /// Tells of leavers who have waited for an hour, or a day, once each.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn escalate(&self, app: &AppName, told: &mut Told) -> Result<(), EngineError> {
        let now = self.parts.clock.now();
        let leavers = self.parts.store.waiting(app, 0).await?.leavers;
        told.retain(|event, _| leavers.iter().any(|leaver| leaver.id == *event));
        for event in leavers {
            let Some(level) = Escalation::of(&event, now) else { continue };
            if told.insert(event.id, level).is_some_and(|before| before >= level) {
                continue;
            }
            let (id, status, since) = (event.id, event.status.kind(), event.waiting_since);
            match level {
                Escalation::Escalated => {
                    tracing::warn!(app = %app, event = %id, %status, %since, "escalated: a leaver still has his account");
                }
                Escalation::Overdue => {
                    tracing::error!(
                        app = %app, event = %id, %status, %since,
                        "escalated, overdue: a leaver has had his account for a day longer than he should"
                    );
                }
            }
        }
        Ok(())
    }
}
