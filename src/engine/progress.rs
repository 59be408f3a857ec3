//! Progress that is told to everybody who listens, not only to whoever asked: what runs by schedule has nobody who asked.

use tokio::sync::broadcast;

use crate::engine::answer::Progress;
use crate::engine::context::{Engine, Watcher};

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
