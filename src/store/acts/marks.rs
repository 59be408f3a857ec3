//! Dirty marks: which pairs must be planned, and why. One mark a pair; a leaver's stays a leaver's.

use crate::clock::Timestamp;
use crate::directory::change::Cause;
use crate::directory::user::User;
use crate::id::{AppName, UserId};
use crate::store::act::StoreResult;
use crate::store::group::Group;
use crate::store::kv::{self, Rows};
use crate::store::layout;
use crate::store::query::Urgency;
use crate::store::record::StoredMark;

const BOTH: [Urgency; 2] = [Urgency::Leaver, Urgency::Normal];

/// Marks a pair dirty.
pub(crate) fn mark(
    tx: &mut Group<'_>,
    app: &AppName,
    user: UserId,
    urgency: Urgency,
    cause: &Cause,
    at: Timestamp,
) -> StoreResult<()> {
    let leaver: Option<StoredMark> = kv::read(tx, &layout::dirty_mark(app, Urgency::Leaver, user))?;
    let normal: Option<StoredMark> = kv::read(tx, &layout::dirty_mark(app, Urgency::Normal, user))?;
    let (urgency, at) = match (&leaver, &normal) {
        (Some(old), _) => (Urgency::Leaver, at.max(old.at)),
        (None, Some(old)) => (urgency, at.max(old.at)),
        (None, None) => (urgency, at),
    };
    if normal.is_some() && urgency == Urgency::Leaver {
        tx.remove(layout::dirty_mark(app, Urgency::Normal, user));
    }
    if leaver.is_none() && normal.is_none() {
        tx.counts(app)?.dirty += 1;
    }
    tx.put(layout::dirty_mark(app, urgency, user), &StoredMark { cause: cause.clone(), at })
}

/// Marks a pair dirty unless it is.
pub(crate) fn ensure(
    tx: &mut Group<'_>,
    app: &AppName,
    user: UserId,
    urgency: Urgency,
    cause: &Cause,
    at: Timestamp,
) -> StoreResult<()> {
    for kind in BOTH {
        if tx.get(&layout::dirty_mark(app, kind, user).0)?.is_some() {
            return Ok(());
        }
    }
    mark(tx, app, user, urgency, cause, at)
}

/// Makes a leaver's mark that is not newer than `as_of` an ordinary one: he was none then, and what he needs is not to be had now.
pub(crate) fn calm(tx: &mut Group<'_>, app: &AppName, user: UserId, as_of: Timestamp) -> StoreResult<()> {
    let key = layout::dirty_mark(app, Urgency::Leaver, user);
    if let Some(mark) = kv::read::<StoredMark>(tx, &key)?.filter(|mark| mark.at <= as_of) {
        tx.remove(key);
        tx.put(layout::dirty_mark(app, Urgency::Normal, user), &mark)?;
    }
    Ok(())
}

/// Clears a mark that is not newer than `as_of`.
pub(crate) fn clear(tx: &mut Group<'_>, app: &AppName, user: UserId, as_of: Timestamp) -> StoreResult<()> {
    for urgency in BOTH {
        let key = layout::dirty_mark(app, urgency, user);
        if let Some(mark) = kv::read::<StoredMark>(tx, &key)?
            && mark.at <= as_of
        {
            tx.remove(key);
            let counts = tx.counts(app)?;
            counts.dirty = counts.dirty.saturating_sub(1);
        }
    }
    Ok(())
}

/// The users whose manager is the user with this source and key.
pub(crate) fn reports_of(rows: &dyn Rows, manager: (&crate::id::SourceName, &str)) -> StoreResult<Vec<UserId>> {
    let keys = kv::under(rows, &layout::reports(manager.0, manager.1), usize::MAX)?;
    Ok(keys.iter().filter_map(|(key, _)| layout::user_at_end(key)).collect())
}

/// Marks the pairs of a changed user's direct reports.
pub(crate) fn mark_reports(
    tx: &mut Group<'_>,
    apps: &[AppName],
    manager: &User,
    cause: &Cause,
    at: Timestamp,
) -> StoreResult<()> {
    for report in reports_of(tx, (&manager.source, &manager.key))? {
        for app in apps {
            mark(tx, app, report, Urgency::Normal, cause, at)?;
        }
    }
    Ok(())
}

/// Whether what reports see of their manager changed.
pub(crate) fn shows_differently(before: &User, after: &User) -> bool {
    before.label() != after.label()
        || before.text("email") != after.text("email")
        || before.effective_standing() != after.effective_standing()
}
