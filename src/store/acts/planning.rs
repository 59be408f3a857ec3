//! What the planner reads: dirty marks and pairs; and results of lookups.

use std::collections::BTreeMap;

use crate::directory::change::Cause;
use crate::directory::user::{Manager, User};
use crate::id::{AppName, SourceName, UserId};
use crate::provision::account::{Account, Observation, Presence};
use crate::provision::edge::Edge;
use crate::provision::event::StatusKind;
use crate::store::act::StoreResult;
use crate::store::acts::edges::Flying;
use crate::store::acts::ledger::Draft;
use crate::store::acts::life::{self, Running};
use crate::store::acts::{directory, edges, ledger, reconcile};
use crate::store::group::Group;
use crate::store::kv::{self, Order, Rows};
use crate::store::layout::{self, Key};
use crate::store::query::{Counts, Mark, OpenRow, PairRow, Urgency};
use crate::store::record::{StoredMark, decode};

/// Those of an app's marks that are `under` a key. Marks of pairs whose request may be out wait for its outcome: planning them again
/// now could only skip them.
pub(crate) fn dirty(rows: &dyn Rows, app: &AppName, under: &Key, limit: usize) -> StoreResult<Vec<Mark>> {
    let running = Running::read(rows, Some(app))?;
    let flying = Flying::read(rows, app)?;
    let counts: Counts = kv::read(rows, &layout::counts(app))?.unwrap_or_default();
    let in_flight = [StatusKind::Running, StatusKind::Verifying]
        .iter()
        .any(|status| counts.events.get(status).is_some_and(|n| *n > 0))
        || !flying.is_empty();
    let mut marks = Vec::new();
    kv::walk(rows, under, Order::Ascending, &mut |key, value| {
        let Some(user) = layout::user_at_end(key) else { return Ok(true) };
        if in_flight && flies(rows, app, user, (&running, &flying))? {
            return Ok(true);
        }
        let urgency = if key.get(key.len() - 17) == Some(&0) { Urgency::Leaver } else { Urgency::Normal };
        let mark: StoredMark = decode(value)?;
        marks.push(Mark { urgency, user, cause: mark.cause, at: mark.at });
        Ok(marks.len() < limit)
    })?;
    marks.truncate(limit);
    Ok(marks)
}

/// Whether a request of the pair may be out, or is being looked up.
pub(crate) fn flies(
    rows: &dyn Rows,
    app: &AppName,
    user: UserId,
    (running, flying): (&Running, &Flying),
) -> StoreResult<bool> {
    let Some(open) = ledger::find(rows, app, user)?.and_then(|account| account.open_event) else { return Ok(false) };
    if running.get(open).is_some() || flying.status(rows, app, (user, open))?.is_some() {
        return Ok(true);
    }
    Ok(life::load(rows, open)?.is_some_and(|life| life.event.status.kind() == StatusKind::Verifying))
}

/// Reads pairs of one app; managers are looked up once.
struct Pairs<'a> {
    rows: &'a dyn Rows,
    app: &'a AppName,
    running: Running,
    flying: Flying,
    managers: BTreeMap<(SourceName, String), Option<Manager>>,
}

impl<'a> Pairs<'a> {
    fn new(rows: &'a dyn Rows, app: &'a AppName) -> StoreResult<Self> {
        Ok(Self {
            rows,
            app,
            running: Running::read(rows, Some(app))?,
            flying: Flying::read(rows, app)?,
            managers: BTreeMap::new(),
        })
    }

    fn row(&mut self, user: User, account: Option<Account>, edges: Vec<Edge>) -> StoreResult<PairRow> {
        let account = account.unwrap_or_else(|| Account::new(self.app.clone(), user.id));
        let open = account.open_event.map(|id| life::load_shown(self.rows, id, &self.running)).transpose()?.flatten();
        let out = match &open {
            Some(life) => self.flying.status(self.rows, self.app, (user.id, life.event.id))?,
            None => None,
        };
        let open = open.map(|life| OpenRow {
            event: life.event.id,
            status: out.unwrap_or(life.event.status.kind()),
            account_done: life.event.progress.account_done,
            payload: life.event.payload,
            kind: life.event.operation.kind,
        });
        let manager = self.manager(&user)?;
        Ok(PairRow { user, account, edges, adopted: BTreeMap::new(), manager, open, mark: None })
    }

    /// Why pairs between two users are dirty: a scan of their marks, and nothing if the app has none.
    fn marks(&self, first: UserId, last: UserId) -> StoreResult<BTreeMap<UserId, Cause>> {
        let mut causes = BTreeMap::new();
        let counts: Counts = kv::read(self.rows, &layout::counts(self.app))?.unwrap_or_default();
        for urgency in [Urgency::Normal, Urgency::Leaver].into_iter().filter(|_| counts.dirty > 0) {
            let from = layout::dirty_mark(self.app, urgency, first).0;
            let mut to = layout::dirty_mark(self.app, urgency, last).0;
            to.push(0);
            for (key, value) in self.rows.scan(&from, &to, Order::Ascending, usize::MAX)? {
                let mark: StoredMark = decode(&value)?;
                causes.extend(layout::user_at_end(&key).map(|user| (user, mark.cause)));
            }
        }
        Ok(causes)
    }

