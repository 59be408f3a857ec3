//! Edges as rows: the ledger's entry, the index by entitlement, the queue of those that may be sent, the counters; and what becomes
//! of an event's edges when it is filed, moves on or ends.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Timestamp;
use crate::id::{AppName, EventId, UserId};
use crate::page::Page;
use crate::provision::edge::{self, Edge, EdgeChange, EdgeState, EdgeStep};
use crate::provision::entitlement::EntitlementKey;
use crate::provision::event::{Event, Status, StatusKind};
use crate::provision::operation::Operation;
use crate::store::act::{StoreError, StoreResult};
use crate::store::group::Group;
use crate::store::kv::{self, Order, Rows};
use crate::store::layout;
use crate::store::query::Counts;
use crate::store::record::{QueuedEdge, RunningEdges, decode};

/// What names an entitlement in keys.
pub(crate) fn named<'a>(key: &'a EntitlementKey, name: &'a str) -> (&'a EntitlementKey, &'a str) {
    (key, name)
}

/// The edges of one account.
pub(crate) fn of(rows: &dyn Rows, app: &AppName, user: UserId) -> StoreResult<Vec<Edge>> {
    let pairs = kv::under(rows, &layout::edges_of(app, user), usize::MAX)?;
    pairs.iter().map(|(_, value)| decode(value)).collect()
}

/// The edges of all accounts between two users.
pub(crate) fn between(
    rows: &dyn Rows,
    app: &AppName,
    (first, last): (UserId, UserId),
) -> StoreResult<BTreeMap<UserId, Vec<Edge>>> {
    let mut edges: BTreeMap<UserId, Vec<Edge>> = BTreeMap::new();
    let counts: Counts = kv::read(rows, &layout::counts(app))?.unwrap_or_default();
    if counts.edges.is_empty() {
        return Ok(edges);
    }
    let (from, to) = (layout::edges_of(app, first).0, layout::edges_of(app, last).end());
    let start = from.len() - 16;
    kv::walk_range(rows, (from, to), Order::Ascending, &mut |key, value| {
        if let Some(user) = key.get(..start + 16).and_then(layout::user_at_end) {
            edges.entry(user).or_default().push(decode(value)?);
        }
        Ok(true)
    })?;
    Ok(edges)
}

/// Who has an edge in an entitlement.
pub(crate) fn members(
    rows: &dyn Rows,
    app: &AppName,
    key: &EntitlementKey,
    after: Option<UserId>,
    limit: usize,
) -> StoreResult<Page<(UserId, Edge), UserId>> {
    let prefix = layout::members(app, (key, ""));
    let mut from = prefix.0.clone();
    if let Some(after) = after {
        from = layout::member(app, (key, ""), after).0;
        from.push(0);
    }
    let mut items = Vec::new();
    for (row, _) in rows.scan(&from, &prefix.end(), Order::Ascending, limit.saturating_add(1))? {
        let Some(user) = layout::user_at_end(&row) else { continue };
        if let Some(edge) = kv::read::<Edge>(rows, &layout::edge(app, user, (key, "")))? {
            items.push((user, edge));
        }
    }
    let next = (items.len() > limit && limit > 0).then(|| items[limit - 1].0);
    items.truncate(limit);
    Ok(Page { items, next })
}

/// One edge.
pub(crate) fn find(
    rows: &dyn Rows,
    app: &AppName,
    user: UserId,
    (key, name): (&EntitlementKey, &str),
) -> StoreResult<Option<Edge>> {
    kv::read(rows, &layout::edge(app, user, (key, name)))
}

