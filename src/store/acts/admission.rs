//! The first gate's books: what counts against the blast radius, and which classes have an open held batch.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::id::AppName;
use crate::provision::account::Presence;
use crate::provision::edge::EdgeState;
use crate::provision::guard::finding::Class;
use crate::provision::operation::Operation;
use crate::provision::plan::PlanSummary;
use crate::store::act::{StoreError, StoreResult};
use crate::store::acts::life::Life;
use crate::store::group::Group;
use crate::store::kv::{self, Order, Rows};
use crate::store::layout;
use crate::store::query::{Counts, Window};
use crate::store::record::{HeldClass, Tally, WindowCount, decode, encode};

/// The window, in whole hours before the one that has begun: a day at least.
const WINDOW_HOURS: u64 = 24;
/// Rows of hours long past that are kept of an app.
const KEPT_ROWS: usize = 500;
const HOUR_MILLIS: u64 = 3_600_000;

/// The hour a time belongs to, counted from the epoch.
pub(crate) fn hour(at: Timestamp) -> u64 {
    at.millis_since(Timestamp::default()) / HOUR_MILLIS
}

pub(crate) fn window(rows: &dyn Rows, app: &AppName, as_of: Timestamp) -> StoreResult<Window> {
    let tally = load(rows, app)?;
    let mut window = Window { reserved: tally.reserved.map(|(_, left)| left).unwrap_or_default(), ..Window::default() };
    // Hours that lie ahead count too: the clock went back, and what was sent was sent.
    let since = hour(as_of).saturating_sub(WINDOW_HOURS);
    let from = layout::window(app, since);
    let pairs = rows.scan(&from.0, &layout::window(app, u64::MAX).0, Order::Ascending, usize::MAX)?;
    let mut base = None;
    for (_, value) in pairs {
        let count: WindowCount = decode(&value)?;
        match count.class {
            Some(class) => *window.sent.entry(class).or_default() += count.number,
            None => base = base.or(Some(count.number)),
        }
    }
    window.sent.retain(|_, number| *number > 0);
    for (class, number) in window.sent.iter().chain(&tally.open).chain(&window.reserved) {
        *window.used.entry(class.clone()).or_default() += number;
    }
    let counts = || Ok::<_, StoreError>(kv::read::<Counts>(rows, &layout::counts(app))?.unwrap_or_default());
    window.base_at_start = match base {
        Some(base) => base,
        None => active(counts()?.accounts),
    };
    let hours = (layout::window_edges(app, since), layout::window_edges(app, u64::MAX));
    window.edges_at_start = match rows.scan(&hours.0.0, &hours.1.0, Order::Ascending, 1)?.first() {
        Some((_, value)) => decode(value)?,
        None => granted(&counts()?),
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
    let open =
        summary.counts.classes.iter().filter(|(class, number)| !summary.held.contains_key(class) && **number > 0);
    let reserved: Shares = open.map(|(class, number)| (class.clone(), *number)).collect();
    // What the plan before did not come to file, because the process ended, is given back: one plan of an app is filed at a time.
    change(tx, &summary.app, |tally| {
        tally.reserved = Some((summary.id, reserved)).filter(|(_, left)| !left.is_empty());
    })?;
    for (class, batch) in &summary.held {
        let held = HeldClass { class: class.clone(), batch: *batch };
        tx.put(layout::held(&summary.app, class), &held)?;
    }
    forget(tx, &summary.app, summary.as_of)
}

/// Numbers by class.
type Shares = BTreeMap<Class, u64>;

fn load(rows: &dyn Rows, app: &AppName) -> StoreResult<Tally> {
    Ok(kv::read(rows, &layout::tally(app))?.unwrap_or_default())
}

/// Changes the app's tally, if there is anything to change.
fn change(tx: &mut Group<'_>, app: &AppName, how: impl FnOnce(&mut Tally)) -> StoreResult<()> {
    let before = load(tx, app)?;
    let mut tally = before.clone();
    how(&mut tally);
    tally.open.retain(|_, number| *number > 0);
    if tally == before { Ok(()) } else { tx.put(layout::tally(app), &tally) }
}

fn less(shares: &mut Shares, class: &Class, by: u64) {
    if let Some(number) = shares.get_mut(class) {
        *number = number.saturating_sub(by);
    }
    shares.retain(|_, number| *number > 0);
}

/// The classes of an operation that admission did not hold, with what it counts for each.
fn free(summary: &PlanSummary, operation: &Operation) -> Shares {
    let classes = Class::of(operation).into_iter().filter(|class| !summary.held.contains_key(class));
    classes.map(|class| (class.clone(), class.weight(operation))).collect()
}

/// Whether what the plan reserved is enough for an operation: more than was admitted is never filed.
pub(crate) fn covers(rows: &dyn Rows, summary: &PlanSummary, operation: &Operation) -> StoreResult<bool> {
    let wanted = free(summary, operation);
    if wanted.is_empty() {
        return Ok(true);
    }
    let reserved = load(rows, &summary.app)?.reserved;
    let left = reserved.filter(|(plan, _)| *plan == summary.id).map(|(_, left)| left).unwrap_or_default();
    Ok(wanted.iter().all(|(class, number)| left.get(class).is_some_and(|left| left >= number)))
}

/// Takes an operation out of what its plan reserved; if it is `sent` without an approval, it counts from now until it has ended, and
/// for a day after. Returns whether it counts.
pub(crate) fn filed(tx: &mut Group<'_>, summary: &PlanSummary, operation: &Operation, sent: bool) -> StoreResult<bool> {
    let all = Class::of(operation);
    if all.is_empty() {
        return Ok(false);
    }
    let taken = free(summary, operation);
    change(tx, &summary.app, |tally| {
        if let Some((plan, left)) = &mut tally.reserved
            && *plan == summary.id
        {
            taken.iter().for_each(|(class, number)| less(left, class, *number));
        }
        tally.reserved.take_if(|(_, left)| left.is_empty());
        for class in all.iter().filter(|_| sent) {
            *tally.open.entry(class.clone()).or_default() += class.weight(operation);
        }
    })?;
    Ok(sent)
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

/// Adds to what was sent of a class in an hour.
fn count(tx: &mut Group<'_>, app: &AppName, hour: u64, class: &Class, by: i64) -> StoreResult<()> {
    let key = layout::window_class(app, hour, Some(class));
    let before = kv::read::<WindowCount>(tx, &key)?.map_or(0, |row| row.number);
    let number = before.saturating_add_signed(by);
    if number == before {
        return Ok(());
    }
    tx.put(key, &WindowCount { class: Some(class.clone()), number })
}

/// The first cycle's creates had no limit: they must not use up that of the next day's newcomers.
pub(crate) fn forgive_first_cycle(tx: &mut Group<'_>, app: &AppName, as_of: Timestamp) -> StoreResult<()> {
    let events = tx.head_mut().events;
    change(tx, app, |tally| {
        tally.forgiven = events;
        tally.open.remove(&Class::Create);
    })?;
    let now = hour(as_of);
    (now.saturating_sub(WINDOW_HOURS)..=now).try_for_each(|hour| count(tx, app, hour, &Class::Create, -i64::MAX))
}

/// Takes an operation out of the window: an approver released it.
pub(crate) fn release(tx: &mut Group<'_>, life: &mut Life) -> StoreResult<()> {
    leave(tx, life).map(drop)
}

/// An event ended. What was sent counts for a day from now on; what never was drops out.
pub(crate) fn ended(tx: &mut Group<'_>, life: &mut Life, at: Timestamp) -> StoreResult<()> {
    let counted = leave(tx, life)?;
    if life.event.is_unsent() {
        return Ok(());
    }
    let app = life.event.operation.app.clone();
    counted.iter().try_for_each(|(class, number)| count(tx, &app, hour(at), class, number.cast_signed()))
}

/// Takes an event out of what is open; what it counted for.
fn leave(tx: &mut Group<'_>, life: &mut Life) -> StoreResult<Shares> {
    if life.counted.take().is_none() {
        return Ok(Shares::new());
    }
    let operation = std::sync::Arc::clone(&life.event.operation);
    let mut shares: Shares =
        Class::of(&operation).into_iter().map(|class| (class.clone(), class.weight(&operation))).collect();
    change(tx, &operation.app, |tally| {
        if life.event.id.0 <= tally.forgiven {
            shares.remove(&Class::Create);
        }
        shares.iter().for_each(|(class, number)| less(&mut tally.open, class, *number));
    })?;
    Ok(shares)
}

/// Removes hours that no window reaches any more. The latest stay whatever their age: a clock that ran ahead and comes back finds
/// them.
fn forget(tx: &mut Group<'_>, app: &AppName, as_of: Timestamp) -> StoreResult<()> {
    let old = hour(as_of).saturating_sub(2 * WINDOW_HOURS);
    for (from, to) in [
        (layout::window(app, 0), layout::window(app, old)),
        (layout::window_edges(app, 0), layout::window_edges(app, old)),
    ] {
        for (key, _) in tx.scan(&from.0, &to.0, Order::Descending, KEPT_ROWS + 1_000)?.into_iter().skip(KEPT_ROWS) {
            tx.remove(layout::Key(key));
        }
    }
    Ok(())
}
