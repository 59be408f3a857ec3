//! What a reconcile found, written into the ledger so that the ordinary planner does the rest; the report it leaves; and the values
//! that are kept as they are at the target.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::directory::change::Cause;
use crate::directory::value::Value;
use crate::id::{AppName, UserId};
use crate::provision::account::{Account, Observation, Presence};
use crate::provision::drift::{Correction, EdgeSight, Memory, ReconcileReport};
use crate::provision::edge::{Edge, EdgeState, EdgeStep};
use crate::provision::entry::Fact;
use crate::store::act::StoreResult;
use crate::store::acts::edges::{self, Flying};
use crate::store::acts::ledger::Draft;
use crate::store::acts::life::Running;
use crate::store::acts::{directory, marks, planning, remedies};
use crate::store::group::{About, Group};
use crate::store::kv::{self, Order, Rows};
use crate::store::layout;
use crate::store::query::Urgency;
use crate::store::record::{AdoptedValues, Reconciled, decode, encode};

/// By attribute path; `None` = kept empty.
type Adopted = BTreeMap<String, Option<Value>>;

pub(crate) fn adopted(rows: &dyn Rows, app: &AppName, user: UserId) -> StoreResult<Adopted> {
    Ok(kv::read::<AdoptedValues>(rows, &layout::adopted(app, user))?.unwrap_or_default().0)
}

/// Of all accounts between two users.
pub(crate) fn adopted_between(
    rows: &dyn Rows,
    app: &AppName,
    (first, last): (UserId, UserId),
) -> StoreResult<BTreeMap<UserId, Adopted>> {
    let mut all = BTreeMap::new();
    let (from, to) = (layout::adopted(app, first).0, layout::adopted(app, last).end());
    kv::walk_range(rows, (from, to), Order::Ascending, &mut |key, value| {
        if let Some(user) = layout::user_at_end(key) {
            all.insert(user, decode::<AdoptedValues>(value)?.0);
        }
        Ok(true)
    })?;
    Ok(all)
}

pub(crate) fn correct(
    tx: &mut Group<'_>,
    app: &AppName,
    corrections: &[Correction],
    at: Timestamp,
) -> StoreResult<Vec<UserId>> {
    let (running, flying) = (Running::read(tx, Some(app))?, Flying::read(tx, app)?);
    let mut done = Vec::new();
    for correction in corrections {
        let moved = planning::flies(tx, app, correction.user, (&running, &flying))?;
        if !moved && one(tx, app, correction, at)? {
            done.push(correction.user);
        }
    }
    Ok(done)
}

/// One pair. False = it moved since it was compared.
fn one(tx: &mut Group<'_>, app: &AppName, correction: &Correction, at: Timestamp) -> StoreResult<bool> {
    let user = correction.user;
    let Some(known) = directory::user(tx, user)? else { return Ok(false) };
    let mut draft = Draft::load(tx, app, user)?;
    if draft.account.generation != correction.generation {
        return Ok(false);
    }
    if !correction.is_empty() {
        match draft.account.open_event {
            Some(_) => remedies::supersede(tx, &mut draft, "the target is not as it was when this was planned", at)?,
            // What is being planned now was computed against what the ledger said before.
            None => draft.account.generation += 1,
        }
    }
    for (path, value) in &correction.values {
        match value {
            Some(value) => drop(draft.account.pushed.insert(path.clone(), value.clone())),
            None => drop(draft.account.pushed.remove(path)),
        }
    }
    if let Some(adopted) = &correction.adopted {
        match adopted.is_empty() {
            true => tx.remove(layout::adopted(app, user)),
            false => tx.put(layout::adopted(app, user), &AdoptedValues(adopted.clone()))?,
        }
    }
    for (key, sight) in &correction.edges {
        if let Some(edge) = edges::find(tx, app, user, (key, ""))? {
            see(tx, (app, user), &edge, *sight, at)?;
        }
    }
    if let Some(presence) = correction.presence {
        if presence == Presence::Lost {
            edges::forget(tx, app, user, |_| true)?;
        }
        stand(&mut draft.account, presence, &correction.what, at);
        marks::mark_reports(tx, std::slice::from_ref(app), &known, &Cause::Reconcile, at)?;
    }
    draft.account.basis = None;
    draft.save(tx)?;
    let urgency = if correction.urgent { Urgency::Leaver } else { Urgency::Normal };
    marks::mark(tx, app, user, urgency, &Cause::Reconcile, at)?;
    if !correction.what.is_empty() {
        tx.enter(at, About::pair(app, user), Fact::Reconciled { what: correction.what.clone() });
    }
    Ok(true)
}

/// How the account really stands.
fn stand(account: &mut Account, presence: Presence, what: &str, at: Timestamp) {
    account.presence = presence;
    match presence {
        Presence::Lost => {
            account.mute = None;
            account.observation = Observation::Unknown;
            account.note = what.to_owned();
        }
        Presence::DeactivatedThere => {
            account.deactivated_at = Some(at);
            account.note = what.to_owned();
        }
        Presence::Active => {
            // Whatever was refused or failed before was about an account that is not as it was.
            account.mute = None;
            account.deactivated_at = None;
            account.note.clear();
        }
        _ => {}
    }
}

fn see(tx: &mut Group<'_>, pair: (&AppName, UserId), edge: &Edge, sight: EdgeSight, at: Timestamp) -> StoreResult<()> {
    match (edge.state, sight) {
        (EdgeState::Unknown, EdgeSight::There) => drop(edges::step(tx, pair, edge, EdgeStep::Seen, at)?),
        (EdgeState::Unknown, _) => drop(edges::step(tx, pair, edge, EdgeStep::Removed, at)?),
        (EdgeState::Granted | EdgeState::Found, EdgeSight::Gone) => edges::put(tx, pair, Some(edge), None)?,
        (EdgeState::Granted, EdgeSight::There | EdgeSight::NotEffective) => {
            let after = Edge { effective: sight == EdgeSight::There, ..edge.clone() };
            edges::put(tx, pair, Some(edge), Some(&after))?;
        }
        _ => {}
    }
    Ok(())
}

pub(crate) fn put_report(
    tx: &mut Group<'_>,
    report: ReconcileReport,
    memory: Memory,
    at: Timestamp,
) -> StoreResult<()> {
    let app = report.app.clone();
    let drift = report.drift();
    let what = match &report.trouble {
        Some(_) => format!("a reconcile was given up; it found {drift} differences"),
        None => format!("reconciled: {} accounts compared, {drift} differences", report.read.compared),
    };
    tx.put_parts(&layout::reconciled(&app), &encode(&Reconciled { report, memory }))?;
    tx.enter(at, About::app(&app), Fact::Reconciled { what });
    Ok(())
}

pub(crate) fn report(rows: &dyn Rows, app: &AppName) -> StoreResult<Option<(ReconcileReport, Memory)>> {
    let Some(bytes) = kv::read_parts(rows, &layout::reconciled(app))? else { return Ok(None) };
    let Reconciled { report, memory } = decode(&bytes)?;
    Ok(Some((report, memory)))
}
