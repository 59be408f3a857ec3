//! The pusher's second half: memberships, by entitlement. Once nothing is due for accounts, the edges of each entitlement are taken
//! together: looked at once, what is as it should be is recognised, the rest goes out in chunks, additions first. Each chunk's intent is
//! on disk before it is sent, one chunk an entitlement at a time; entitlements side by side.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use tokio::task::JoinSet;

use crate::clock::Timestamp;
use crate::connector::descriptor::{Connector, PatchStyle};
use crate::connector::groups::{MemberAdd, MemberRemove, MembershipRead};
use crate::engine::breaker::Verdict;
use crate::engine::context::{Engine, EngineError};
use crate::engine::lane::Lane;
use crate::engine::perform::{self, Change, Changed, Made, Membership};
use crate::engine::push::Shared;
use crate::engine::today::Protections;
use crate::provision::edge::EdgeOutcome;
use crate::provision::entitlement::{Entitlement, EntitlementKey, Named};
use crate::provision::guard::clearance::{self, Void};
use crate::provision::outcome::{Done, Exchange, Failure, Outcome};
use crate::store::act::{ClaimedEdge, ClaimedEdges, FinishEdges, FinishedEdge};

/// The most members of one request where the connector names no number.
const MEMBERS_MAX: usize = 1_000;
/// What one member takes in a request beside its id, in bytes; generous.
const MEMBER_BYTES: usize = 64;
/// What a request takes beside its members, in bytes.
const BODY_BYTES: usize = 160;

/// What was done for one entitlement.
#[derive(Default)]
struct Pushed {
    edges: u64,
    /// Why nothing more should be sent to the target now.
    stop: Option<Failure>,
}

impl Engine {
    /// Pushes the edges that are due; returns how many came to an outcome. Left for later while the app is being planned, so that
    /// what belongs into one request goes into one.
    pub(super) async fn push_members(
        &self,
        shared: &Arc<Shared>,
        lane: &Arc<Lane>,
        concurrency: usize,
        stop: &(dyn Fn() -> bool + Send + Sync),
    ) -> Result<u64, EngineError> {
        if lane.planning.try_lock().is_err() {
            return Ok(0);
        }
        let name = &shared.app.spec.name;
        let (mut tasks, mut aboard) = (JoinSet::new(), HashMap::new());
        let (mut done, mut broken, mut quiet) = (0, false, false);
        loop {
            let stopped = lane.breaker().verdict() != Verdict::Closed || broken || stop();
            let open = !stopped && lane.rests_until(shared.clock.now()).is_none();
            if open && !quiet && tasks.len() < concurrency {
                let busy: Vec<EntitlementKey> = aboard.values().cloned().collect();
                let now = shared.clock.now();
                let claimed = shared.store.claim_edges(name, now, busy, concurrency - tasks.len()).await?;
                quiet = claimed.is_empty();
                for edges in claimed {
                    let key = edges.key.clone();
                    let user = edges.edges.first().map(|edge| edge.event.user());
                    let shared = Arc::clone(shared);
                    let task = tasks.spawn(async move { (user, entitlement(&shared, edges).await) });
                    aboard.insert(task.id(), key);
                }
            }
            let ended = tokio::select! {
                ended = tasks.join_next_with_id() => ended,
                // A leaver waits for no membership.
                () = lane.hurried(), if !stopped => {
                    done += self.push_leavers(shared, lane, stop).await?;
                    continue;
                }
            };
            let Some(ended) = ended else { break };
            match ended {
                Ok((task, (user, pushed))) => {
                    aboard.remove(&task);
                    let pushed = pushed?;
                    done += pushed.edges;
                    // What was not sent, because the app stopped or the pair moved, is not claimed again in this round.
                    quiet = pushed.edges == 0;
                    if let Some(user) = user {
                        let now = shared.clock.now();
                        lane.breaker().saw(user, &seen(&pushed, now), now);
                    }
                }
                Err(error) => {
                    aboard.remove(&error.id());
                    broken = true;
                }
            }
        }
        if broken {
            shared.store.recover_edges(name, shared.clock.now()).await?;
        }
        let verdict = lane.breaker().verdict();
        if verdict != Verdict::Closed {
            self.heed(name, verdict).await?;
        }
        Ok(done)
    }
}

