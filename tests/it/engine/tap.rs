//! Between the engine and the target: what is sent is kept, and some of it goes wrong on the way.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value as Json;
use usher::scim::Target;
use usher::scim::target::{Answer, Method, Request, TransportError};

/// What happens to a request.
#[derive(Debug, Clone)]
pub(crate) enum Mishap {
    /// It never arrives, and nobody says so: a time-out.
    RequestLost,
    /// It is carried out; the answer is lost.
    AnswerLost,
    /// It is not carried out; this is answered, perhaps with `Retry-After`.
    Instead(u16, Option<&'static str>),
    /// It is carried out; this is answered.
    After(u16),
}

/// What becomes of the body of each answer.
type Lie = Box<dyn Fn(&Request, &mut Json) + Send + Sync>;

/// Kept of what was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Json,
    /// In bytes.
    pub(crate) length: usize,
}

#[derive(Default)]
pub(crate) struct Tap {
    sent: Mutex<Vec<Sent>>,
    mishaps: Mutex<VecDeque<(Method, &'static str, Mishap)>>,
    lie: Mutex<Option<Lie>>,
}

impl Tap {
    /// The next request of this method whose path starts so meets `mishap`.
    pub(crate) fn next(&self, method: Method, path: &'static str, mishap: Mishap) {
        self.mishaps.lock().unwrap().push_back((method, path, mishap));
    }

    /// From now on each answer is changed so.
    pub(crate) fn lie(&self, lie: impl Fn(&Request, &mut Json) + Send + Sync + 'static) {
        *self.lie.lock().unwrap() = Some(Box::new(lie));
    }

    /// From now on each answer is the target's own.
    pub(crate) fn tell_the_truth(&self) {
        *self.lie.lock().unwrap() = None;
    }

    fn told(&self, request: &Request, mut answer: Answer) -> Answer {
        if let Some(lie) = &*self.lie.lock().unwrap()
            && let Ok(mut body) = serde_json::from_slice(&answer.body)
        {
            lie(request, &mut body);
            answer.body = serde_json::to_vec(&body).unwrap();
        }
        answer
    }

    /// Takes what was sent until now.
    pub(crate) fn take(&self) -> Vec<Sent> {
        std::mem::take(&mut self.sent.lock().unwrap())
    }

    /// Takes what was sent until now, and keeps the requests that change members.
    pub(crate) fn member_changes(&self) -> Vec<Sent> {
        let changes = |sent: &Sent| sent.method == Method::Patch && sent.path.starts_with("/Groups/");
        self.take().into_iter().filter(changes).collect()
    }

    /// Mishaps that nothing has met yet.
    pub(crate) fn ahead(&self) -> usize {
        self.mishaps.lock().unwrap().len()
    }

    fn mishap(&self, request: &Request) -> Option<Mishap> {
        let mut mishaps = self.mishaps.lock().unwrap();
        let due =
            mishaps.iter().position(|(method, path, _)| *method == request.method && request.path.starts_with(path));
        due.and_then(|at| mishaps.remove(at)).map(|(_, _, mishap)| mishap)
    }
}

/// A target behind a tap.
pub(crate) struct Tapped {
    pub(crate) tap: Arc<Tap>,
    pub(crate) target: Arc<dyn Target>,
}

#[async_trait]
impl Target for Tapped {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        let bytes = request.body.clone().unwrap_or_default();
        self.tap.sent.lock().unwrap().push(Sent {
            method: request.method,
            path: request.path.clone(),
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
            length: bytes.len(),
        });
        let lost = || Err(TransportError::Unknown("operation timed out".to_owned()));
        match self.tap.mishap(&request) {
            None => {
                let answer = self.target.send(request.clone()).await?;
                Ok(self.tap.told(&request, answer))
            }
            Some(Mishap::RequestLost) => lost(),
            Some(Mishap::AnswerLost) => {
                self.target.send(request).await?;
                lost()
            }
            Some(Mishap::Instead(status, retry_after)) => Ok(answer(status, retry_after)),
            Some(Mishap::After(status)) => {
                self.target.send(request).await?;
                Ok(answer(status, None))
            }
        }
    }
}

fn answer(status: u16, retry_after: Option<&str>) -> Answer {
    Answer {
        status,
        content_type: "application/scim+json".to_owned(),
        retry_after: retry_after.map(str::to_owned),
        body: br#"{"detail":"not now"}"#.to_vec(),
        elapsed: Duration::from_millis(1),
    }
}
