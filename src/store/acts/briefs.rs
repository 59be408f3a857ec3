//! Searching the history by its briefs, keeping them, and making them for a store that has none yet.

use std::collections::{BTreeMap, VecDeque};

use crate::clock::Timestamp;
use crate::directory::change::Cause;
use crate::id::{EventId, OperatorId};
use crate::provision::event::Event;
use crate::provision::operation::Kind;
use crate::store::act::StoreResult;
use crate::store::acts::life::{self, Life, Running};
use crate::store::acts::{imports, reads, revisions};
use crate::store::brief::{self, Brief, Briefs};
use crate::store::group::Group;
use crate::store::kv::{self, Kv, Order, Rows};
use crate::store::layout;
use crate::store::query::EventQuery;
use crate::store::record::{FiledEvent, decode, encode};

/// Who is behind a cause of something filed at a time: who edited, imported or activated. A cycle and the time have nobody.
pub(crate) fn causer(rows: &dyn Rows, cause: &Cause, at: Timestamp) -> StoreResult<Option<OperatorId>> {
    Ok(match cause {
        Cause::Operator(operator) => Some(*operator),
        Cause::Import(import) => imports::find(rows, *import)?.map(|import| import.operator),
        Cause::Activation(number) => revisions::activated_by(rows, *number, at)?,
        Cause::Cycle | Cause::Due | Cause::Catalogue | Cause::Reconcile => None,
    })
}

/// Causes whose operator was looked up lately: events of one plan mostly have the same.
#[derive(Debug, Default)]
pub(crate) struct Causers(VecDeque<(Cause, Timestamp, Option<OperatorId>)>);

/// Causes remembered.
const CAUSERS_MAX: usize = 16;

impl Causers {
    /// What is remembered of the cause of an event.
    pub(crate) fn known(&self, event: &Event) -> Option<Option<OperatorId>> {
        let same = |(cause, at, _): &&(Cause, Timestamp, _)| *at == event.filed_at && *cause == event.cause;
        self.0.iter().find(same).map(|(_, _, causer)| *causer)
    }

    /// Remembers one.
    pub(crate) fn keep(&mut self, event: &Event, causer: Option<OperatorId>) {
        self.0.truncate(CAUSERS_MAX - 1);
        self.0.push_front((event.cause.clone(), event.filed_at, causer));
    }

    /// Who is behind the cause of an event.
    pub(crate) fn of(&mut self, rows: &dyn Rows, event: &Event) -> StoreResult<Option<OperatorId>> {
        if let Some(causer) = self.known(event) {
            return Ok(causer);
        }
        let causer = causer(rows, &event.cause, event.filed_at)?;
        self.keep(event, causer);
        Ok(causer)
    }
}

/// Who caused an event or decided about it.
pub(crate) fn operators(causer: Option<OperatorId>, event: &Event) -> Vec<OperatorId> {
    let mut operators: Vec<OperatorId> = event.decisions.iter().map(|decision| decision.operator).collect();
    operators.extend(causer);
    operators.sort();
    operators.dedup();
    operators
}

/// An event in brief.
pub(crate) fn of(causer: Option<OperatorId>, event: &Event) -> Brief {
    let status = event.status.kind();
    Brief {
        at: event.filed_at,
        kind: event.operation.kind,
        ended: status.is_final().then_some(status),
        app: event.operation.app.clone(),
        operators: operators(causer, event),
    }
}

/// Notes an event as it is filed.
pub(crate) fn filed(tx: &mut Group<'_>, filed: &FiledEvent) -> StoreResult<()> {
    let causer = tx.causer(&filed.event)?;
    tx.set_brief(filed.event.id, Some(of(causer, &filed.event)))
}

/// Notes what became of an event: how it ended, and who decided.
pub(crate) fn moved(tx: &mut Group<'_>, event: &Event) -> StoreResult<()> {
    if !event.status.kind().is_final() && event.decisions.is_empty() {
        return Ok(());
    }
    let causer = tx.causer(event)?;
    tx.set_brief(event.id, Some(of(causer, event)))
}

/// Whether events that look like this may be asked for. The event itself is asked for the rest.
fn may_fit(brief: &Brief, query: &EventQuery) -> bool {
    let status = match brief.ended {
        Some(status) => !query.open && (query.statuses.is_empty() || query.statuses.contains(&status)),
        None => query.statuses.is_empty() || query.statuses.iter().any(|status| !status.is_final()),
    };
    status
        && query.app.as_ref().is_none_or(|app| brief.app == *app)
        && query.kind.is_none_or(|kind: Kind| brief.kind == kind)
        && query.operator.is_none_or(|operator| brief.operators.contains(&operator))
        && query.since.is_none_or(|since| brief.at >= since)
        && query.until.is_none_or(|until| brief.at < until)
}

