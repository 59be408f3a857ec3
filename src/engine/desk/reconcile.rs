//! Reconciling on command, and what the last reconcile found.

use crate::engine::answer::{Answer, LastReconcile};
use crate::engine::context::{Engine, EngineError, Watcher};
use crate::id::AppName;
use crate::provision::drift::{Fate, ReconcileReport};

impl Engine {
    pub(super) async fn app_reconcile(&self, app: &AppName, watcher: &dyn Watcher) -> Result<Answer, EngineError> {
        let app = self.active_or_none_yet().await?.app(app)?;
        // A credential that was put right counts at once.
        self.lanes.of(&app.spec.name).forget();
        let report = self.reconcile(&app, watcher).await?;
        let report =
            report.map_err(|why| EngineError::Invalid(format!("{} could not be read: {why}", app.spec.name)))?;
        Ok(Answer::Reconciled(Box::new(report)))
    }

    pub(super) async fn last_reconcile(&self, app: &AppName) -> Result<Answer, EngineError> {
        let app = self.active_or_none_yet().await?.app(app)?.spec.name.clone();
        let Some((mut report, _)) = self.parts.store.report(&app).await? else {
            return Err(EngineError::Invalid(format!("{app} was never reconciled; `usher reconcile {app}` does")));
        };
        self.name_events(&mut report).await?;
        Ok(Answer::Reconciled(Box::new(report)))
    }

    /// Which events came of what was found.
    async fn name_events(&self, report: &mut ReconcileReport) -> Result<(), EngineError> {
        let store = &self.parts.store;
        for line in &mut report.lines {
            let Some(user) = line.user.filter(|_| !matches!(line.fate, Fate::Reported | Fate::Kept)) else { continue };
            let rows = store.pairs(&report.app, vec![user]).await?;
            let Some(last) = rows.first().and_then(|row| row.account.last_event) else { continue };
            let event = store.event(last).await?;
            line.event = event.filter(|event| event.filed_at >= report.begun).map(|event| event.id);
        }
        Ok(())
    }

    /// The last reconcile of an app, in short.
    pub(super) async fn in_short(&self, app: &AppName) -> Result<Option<LastReconcile>, EngineError> {
        let last = self.parts.store.report(app).await?;
        Ok(last.map(|(report, _)| LastReconcile {
            at: report.ended,
            drift: report.drift(),
            incomplete: report.trouble.or(report.incomplete),
        }))
    }
}