    fn manager(&mut self, user: &User) -> StoreResult<Option<Manager>> {
        let Some(key) = &user.manager else { return Ok(None) };
        let pair = (user.source.clone(), key.clone());
        if let Some(known) = self.managers.get(&pair) {
            return Ok(known.clone());
        }
        let manager = match directory::id_of_key(self.rows, &user.source, key)? {
            Some(id) => directory::user(self.rows, id)?,
            None => None,
        };
        let manager = manager.map(|manager| self.shown(&manager)).transpose()?;
        self.managers.insert(pair, manager.clone());
        Ok(manager)
    }

    fn shown(&self, manager: &User) -> StoreResult<Manager> {
        let account = ledger::find(self.rows, self.app, manager.id)?;
        let there = account.filter(|account| account.is_ours() && account.presence == Presence::Active);
        Ok(Manager {
            user: manager.id,
            label: manager.label(),
            email: manager.text("email").map(str::to_owned),
            remote_id: there.and_then(|account| account.remote_id),
        })
    }
}

pub(crate) fn pairs(rows: &dyn Rows, app: &AppName, users: &[UserId]) -> StoreResult<Vec<PairRow>> {
    let mut reader = Pairs::new(rows, app)?;
    let mut pairs = Vec::with_capacity(users.len());
    for id in users {
        if let Some(user) = directory::user(rows, *id)? {
            let account = ledger::find(rows, app, *id)?;
            let mark = reader.marks(*id, *id)?.remove(id);
            let edges = edges::of(rows, app, *id)?;
            let adopted = reconcile::adopted(rows, app, *id)?;
            pairs.push(PairRow { mark, adopted, ..reader.row(user, account, edges)? });
        }
    }
    Ok(pairs)
}

pub(crate) fn pairs_after(
    rows: &dyn Rows,
    app: &AppName,
    after: Option<UserId>,
    limit: usize,
) -> StoreResult<Vec<PairRow>> {
    let mut reader = Pairs::new(rows, app)?;
    let users = directory::users_after(rows, after, limit)?;
    let (Some(first), Some(last)) = (users.first(), users.last()) else { return Ok(Vec::new()) };
    // Users and accounts sort alike: two scans, no random reads.
    let (from, mut to) = (layout::account(app, first.id).0, layout::account(app, last.id).0);
    to.push(0);
    let mut accounts: BTreeMap<UserId, Account> = BTreeMap::new();
    for (_, value) in rows.scan(&from, &to, Order::Ascending, usize::MAX)? {
        let account: Account = decode(&value)?;
        accounts.insert(account.user, account);
    }
    let mut marks = reader.marks(first.id, last.id)?;
    let mut edges = edges::between(rows, app, (first.id, last.id))?;
    let mut adopted = reconcile::adopted_between(rows, app, (first.id, last.id))?;
    users
        .into_iter()
        .map(|user| {
            let (account, mark) = (accounts.remove(&user.id), marks.remove(&user.id));
            let edges = edges.remove(&user.id).unwrap_or_default();
            let adopted = adopted.remove(&user.id).unwrap_or_default();
            Ok(PairRow { mark, adopted, ..reader.row(user, account, edges)? })
        })
        .collect()
}

/// The one user at the end of the first key under `prefix`.
fn owner(rows: &dyn Rows, prefix: &Key) -> StoreResult<Option<UserId>> {
    Ok(kv::under(rows, prefix, 1)?.first().and_then(|(key, _)| layout::user_at_end(key)))
}

pub(crate) fn owners_by_name(rows: &dyn Rows, app: &AppName, names: &[String]) -> StoreResult<Vec<Option<UserId>>> {
    let one = |name: &String| {
        let (now, before) = (crate::text::folded(name), layout::folded(name));
        match owner(rows, &layout::names(app, &now))? {
            None if now != before => owner(rows, &layout::names(app, &before)),
            found => Ok(found),
        }
    };
    names.iter().map(one).collect()
}

pub(crate) fn owners_by_remote_id(rows: &dyn Rows, app: &AppName, ids: &[String]) -> StoreResult<Vec<Option<UserId>>> {
    ids.iter().map(|id| owner(rows, &layout::remotes(app, id))).collect()
}

pub(crate) fn note_matches(tx: &mut Group<'_>, app: &AppName, matches: Vec<(UserId, Observation)>) -> StoreResult<()> {
    for (user, observation) in matches {
        let mut draft = Draft::load(tx, app, user)?;
        draft.account.observation = observation;
        draft.save(tx)?;
    }
    Ok(())
}
