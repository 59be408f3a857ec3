//! What needs somebody, over all apps.

use std::collections::BTreeMap;

use crate::engine::active::ActiveApp;
use crate::engine::answer::Answer;
use crate::engine::context::{Engine, EngineError};
use crate::engine::overview::{AppOverview, Overview};
use crate::id::{AppName, BatchId};
use crate::provision::account::Presence;
use crate::provision::event::{Event, StatusKind};
use crate::store::query::{EventQuery, ImportState};

/// Failed and blocked events that are looked at in each app.
const LOOKED_AT_MAX: usize = 200;
/// Imports that are looked at.
const IMPORTS_MAX: usize = 50;

impl Engine {
    pub(super) async fn overview(&self) -> Result<Answer, EngineError> {
        let active = self.active().await?;
        let waiting = self.all_pending(None).await?;
        let imports = self.parts.store.imports(IMPORTS_MAX).await?;
        let mut overview = Overview {
            users: self.parts.store.head().await?.users,
            is_set_up: active.revision.is_some(),
            waiting: waiting.len(),
            in_batches: in_batches(&waiting),
            escalated: waiting.iter().filter(|event| event.escalated.is_some()).count(),
            parked: imports.into_iter().filter(|import| matches!(import.state, ImportState::Parked { .. })).collect(),
            apps: Vec::new(),
        };
        for app in active.apps.values() {
            overview.apps.push(self.app_overview(app).await?);
        }
        Ok(Answer::Overview(Box::new(overview)))
    }

    async fn app_overview(&self, app: &ActiveApp) -> Result<AppOverview, EngineError> {
        let name = &app.spec.name;
        let counts = self.parts.store.counts(name).await?;
        let (failed, more) = self.standing_failures(name).await?;
        Ok(AppOverview {
            name: name.clone(),
            title: app.spec.title().to_owned(),
            state: self.parts.store.app(name).await?.state,
            active: counts.accounts.get(&Presence::Active).copied().unwrap_or(0),
            leavers: self.waiting(name).await?.leavers,
            failed,
            more,
        })
    }

    /// Events that failed or were blocked and are the last word about their pair; true = not all were looked at.
    async fn standing_failures(&self, app: &AppName) -> Result<(usize, bool), EngineError> {
        let (statuses, limit) = (vec![StatusKind::Failed, StatusKind::Refused], LOOKED_AT_MAX);
        let query = EventQuery { app: Some(app.clone()), statuses, limit, ..EventQuery::default() };
        let page = self.parts.store.events(query).await?;
        let mut standing = 0;
        for event in &page.items {
            let pair = self.parts.store.pairs(app, vec![event.user()]).await?;
            if pair
                .first()
                .is_some_and(|row| row.account.open_event.is_none() && row.account.last_event == Some(event.id))
            {
                standing += 1;
            }
        }
        Ok((standing, page.next.is_some()))
    }
}

/// Events that are in a held batch with others.
fn in_batches(waiting: &[Event]) -> usize {
    let mut batches: BTreeMap<BatchId, usize> = BTreeMap::new();
    for batch in waiting.iter().filter_map(|event| event.batch) {
        *batches.entry(batch).or_default() += 1;
    }
    batches.into_values().filter(|members| *members > 1).sum()
}