/// Writes an edge, or takes it out of the ledger, with index and counters.
pub(crate) fn put(
    tx: &mut Group<'_>,
    (app, user): (&AppName, UserId),
    before: Option<&Edge>,
    after: Option<&Edge>,
) -> StoreResult<()> {
    tx.count_edge(app, before.map(|edge| edge.state), after.map(|edge| edge.state))?;
    match (before, after) {
        (_, Some(after)) => {
            if before.is_none() {
                tx.put_key(layout::member(app, named(&after.key, &after.name), user));
            }
            tx.put(layout::edge(app, user, named(&after.key, &after.name)), after)
        }
        (Some(before), None) => {
            tx.remove(layout::member(app, named(&before.key, &before.name), user));
            tx.remove(layout::edge(app, user, named(&before.key, &before.name)));
            Ok(())
        }
        (None, None) => Ok(()),
    }
}

/// Takes one step; what it is after that, if anything.
pub(crate) fn step(
    tx: &mut Group<'_>,
    (app, user): (&AppName, UserId),
    before: &Edge,
    step: EdgeStep,
    at: Timestamp,
) -> StoreResult<Option<Edge>> {
    let state = edge::step(Some(before.state), step).map_err(|error| StoreError::Conflict(error.to_string()))?;
    let after = state.map(|state| Edge { state, since: at, ..before.clone() });
    put(tx, (app, user), Some(before), after.as_ref())?;
    Ok(after)
}

