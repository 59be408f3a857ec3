//! A gate in front of a target: keeps a log, holds requests back until they are let through one by one, and answers for the target.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use usher::digest::{Digest, Hasher};
use usher::scim::Target;
use usher::scim::target::{Answer, Method, Request, TransportError};

/// All requests of a house pass it.
#[derive(Debug)]
pub(crate) struct Gate {
    log: Mutex<Vec<String>>,
    closed: AtomicBool,
    let_through: Semaphore,
    waiting: AtomicU64,
    credential: AtomicU64,
    instead: Mutex<VecDeque<(Method, Answer)>>,
}

impl Gate {
    pub(crate) fn open() -> Arc<Self> {
        Arc::new(Self {
            log: Mutex::default(),
            closed: AtomicBool::new(false),
            let_through: Semaphore::new(0),
            waiting: AtomicU64::new(0),
            credential: AtomicU64::new(0),
            instead: Mutex::default(),
        })
    }

    /// From now on what writes waits until it is let through.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Lets so many of those through that wait, or will.
    pub(crate) fn admit(&self, number: usize) {
        self.let_through.add_permits(number);
    }

    /// All that wait and all that come pass.
    pub(crate) fn open_for_good(&self) {
        self.admit(1_000_000);
    }

    /// Requests that wait.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::SeqCst)
    }

    /// `METHOD path` of each request that has come to the gate.
    pub(super) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    /// The next request of `method` is answered here.
    pub(super) fn answer(&self, method: Method, status: u16, retry_after: Option<&str>) {
        let answer = Answer {
            status,
            content_type: "application/scim+json".into(),
            retry_after: retry_after.map(str::to_owned),
            body: Vec::new(),
            elapsed: Duration::ZERO,
        };
        self.instead.lock().unwrap().push_back((method, answer));
    }

    /// Another credential from now on.
    pub(super) fn renew_credential(&self) {
        self.credential.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn mark(&self) -> Digest {
        Hasher::new().number(self.credential.load(Ordering::SeqCst)).finish()
    }
}

/// A target behind the gate.
pub(super) struct Guarded {
    pub(super) gate: Arc<Gate>,
    pub(super) target: Arc<dyn Target>,
}

#[async_trait]
impl Target for Guarded {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        self.gate.log.lock().unwrap().push(format!("{} {}", request.method.as_str(), request.path));
        if self.gate.closed.load(Ordering::SeqCst) && request.method != Method::Get {
            self.gate.waiting.fetch_add(1, Ordering::SeqCst);
            self.gate.let_through.acquire().await.unwrap().forget();
            self.gate.waiting.fetch_sub(1, Ordering::SeqCst);
        }
        let instead = {
            let mut instead = self.gate.instead.lock().unwrap();
            let at = instead.iter().position(|(method, _)| *method == request.method);
            at.and_then(|at| instead.remove(at))
        };
        match instead {
            Some((_, answer)) => Ok(answer),
            None => self.target.send(request).await,
        }
    }
}
