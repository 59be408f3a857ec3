//! Whether an event's rows claim what its entries say. The chain covers the entries; this covers the rows that people read.

use std::collections::{BTreeMap, VecDeque};

use crate::digest::{Digest, Hasher};
use crate::history::chain::{self, Header, Walk};
use crate::provision::approval::Decision;
use crate::provision::entry::{Entry, Fact};
use crate::provision::event::StatusKind;
use crate::store::act::StoreResult;
use crate::store::acts::life::Life;
use crate::store::acts::reads;
use crate::store::kv::{self, Rows};
use crate::store::layout;

/// Of an event's row as it was filed.
pub(crate) fn row_digest(row: &[u8]) -> Digest {
    Hasher::new().bytes(row).finish()
}

/// Blocks kept: events are filed and finished in about the same order, so that few are read twice.
const BLOCKS_MAX: usize = 64;

/// Reads the entries of many events, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    blocks: BTreeMap<u64, (Header, Vec<u8>)>,
    order: VecDeque<u64>,
}

/// What entries say of an event.
#[derive(Default)]
struct Said {
    row: Option<Digest>,
    payload: Option<Digest>,
    status: Option<StatusKind>,
    decisions: Vec<Decision>,
}

impl Witness {
    /// Compares an event, as its rows have it, with its entries.
    pub(crate) fn check(&mut self, rows: &dyn Rows, row: &[u8], life: &Life, walk: &mut Walk) -> StoreResult<()> {
        let event = &life.event;
        let mut said = Said::default();
        let mut whole = true;
        for sequence in &life.trail {
            if walk.gone.has_entry(*sequence) {
                whole = false;
                continue;
            }
            match self.entry(rows, *sequence)? {
                Some(entry) if entry.event == Some(event.id) => said.take(entry.fact),
                Some(_) => walk.problem(format!("entry {sequence} is not about {}, which names it", event.id)),
                // The walk along the chain says what is wrong with it.
                None => whole = false,
            }
        }
        if !walk.gone.has_event(event.id) && said.row.is_some_and(|digest| digest != row_digest(row)) {
            walk.problem(format!("{} is not as it was filed", event.id));
        }
        if !whole {
            return Ok(());
        }
        if said.payload.is_some_and(|payload| payload != event.payload) {
            walk.problem(format!("{} has another payload than its entry says", event.id));
        }
        if said.status != Some(event.status.kind()) {
            let status = said.status.map_or("nothing", StatusKind::word);
            walk.problem(format!("{} is {}, its entries say {status}", event.id, event.status.kind()));
        }
        if event.decisions.iter().any(|decision| !said.decisions.contains(decision)) {
            walk.problem(format!("{} has a decision that no entry says", event.id));
        }
        Ok(())
    }

    fn entry(&mut self, rows: &dyn Rows, sequence: u64) -> StoreResult<Option<Entry>> {
        let known = self.blocks.range(..=sequence).next_back().map(|(first, (header, _))| (*first, header.last()));
        let first = match known.filter(|(_, last)| *last >= sequence) {
            Some((first, _)) => first,
            None => {
                let Some(header) = reads::header_of(rows, sequence)? else { return Ok(None) };
                let first = header.first;
                let bodies = kv::read_parts(rows, &layout::bodies(first))?.unwrap_or_default();
                self.keep(first, header, bodies);
                first
            }
        };
        let Some((header, bodies)) = self.blocks.get(&first) else { return Ok(None) };
        let body = header.span(sequence).and_then(|span| bodies.get(span));
        Ok(body.and_then(|body| chain::decode(body).ok()))
    }

    fn keep(&mut self, first: u64, header: Header, bodies: Vec<u8>) {
        if self.order.len() == BLOCKS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.blocks.remove(&oldest);
        }
        self.order.push_back(first);
        self.blocks.insert(first, (header, bodies));
    }
}

impl Said {
    fn take(&mut self, fact: Fact) {
        match fact {
            Fact::Filed { payload, status, row, .. } => {
                (self.row, self.payload, self.status) = (Some(row), Some(payload), Some(status));
            }
            Fact::Planned { payload, status, .. } => (self.payload, self.status) = (Some(payload), Some(status)),
            Fact::Decided(decision) => self.decisions.push(decision),
            Fact::Stepped { status, .. } => self.status = Some(status),
            _ => {}
        }
    }
}
