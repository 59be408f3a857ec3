//! Work that goes on when whoever asked for it goes away: the process waits for it when it stops.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use tokio::sync::watch;

use crate::server::house::House;
use crate::server::permit;
use crate::server::problem::Problem;

/// How much is under way.
#[derive(Debug, Clone)]
pub struct Background(Arc<watch::Sender<usize>>);

/// One piece of it; dropped when it is over.
#[derive(Debug)]
pub struct Task(Arc<watch::Sender<usize>>);

impl Default for Background {
    fn default() -> Self {
        Self(Arc::new(watch::channel(0).0))
    }
}

impl Background {
    /// One more.
    pub fn begin(&self) -> Task {
        self.0.send_modify(|number| *number += 1);
        Task(Arc::clone(&self.0))
    }

    /// Waits until none is under way, at most so long. Returns whether all are over.
    pub async fn rest(&self, patience: Duration) -> bool {
        let mut number = self.0.subscribe();
        tokio::time::timeout(patience, number.wait_for(|number| *number == 0)).await.is_ok()
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.send_modify(|number| *number = number.saturating_sub(1));
    }
}

/// Answers in a task of its own, which nobody breaks off.
///
/// # Errors
/// If the work breaks down.
pub async fn to_its_end(
    house: &House,
    work: impl Future<Output = Response> + Send + 'static,
) -> Result<Response, Problem> {
    let task = house.background.begin();
    let working = async move {
        let response = work.await;
        drop(task);
        response
    };
    tokio::spawn(working).await.map_err(|error| Problem::fault(format!("the handler broke down: {error}")))
}

/// What changes something goes on to its end, also if the browser goes away.
///
/// # Errors
/// If the work breaks down.
pub async fn finish(State(house): State<Arc<House>>, request: Request, next: Next) -> Result<Response, Problem> {
    if permit::changes(request.method()) {
        to_its_end(&house, next.run(request)).await
    } else {
        Ok(next.run(request).await)
    }
}
