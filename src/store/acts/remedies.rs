//! What ops do to a pair, and what time does: retry, rematch, disassociate, expire, lift mutes.

use crate::clock::Timestamp;
use crate::directory::change::Cause;
use crate::directory::user::Standing;
use crate::id::{AppName, EventId, OperatorId, UserId};
use crate::provision::account::{Account, MuteReason, Observation, Presence};
use crate::provision::entry::Fact;
use crate::provision::event::{Status, StatusKind};
use crate::provision::operation::Kind;
use crate::store::act::{StoreError, StoreResult};
use crate::store::acts::edges::{self, Flying};
use crate::store::acts::ledger::Draft;
use crate::store::acts::life::{self, Life, Running, Why};
use crate::store::acts::{directory, marks};
use crate::store::group::{About, Group};
use crate::store::kv::{self, Order, Rows};
use crate::store::layout;
use crate::store::query::Urgency;

/// At most this many a call; the rest the next time.
const CHUNK: usize = 1_000;

fn urgency(kind: Kind) -> Urgency {
    if kind.is_leaving() { Urgency::Leaver } else { Urgency::Normal }
}

pub(crate) fn retry(tx: &mut Group<'_>, id: EventId, by: OperatorId, at: Timestamp) -> StoreResult<String> {
    let app = life::load(tx, id)?.ok_or_else(|| StoreError::NotFound(id.to_string()))?.event.operation.app.clone();
    let mut life = life::must(tx, id, &Running::read(tx, Some(&app))?)?;
    let said = match life.event.status.clone() {
        Status::Queued { last, .. } => {
            life.step(tx, Status::Queued { due: at, last }, at, Why::words("to be tried now"))?;
            format!("{id} is due now")
        }
        Status::Failed { .. } | Status::Refused | Status::Rejected => unmute(tx, &life, by, at)?,
        Status::Verifying { since, .. } => {
            life.step(tx, Status::Verifying { since, due: at }, at, Why::words("to be looked up now"))?;
            format!("{id} is looked up now")
        }
        other => return Err(StoreError::Conflict(format!("{id} is {}; there is nothing to retry", other.kind()))),
    };
    let user = life.event.operation.user;
    let what = format!("retry of {id}");
    tx.enter(at, About::pair(&app, user), Fact::AccountTouched { what, operator: by });
    Ok(said)
}

/// Lifts the mute that an event left, and has the pair planned again.
fn unmute(tx: &mut Group<'_>, life: &Life, by: OperatorId, at: Timestamp) -> StoreResult<String> {
    let operation = &life.event.operation;
    let mut draft = Draft::load(tx, &operation.app, operation.user)?;
    if let Some(newer) = draft.account.last_event.filter(|last| *last != life.event.id) {
        return Err(StoreError::Conflict(format!("{} is not the pair's last event, {newer} is", life.event.id)));
    }
    draft.account.mute = None;
    draft.account.basis = None;
    draft.account.observation = Observation::Unknown;
    if draft.account.presence == Presence::Conflict {
        settle_conflict(&mut draft.account);
    }
    draft.save(tx)?;
    marks::mark(tx, &operation.app, operation.user, urgency(operation.kind), &Cause::Operator(by), at)?;
    Ok(format!("{} is planned again with the next cycle", life.event.id))
}

/// A conflict is looked at again: what was ours stays ours.
fn settle_conflict(account: &mut Account) {
    account.presence =
        if account.origin.is_some() && account.remote_id.is_some() { Presence::Active } else { Presence::None };
    account.note.clear();
}

pub(crate) fn rematch(
    tx: &mut Group<'_>,
    app: &AppName,
    user: UserId,
    by: OperatorId,
    at: Timestamp,
) -> StoreResult<()> {
    let known = directory::user(tx, user)?.ok_or_else(|| StoreError::NotFound(user.to_string()))?;
    let mut draft = Draft::load(tx, app, user)?;
    if draft.account.presence == Presence::Unlinked && known.effective_standing() != Standing::Active {
        // Nobody looks for the account of somebody who should have none: it would be out of sight, and active.
        return Err(StoreError::Conflict(format!(
            "{} is no active user, and the account in {app} is not Usher's: deactivate it at the target by hand, or `usher users restore` \
             him, match him again, and let him leave once the account is linked",
            crate::text::printable(&known.label())
        )));
    }
    not_in_flight(tx, app, &draft.account)?;
    supersede(tx, &mut draft, "the pair is matched again", at)?;
    draft.account.observation = Observation::Unknown;
    draft.account.mute = None;
    draft.account.basis = None;
    match draft.account.presence {
        Presence::Conflict => settle_conflict(&mut draft.account),
        Presence::Unlinked | Presence::Unknown => {
            draft.account.presence = Presence::None;
            draft.account.note.clear();
        }
        _ => {}
    }
    draft.save(tx)?;
    let urgency = directory::urgency(None, &known, app);
    marks::mark(tx, app, user, urgency, &Cause::Operator(by), at)?;
    let what = "rematch: the account is looked up and planned again".to_owned();
    tx.enter(at, About::pair(app, user), Fact::AccountTouched { what, operator: by });
    Ok(())
}

