//! What is told to those who keep a page open: that something changed, and how far a cycle is. One look a second for all of them, and none
//! while nobody listens.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::broadcast;

use crate::engine::answer::Progress;
use crate::id::EventId;
use crate::provision::event::Event;
use crate::server::house::House;
use crate::store::act::StoreResult;

/// How often the history's head is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// News that wait for a slow listener; it misses the older ones.
const NEWS_MAX: usize = 64;
/// Listeners at once.
const LISTENERS_MAX: usize = 1_000;
/// Events that one message names.
const EVENTS_MAX: usize = 50;
/// Entries that are looked through for them.
const ENTRIES_MAX: u64 = 400;

/// One piece of news, encoded once for all.
#[derive(Debug, Clone)]
pub enum News {
    /// The history grew up to this entry.
    Changed(u64, Arc<str>),
    /// A cycle goes on.
    Progress(Arc<str>),
}

/// One event, without names and values: what it says may be shown to whoever may read.
#[derive(Debug, Serialize)]
struct Told {
    id: String,
    app: String,
    user: String,
    kind: &'static str,
    status: &'static str,
    at: String,
}

impl From<&Event> for Told {
    fn from(event: &Event) -> Self {
        Self {
            id: event.id.to_string(),
            app: event.operation.app.to_string(),
            user: event.operation.user.to_string(),
            kind: event.operation.kind.word(),
            status: event.status.kind().word(),
            at: event.changed_at.to_string(),
        }
    }
}

/// The message `changed`.
#[derive(Debug, Serialize)]
struct Changed {
    head: u64,
    events: Vec<Told>,
}

/// The message `progress`.
#[derive(Debug, Serialize)]
struct Step<'a> {
    app: &'a str,
    step: &'a str,
    done: u64,
    total: u64,
}

/// Whoever listens.
#[derive(Debug)]
pub struct Live {
    news: broadcast::Sender<News>,
    looking: Mutex<bool>,
}

impl Default for Live {
    fn default() -> Self {
        Self { news: broadcast::Sender::new(NEWS_MAX), looking: Mutex::new(false) }
    }
}

impl Live {
    /// The news from now on; `None` = too many listen already.
    ///
    /// # Errors
    /// If the store can't be read.
    pub async fn listen(house: &Arc<House>) -> StoreResult<Option<broadcast::Receiver<News>>> {
        let live = &house.live;
        if live.news.receiver_count() >= LISTENERS_MAX {
            return Ok(None);
        }
        let head = house.engine.store().head().await?.sequence;
        let mut looking = live.looking.lock().unwrap_or_else(PoisonError::into_inner);
        // Subscribed under the lock: whoever looks gives up under it too, and only if nobody is there.
        let news = live.news.subscribe();
        if !*looking {
            *looking = true;
            tokio::spawn(look(Arc::clone(house), head));
        }
        Ok(Some(news))
    }

    /// Whether somebody listens; if nobody does, the looking is over.
    fn goes_on(&self) -> bool {
        let mut looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        *looking = self.news.receiver_count() > 0;
        *looking
    }
}

/// Looks again and again while somebody listens.
async fn look(house: Arc<House>, mut head: u64) {
    let _waited_for = house.background.begin();
    let mut steps = house.engine.listen_to_progress();
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while house.live.goes_on() {
        let news = tokio::select! {
            () = house.closed() => return,
            step = steps.recv() => step.ok().and_then(|step| told(&step)).map(News::Progress),
            _ = ticks.tick() => match changed(&house, head).await {
                Ok(Some((now, text))) => {
                    head = now;
                    Some(News::Changed(now, text))
                }
                Ok(None) => None,
                Err(error) => {
                    tracing::warn!(%error, "what changed could not be read; it is tried again");
                    None
                }
            },
        };
        if let Some(news) = news {
            // They may all have left meanwhile.
            let _nobody = house.live.news.send(news);
        }
    }
}

/// A step of a cycle; others are told to whoever asked.
fn told(step: &Progress) -> Option<Arc<str>> {
    let app = step.app.as_ref()?.as_str();
    Some(encoded(&Step { app, step: &step.step, done: step.done, total: step.total }))
}

/// What happened after an entry, if anything did: the new head, and the message.
///
/// # Errors
/// If the store can't be read.
pub async fn changed(house: &House, after: u64) -> StoreResult<Option<(u64, Arc<str>)>> {
    let store = house.engine.store();
    let head = store.head().await?.sequence;
    if head <= after {
        return Ok(None);
    }
    let from = after.max(head.saturating_sub(ENTRIES_MAX));
    let entries = store.entries_after(from, usize::try_from(ENTRIES_MAX).unwrap_or(usize::MAX)).await?;
    let ids: BTreeSet<EventId> = entries.into_iter().filter_map(|entry| entry.event).collect();
    let mut events = Vec::new();
    for id in ids.into_iter().rev().take(EVENTS_MAX) {
        if let Some(event) = store.event(id).await? {
            events.push(Told::from(&event));
        }
    }
    Ok(Some((head, encoded(&Changed { head, events }))))
}

fn encoded(value: &impl Serialize) -> Arc<str> {
    // Strings and numbers: nothing that JSON can't say.
    serde_json::to_string(value).unwrap_or_default().into()
}
