//! Progress that is told to everybody who listens, not only to whoever asked: what runs by schedule has nobody who asked.

use tokio::sync::broadcast;

use crate::engine::answer::Progress;
use crate::engine::context::{Engine, Watcher};

/// Steps that wait for a slow listener; it misses the older ones.
const STEPS_MAX: usize = 64;

/// Whoever listens.
#[derive(Debug)]
pub struct Hearers(broadcast::Sender<Progress>);

impl Default for Hearers {
    fn default() -> Self {
        Self(broadcast::Sender::new(STEPS_MAX))
    }
}

/// A watcher, and all who listen.
pub struct Aloud<'a> {
    hearers: &'a Hearers,
    watcher: &'a dyn Watcher,
}

impl Watcher for Aloud<'_> {
    fn progress(&self, progress: Progress) {
        if self.hearers.0.receiver_count() > 0 {
            // The last one may have left meanwhile.
            let _nobody = self.hearers.0.send(progress.clone());
        }
        self.watcher.progress(progress);
    }
}

impl Engine {
    /// The progress of everything that runs, from now on.
    pub fn overhear(&self) -> broadcast::Receiver<Progress> {
        self.hearers.0.subscribe()
    }

    /// Tells `watcher`, and all who listen.
    pub(crate) fn aloud<'a>(&'a self, watcher: &'a dyn Watcher) -> Aloud<'a> {
        Aloud { hearers: &self.hearers, watcher }
    }
}
