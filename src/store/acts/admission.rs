//! The first gate's books: what counts against the blast radius, and which classes have an open held batch.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::id::AppName;
use crate::provision::account::Presence;
use crate::provision::edge::EdgeState;
use crate::provision::guard::finding::Class;
use crate::provision::plan::PlanSummary;
use crate::store::act::StoreResult;
use crate::store::acts::life::Life;
use crate::store::group::Group;
use crate::store::kv::{self, Order, Rows};
use crate::store::layout;
use crate::store::query::{Counts, Window};
use crate::store::record::{HeldClass, WindowCount, decode, encode};

/// The window, in hours.
const WINDOW_HOURS: u64 = 24;
const HOUR_MILLIS: u64 = 3_600_000;

/// The hour a time belongs to, counted from the epoch.
pub(crate) fn hour(at: Timestamp) -> u64 {
    at.millis_since(Timestamp::default()) / HOUR_MILLIS
}

pub(crate) fn window(rows: &dyn Rows, app: &AppName, as_of: Timestamp) -> StoreResult<Window> {
    let mut window = Window::default();
    let now = hour(as_of);
    let from = layout::window(app, now.saturating_sub(WINDOW_HOURS - 1));
    let pairs = rows.scan(&from.0, &layout::window(app, u64::MAX).0, Order::Ascending, usize::MAX)?;
    let mut base = None;
    for (_, value) in pairs {
        let count: WindowCount = decode(&value)?;
        match count.class {
            Some(class) => *window.used.entry(class).or_default() += count.number,
            None => base = base.or(Some(count.number)),
        }
    }
    window.used.retain(|_, number| *number > 0);
    window.base_at_start = match base {
        Some(base) => base,
        None => active(kv::read::<Counts>(rows, &layout::counts(app))?.unwrap_or_default().accounts),
    };
    let hours = (layout::window_edges(app, now.saturating_sub(WINDOW_HOURS - 1)), layout::window_edges(app, u64::MAX));
    window.edges_at_start = match rows.scan(&hours.0.0, &hours.1.0, Order::Ascending, 1)?.first() {
        Some((_, value)) => decode(value)?,
        None => granted(&kv::read::<Counts>(rows, &layout::counts(app))?.unwrap_or_default()),
    };
    for (_, value) in kv::under(rows, &layout::held_of(app), usize::MAX)? {
        let held: HeldClass = decode(&value)?;
        if !kv::under(rows, &layout::batch(held.batch), 1)?.is_empty() {
            window.batches.insert(held.class, held.batch);
        }
    }
    Ok(window)
}

fn active(accounts: BTreeMap<Presence, u64>) -> u64 {
    accounts.into_iter().filter(|(presence, _)| *presence == Presence::Active).map(|(_, number)| number).sum()
}

pub(crate) fn admit(tx: &mut Group<'_>, summary: &PlanSummary) -> StoreResult<()> {
    let key = layout::plan(summary.id);
    if kv::read_parts(tx, &key)?.is_some() {
        return Ok(());
    }
    tx.put_parts(&key, &encode(summary))?;
    note_base(tx, &summary.app, summary.as_of)?;
    for (class, number) in &summary.counts.classes {
        if !summary.held.contains_key(class) {
            count(tx, &summary.app, hour(summary.as_of), class, i64::try_from(*number).unwrap_or(i64::MAX))?;
        }
    }
    for (class, batch) in &summary.held {
        let held = HeldClass { class: class.clone(), batch: *batch };
        tx.put(layout::held(&summary.app, class), &held)?;
    }
    forget(tx, &summary.app, summary.as_of)
}

/// Remembers the number of active accounts at an hour's first admission, and with it at the window's start.
fn note_base(tx: &mut Group<'_>, app: &AppName, at: Timestamp) -> StoreResult<()> {
    let key = layout::window_class(app, hour(at), None);
    if tx.get(&key.0)?.is_some() {
        return Ok(());
    }
    let number = active(tx.counts(app)?.accounts.clone());
    tx.put(key, &WindowCount { class: None, number })?;
    let granted = granted(tx.counts(app)?);
    tx.put(layout::window_edges(app, hour(at)), &granted)
}

fn granted(counts: &Counts) -> u64 {
    counts.edges.get(&EdgeState::Granted).copied().unwrap_or(0)
}

/// Adds to what was admitted of a class in an hour.
pub(crate) fn count(tx: &mut Group<'_>, app: &AppName, hour: u64, class: &Class, by: i64) -> StoreResult<()> {
    let key = layout::window_class(app, hour, Some(class));
    let before = kv::read::<WindowCount>(tx, &key)?.map_or(0, |row| row.number);
    let number = before.saturating_add_signed(by);
    if number == before {
        return Ok(());
    }
    tx.put(key, &WindowCount { class: Some(class.clone()), number })
}

/// Takes all that was admitted of a class out of the window.
pub(crate) fn forgive(tx: &mut Group<'_>, app: &AppName, as_of: Timestamp, class: &Class) -> StoreResult<()> {
    let now = hour(as_of);
    (now.saturating_sub(WINDOW_HOURS - 1)..=now).try_for_each(|hour| count(tx, app, hour, class, -i64::MAX))
}

/// Takes an operation out of the window: released by an approver, or ended before anything was sent.
pub(crate) fn release(tx: &mut Group<'_>, life: &mut Life) -> StoreResult<()> {
    if let Some(hour) = life.counted.take() {
        for class in Class::of(&life.event.operation) {
            let weight = class.weight(&life.event.operation);
            count(tx, &life.event.operation.app, hour, &class, -weight.cast_signed())?;
        }
    }
    Ok(())
}

/// Removes hours that no window reaches any more.
fn forget(tx: &mut Group<'_>, app: &AppName, as_of: Timestamp) -> StoreResult<()> {
    let (from, to) = (layout::window(app, 0), layout::window(app, hour(as_of).saturating_sub(2 * WINDOW_HOURS)));
    for (key, _) in tx.scan(&from.0, &to.0, Order::Ascending, 1_000)? {
        tx.remove(layout::Key(key));
    }
    let old = hour(as_of).saturating_sub(2 * WINDOW_HOURS);
    for (key, _) in
        tx.scan(&layout::window_edges(app, 0).0, &layout::window_edges(app, old).0, Order::Ascending, 100)?
    {
        tx.remove(layout::Key(key));
    }
    Ok(())
}
