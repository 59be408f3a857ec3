//! Commands that came over the network and are under way: they go on when their client goes away, and the process waits for them when it
//! stops.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

/// How many are under way.
#[derive(Debug, Clone)]
pub struct Errands(Arc<watch::Sender<usize>>);

/// One of them; dropped when it is over.
#[derive(Debug)]
pub struct Errand(Arc<watch::Sender<usize>>);

impl Default for Errands {
    fn default() -> Self {
        Self(Arc::new(watch::channel(0).0))
    }
}

impl Errands {
    /// One more.
    pub fn begin(&self) -> Errand {
        self.0.send_modify(|number| *number += 1);
        Errand(Arc::clone(&self.0))
    }

    /// Waits until none is under way, at most so long. Returns whether all are over.
    pub async fn rest(&self, patience: Duration) -> bool {
        let mut number = self.0.subscribe();
        tokio::time::timeout(patience, number.wait_for(|number| *number == 0)).await.is_ok()
    }
}

impl Drop for Errand {
    fn drop(&mut self) {
        self.0.send_modify(|number| *number = number.saturating_sub(1));
    }
}
