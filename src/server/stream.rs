//! `GET /live` and `GET /api/v1/live`: server-sent events for pages and programs. A stream ends when the server stops, and when the
//! session or the token that opened it ends.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, StreamExt};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::server::house::House;
use crate::server::live::{self, Live, News};
use crate::server::permit::{self, Permit, Proof, Read};
use crate::server::problem::Problem;

/// How often it is looked whether the listener may still listen.
const PROVE_EVERY: Duration = Duration::from_secs(5);
/// A comment now and then keeps the connection from being taken for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a browser waits before it comes again.
const RETRY: Duration = Duration::from_secs(2);

/// Everything of one stream.
struct Listener {
    house: Arc<House>,
    proof: Proof,
    news: broadcast::Receiver<News>,
    ticks: tokio::time::Interval,
    /// The last entry that was told.
    head: u64,
}

/// What changes, as it happens
///
/// `text/event-stream`: `changed` with the history's head and up to 50 events, about a second after something happened; `progress` with
/// app, step, done and total while a cycle runs; `ended` when the token or session ends. `Last-Event-ID` tells what was missed.
#[utoipa::path(get, path = "/live", operation_id = "listen", tag = "live", params(
    ("Last-Event-ID" = Option<u64>, Header, description = "The last entry that was told")
), responses(
    (status = 200, description = "A stream that goes on", body = String, content_type = "text/event-stream"),
    (status = 401, body = Problem, content_type = "application/problem+json"),
    (status = 503, body = Problem, content_type = "application/problem+json"),
))]
pub async fn listen(
    State(house): State<Arc<House>>,
    _permit: Permit<Read>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let proof = permit::proof(&house, &headers).ok_or_else(Problem::unauthorized)?;
    let wrong = |error| Problem::from(crate::engine::context::EngineError::from(error));
    let news = Live::listen(&house).await.map_err(wrong)?.ok_or_else(Problem::too_many)?;
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok()).and_then(|last| last.parse().ok());
    let missed = match last {
        Some(last) => live::changed(&house, last).await.map_err(wrong)?,
        None => None,
    };
    let mut ticks = tokio::time::interval(PROVE_EVERY);
    ticks.reset();
    let head = missed.as_ref().map_or(0, |(head, _)| *head);
    let listener = Listener { house, proof, news, ticks, head };
    // The first one tells the browser at once that somebody is there.
    let hello = Event::default().comment("live").retry(RETRY);
    let first = std::iter::once(hello).chain(missed.map(|(head, text)| changed(head, &text)));
    let rest = stream::unfold(Some(listener), |listener| async move { listener?.next().await });
    let all = stream::iter(first).chain(rest).map(Ok::<_, Infallible>);
    let alive = KeepAlive::new().interval(HEARTBEAT).text("live");
    // A proxy must not wait for the end.
    let unbuffered = (HeaderName::from_static("x-accel-buffering"), "no");
    Ok(([unbuffered, (header::CACHE_CONTROL, "no-store")], Sse::new(all).keep_alive(alive)).into_response())
}

impl Listener {
    /// The next message, and the listener if there may be more.
    async fn next(mut self) -> Option<(Event, Option<Self>)> {
        loop {
            let news = tokio::select! {
                biased;
                () = self.house.closed() => return None,
                _ = self.ticks.tick() => None,
                news = self.news.recv() => Some(news),
            };
            let told = match news {
                None if permit::still_counts(&self.house, &self.proof).await => continue,
                None => return Some((Event::default().event("ended").data("{}"), None)),
                Some(Ok(News::Progress(text))) => {
                    return Some((Event::default().event("progress").data(&*text), Some(self)));
                }
                Some(Ok(News::Changed(head, text))) => Some((head, text)),
                Some(Err(RecvError::Lagged(_))) => live::changed(&self.house, self.head).await.ok().flatten(),
                Some(Err(RecvError::Closed)) => return None,
            };
            if let Some((head, text)) = told.filter(|(head, _)| *head > self.head) {
                self.head = head;
                return Some((changed(head, &text), Some(self)));
            }
        }
    }
}

fn changed(head: u64, text: &str) -> Event {
    Event::default().id(head.to_string()).event("changed").data(text)
}