/// Whether the ledger lets an operation's edges be filed.
pub(crate) fn fit(rows: &dyn Rows, operation: &Operation) -> StoreResult<bool> {
    for change in &operation.edges {
        let known = find(rows, &operation.app, operation.user, (&change.key(), &change.name))?;
        if edge::step(known.map(|edge| edge.state), EdgeStep::Planned { add: change.add }).is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// An event was filed: its edges are `adding` and `removing`, and claimable if nothing comes before them.
pub(crate) fn plan(tx: &mut Group<'_>, event: &Event, at: Timestamp) -> StoreResult<()> {
    let (app, user) = (&event.operation.app, event.operation.user);
    for change in &event.operation.edges {
        let known = find(tx, app, user, (&change.key(), &change.name))?;
        let state = edge::step(known.as_ref().map(|edge| edge.state), EdgeStep::Planned { add: change.add });
        let state = state.map_err(|error| StoreError::Conflict(error.to_string()))?;
        let Some(state) = state else { continue };
        let fresh =
            || Edge { key: change.key(), name: change.name.clone(), state, event: None, since: at, effective: true };
        let after = Edge { state, event: Some(event.id), since: at, ..known.clone().unwrap_or_else(fresh) };
        put(tx, (app, user), known.as_ref(), Some(&after))?;
    }
    follow(tx, event, at)
}

/// What an event's step means for its edges: once nothing but they is left, they are claimable; when it ends, what was not sent is as
/// it was before.
pub(crate) fn follow(tx: &mut Group<'_>, event: &Event, at: Timestamp) -> StoreResult<()> {
    if event.operation.edges.is_empty() {
        return Ok(());
    }
    match &event.status {
        Status::Queued { due, .. } if event.progress.account_done => enqueue(tx, event, *due),
        status if status.kind().is_final() => put_back(tx, event, at),
        _ => Ok(()),
    }
}

/// The event's edges that are not at an end.
pub(crate) fn open_of(rows: &dyn Rows, event: &Event) -> StoreResult<Vec<Edge>> {
    let mut edges = of(rows, &event.operation.app, event.operation.user)?;
    edges.retain(|edge| edge.event == Some(event.id) && edge.is_open());
    Ok(edges)
}

/// What the operation does to an edge; by name too, for a group that had no id when it was planned.
pub(crate) fn change_of(event: &Event, edge: &Edge) -> Option<EdgeChange> {
    let same = |change: &&EdgeChange| {
        let named = change.remote_id.is_empty() && change.name == edge.name;
        change.kind == edge.key.kind && (change.is(&edge.key, &edge.name) || named)
    };
    event.operation.edges.iter().find(same).cloned()
}

fn enqueue(tx: &mut Group<'_>, event: &Event, due: Timestamp) -> StoreResult<()> {
    let (app, user) = (&event.operation.app, event.operation.user);
    for edge in open_of(tx, event)? {
        let Some(change) = change_of(event, &edge) else { continue };
        let key = layout::queued_edge(app, named(&edge.key, &edge.name), change.add, user);
        let attempts = kv::read::<QueuedEdge>(tx, &key)?.map_or(0, |queued| queued.attempts);
        let change = EdgeChange { remote_id: edge.key.remote_id.clone(), ..change };
        tx.put(key, &QueuedEdge { event: event.id, due, attempts, change })?;
    }
    Ok(())
}

/// Takes an edge out of the queue, whichever way it was to go.
pub(crate) fn dequeue(tx: &mut Group<'_>, app: &AppName, user: UserId, edge: &Edge) {
    for add in [true, false] {
        tx.remove(layout::queued_edge(app, named(&edge.key, &edge.name), add, user));
    }
}

fn put_back(tx: &mut Group<'_>, event: &Event, at: Timestamp) -> StoreResult<()> {
    let (app, user) = (&event.operation.app, event.operation.user);
    for edge in open_of(tx, event)? {
        dequeue(tx, app, user, &edge);
        step(tx, (app, user), &edge, EdgeStep::PutBack, at)?;
    }
    Ok(())
}

/// Takes edges out of the ledger without a request.
pub(crate) fn forget(
    tx: &mut Group<'_>,
    app: &AppName,
    user: UserId,
    which: impl Fn(&Edge) -> bool,
) -> StoreResult<()> {
    for edge in of(tx, app, user)? {
        if which(&edge) {
            dequeue(tx, app, user, &edge);
            put(tx, (app, user), Some(&edge), None)?;
        }
    }
    Ok(())
}

/// An account changes hands: what it has goes with it.
pub(crate) fn hand_over(tx: &mut Group<'_>, app: &AppName, from: UserId, to: UserId) -> StoreResult<()> {
    for edge in of(tx, app, from)? {
        dequeue(tx, app, from, &edge);
        put(tx, (app, from), Some(&edge), None)?;
        let known = find(tx, app, to, named(&edge.key, &edge.name))?;
        if known.is_none() && matches!(edge.state, EdgeState::Granted | EdgeState::Found) {
            put(tx, (app, to), None, Some(&edge))?;
        }
    }
    Ok(())
}

/// Whose edges may be out, and whose are being looked up.
#[derive(Debug, Default)]
pub(crate) struct Flying {
    users: BTreeSet<UserId>,
    unknown: bool,
}

impl Flying {
    /// Those of one app.
    pub(crate) fn read(rows: &dyn Rows, app: &AppName) -> StoreResult<Self> {
        let mut flying = Self::default();
        for (_, value) in kv::under(rows, &layout::running_edges(app), usize::MAX)? {
            let chunk: RunningEdges = decode(&value)?;
            flying.users.extend(chunk.edges.iter().map(|edge| edge.user));
        }
        let counts: Counts = kv::read(rows, &layout::counts(app))?.unwrap_or_default();
        flying.unknown = counts.edges.contains_key(&EdgeState::Unknown);
        Ok(flying)
    }

    /// Whether nobody's are.
    pub(crate) fn is_empty(&self) -> bool {
        self.users.is_empty() && !self.unknown
    }

    /// How the edges of a pair's open event stand, if one of them may be out.
    pub(crate) fn status(
        &self,
        rows: &dyn Rows,
        app: &AppName,
        (user, event): (UserId, EventId),
    ) -> StoreResult<Option<StatusKind>> {
        if self.users.contains(&user) {
            return Ok(Some(StatusKind::Running));
        }
        if !self.unknown {
            return Ok(None);
        }
        let looked_up = |edge: &Edge| edge.event == Some(event) && edge.state == EdgeState::Unknown;
        Ok(of(rows, app, user)?.iter().any(looked_up).then_some(StatusKind::Verifying))
    }
}
