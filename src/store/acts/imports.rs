//! Imports: rows put aside, one decision, then redo in batches.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::directory::change::{Cause, StagedRow};
use crate::directory::user::User;
use crate::id::{AppName, ImportId, OperatorId, UserId};
use crate::provision::entry::Fact;
use crate::store::act::{StoreError, StoreResult};
use crate::store::acts::{directory, identity, marks};
use crate::store::group::{About, Group};
use crate::store::kv::{self, Order, Rows};
use crate::store::layout;
use crate::store::query::{Import, ImportState, Preview, Urgency};
use crate::store::record::{decode, encode};

/// At most this many rows a call.
const STAGE_ROWS_MAX: usize = 1_000;

pub(crate) fn find(rows: &dyn Rows, id: ImportId) -> StoreResult<Option<Import>> {
    kv::read_parts(rows, &layout::import(id))?.map(|bytes| decode(&bytes)).transpose()
}

fn load(rows: &dyn Rows, id: ImportId) -> StoreResult<Import> {
    find(rows, id)?.ok_or_else(|| StoreError::NotFound(id.to_string()))
}

fn save(tx: &mut Group<'_>, import: &Import) -> StoreResult<()> {
    tx.put_parts(&layout::import(import.id), &encode(import))
}

fn refuse(import: &Import, wanted: &str) -> StoreError {
    let state = match &import.state {
        ImportState::Staging => "being staged",
        ImportState::Parked { .. } => "parked",
        ImportState::Committed { .. } => "committed",
        ImportState::Applied => "applied",
        ImportState::Dropped => "dropped",
    };
    StoreError::Conflict(format!("{} is {state}, it can't be {wanted}", import.id))
}

pub(crate) fn open(tx: &mut Group<'_>, import: &Import) -> StoreResult<()> {
    if find(tx, import.id)?.is_some() {
        return Ok(());
    }
    save(tx, &Import { state: ImportState::Staging, staged: 0, ..import.clone() })
}

pub(crate) fn stage(tx: &mut Group<'_>, id: ImportId, offset: u64, rows: &[StagedRow]) -> StoreResult<()> {
    let mut import = load(tx, id)?;
    if import.state != ImportState::Staging {
        return Err(refuse(&import, "staged"));
    }
    if rows.len() > STAGE_ROWS_MAX {
        return Err(StoreError::Conflict(format!("{} rows in one call; at most {STAGE_ROWS_MAX}", rows.len())));
    }
    if offset > import.staged {
        return Err(StoreError::Stale(format!("{} rows are staged, not {offset}", import.staged)));
    }
    for (position, row) in (offset..).zip(rows) {
        tx.put(layout::staged_row(id, position), row)?;
    }
    import.staged = import.staged.max(offset + rows.len() as u64);
    save(tx, &import)
}

fn told(tx: &mut Group<'_>, import: &Import, what: &str, operator: OperatorId, at: Timestamp) {
    let preview = &import.preview;
    let what = format!(
        "{what}: {} rows of {}, {} added, {} changed, {} returned, {} left, {} missing",
        import.rows, import.source, preview.added, preview.changed, preview.returned, preview.left, preview.missing
    );
    tx.enter(at, About::default(), Fact::Import { import: import.id, what, operator });
}

pub(crate) fn close(
    tx: &mut Group<'_>,
    id: ImportId,
    preview: Preview,
    parked: Vec<String>,
    at: Timestamp,
) -> StoreResult<()> {
    let mut import = load(tx, id)?;
    if import.state != ImportState::Staging {
        // Closed before: the answer got lost.
        return if import.preview == preview { Ok(()) } else { Err(refuse(&import, "closed again")) };
    }
    import.preview = preview;
    let what = if parked.is_empty() { "committed" } else { "parked" };
    import.state =
        if parked.is_empty() { ImportState::Committed { applied: 0 } } else { ImportState::Parked { reasons: parked } };
    told(tx, &import, what, import.operator, at);
    save(tx, &import)
}

pub(crate) fn commit(tx: &mut Group<'_>, id: ImportId, by: OperatorId, at: Timestamp) -> StoreResult<()> {
    let mut import = load(tx, id)?;
    match import.state {
        ImportState::Committed { .. } | ImportState::Applied => Ok(()),
        ImportState::Parked { .. } => {
            import.state = ImportState::Committed { applied: 0 };
            told(tx, &import, "committed", by, at);
            identity::note_actor(tx, layout::import_actors(id), by)?;
            save(tx, &import)
        }
        _ => Err(refuse(&import, "committed")),
    }
}

