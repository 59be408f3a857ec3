//! How many events ended in which hour, counted as they end; and how old what waits is.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::id::{AppName, EventId};
use crate::provision::event::StatusKind;
use crate::store::act::StoreResult;
use crate::store::acts::{admission, reads};
use crate::store::brief::{self, Briefs};
use crate::store::group::Group;
use crate::store::kv::{self, Order, Rows};
use crate::store::layout::{self, Key};
use crate::store::record::EndedCount;
use crate::store::views::{AGES, EndedHour, QueueAges, Trends};

/// Hours kept: five weeks.
const HOURS_KEPT: u64 = 35 * 24;
/// Rows of the past removed at once.
const FORGOTTEN_MAX: usize = 256;
/// Events of one list and one app whose age is looked at.
const LOOKED_AT_MAX: usize = 2_000;
const HOUR_MILLIS: i64 = 3_600_000;

/// Counts an event that ended.
pub(crate) fn ended(tx: &mut Group<'_>, app: &AppName, status: StatusKind, at: Timestamp) -> StoreResult<()> {
    let hour = admission::hour(at);
    let key = layout::ended(hour, app);
    let known: Option<EndedCount> = kv::read(tx, &key)?;
    if known.is_none() {
        forget(tx, hour)?;
    }
    let mut count = known.unwrap_or_default();
    *count.0.entry(status).or_default() += 1;
    tx.put(key, &count)
}

/// Removes hours that nobody asks for any more.
fn forget(tx: &mut Group<'_>, hour: u64) -> StoreResult<()> {
    let (from, to) = (layout::ended_in(0), layout::ended_in(hour.saturating_sub(HOURS_KEPT)));
    for (key, _) in tx.scan(&from.0, &to.0, Order::Ascending, FORGOTTEN_MAX)? {
        tx.remove(Key(key));
    }
    Ok(())
}

/// All kept counts: hour and app of each.
pub(crate) fn kept(rows: &dyn Rows, from: u64) -> StoreResult<Vec<(u64, AppName, EndedCount)>> {
    let mut kept = Vec::new();
    let range = (layout::ended_in(from).0, layout::all_ended().end());
    kv::walk_range(rows, range, Order::Ascending, &mut |key, value| {
        if let Some((hour, app)) = layout::hour_and_app(key) {
            kept.push((hour, app, crate::store::record::decode(value)?));
        }
        Ok(true)
    })?;
    Ok(kept)
}

/// The hour of a count, for [`kept`].
pub(crate) fn hour(at: Timestamp) -> u64 {
    admission::hour(at)
}

pub(crate) fn read(rows: &dyn Rows, since: Timestamp, now: Timestamp) -> StoreResult<Trends> {
    let hours = kept(rows, admission::hour(since))?.into_iter().map(|(hour, app, count)| {
        let from = Timestamp::from_millis(i64::try_from(hour).unwrap_or_default() * HOUR_MILLIS);
        EndedHour { from, app, ended: count.0 }
    });
    let mut trends = Trends { hours: hours.collect(), queues: Vec::new() };
    let mut finder = Ages { now, rows, briefs: BTreeMap::new() };
    for app in reads::apps(rows)? {
        let counts = reads::counts(rows, &app)?;
        let open = counts.events.iter().filter(|(status, _)| !status.is_final()).map(|(_, number)| number).sum::<u64>();
        if open == 0 {
            continue;
        }
        let people = finder.of(&[layout::listed(&app, StatusKind::Pending)])?;
        let target = finder.of(&[layout::queue(&app, true), layout::queue(&app, false)])?;
        let looked_at: u64 = people.iter().chain(&target).sum();
        trends.queues.push(QueueAges { app, people, target, more: open.saturating_sub(looked_at) });
    }
    Ok(trends)
}

/// Looks up when events were filed.
struct Ages<'r> {
    now: Timestamp,
    rows: &'r dyn Rows,
    briefs: BTreeMap<u64, Briefs>,
}

impl Ages<'_> {
    /// How many of what is listed under the prefixes have which age.
    fn of(&mut self, prefixes: &[Key]) -> StoreResult<Vec<u64>> {
        let mut ages = vec![0; AGES.len() + 1];
        for prefix in prefixes {
            for (key, _) in kv::under(self.rows, prefix, LOOKED_AT_MAX)? {
                let Some(event) = layout::number_at_end(&key).map(EventId) else { continue };
                let Some(at) = self.filed(event)? else { continue };
                let minutes = self.now.millis_since(at) / 60_000;
                ages[AGES.iter().position(|age| minutes < *age).unwrap_or(AGES.len())] += 1;
            }
        }
        Ok(ages)
    }

    fn filed(&mut self, event: EventId) -> StoreResult<Option<Timestamp>> {
        let (row, position) = brief::place(event);
        if !self.briefs.contains_key(&row) {
            let briefs = kv::read::<Briefs>(self.rows, &layout::briefs(row))?.unwrap_or_default();
            self.briefs.insert(row, briefs);
        }
        Ok(self.briefs.get(&row).and_then(|briefs| briefs.get(position)).map(|brief| brief.at))
    }
}
