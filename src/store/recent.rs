//! Events that were filed lately, as they were filed: that row is written once and read three times within moments, by claim, begin
//! and finish. What changes in an event's life lies in a row of its own and is always read.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use crate::id::EventId;
use crate::store::kv::Turnover;
use crate::store::record::FiledEvent;

/// Events kept: what is filed ahead of the pusher, and some more.
const EVENTS_MAX: usize = 8_192;

/// Filed events by id, the oldest forgotten first.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    events: HashMap<EventId, Arc<FiledEvent>>,
    order: VecDeque<EventId>,
}

impl Recent {
    /// An event, if it is remembered.
    pub(crate) fn get(&self, id: EventId) -> Option<Arc<FiledEvent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).events.get(&id).cloned()
    }

    /// Remembers events whose rows are on disk, and forgets those whose rows changed.
    pub(crate) fn turn(&self, Turnover { filed, forgotten }: Turnover) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for id in forgotten {
            inner.events.remove(&id);
        }
        for event in filed {
            let id = event.event.id;
            if inner.events.insert(id, event).is_none() {
                inner.order.push_back(id);
            }
        }
        while inner.order.len() > EVENTS_MAX
            && let Some(old) = inner.order.pop_front()
        {
            inner.events.remove(&old);
        }
    }
}
