//! Events in brief: what the history is searched by, 256 events a row. A search reads these few rows instead of a million events, whatever
//! it asks for, and opens only what fits. They cost a share of a row a commit group, where an index costs rows an event.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{AppName, EventId, OperatorId};
use crate::provision::event::StatusKind;
use crate::provision::operation::Kind;
use crate::store::record::Row;

/// Events a row. With names of the greatest length and a time for each, a row stays below 60 KiB.
pub(crate) const EVENTS: u64 = 256;

/// What one event is searched by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Brief {
    /// When it was filed.
    pub(crate) at: Timestamp,
    /// What it does.
    pub(crate) kind: Kind,
    /// How it ended; `None` = it is open.
    pub(crate) ended: Option<StatusKind>,
    /// The app.
    pub(crate) app: AppName,
    /// Who caused it and who decided about it, sorted.
    pub(crate) operators: Vec<OperatorId>,
}

/// The events of one row. Events of one plan are mostly alike: each way to be is written once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Briefs {
    /// The different ones.
    pub(crate) ways: Vec<Brief>,
    /// By position: which way, from 1; 0 = there is no such event, or not any more.
    pub(crate) events: Vec<u16>,
}

impl Row for Briefs {
    const NAME: &'static str = "events in brief";
}

/// The row of an event and its position there. Events are numbered from 1.
pub(crate) fn place(event: EventId) -> (u64, usize) {
    let number = event.0.saturating_sub(1);
    (number / EVENTS, usize::try_from(number % EVENTS).unwrap_or_default())
}

/// The event at a position of a row.
pub(crate) fn event_at(row: u64, position: usize) -> EventId {
    EventId(row * EVENTS + position as u64 + 1)
}

impl Briefs {
    /// One event.
    pub(crate) fn get(&self, position: usize) -> Option<&Brief> {
        self.ways.get(usize::from(*self.events.get(position)?).checked_sub(1)?)
    }

    /// Puts an event in, or takes it out.
    pub(crate) fn set(&mut self, position: usize, brief: Option<Brief>) {
        if self.events.len() <= position {
            self.events.resize(position + 1, 0);
        }
        let way = brief.map_or(0, |brief| {
            let known = self.ways.iter().position(|way| *way == brief).unwrap_or_else(|| {
                self.ways.push(brief);
                self.ways.len() - 1
            });
            u16::try_from(known + 1).unwrap_or_default()
        });
        self.events[position] = way;
        if self.ways.len() > 2 * self.events.len() {
            self.tidy();
        }
    }

    /// Forgets ways that no event is any more.
    pub(crate) fn tidy(&mut self) {
        let mut moved = vec![0u16; self.ways.len() + 1];
        let mut ways = Vec::new();
        for way in &mut self.events {
            let old = usize::from(*way);
            if old > 0 && moved[old] == 0 {
                ways.push(self.ways[old - 1].clone());
                moved[old] = u16::try_from(ways.len()).unwrap_or_default();
            }
            *way = moved[old];
        }
        self.ways = ways;
    }
}
