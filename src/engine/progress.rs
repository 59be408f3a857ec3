//! Progress: how far pushing is, and that it is told to everybody who listens, not only to whoever asked: what runs by schedule has nobody
//! who asked.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast;

use crate::engine::active::ActiveApp;
use crate::engine::answer::Progress;
use crate::engine::context::{Engine, EngineError, Watcher};
use crate::engine::push::Pushed;
use crate::id::AppName;
use crate::provision::event::StatusKind;

/// How often a push that takes long says how far it is.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Steps that wait for a slow listener; it misses the older ones.
const STEPS_MAX: usize = 64;

/// Whoever listens.
#[derive(Debug)]
pub struct Listeners(broadcast::Sender<Progress>);

impl Default for Listeners {
    fn default() -> Self {
        Self(broadcast::Sender::new(STEPS_MAX))
    }
}

/// A watcher, and all who listen.
pub struct ToAll<'a> {
    listeners: &'a Listeners,
    watcher: &'a dyn Watcher,
}

impl Watcher for ToAll<'_> {
    fn progress(&self, progress: Progress) {
        if self.listeners.0.receiver_count() > 0 {
            // The last one may have left meanwhile.
            let _nobody = self.listeners.0.send(progress.clone());
        }
        self.watcher.progress(progress);
    }
}

impl Engine {
    /// The progress of everything that runs, from now on.
    pub fn listen_to_progress(&self) -> broadcast::Receiver<Progress> {
        self.listeners.0.subscribe()
    }

    /// Tells `watcher`, and all who listen.
    pub(crate) fn to_all<'a>(&'a self, watcher: &'a dyn Watcher) -> ToAll<'a> {
        ToAll { listeners: &self.listeners, watcher }
    }
}

/// How many events of an app pushing had ended when what is under way began, and how many hold on to that beginning.
#[derive(Debug, Default)]
pub struct Begun(Mutex<(u64, usize)>);

impl Begun {
    fn held(&self) -> MutexGuard<'_, (u64, usize)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What counts from its own beginning, or from that of what it is within; over when it is dropped.
#[derive(Debug)]
pub(crate) struct Counting(Arc<Begun>);

impl Drop for Counting {
    fn drop(&mut self) {
        self.0.held().1 -= 1;
    }
}

impl Engine {
    /// Progress of the app counts from now on; beside something that counts already, that goes on.
    pub(crate) async fn count_from_now(&self, app: &AppName) -> Result<Counting, EngineError> {
        let (ended, _) = self.ended_and_open(app).await?;
        let begun = Arc::clone(&self.lanes.of(app).begun);
        {
            let mut held = begun.held();
            if held.1 == 0 {
                held.0 = ended;
            }
            held.1 += 1;
        }
        Ok(Counting(begun))
    }

    /// Pushes; what takes longer than a moment says how far it is.
    pub(crate) async fn push_and_tell(
        &self,
        app: &Arc<ActiveApp>,
        watcher: &dyn Watcher,
    ) -> Result<Pushed, EngineError> {
        let _counting = self.count_from_now(&app.spec.name).await?;
        let is_stopping = || self.is_stopping();
        let mut pushing = std::pin::pin!(self.push(app, &is_stopping));
        loop {
            let ended = tokio::time::timeout(TELL_EVERY, &mut pushing).await;
            if !matches!(ended, Ok(Ok(Pushed { attempts: 0 }))) {
                self.tell(&app.spec.name, watcher).await;
            }
            if let Ok(pushed) = ended {
                if let Ok(Pushed { attempts: attempts @ 1.. }) = &pushed {
                    tracing::info!(app = %app.spec.name, attempts, "pushed");
                }
                return pushed;
            }
        }
    }

    /// Nobody is kept from pushing by what can't be told.
    async fn tell(&self, app: &AppName, watcher: &dyn Watcher) {
        let (ended, open) = match self.ended_and_open(app).await {
            Ok(counts) => counts,
            Err(error) => return tracing::debug!(%app, %error, "how far pushing is could not be read"),
        };
        let done = ended.saturating_sub(self.lanes.of(app).begun.held().0);
        if done + open > 0 {
            let step = format!("provisioning {app}");
            watcher.progress(Progress { step, app: Some(app.clone()), done, total: done + open });
        }
    }

    /// Events that pushing has ended, and those that it has before it.
    async fn ended_and_open(&self, app: &AppName) -> Result<(u64, u64), EngineError> {
        let counts = self.parts.store.counts(app).await?;
        let of = |status| counts.events.get(&status).copied().unwrap_or(0);
        let ended = of(StatusKind::Succeeded) + of(StatusKind::Failed);
        Ok((ended, of(StatusKind::Queued) + of(StatusKind::Running) + of(StatusKind::Verifying)))
    }
}
