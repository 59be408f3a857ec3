//! What an app refuses several users for, as one finding a reason.

use crate::clock::Timestamp;
use crate::engine::context::{Engine, EngineError};
use crate::id::AppName;
use crate::provision::event::StatusKind;
use crate::provision::guard::finding::Finding;
use crate::provision::refusal;
use crate::store::query::EventQuery;

/// Events that are looked through, newest first.
const LOOKED_AT_MAX: usize = 1_000;

impl Engine {
    /// Why `app` refused several users at or after `since`.
    ///
    /// # Errors
    /// If the store can't be read.
    pub(crate) async fn refusals(&self, app: &AppName, since: Timestamp) -> Result<Vec<Finding>, EngineError> {
        let counts = self.parts.store.counts(app).await?;
        let mut events = Vec::new();
        for status in [StatusKind::Failed, StatusKind::Queued] {
            if counts.events.get(&status).is_none_or(|number| *number == 0) {
                continue;
            }
            let (statuses, limit) = (vec![status], LOOKED_AT_MAX);
            let query = EventQuery { app: Some(app.clone()), statuses, limit, ..EventQuery::default() };
            events.extend(self.parts.store.events(query).await?.items);
        }
        events.retain(|event| event.changed_at >= since);
        Ok(refusal::alike(&events))
    }
}
