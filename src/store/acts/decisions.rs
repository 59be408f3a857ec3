//! Decisions of approvers: each for exactly one payload, used once. Rejection wins.

use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::EventId;
use crate::provision::account::{Mute, MuteReason};
use crate::provision::approval::{Decision, Ruling};
use crate::provision::entry::Fact;
use crate::provision::event::{Status, StatusKind};
use crate::store::act::{Decide, Decided, StoreResult};
use crate::store::acts::admission;
use crate::store::acts::edges::Flying;
use crate::store::acts::ledger::Draft;
use crate::store::acts::life::{self, Life, Running, Why};
use crate::store::group::Group;

pub(crate) fn decide(tx: &mut Group<'_>, decide: &Decide) -> StoreResult<Vec<Decided>> {
    let running = Running::read(tx, None)?;
    decide
        .events
        .iter()
        .map(|(event, payload)| {
            let ruled = one(tx, *event, *payload, decide, &running)?;
            let (refused, missing) = ruled.map_or_else(|why| (Some(why), 0), |missing| (None, missing));
            Ok(Decided { event: *event, refused, missing })
        })
        .collect()
}

/// Carries one decision out and says how many approvals are missing yet; otherwise says why not.
fn one(
    tx: &mut Group<'_>,
    id: EventId,
    payload: Digest,
    decide: &Decide,
    running: &Running,
) -> StoreResult<Result<usize, String>> {
    let Some(mut life) = life::load_shown(tx, id, running)? else {
        return Ok(Err("there is no such event".to_owned()));
    };
    let status = life.event.status.kind();
    if life.event.payload != payload {
        return Ok(Err("what it would do changed since it was shown".to_owned()));
    }
    let may = match decide.decision.ruling {
        Ruling::Approve => status == StatusKind::Pending,
        Ruling::Reject => matches!(status, StatusKind::Pending | StatusKind::Queued),
    };
    let user = life.event.operation.user;
    let app = life.event.operation.app.clone();
    if life.event.progress.account_done
        && let Some(status) = Flying::read(tx, &app)?.status(tx, &app, (user, id))?
    {
        return Ok(Err(already(&life, status)));
    }
    if !may {
        return Ok(Err(already(&life, status)));
    }
    let decision = Decision { payload, ..decide.decision.clone() };
    match decision.ruling {
        Ruling::Approve => approve(tx, &mut life, decision, decide.approvers),
        Ruling::Reject => reject(tx, &mut life, decision).map(|()| Ok(0)),
    }
}

/// One approval more; the last one that is needed releases the event.
fn approve(
    tx: &mut Group<'_>,
    life: &mut Life,
    decision: Decision,
    approvers: usize,
) -> StoreResult<Result<usize, String>> {
    let (at, name) = (decision.at, decision.name.clone());
    let known = life.event.approvals().iter().any(|approval| approval.operator == decision.operator);
    if known && life.event.approvals().len() < approvers {
        return Ok(Err(format!("{name} approved it already; another operator must approve it too")));
    }
    life.event.decisions.push(decision.clone());
    life.enter(tx, at, Fact::Decided(decision));
    let missing = approvers.saturating_sub(life.event.approvals().len());
    if missing > 0 {
        life.save(tx)?;
        return Ok(Ok(missing));
    }
    admission::release(tx, life)?;
    let names: Vec<&str> = life.event.approvals().iter().map(|approval| approval.name.as_str()).collect();
    let detail = format!("approved by {}", names.join(" and "));
    life.step(tx, Status::Queued { due: at, last: None }, at, Why::words(&detail))?;
    Ok(Ok(0))
}

/// The payload is not asked again until it changes.
fn reject(tx: &mut Group<'_>, life: &mut Life, decision: Decision) -> StoreResult<()> {
    let (at, detail) = (decision.at, format!("rejected by {}", decision.name));
    life.event.decisions.push(decision.clone());
    life.enter(tx, at, Fact::Decided(decision));
    life.step(tx, Status::Rejected, at, Why::words(&detail))?;
    mute(tx, life, at)
}

fn already(life: &Life, status: StatusKind) -> String {
    match life.event.decisions.last() {
        Some(last) => format!("it is {status}; {}", last.words()),
        None => format!("it is {status}, not pending"),
    }
}

fn mute(tx: &mut Group<'_>, life: &Life, at: Timestamp) -> StoreResult<()> {
    let operation = &life.event.operation;
    let mut draft = Draft::load(tx, &operation.app, operation.user)?;
    draft.close();
    draft.account.basis = None;
    draft.account.mute = Some(Mute {
        payload: operation.mute_digest(),
        app: life.event.app_digest,
        event: life.event.id,
        why: MuteReason::Rejected,
        at,
    });
    draft.save(tx)
}