pub(crate) fn drop_import(tx: &mut Group<'_>, id: ImportId, by: OperatorId, at: Timestamp) -> StoreResult<()> {
    let mut import = load(tx, id)?;
    match import.state {
        ImportState::Dropped => Ok(()),
        ImportState::Staging | ImportState::Parked { .. } => {
            import.state = ImportState::Dropped;
            tx.remove_under(&layout::staged(id))?;
            told(tx, &import, "dropped", by, at);
            save(tx, &import)
        }
        _ => Err(refuse(&import, "dropped")),
    }
}

/// Drops generations whose staging a crash broke off.
pub(crate) fn drop_left_behind(tx: &mut Group<'_>, at: Timestamp) -> StoreResult<()> {
    for import in all(tx)? {
        if import.state == ImportState::Staging {
            drop_import(tx, import.id, import.operator, at)?;
        }
    }
    Ok(())
}

pub(crate) fn apply(
    tx: &mut Group<'_>,
    id: ImportId,
    apps: &[AppName],
    limit: usize,
    at: Timestamp,
) -> StoreResult<bool> {
    let mut import = load(tx, id)?;
    let applied = match import.state {
        ImportState::Applied => return Ok(true),
        ImportState::Committed { applied } => applied,
        _ => return Err(refuse(&import, "applied")),
    };
    let (from, to) = (layout::staged_row(id, applied), layout::staged(id).end());
    let pairs = tx.scan(&from.0, &to, Order::Ascending, limit)?;
    let cause = Cause::Import(id);
    for (key, value) in &pairs {
        row(tx, &import, &decode::<StagedRow>(value)?, (apps, &cause), at)?;
        tx.remove(layout::Key(key.clone()));
    }
    let done = pairs.len() < limit || applied + pairs.len() as u64 >= import.staged;
    import.state =
        if done { ImportState::Applied } else { ImportState::Committed { applied: applied + pairs.len() as u64 } };
    save(tx, &import)?;
    Ok(done)
}

fn row(
    tx: &mut Group<'_>,
    import: &Import,
    staged: &StagedRow,
    (apps, cause): (&[AppName], &Cause),
    at: Timestamp,
) -> StoreResult<()> {
    // The key decides who it is: two generations may both have minted an id for a new one.
    let id: UserId = directory::id_of_key(tx, &import.source, &staged.row.key)?.unwrap_or(staged.user);
    let before = directory::user(tx, id)?;
    let base = match &before {
        Some(user) => user.clone(),
        None => User::new(id, import.source.clone(), staged.row.key.clone(), at),
    };
    let mut after = staged.row.apply(&base, at);
    if before.is_none() {
        after.revision = after.revision.max(1);
        after.changed_at = at;
    }
    if before.as_ref() == Some(&after) {
        return Ok(());
    }
    directory::save(tx, before.as_ref(), &after)?;
    for app in apps {
        let urgency = match &before {
            // Someone who never was here has no account to take away.
            None => Urgency::Normal,
            Some(before) => directory::urgency(Some(before), &after, app),
        };
        marks::mark(tx, app, id, urgency, cause, at)?;
    }
    if before.as_ref().is_none_or(|before| marks::shows_differently(before, &after)) {
        marks::mark_reports(tx, apps, &after, cause, at)?;
    }
    Ok(())
}

fn all(rows: &dyn Rows) -> StoreResult<Vec<Import>> {
    let pairs = kv::under(rows, &layout::imports(), usize::MAX)?;
    // The key ends with the part; the id is before it.
    let ids: BTreeSet<ImportId> = pairs
        .iter()
        .filter_map(|(key, _)| key.get(1..17))
        .filter_map(|id| uuid::Uuid::from_slice(id).ok().map(ImportId))
        .collect();
    ids.into_iter().map(|id| load(rows, id)).collect()
}

pub(crate) fn imports(rows: &dyn Rows, limit: usize) -> StoreResult<Vec<Import>> {
    let mut imports = all(rows)?;
    imports.sort_by_key(|import| std::cmp::Reverse((import.at, import.id)));
    imports.truncate(limit);
    Ok(imports)
}

pub(crate) fn staged(rows: &dyn Rows, id: ImportId, offset: u64, limit: usize) -> StoreResult<Vec<StagedRow>> {
    let (from, to) = (layout::staged_row(id, offset), layout::staged(id).end());
    let pairs = rows.scan(&from.0, &to, Order::Ascending, limit)?;
    pairs.iter().map(|(_, value)| decode(value)).collect()
}