pub(crate) fn disassociate(
    tx: &mut Group<'_>,
    app: &AppName,
    user: UserId,
    by: OperatorId,
    at: Timestamp,
) -> StoreResult<()> {
    directory::user(tx, user)?.ok_or_else(|| StoreError::NotFound(user.to_string()))?;
    let mut draft = Draft::load(tx, app, user)?;
    if draft.account.presence == Presence::Unlinked {
        return Ok(());
    }
    not_in_flight(tx, app, &draft.account)?;
    supersede(tx, &mut draft, "the pair was disassociated", at)?;
    edges::forget(tx, app, user, |_| true)?;
    let old = draft.account.clone();
    draft.account = Account {
        presence: Presence::Unlinked,
        generation: old.generation + 1,
        last_event: old.last_event,
        note: "disassociated: nothing is planned until it is matched again".to_owned(),
        ..Account::new(app.clone(), user)
    };
    draft.save(tx)?;
    let what = "disassociate: the account is no longer managed".to_owned();
    tx.enter(at, About::pair(app, user), Fact::AccountTouched { what, operator: by });
    Ok(())
}

fn not_in_flight(rows: &dyn Rows, app: &AppName, account: &Account) -> StoreResult<()> {
    let Some(open) = account.open_event else { return Ok(()) };
    let life = life::must(rows, open, &Running::read(rows, Some(app))?)?;
    let flying = Flying::read(rows, app)?.status(rows, app, (account.user, open))?;
    match flying.unwrap_or(life.event.status.kind()) {
        status @ (StatusKind::Running | StatusKind::Verifying) => Err(StoreError::Conflict(format!(
            "{open} is {status}: its request may be out; wait for its outcome and try again"
        ))),
        _ => Ok(()),
    }
}

/// Ends the open event of a pair, of which nothing is under way.
pub(crate) fn supersede(tx: &mut Group<'_>, draft: &mut Draft, why: &str, at: Timestamp) -> StoreResult<()> {
    let Some(open) = draft.account.open_event else { return Ok(()) };
    if let Some(mut life) = life::load(tx, open)? {
        life.step(tx, Status::Superseded { by: None }, at, Why::words(why))?;
    }
    draft.close();
    Ok(())
}

pub(crate) fn expire(tx: &mut Group<'_>, app: &AppName, filed_before: Timestamp, at: Timestamp) -> StoreResult<u64> {
    let mut late = Vec::new();
    kv::walk(tx, &layout::listed(app, StatusKind::Pending), Order::Ascending, &mut |key, _| {
        late.extend(layout::number_at_end(key).map(EventId));
        Ok(true)
    })?;
    let mut expired = 0;
    for id in late {
        let Some(mut life) = life::load(tx, id)? else { continue };
        if !life.event.may_expire() || life.event.filed_at >= filed_before {
            continue;
        }
        life.step(tx, Status::Expired, at, Why::words("nobody decided in time"))?;
        let user = life.event.operation.user;
        let mut draft = Draft::load(tx, app, user)?;
        draft.close();
        draft.account.basis = None;
        draft.save(tx)?;
        marks::mark(tx, app, user, Urgency::Normal, &life.event.cause, at)?;
        expired += 1;
        if expired == CHUNK as u64 {
            break;
        }
    }
    Ok(expired)
}

pub(crate) fn lift_failed_mutes(tx: &mut Group<'_>, app: &AppName, older_than: Timestamp) -> StoreResult<u64> {
    let (from, to) = (layout::mutes(app).0, layout::mutes_until(app, older_than));
    let mut lifted = 0;
    for (key, _) in tx.scan(&from, &to, Order::Ascending, CHUNK)? {
        let Some(user) = layout::user_at_end(&key) else { continue };
        let mut draft = Draft::load(tx, app, user)?;
        let Some(mute) = draft.account.mute.take_if(|mute| mute.why == MuteReason::Failed) else { continue };
        let kind = life::load(tx, mute.event)?.map_or(Kind::Update, |life| life.event.operation.kind);
        draft.account.basis = None;
        draft.save(tx)?;
        marks::mark(tx, app, user, urgency(kind), &Cause::Cycle, older_than)?;
        lifted += 1;
    }
    Ok(lifted)
}