/// Events that fit, from the newest down, or from `after` upwards; one more than asked for, if there is one.
pub(crate) fn search(rows: &dyn Rows, query: &EventQuery, running: &Running) -> StoreResult<Vec<Event>> {
    let all = layout::briefs_rows();
    let from = query.after.map_or(all.0.clone(), |after| layout::briefs(brief::place(after).0).0);
    let to = query.before.map_or(all.end(), |before| layout::briefs(brief::place(before).0).end());
    let order = if query.after.is_some() { Order::Ascending } else { Order::Descending };
    let mut found = Vec::new();
    kv::walk_range(rows, (from, to), order, &mut |key, value| {
        let row = layout::number_at_end(key).unwrap_or_default();
        let briefs: Briefs = decode(value)?;
        let fit: Vec<bool> = briefs.ways.iter().map(|way| may_fit(way, query)).collect();
        if !fit.contains(&true) {
            return Ok(true);
        }
        let mut places: Vec<usize> = (0..briefs.events.len()).collect();
        if order == Order::Descending {
            places.reverse();
        }
        for position in places {
            let way = usize::from(briefs.events[position]);
            let id = brief::event_at(row, position);
            if way == 0 || !fit.get(way - 1).copied().unwrap_or(false) || !query.reaches(id) {
                continue;
            }
            let Some(life) = life::load_shown(rows, id, running)? else { continue };
            if reads::fits(rows, &life.event, query)? {
                found.push(life.event);
            }
            if found.len() > query.limit {
                return Ok(false);
            }
        }
        Ok(true)
    })?;
    Ok(found)
}

/// Looks events up in the briefs, one after the other: keeps the row of the last one.
#[derive(Debug, Default)]
pub(crate) struct Finder {
    row: Option<(u64, Briefs)>,
    causers: Causers,
}

impl Finder {
    /// Whether the history finds an event by what it is.
    pub(crate) fn finds(&mut self, rows: &dyn Rows, event: &Event) -> StoreResult<bool> {
        let (row, position) = brief::place(event.id);
        if self.row.as_ref().is_none_or(|(known, _)| *known != row) {
            self.row = Some((row, kv::read::<Briefs>(rows, &layout::briefs(row))?.unwrap_or_default()));
        }
        let expected = of(self.causers.of(rows, event)?, event);
        Ok(self.row.as_ref().and_then(|(_, briefs)| briefs.get(position)) == Some(&expected))
    }
}

/// Rows written at once while briefs are made.
const ROWS_AT_ONCE: usize = 512;

/// Makes the briefs of a store that was written before there were any. Begins again if it was interrupted: the last row comes last.
pub(crate) fn ensure(kv: &dyn Kv) -> StoreResult<()> {
    let head = reads::head(kv)?;
    let (last, _) = brief::place(EventId(head.events));
    if head.events == 0 || kv.get(&layout::briefs(last).0)?.is_some() {
        return Ok(());
    }
    let mut made: BTreeMap<u64, Briefs> = BTreeMap::new();
    let mut causers = Causers::default();
    let mut waiting: Option<Vec<u8>> = None;
    let mut note = |filed: &[u8], state: Option<&[u8]>, made: &mut BTreeMap<u64, Briefs>| -> StoreResult<()> {
        let event = Life::decode(filed, state)?.event;
        let causer = causers.of(kv, &event)?;
        let (row, position) = brief::place(event.id);
        made.entry(row).or_default().set(position, Some(of(causer, &event)));
        Ok(())
    };
    kv::walk(kv, &layout::events(), Order::Ascending, &mut |key, value| {
        if key.last() == Some(&0) {
            if let Some(filed) = waiting.replace(value.to_vec()) {
                note(&filed, None, &mut made)?;
            }
        } else if let Some(filed) = waiting.take() {
            note(&filed, Some(value), &mut made)?;
        }
        if made.len() > ROWS_AT_ONCE {
            let unfinished = made.pop_last();
            write(kv, std::mem::take(&mut made))?;
            made.extend(unfinished);
        }
        Ok(true)
    })?;
    if let Some(filed) = waiting.take() {
        note(&filed, None, &mut made)?;
    }
    made.entry(last).or_default();
    write(kv, made)
}

fn write(kv: &dyn Kv, made: BTreeMap<u64, Briefs>) -> StoreResult<()> {
    kv.room()?;
    let rows = made.into_iter().map(|(row, mut briefs)| {
        briefs.tidy();
        (layout::briefs(row).0, Some(encode(&briefs)))
    });
    kv.apply(rows.collect())?;
    kv.flush()
}