fn seen(pushed: &Pushed, now: Timestamp) -> Outcome {
    match &pushed.stop {
        Some(failure) => Outcome::Retry { failure: failure.clone(), due: now },
        None => Outcome::Succeeded(Done {
            remote_id: None,
            found: std::collections::BTreeMap::new(),
            found_active: true,
            replaced: None,
            note: String::new(),
        }),
    }
}

/// All that is due for one entitlement.
async fn entitlement(shared: &Shared, mut claimed: ClaimedEdges) -> Result<Pushed, EngineError> {
    if claimed.key.remote_id.is_empty() {
        match made(shared, &claimed).await? {
            Ok(key) => claimed.bind(key),
            Err(pushed) => return Ok(pushed),
        }
    }
    let learned = shared.learned();
    let cx = shared.context(&learned);
    let mut pushed = Pushed::default();
    let Some(changes) = cleared(shared, &claimed, &mut pushed).await? else { return Ok(pushed) };
    let mut talk = perform::conversation::Conversation::new(cx);
    let members: Vec<&str> = changes.iter().map(|change| change.cleared.member()).collect();
    let shown = match shown(shared, &mut talk, &claimed.key.remote_id, &members).await {
        Ok(shown) => shown,
        Err(failure) => {
            let outcomes = changes.iter().map(|change| perform::retry(cx, change, &failure)).collect();
            put_off(shared, &changes, outcomes, talk.exchanges, &mut pushed).await?;
            pushed.stop = Some(failure);
            return Ok(pushed);
        }
    };
    // A target that computes members, or shows them by a filter only, may show nobody of those who are there.
    let doubtful = cx.connector().groups.computed || cx.connector().groups.read == MembershipRead::Filter;
    let (settled, rest): (Vec<Change<'_>>, Vec<Change<'_>>) =
        changes.iter().copied().partition(|change| recognised(change, &shown, doubtful).is_some());
    let outcomes = settled.iter().filter_map(|change| recognised(change, &shown, doubtful)).collect();
    put_off(shared, &settled, outcomes, talk.exchanges, &mut pushed).await?;
    let (adds, removals): (Vec<Change<'_>>, Vec<Change<'_>>) =
        rest.into_iter().partition(|change| change.cleared.adds());
    for all in [adds, removals] {
        for chunk in chunks(cx.connector(), &all) {
            match pushed.stop.clone() {
                Some(failure) => {
                    let outcomes = chunk.iter().map(|change| perform::retry(cx, change, &failure)).collect();
                    put_off(shared, chunk, outcomes, Vec::new(), &mut pushed).await?;
                }
                None => send(shared, chunk, &mut pushed).await?,
            }
        }
    }
    Ok(pushed)
}

/// Who is in the group before anything is sent. Where accounts show their groups, each account is read once a round, not once for
/// each of its groups.
async fn shown(
    shared: &Shared,
    talk: &mut perform::conversation::Conversation<'_>,
    group: &str,
    members: &[&str],
) -> Result<Membership, Failure> {
    if talk.cx.connector().groups.read != MembershipRead::User {
        return talk.membership(group, members).await;
    }
    let mut known = std::collections::BTreeMap::new();
    for id in members {
        let read = shared.groups_of.lock().unwrap_or_else(PoisonError::into_inner).get(*id).cloned();
        let groups = match read {
            Some(groups) => groups,
            None => {
                let groups = Arc::new(talk.groups_of(id).await?);
                let mut all = shared.groups_of.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(all.entry((*id).to_owned()).or_insert(groups))
            }
        };
        known.insert((*id).to_owned(), groups.contains(group));
    }
    Ok(Membership::Known(known))
}

impl ClaimedEdges {
    /// The group has its id now.
    fn bind(&mut self, key: EntitlementKey) {
        for edge in &mut self.edges {
            edge.change.remote_id.clone_from(&key.remote_id);
        }
        self.key = key;
    }
}

/// What needs no request: who is in the group is not added, who is not is not removed. Where it is doubtful that all members show, one
/// that does not show may still be ours to take back.
fn recognised(change: &Change<'_>, shown: &Membership, doubtful: bool) -> Option<EdgeOutcome> {
    match (shown.has(change.cleared.member()), change.cleared.adds()) {
        (Some(true), true) => Some(EdgeOutcome::Seen),
        (Some(false), false) if !doubtful => Some(EdgeOutcome::Removed { already: true }),
        _ => None,
    }
}

