//! What is gone from the history on purpose: bodies and events that an entry of the chain itself says were erased. What is missing
//! without such an entry was taken.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::EventId;

/// Numbers as ranges, both ends included, ascending.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ranges(pub Vec<(u64, u64)>);

impl FromIterator<u64> for Ranges {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Self {
        let mut numbers: Vec<u64> = numbers.into_iter().collect();
        numbers.sort_unstable();
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for number in numbers {
            match ranges.last_mut() {
                Some((_, last)) if number <= last.saturating_add(1) => *last = number.max(*last),
                _ => ranges.push((number, number)),
            }
        }
        Self(ranges)
    }
}

impl Ranges {
    /// How many numbers.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|(first, last)| last - first + 1).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// All that is gone: a sum of many [`Ranges`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gone {
    /// Entries whose bodies are gone, by the first of each range.
    entries: BTreeMap<u64, u64>,
    /// Events whose rows are gone or without their values, by the first of each range.
    events: BTreeMap<u64, u64>,
}

impl Gone {
    /// Adds what one entry says.
    pub fn add(&mut self, events: &Ranges, entries: &Ranges) {
        events.0.iter().for_each(|range| join(&mut self.events, *range));
        entries.0.iter().for_each(|range| join(&mut self.entries, *range));
    }

    /// Whether the body of an entry may be gone.
    pub fn has_entry(&self, sequence: u64) -> bool {
        has(&self.entries, sequence)
    }

    /// Whether an event may be gone, or without its values.
    pub fn has_event(&self, event: EventId) -> bool {
        has(&self.events, event.0)
    }
}

fn has(ranges: &BTreeMap<u64, u64>, number: u64) -> bool {
    ranges.range(..=number).next_back().is_some_and(|(_, last)| number <= *last)
}

fn join(ranges: &mut BTreeMap<u64, u64>, (mut first, mut last): (u64, u64)) {
    if let Some((before, end)) = ranges.range(..=first).next_back().map(|(before, end)| (*before, *end))
        && end.saturating_add(1) >= first
    {
        first = before;
        last = last.max(end);
    }
    while let Some((next, end)) = ranges.range(first..=last.saturating_add(1)).next().map(|(next, end)| (*next, *end)) {
        ranges.remove(&next);
        last = last.max(end);
    }
    ranges.insert(first, last);
}
