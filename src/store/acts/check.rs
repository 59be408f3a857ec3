//! The check of everything: the chain from its start, the counters from the rows, the indexes from what they index.

use std::collections::BTreeMap;

use crate::history::chain::Walk;
use crate::id::{AppName, EventId};
use crate::provision::account::Account;
use crate::provision::edge::Edge;
use crate::provision::event::StatusKind;
use crate::store::act::{StoreResult, Verified};
use crate::store::acts::briefs::Finder;
use crate::store::acts::life::{self, Life, Running};
use crate::store::acts::testimony::Witness;
use crate::store::acts::{deeds, reads, retention, trends};
use crate::store::kv::{self, Order, Rows};
use crate::store::layout;
use crate::store::query::Counts;
use crate::store::record::{StoredHead, decode, tidy_counts};

pub(crate) fn verify(rows: &dyn Rows) -> StoreResult<Verified> {
    let head = reads::head(rows)?;
    let mut walk = Walk { gone: retention::gone(rows)?, ..Walk::default() };
    blocks(rows, &mut walk)?;
    if walk.sequence < head.sequence {
        walk.problem(format!("entries {} to {} are missing", walk.sequence + 1, head.sequence));
    }
    if (walk.blocks, walk.hash) != (head.blocks, head.hash) {
        walk.problem(format!("the chain ends with block {}, expected block {}", walk.blocks, head.blocks));
    }
    deeds::check(rows, &mut walk)?;
    let mut recount = Recount::default();
    recount.users(rows)?;
    recount.accounts(rows, &mut walk)?;
    recount.events(rows, &mut walk)?;
    recount.marks(rows)?;
    recount.compare(rows, &head, &mut walk)?;
    Ok(Verified { head: head.shown(), problems: walk.problems })
}

fn blocks(rows: &dyn Rows, walk: &mut Walk) -> StoreResult<()> {
    kv::walk(rows, &layout::headers(), Order::Ascending, &mut |key, header| {
        let first = layout::number_at_end(key).unwrap_or_default();
        let bodies = kv::read_parts(rows, &layout::bodies(first))?.unwrap_or_default();
        walk.block(header, &bodies);
        Ok(true)
    })
}

/// Counters as the rows give them.
#[derive(Default)]
struct Recount {
    head: StoredHead,
    apps: BTreeMap<AppName, Counts>,
    /// The first hour for which it is kept how many events ended, and how many did since.
    since: u64,
    ended: BTreeMap<(u64, AppName, StatusKind), u64>,
}

impl Recount {
    fn app(&mut self, app: &AppName) -> &mut Counts {
        if !self.apps.contains_key(app) {
            self.apps.insert(app.clone(), Counts::default());
        }
        self.apps.entry(app.clone()).or_default()
    }

    fn users(&mut self, rows: &dyn Rows) -> StoreResult<()> {
        kv::walk(rows, &layout::users(), Order::Ascending, &mut |_, _| {
            self.head.users += 1;
            Ok(true)
        })
    }

    fn accounts(&mut self, rows: &dyn Rows, walk: &mut Walk) -> StoreResult<()> {
        let running = Running::read(rows, None)?;
        for app in reads::apps(rows)? {
            kv::walk(rows, &layout::accounts(&app), Order::Ascending, &mut |_, value| {
                let account: Account = decode(value)?;
                self.head.accounts += 1;
                *self.app(&app).accounts.entry(account.presence).or_default() += 1;
                if let Some(open) = account.open_event {
                    check_open(rows, &account, open, &running, walk)?;
                }
                Ok(true)
            })?;
            self.edges(rows, &app, walk)?;
        }
        Ok(())
    }

    fn edges(&mut self, rows: &dyn Rows, app: &AppName, walk: &mut Walk) -> StoreResult<()> {
        let start = layout::edges(app).0.len();
        kv::walk(rows, &layout::edges(app), Order::Ascending, &mut |key, value| {
            let edge: Edge = decode(value)?;
            *self.app(app).edges.entry(edge.state).or_default() += 1;
            let Some(user) = key.get(..start + 16).and_then(layout::user_at_end) else { return Ok(true) };
            if rows.get(&layout::member(app, (&edge.key, &edge.name), user).0)?.is_none() {
                walk.problem(format!(
                    "{user} has {} “{}” of {app} but its index does not have it",
                    edge.key.kind, edge.name
                ));
            }
            let Some(life) =
                edge.event.filter(|_| edge.is_open()).map(|id| life::load(rows, id)).transpose()?.flatten()
            else {
                return Ok(true);
            };
            let waits = life.event.progress.account_done && life.event.status.kind() == StatusKind::Queued;
            let queued = [true, false].iter().map(|add| layout::queued_edge(app, (&edge.key, &edge.name), *add, user));
            let found: Vec<_> = queued.map(|key| rows.get(&key.0)).collect::<StoreResult<_>>()?;
            if waits && found.iter().all(Option::is_none) {
                walk.problem(format!(
                    "{} “{}” of {user} waits but the queue does not have it",
                    edge.key.kind, edge.name
                ));
            }
            Ok(true)
        })
    }