/// Clears all claimed edges; those that are void are put back. `None` = the app stopped.
async fn cleared<'a>(
    shared: &'a Shared,
    claimed: &'a ClaimedEdges,
    pushed: &mut Pushed,
) -> Result<Option<Vec<Change<'a>>>, EngineError> {
    let (mut changes, mut void) = (Vec::with_capacity(claimed.edges.len()), Vec::new());
    let protections = shared.protections(claimed.edges.iter().map(|edge| &edge.event)).await?;
    for edge in &claimed.edges {
        match clear(shared, &claimed.key, edge, &protections) {
            Ok(change) => changes.push(change),
            Err(Void::AppStopped(_)) => return Ok(None),
            Err(Void::Stale(why)) => void.push(FinishedEdge {
                event: edge.event.id,
                change: edge.change.clone(),
                outcome: EdgeOutcome::Void { why },
            }),
        }
    }
    finish(shared, FinishEdges { chunk: None, edges: void, exchanges: Vec::new() }, pushed).await?;
    Ok(Some(changes))
}

fn clear<'a>(
    shared: &Shared,
    key: &'a EntitlementKey,
    edge: &'a ClaimedEdge,
    protections: &Protections,
) -> Result<Change<'a>, Void> {
    let app = &shared.app;
    let today = shared.today(protections, edge.event.id, shared.clock.now());
    let wanted = (&edge.change, key.remote_id.as_str());
    let cleared = clearance::clear_edge(&edge.event, &edge.account, wanted, &app.spec, today)?;
    Ok(Change { cleared, change: &edge.change, event: &edge.event, attempts: edge.attempts })
}

/// Records outcomes for which nothing was sent.
async fn put_off(
    shared: &Shared,
    changes: &[Change<'_>],
    outcomes: Vec<EdgeOutcome>,
    exchanges: Vec<Exchange>,
    pushed: &mut Pushed,
) -> Result<(), EngineError> {
    let edges = changes.iter().zip(outcomes).map(|(change, outcome)| finished(change, outcome)).collect();
    finish(shared, FinishEdges { chunk: None, edges, exchanges }, pushed).await
}

async fn finish(shared: &Shared, finish: FinishEdges, pushed: &mut Pushed) -> Result<(), EngineError> {
    if finish.edges.is_empty() && finish.chunk.is_none() {
        return Ok(());
    }
    pushed.edges += finish.edges.len() as u64;
    shared.store.finish_edges(&shared.app.spec.name, finish, shared.clock.now()).await?;
    Ok(())
}

fn finished(change: &Change<'_>, outcome: EdgeOutcome) -> FinishedEdge {
    FinishedEdge { event: change.event.id, change: change.change.clone(), outcome }
}

/// One chunk: intent, request, outcome.
async fn send(shared: &Shared, chunk: &[Change<'_>], pushed: &mut Pushed) -> Result<(), EngineError> {
    let name = &shared.app.spec.name;
    let wanted = chunk.iter().map(|change| (change.event.id, change.change.clone()));
    let begun = shared.store.begin_edges(name, wanted.collect(), shared.clock.now()).await?;
    let chunk: Vec<Change<'_>> =
        chunk.iter().copied().filter(|change| begun.events.contains(&change.event.id)).collect();
    if chunk.is_empty() {
        return Ok(());
    }
    let learned = shared.learned();
    let Changed { outcomes, exchanges, stop } = perform::change_members(shared.context(&learned), &chunk).await;
    let edges = chunk.iter().zip(outcomes).map(|(change, outcome)| finished(change, outcome)).collect();
    pushed.stop = stop;
    finish(shared, FinishEdges { chunk: Some(begun.chunk), edges, exchanges }, pushed).await
}

/// As many as one request may have, by number and by bytes.
fn chunks<'c, 'a>(connector: &Connector, changes: &'c [Change<'a>]) -> Vec<&'c [Change<'a>]> {
    let groups = &connector.groups;
    let adds = changes.first().is_some_and(|change| change.cleared.adds());
    let each_by_itself = if adds { groups.add == MemberAdd::Single } else { groups.remove == MemberRemove::ValuePath };
    let most = match groups.members_max as usize {
        _ if each_by_itself && connector.users.patch_style == PatchStyle::Single => 1,
        0 => MEMBERS_MAX,
        most => most,
    };
    let bytes_max = match groups.bytes_max as usize {
        0 => usize::MAX,
        most => most,
    };
    let (mut parts, mut start, mut bytes) = (Vec::new(), 0, BODY_BYTES);
    for (index, change) in changes.iter().enumerate() {
        let more = change.cleared.member().len() + MEMBER_BYTES;
        if index > start && (index - start >= most || bytes + more > bytes_max) {
            parts.push(&changes[start..index]);
            (start, bytes) = (index, BODY_BYTES);
        }
        bytes += more;
    }
    if start < changes.len() {
        parts.push(&changes[start..]);
    }
    parts
}

