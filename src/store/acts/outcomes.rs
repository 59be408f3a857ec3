//! Outcomes: what an attempt brought, for the event, the account, the counters and the pairs that depend on it.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::{AppName, UserId};
use crate::provision::account::{Account, Mute, MuteReason, Observation, Origin, Presence, Retired};
use crate::provision::entry::Fact;
use crate::provision::event::{Status, StatusKind};
use crate::provision::operation::Kind;
use crate::provision::outcome::{Done, Exchange, Failure, FailureClass, Outcome};
use crate::store::act::{Finish, StoreError, StoreResult};
use crate::store::acts::ledger::Draft;
use crate::store::acts::life::{self, Life, Running, Why};
use crate::store::acts::{edge_outcomes, edges, marks, planning, pushing};
use crate::store::group::Group;
use crate::store::query::Urgency;

pub(crate) fn finish(tx: &mut Group<'_>, outcomes: Vec<Finish>, at: Timestamp) -> StoreResult<()> {
    let mut running = Running::read(tx, None)?;
    let mut touched: BTreeSet<(AppName, u64)> = BTreeSet::new();
    for one in outcomes {
        let mut life = life::must(tx, one.event, &running)?;
        if life.event.status.kind().is_final() {
            // Reported before: the answer got lost.
            continue;
        }
        if life.event.progress.account_done {
            // Likewise: only its edges are left.
            continue;
        }
        if let Some((batch, ..)) = running.get(one.event) {
            running.end(one.event);
            touched.insert((life.event.operation.app.clone(), batch));
        }
        attempted(tx, &mut life, one.exchanges, at);
        settle(tx, &mut life, one.outcome, at)?;
    }
    for (app, batch) in touched {
        running.write(tx, &app, &[batch])?;
    }
    Ok(())
}

fn attempted(tx: &mut Group<'_>, life: &mut Life, exchanges: Vec<Exchange>, at: Timestamp) {
    if !exchanges.is_empty() {
        life.enter(tx, at, Fact::Attempted { attempt: life.event.attempts, exchanges });
    }
}

fn settle(tx: &mut Group<'_>, life: &mut Life, outcome: Outcome, at: Timestamp) -> StoreResult<()> {
    match outcome {
        Outcome::Succeeded(done) => match owned_by_other(tx, life, &done)? {
            Some(failure) => settle(tx, life, Outcome::Conflict(failure), at),
            None => succeeded(tx, life, done, at),
        },
        Outcome::Retry { failure, due } => {
            let why = failure.clone();
            life.step(tx, Status::Queued { due, last: Some(failure) }, at, because(&why))?;
            change(tx, life, settled)
        }
        Outcome::Unknown { failure, due } => {
            let since = match life.event.status {
                Status::Running { since } | Status::Verifying { since, .. } => since,
                _ => at,
            };
            life.step(tx, Status::Verifying { since, due }, at, because(&failure))?;
            pushing::unsure(tx, life.event.operation.kind, &life.event.operation.app, life.event.operation.user)
        }
        Outcome::Failed(failure) => failed(tx, life, failure, at, |_, _| {}),
        Outcome::Conflict(failure) => failed(tx, life, failure, at, |account, failure| {
            account.presence = Presence::Conflict;
            account.note.clone_from(&failure.detail);
        }),
        Outcome::Lost(failure) => {
            edges::forget(tx, &life.event.operation.app, life.event.operation.user, |_| true)?;
            failed(tx, life, failure, at, |account, failure| {
                account.presence = Presence::Lost;
                account.mute = None;
                account.note.clone_from(&failure.detail);
            })?;
            dirty(tx, life, at)
        }
        Outcome::Void { why } => {
            life.step(tx, Status::Superseded { by: None }, at, Why::words(&why))?;
            close(tx, life, |account| {
                settled(account);
                account.basis = None;
            })?;
            dirty(tx, life, at)
        }
    }
}