    fn events(&mut self, rows: &dyn Rows, walk: &mut Walk) -> StoreResult<()> {
        let hours = trends::kept(rows, 0)?;
        self.since = hours.first().map_or(u64::MAX, |(hour, ..)| *hour);
        let running = Running::read(rows, None)?;
        let (mut finder, mut witness) = (Finder::default(), Witness::default());
        let mut state: Option<Vec<u8>> = None;
        kv::walk(rows, &layout::events(), Order::Descending, &mut |key, value| {
            if key.last() == Some(&1) {
                state = Some(value.to_vec());
                return Ok(true);
            }
            let mut life = Life::decode(value, state.take().as_deref())?;
            witness.check(rows, value, &life, walk)?;
            life.run(&running);
            self.head.events += 1;
            *self.app(&life.event.operation.app).events.entry(life.event.status.kind()).or_default() += 1;
            self.ended(&life);
            check_index(rows, &life, walk)?;
            if !finder.finds(rows, &life.event)? {
                walk.problem(format!("the history does not find {} by what it is", life.event.id));
            }
            Ok(true)
        })?;
        // What ended before it was counted is in no count; what was archived is counted still.
        let hours = if retention::archived(rows)? == 0 { hours } else { Vec::new() };
        for (hour, app, count) in hours {
            for (status, kept) in count.0 {
                let counted = self.ended.get(&(hour, app.clone(), status)).copied().unwrap_or_default();
                if kept > counted {
                    walk.problem(format!(
                        "{kept} events of {app} were {status} in hour {hour}, the rows say {counted}"
                    ));
                }
            }
        }
        Ok(())
    }

    fn ended(&mut self, life: &Life) {
        let (hour, status) = (trends::hour(life.event.changed_at), life.event.status.kind());
        if status.is_final() && hour >= self.since {
            *self.ended.entry((hour, life.event.operation.app.clone(), status)).or_default() += 1;
        }
    }

    fn marks(&mut self, rows: &dyn Rows) -> StoreResult<()> {
        kv::walk(rows, &layout::all_dirty(), Order::Ascending, &mut |key, _| {
            // The app's key begins as a counters key does.
            let name = key.len().checked_sub(17).and_then(|end| layout::app_of_counts(&key[..end]));
            if let Some(app) = name {
                self.app(&app).dirty += 1;
            }
            Ok(true)
        })
    }

    fn compare(mut self, rows: &dyn Rows, head: &StoredHead, walk: &mut Walk) -> StoreResult<()> {
        for (what, counted, kept) in [
            ("users", self.head.users, head.users),
            ("accounts", self.head.accounts, head.accounts),
            ("events", self.head.events + retention::archived(rows)?, head.events),
        ] {
            if counted != kept {
                walk.problem(format!("there are {counted} {what}, expected {kept}"));
            }
        }
        for app in reads::apps(rows)? {
            let kept = reads::counts(rows, &app)?;
            let mut counted = self.apps.remove(&app).unwrap_or_default();
            tidy_counts(&mut counted);
            if counted != kept {
                walk.problem(format!("the counters of {app} are {kept:?}, the rows say {counted:?}"));
            }
        }
        for app in self.apps.keys() {
            walk.problem(format!("{app} has rows but no counters"));
        }
        Ok(())
    }
}

fn check_open(
    rows: &dyn Rows,
    account: &Account,
    open: EventId,
    running: &Running,
    walk: &mut Walk,
) -> StoreResult<()> {
    match life::load_shown(rows, open, running)? {
        None => walk.problem(format!("{open}, open at an account of {}, is missing", account.app)),
        Some(life) if life.event.status.kind().is_final() => {
            walk.problem(format!("{open} is {}, an account of {} has it open", life.event.status.kind(), account.app));
        }
        Some(life) if life.event.generation != account.generation => {
            walk.problem(format!(
                "{open} has generation {}, its account {}",
                life.event.generation, account.generation
            ));
        }
        Some(_) => {}
    }
    Ok(())
}

/// An open event is found by the index that its status names.
fn check_index(rows: &dyn Rows, life: &Life, walk: &mut Walk) -> StoreResult<()> {
    let event = &life.event;
    let operation = &event.operation;
    let status = event.status.kind();
    let key = match (status, life.indexed_due) {
        (StatusKind::Queued | StatusKind::Running | StatusKind::Verifying, Some(due)) => {
            layout::due(&operation.app, operation.kind.is_leaving(), due, event.id)
        }
        (status, _) if life::is_listed(status) => layout::listed_event(&operation.app, status, event.id),
        _ => return Ok(()),
    };
    if rows.get(&key.0)?.is_none() {
        walk.problem(format!("{} is {status} but its index does not have it", event.id));
    }
    Ok(())
}
