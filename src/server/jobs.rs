//! Long work that a page starts and comes back for: planning a draft over the whole directory takes seconds, and no page waits so long.
//! One job an operator; the newest takes the place of one that has ended. Jobs live in memory: what they leave behind is in the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::access::Actor;
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::engine::answer::{Answer, Progress};
use crate::engine::command::Command;
use crate::engine::context::{EngineError, Watcher};
use crate::id::{OperatorId, RevisionNumber};
use crate::server::house::House;

/// What a job is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aim {
    /// Plan a draft with these files.
    Plan(Digest),
    /// Activate a draft.
    Activate,
    /// Plan going back to a revision.
    PlanBack(RevisionNumber),
    /// Go back to it.
    Back(RevisionNumber),
}

/// One piece of work.
#[derive(Debug)]
pub struct Job {
    /// What it is for.
    pub aim: Aim,
    /// The revision that was active when it began.
    pub over: Option<RevisionNumber>,
    /// When it began.
    pub began: Timestamp,
    progress: Mutex<Option<Progress>>,
    outcome: OnceLock<Result<Answer, EngineError>>,
    ended: Notify,
}

impl Watcher for Job {
    fn progress(&self, progress: Progress) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }
}

impl Job {
    /// A job that has ended so: what pages show.
    pub fn ended(
        aim: Aim,
        over: Option<RevisionNumber>,
        began: Timestamp,
        outcome: Result<Answer, EngineError>,
    ) -> Self {
        let job = Self::begun(aim, over, began);
        // It is empty: nobody else has it yet.
        let _ = job.outcome.set(outcome);
        job
    }

    /// A job that runs.
    pub fn begun(aim: Aim, over: Option<RevisionNumber>, began: Timestamp) -> Self {
        Self { aim, over, began, progress: Mutex::new(None), outcome: OnceLock::new(), ended: Notify::new() }
    }

    /// How far it is.
    pub fn so_far(&self) -> Option<Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How it ended; `None` = it runs.
    pub fn outcome(&self) -> Option<&Result<Answer, EngineError>> {
        self.outcome.get()
    }

    /// Waits until it ended, but not longer than this: a page that is asked for may be there at once.
    pub async fn wait(&self, longest: Duration) {
        let ended = self.ended.notified();
        if self.outcome.get().is_none() {
            // Either way the page shows how it stands.
            let _ = tokio::time::timeout(longest, ended).await;
        }
    }
}

/// Everybody's work.
#[derive(Debug, Default)]
pub struct Jobs {
    by_operator: Mutex<HashMap<OperatorId, Arc<Job>>>,
}

impl Jobs {
    /// Begins a job in an operator's name. `None` = one of his is still running.
    pub fn begin(house: &Arc<House>, actor: &Actor, job: Job, command: Command) -> Option<Arc<Job>> {
        let job = Arc::new(job);
        {
            let mut jobs = house.jobs.by_operator.lock().unwrap_or_else(PoisonError::into_inner);
            if jobs.get(&actor.operator).is_some_and(|running| running.outcome().is_none()) {
                return None;
            }
            jobs.insert(actor.operator, Arc::clone(&job));
        }
        let (engine, actor, running) = (Arc::clone(&house.engine), actor.clone(), Arc::clone(&job));
        let task = house.background.begin();
        tokio::spawn(async move {
            // Whoever waits must hear of the end, also if the work itself breaks down.
            let watched = Arc::clone(&running);
            let working = tokio::spawn(async move { engine.answer(&actor, command, &*watched).await });
            let outcome = working.await.unwrap_or_else(|error| {
                Err(EngineError::Invalid(format!("a fault in Usher; please report it: {error}")))
            });
            // Nobody else sets it.
            let _ = running.outcome.set(outcome);
            running.ended.notify_waiters();
            drop(task);
        });
        Some(job)
    }

    /// The operator's newest job.
    pub fn of(&self, operator: OperatorId) -> Option<Arc<Job>> {
        self.by_operator.lock().unwrap_or_else(PoisonError::into_inner).get(&operator).cloned()
    }

    /// Forgets it, if it has ended.
    pub fn forget(&self, operator: OperatorId) {
        let mut jobs = self.by_operator.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.get(&operator).is_some_and(|job| job.outcome().is_some()) {
            jobs.remove(&operator);
        }
    }
}