/// A create may not be answered with an account that the ledger has under another user (`reliability.md` section 3, case 2). Asked
/// in the act itself: of two creates that are answered with the same account, the second is refused too.
fn owned_by_other(tx: &Group<'_>, life: &Life, done: &Done) -> StoreResult<Option<Failure>> {
    let operation = &life.event.operation;
    let Some(id) = done.remote_id.as_ref().filter(|_| operation.kind == Kind::Create) else { return Ok(None) };
    let owners = planning::owners_by_remote_id(tx, &operation.app, std::slice::from_ref(id))?;
    let other = owners.into_iter().flatten().find(|owner| *owner != operation.user);
    Ok(other.map(|owner| Failure {
        class: FailureClass::Conflict,
        status: None,
        detail: format!("the target answered with account {id}, which is {owner}'s in the ledger"),
        retry_after: None,
    }))
}

fn because(failure: &Failure) -> Why<'_> {
    Why { class: Some(failure.class), detail: &failure.detail }
}

/// It is known again that there is no account.
fn settled(account: &mut Account) {
    if account.presence == Presence::Unknown {
        account.presence = Presence::None;
    }
}

fn change(tx: &mut Group<'_>, life: &Life, how: impl FnOnce(&mut Account)) -> StoreResult<()> {
    let mut draft = Draft::load(tx, &life.event.operation.app, life.event.operation.user)?;
    how(&mut draft.account);
    draft.save(tx)
}

fn close(tx: &mut Group<'_>, life: &Life, how: impl FnOnce(&mut Account)) -> StoreResult<()> {
    let mut draft = Draft::load(tx, &life.event.operation.app, life.event.operation.user)?;
    draft.close();
    how(&mut draft.account);
    draft.save(tx)
}

pub(crate) fn dirty(tx: &mut Group<'_>, life: &Life, at: Timestamp) -> StoreResult<()> {
    let operation = &life.event.operation;
    let urgency = if operation.kind.is_leaving() { Urgency::Leaver } else { Urgency::Normal };
    marks::mark(tx, &operation.app, operation.user, urgency, &life.event.cause, at)
}

fn failed(
    tx: &mut Group<'_>,
    life: &mut Life,
    failure: Failure,
    at: Timestamp,
    how: impl FnOnce(&mut Account, &Failure),
) -> StoreResult<()> {
    let why = failure.clone();
    if life.event.status.kind() == StatusKind::Queued {
        return Err(StoreError::Conflict(format!("{} failed without having begun", life.event.id)));
    }
    life.step(tx, Status::Failed { failure }, at, because(&why))?;
    let mute = Mute {
        payload: life.event.operation.mute_digest(),
        app: life.event.app_digest,
        event: life.event.id,
        why: MuteReason::Failed,
        at,
    };
    close(tx, life, |account| {
        settled(account);
        account.basis = None;
        account.mute = Some(mute);
        if why.class == FailureClass::Conflict {
            // Whatever the last lookup said, it is not so any more.
            account.observation = Observation::Unknown;
        }
        how(account, &why);
    })
}

fn succeeded(tx: &mut Group<'_>, life: &mut Life, done: Done, at: Timestamp) -> StoreResult<()> {
    let kind = life.event.operation.kind;
    let (app, user) = (life.event.operation.app.clone(), life.event.operation.user);
    if kind == Kind::Link {
        life.enter(tx, at, Fact::Found { values: done.found.clone(), active: done.found_active });
    }
    let goes_on = kind != Kind::Delete && edge_outcomes::hand_on(tx, life, &done.note, at)?;
    if !goes_on {
        life.step(tx, Status::Succeeded { note: done.note.clone() }, at, Why::words(&done.note))?;
    }
    if kind == Kind::Link
        && let Some(id) = &done.remote_id
    {
        take_over(tx, &app, id, user, at)?;
    }
    let mut draft = Draft::load(tx, &app, user)?;
    let before = (draft.account.presence, draft.account.remote_id.clone());
    let then = follow_up(life) && !goes_on;
    if !goes_on {
        draft.close();
    }
    if kind == Kind::Delete || done.replaced.is_some() {
        // What the old account was in stays behind with it.
        edges::forget(tx, &app, user, |_| true)?;
    }
    apply(&mut draft.account, life, done, at);
    draft.account.basis = (!then && !goes_on).then_some(life.event.basis);
    let moved = before != (draft.account.presence, draft.account.remote_id.clone());
    draft.save(tx)?;
    if then {
        dirty(tx, life, at)?;
    }
    if moved { dependents(tx, life, &app, at) } else { Ok(()) }
}

