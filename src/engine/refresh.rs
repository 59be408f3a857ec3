//! The catalogue of what an app can grant: read from the target, kept in the store, read anew on command and on schedule.

use crate::engine::active::ActiveApp;
use crate::engine::context::{Engine, EngineError};
use crate::engine::perform::{self, CatalogueRead};
use crate::provision::entitlement::CatalogueDiff;

/// What a refresh brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refreshed {
    /// What was read.
    pub read: CatalogueRead,
    /// What is not as it was.
    pub diff: CatalogueDiff,
}

impl Engine {
    /// Reads what `app` can grant, and takes it in. Sends only reads. The inner error says why nothing could be read.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn refresh(&self, app: &ActiveApp) -> Result<Result<Refreshed, String>, EngineError> {
        let lane = self.lanes.of(&app.spec.name);
        let _one = lane.refreshing.lock().await;
        self.read_and_keep(app).await
    }

    async fn read_and_keep(&self, app: &ActiveApp) -> Result<Result<Refreshed, String>, EngineError> {
        let name = &app.spec.name;
        let lane = self.lanes.of(name);
        let way = match lane.way(app, &*self.parts.connect) {
            Ok(way) => way,
            Err(why) => return Ok(Err(why)),
        };
        let learned = self.parts.store.app(name).await?.learned;
        let at = self.parts.clock.now();
        let read = match perform::read_catalogue(self.conversation(app, &way, &learned)).await {
            Ok(read) => read,
            Err(failure) => {
                return Ok(Err(format!("{}. To do: {}", failure.detail, failure.class.remedy_for(&app.spec.name))));
            }
        };
        let diff = self.parts.store.put_catalogue(name, read.seen.clone(), read.complete_kinds(), at).await?;
        if !diff.is_empty() {
            tracing::info!(app = %name, changes = diff.words(), "the catalogue changed; the app is planned again");
            lane.kick.notify_one();
        }
        Ok(Ok(Refreshed { read, diff }))
    }

    /// Reads the catalogue if it was never read and the app's rules grant something. Returns why it could not be read, in words:
    /// attributes are provisioned all the same, and what is granted stays unknown.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn ensure_catalogue(&self, app: &ActiveApp) -> Result<Option<String>, EngineError> {
        if !app.rules.grant() || self.parts.store.refreshed(&app.spec.name).await?.is_some() {
            return Ok(None);
        }
        let lane = self.lanes.of(&app.spec.name);
        let _one = lane.refreshing.lock().await;
        // Whoever was first may have read it meanwhile.
        if self.parts.store.refreshed(&app.spec.name).await?.is_some() {
            return Ok(None);
        }
        match self.read_and_keep(app).await? {
            Ok(_) => Ok(None),
            Err(why) => {
                tracing::warn!(app = %app.spec.name, why, "the catalogue could not be read");
                Ok(Some(format!("the catalogue could not be read: {why}")))
            }
        }
    }
}
