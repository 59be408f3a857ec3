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
            let refused = one(tx, *event, *payload, &decide.decision, &running)?;
            Ok(Decided { event: *event, refused })
        })
        .collect()
}

/// Carries one decision out; otherwise says why not.
fn one(
    tx: &mut Group<'_>,
    id: EventId,
    payload: Digest,
    decision: &Decision,
    running: &Running,
) -> StoreResult<Option<String>> {
    let Some(mut life) = life::load_shown(tx, id, running)? else {
        return Ok(Some("there is no such event".to_owned()));
    };
    let status = life.event.status.kind();
    if life.event.payload != payload {
        return Ok(Some("what it would do changed since it was shown".to_owned()));
    }
    let may = match decision.ruling {
        Ruling::Approve => status == StatusKind::Pending,
        Ruling::Reject => matches!(status, StatusKind::Pending | StatusKind::Queued),
    };
    let user = life.event.operation.user;
    let app = life.event.operation.app.clone();
    if life.event.progress.account_done
        && let Some(status) = Flying::read(tx, &app)?.status(tx, &app, (user, id))?
    {
        return Ok(Some(already(&life, status)));
    }
    if !may {
        return Ok(Some(already(&life, status)));
    }
    let decision = Decision { payload, ..decision.clone() };
    let at = decision.at;
    life.event.decisions.push(decision.clone());
    life.enter(tx, at, Fact::Decided(decision.clone()));
    match decision.ruling {
        Ruling::Approve => {
            admission::release(tx, &mut life)?;
            let detail = format!("approved by {}", decision.name);
            life.step(tx, Status::Queued { due: at, last: None }, at, Why::words(&detail))?;
        }
        Ruling::Reject => {
            let detail = format!("rejected by {}", decision.name);
            life.step(tx, Status::Rejected, at, Why::words(&detail))?;
            reject(tx, &life, at)?;
        }
    }
    Ok(None)
}

fn already(life: &Life, status: StatusKind) -> String {
    match life.event.decisions.last() {
        Some(last) if last.ruling == Ruling::Approve => format!("it is {status}, {} approved it", last.name),
        Some(last) => format!("it is {status}, {} rejected it", last.name),
        None => format!("it is {status}, not pending"),
    }
}

/// The payload is not asked again until it changes.
fn reject(tx: &mut Group<'_>, life: &Life, at: Timestamp) -> StoreResult<()> {
    let operation = &life.event.operation;
    let mut draft = Draft::load(tx, &operation.app, operation.user)?;
    draft.close();
    draft.account.basis = None;
    draft.account.mute = Some(Mute {
        payload: operation.mute_digest(),
        app: life.app_digest,
        event: life.event.id,
        why: MuteReason::Rejected,
        at,
    });
    draft.save(tx)
}
