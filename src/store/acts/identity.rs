//! The installation's identity, and its operators.

use crate::access::operator::{FourEyes, Operator};
use crate::clock::Timestamp;
use crate::directory::change::Cause;
use crate::id::{AppName, OperatorId};
use crate::provision::entry::Fact;
use crate::store::act::{Identity, StoreError, StoreResult};
use crate::store::acts::{access, imports, revisions};
use crate::store::group::{About, Group};
use crate::store::kv::{self, Rows};
use crate::store::layout;
use crate::store::record::{Actors, decode};

pub(crate) fn found(tx: &mut Group<'_>, identity: &Identity) -> StoreResult<()> {
    match kv::read::<Identity>(tx, &layout::meta("identity"))? {
        Some(known) if known.instance == identity.instance && known.four_eyes == identity.four_eyes => Ok(()),
        Some(known) if known.instance != identity.instance => {
            Err(StoreError::Conflict(format!("this store belongs to {}, not to {}", known.instance, identity.instance)))
        }
        Some(known) => {
            // The installation stays what it is; the setting may change.
            let changed = Identity { four_eyes: identity.four_eyes, ..known };
            let what = format!("four eyes is {:?}", identity.four_eyes).to_lowercase();
            tx.enter(identity.created_at, About::default(), Fact::Store { what });
            tx.put(layout::meta("identity"), &changed)
        }
        None => {
            let what = format!("created for {}", identity.instance);
            tx.enter(identity.created_at, About::default(), Fact::Store { what });
            tx.put(layout::meta("identity"), identity)
        }
    }
}

pub(crate) fn identity(rows: &dyn Rows) -> StoreResult<Option<Identity>> {
    kv::read(rows, &layout::meta("identity"))
}

pub(crate) fn set_four_eyes(tx: &mut Group<'_>, four_eyes: FourEyes, by: OperatorId, at: Timestamp) -> StoreResult<()> {
    let known = identity(tx)?.ok_or_else(|| StoreError::NotFound("the identity".to_owned()))?;
    if known.four_eyes == four_eyes {
        return Ok(());
    }
    let what = format!("four eyes: {four_eyes} instead of {}", known.four_eyes);
    tx.enter(at, About::default(), Fact::Operator { what, operator: by });
    tx.put(layout::meta("identity"), &Identity { four_eyes, ..known })
}

/// Remembers whose act put a generation or a revision in force.
pub(crate) fn note_actor(tx: &mut Group<'_>, key: layout::Key, by: OperatorId) -> StoreResult<()> {
    let Actors(mut actors) = kv::read(tx, &key)?.unwrap_or_default();
    if actors.contains(&by) {
        return Ok(());
    }
    actors.push(by);
    tx.put(key, &Actors(actors))
}

pub(crate) fn requesters(rows: &dyn Rows, cause: &Cause) -> StoreResult<Vec<OperatorId>> {
    let (first, key) = match cause {
        Cause::Operator(operator) => return Ok(vec![*operator]),
        Cause::Import(id) => (imports::find(rows, *id)?.map(|import| import.operator), layout::import_actors(*id)),
        Cause::Activation(number) => {
            (Some(revisions::revision(rows, *number)?.author), layout::revision_actors(*number))
        }
        Cause::Cycle | Cause::Due | Cause::Catalogue | Cause::Reconcile => return Ok(Vec::new()),
    };
    let Actors(others) = kv::read(rows, &key)?.unwrap_or_default();
    let mut requesters: Vec<OperatorId> = first.into_iter().collect();
    requesters.extend(others.into_iter().filter(|other| Some(*other) != first));
    Ok(requesters)
}

pub(crate) fn put_operator(tx: &mut Group<'_>, operator: &Operator, by: OperatorId, at: Timestamp) -> StoreResult<()> {
    let others = operators(tx)?;
    if others.iter().any(|other| other.id != operator.id && other.name == operator.name) {
        return Err(StoreError::Conflict(format!("there is an operator `{}` already", operator.name)));
    }
    let before = others.iter().find(|other| other.id == operator.id);
    if before == Some(operator) {
        return Ok(());
    }
    let (name, role) = (&operator.name, operator.role);
    let what = match before {
        None => format!("added `{name}` as {role}"),
        Some(before) if operator.disabled && !before.disabled => format!("disabled `{name}` as {role}"),
        Some(before) if before.disabled && !operator.disabled => format!("enabled `{name}` as {role}"),
        Some(before) if before.role != role => format!("made `{name}` {role} instead of {}", before.role),
        Some(_) => format!("changed `{name}` as {role}"),
    };
    // What somebody could do before must not outlive it.
    let gone = access::revoke_of(tx, operator.id, |token| operator.disabled || token.role > role)?;
    let what = access::with_tokens(what, gone);
    tx.enter(at, About { user: operator.user, ..About::default() }, Fact::Operator { what, operator: by });
    tx.put(layout::operator(operator.id), operator)
}

pub(crate) fn operators(rows: &dyn Rows) -> StoreResult<Vec<Operator>> {
    let pairs = kv::under(rows, &layout::operators(), usize::MAX)?;
    let mut operators: Vec<Operator> = pairs.iter().map(|(_, value)| decode(value)).collect::<StoreResult<_>>()?;
    operators.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(operators)
}

/// An entry that belongs to no other act.
pub(crate) fn note(tx: &mut Group<'_>, fact: Fact, app: Option<&AppName>, at: Timestamp) -> StoreResult<()> {
    tx.enter(at, About { app, ..About::default() }, fact);
    Ok(())
}