/// The group that edges wait for: known by now, found, or created once, its intent on disk before.
async fn made(shared: &Shared, claimed: &ClaimedEdges) -> Result<Result<EntitlementKey, Pushed>, EngineError> {
    let name = &shared.app.spec.name;
    let catalogue = shared.store.catalogue(name).await?;
    if let Named::One(one) = catalogue.named(&claimed.key.kind, &claimed.name) {
        shared.store.bind_edges(name, one.key.clone(), claimed.name.clone()).await?;
        return Ok(Ok(one.key.clone()));
    }
    let mut pushed = Pushed::default();
    let Some(first) = claimed.edges.first() else { return Ok(Err(pushed)) };
    let protections = shared.protections(std::iter::once(&first.event)).await?;
    let today = shared.today(&protections, first.event.id, shared.clock.now());
    let cleared = clearance::clear_group(&first.event, &first.account, &first.change, &shared.app.spec, today);
    let cleared = match cleared {
        Ok(cleared) => cleared,
        Err(Void::AppStopped(_)) => return Ok(Err(pushed)),
        Err(Void::Stale(why)) => {
            let edges = vec![FinishedEdge {
                event: first.event.id,
                change: first.change.clone(),
                outcome: EdgeOutcome::Void { why },
            }];
            finish(shared, FinishEdges { chunk: None, edges, exchanges: Vec::new() }, &mut pushed).await?;
            return Ok(Err(pushed));
        }
    };
    let wanted = vec![(first.event.id, first.change.clone())];
    let begun = shared.store.begin_edges(name, wanted, shared.clock.now()).await?;
    if begun.events.is_empty() {
        return Ok(Err(pushed));
    }
    let learned = shared.learned();
    let (made, exchanges) = perform::create_group(shared.context(&learned), &cleared).await;
    let now = shared.clock.now();
    let outcome = match &made {
        Made::There(..) => EdgeOutcome::Retry { failure: bound(&claimed.name), due: now },
        Made::Not(failure) => put_off_group(shared, first, failure, now),
    };
    let mut edges =
        vec![FinishedEdge { event: first.event.id, change: first.change.clone(), outcome: outcome.clone() }];
    if let Made::Not(failure) = &made {
        edges.extend(claimed.edges.iter().skip(1).map(|edge| FinishedEdge {
            event: edge.event.id,
            change: edge.change.clone(),
            outcome: put_off_group(shared, edge, failure, now),
        }));
        pushed.stop = failure.class.retries().then(|| failure.clone());
    }
    finish(shared, FinishEdges { chunk: Some(begun.chunk), edges, exchanges }, &mut pushed).await?;
    let Made::There(remote_id, created) = made else { return Ok(Err(pushed)) };
    let key = EntitlementKey { kind: claimed.key.kind.clone(), remote_id };
    let entitlement = Entitlement { key: key.clone(), name: claimed.name.clone(), created, since: now, gone: None };
    shared.store.add_entitlement(name, entitlement).await?;
    shared.store.bind_edges(name, key.clone(), claimed.name.clone()).await?;
    Ok(Ok(key))
}

fn bound(name: &str) -> Failure {
    Failure {
        class: crate::provision::FailureClass::Missing,
        status: None,
        detail: format!("the group “{name}” is there now; members follow"),
        retry_after: None,
    }
}

fn put_off_group(shared: &Shared, edge: &ClaimedEdge, failure: &Failure, now: Timestamp) -> EdgeOutcome {
    let age = now.millis_since(edge.event.filed_at);
    if !failure.class.retries() || age > shared.app.spec.app.limits.give_up_after.as_millis() {
        return EdgeOutcome::Refused(failure.clone());
    }
    let due = crate::provision::backoff::due(edge.event.id, edge.attempts + 1, now);
    EdgeOutcome::Retry { failure: failure.clone(), due }
}