/// Whether more may follow for the pair: after a link its differences, after a rename its other attributes. The planner says so by
/// leaving the basis open.
pub(crate) fn follow_up(life: &Life) -> bool {
    life.event.basis == Digest::default() || matches!(life.event.operation.kind, Kind::Link | Kind::Rename)
}

/// The account after a success.
fn apply(account: &mut Account, life: &Life, done: Done, at: Timestamp) {
    let operation = &life.event.operation;
    let pushed = operation.pushed_after(&account.pushed);
    let old_name = account.user_name().unwrap_or_default().to_owned();
    account.mute = None;
    account.note = done.note;
    // What we wrote is ours from now on.
    account.found.retain(|path| !operation.changes.iter().any(|change| change.path == *path));
    if let Some(remote_id) = done.remote_id {
        account.remote_id = Some(remote_id);
    }
    match operation.kind {
        Kind::Link => {
            account.presence = if done.found_active { Presence::Active } else { Presence::Deactivated };
            account.origin = Some(operation.origin.unwrap_or(Origin::Adopted));
            account.found = done.found.keys().cloned().collect();
            account.pushed = done.found;
            account.deactivated_at = (!done.found_active).then_some(at);
            account.observation = Observation::Unknown;
        }
        Kind::Create => {
            account.found.clear();
            account.presence = Presence::Active;
            account.origin = Some(Origin::Created);
            account.pushed = pushed;
            account.deactivated_at = None;
            account.observation = Observation::Unknown;
        }
        Kind::Update | Kind::Rename => {
            account.pushed = pushed;
            if !account.is_inactive() {
                account.presence = Presence::Active;
            }
            if let Some(remote_id) = done.replaced {
                account.retired.push(Retired { remote_id, user_name: old_name, at });
            }
        }
        Kind::Deactivate => {
            account.pushed = pushed;
            account.presence = Presence::Deactivated;
            account.deactivated_at = Some(account.deactivated_at.unwrap_or(at));
        }
        Kind::Reactivate => {
            account.pushed = pushed;
            account.presence = Presence::Active;
            account.deactivated_at = None;
        }
        Kind::Delete => {
            account.pushed.clear();
            account.found.clear();
            account.presence = Presence::Deleted;
            account.origin = None;
            account.remote_id = None;
            account.observation = Observation::Unknown;
        }
    }
}

/// A link hands an account over that the ledger had under another user: an account has one owner.
fn take_over(tx: &mut Group<'_>, app: &AppName, remote_id: &str, user: UserId, at: Timestamp) -> StoreResult<()> {
    let owners = planning::owners_by_remote_id(tx, app, &[remote_id.to_owned()])?;
    let Some(old) = owners.into_iter().flatten().next().filter(|old| *old != user) else { return Ok(()) };
    let mut draft = Draft::load(tx, app, old)?;
    if draft.account.remote_id.as_deref() != Some(remote_id) {
        return Ok(());
    }
    if let Some(open) = draft.account.open_event
        && let Some(mut life) = life::load_shown(tx, open, &Running::read(tx, Some(app))?)?
        && matches!(life.event.status.kind(), StatusKind::Pending | StatusKind::Queued)
    {
        life.step(tx, Status::Superseded { by: None }, at, Why::words("the account was handed over"))?;
        draft.account.open_event = None;
    }
    edges::hand_over(tx, app, old, user)?;
    draft.account.generation += 1;
    draft.account.presence = Presence::None;
    draft.account.origin = None;
    draft.account.remote_id = None;
    draft.account.pushed.clear();
    draft.account.found.clear();
    draft.account.basis = None;
    draft.account.note = "the account was handed over to another user".to_owned();
    draft.save(tx)
}

/// Pairs of the direct reports, whose reference to this account may come, change or go. Those that nothing was ever planned
/// for see it anyway.
fn dependents(tx: &mut Group<'_>, life: &Life, app: &AppName, at: Timestamp) -> StoreResult<()> {
    for report in marks::reports_of(tx, (&life.source, &life.key))? {
        let known = crate::store::acts::ledger::find(tx, app, report)?;
        if known.is_some_and(|account| account.last_event.is_some() || account.basis.is_some()) {
            marks::mark(tx, app, report, Urgency::Normal, &life.event.cause, at)?;
        }
    }
    Ok(())
}
