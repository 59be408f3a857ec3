//! What happens to a generation after staging: applied at once, decided by an admin, or finished after a crash.

use crate::engine::intake::guard;
use crate::engine::intake::stage::{Intake, IntakeError, Progress, Step};
use crate::id::ImportId;
use crate::store::query::{Import, ImportState};

/// Rows applied in one act.
const APPLY_ROWS: usize = 500;
/// Generations looked through for one: what a workspace can be expected to keep.
const IMPORTS_MAX: usize = 10_000;
/// Generations among which an unfinished one is looked for: imports finish one after the other.
const RECENT_IMPORTS_MAX: usize = 20;

/// Applies a committed generation to its end.
pub(crate) async fn apply(cx: &Intake<'_>, import: ImportId, total: u64) -> Result<(), IntakeError> {
    let mut done = 0;
    while !cx.store.apply_import(import, cx.apps.clone(), APPLY_ROWS, cx.clock.now()).await? {
        done = (done + APPLY_ROWS as u64).min(total);
        (cx.progress)(Progress { step: Step::Apply, done, total });
    }
    (cx.progress)(Progress { step: Step::Apply, done: total, total });
    Ok(())
}

/// Finishes generations that were committed but not applied to their end: rows are compared with users that nothing else still changes.
pub(crate) async fn finish_committed(cx: &Intake<'_>) -> Result<(), IntakeError> {
    for import in cx.store.imports(RECENT_IMPORTS_MAX).await? {
        if let ImportState::Committed { applied } = import.state {
            apply(cx, import.id, import.staged.saturating_sub(applied)).await?;
        }
    }
    Ok(())
}

/// Finishes what a crash interrupted: committed generations are applied to their end; what was still being staged is dropped.
/// For the start of a process, before anything else imports. Returns the generations it finished.
///
/// # Errors
/// The store failed.
pub async fn resume(cx: &Intake<'_>) -> Result<Vec<ImportId>, IntakeError> {
    let mut imports = cx.store.imports(IMPORTS_MAX).await?;
    imports.reverse();
    let mut finished = Vec::new();
    for import in imports {
        match import.state {
            ImportState::Committed { applied } => {
                apply(cx, import.id, import.staged.saturating_sub(applied)).await?;
                finished.push(import.id);
            }
            ImportState::Staging => cx.store.drop_import(import.id, cx.operator, cx.clock.now()).await?,
            ImportState::Parked { .. } | ImportState::Applied | ImportState::Dropped => {}
        }
    }
    Ok(finished)
}

/// Applies a parked generation: an admin has looked at it. `accept_shrink` is the most that anything may shrink by.
///
/// # Errors
/// It is not parked, a later import of the same source was applied since, it shrinks by more than accepted, or the store failed.
pub async fn apply_parked(cx: &Intake<'_>, id: ImportId, accept_shrink: Option<u64>) -> Result<Import, IntakeError> {
    let imports = cx.store.imports(IMPORTS_MAX).await?;
    let import = parked(&imports, id)?;
    let newer = |other: &&Import| {
        other.source == import.source
            && (other.at, other.id) > (import.at, import.id)
            && matches!(other.state, ImportState::Applied | ImportState::Committed { .. })
    };
    if let Some(newer) = imports.iter().find(newer) {
        return Err(IntakeError::Overtaken { id, newer: newer.id });
    }
    let count = guard::largest(&import.preview);
    if let Some(accepted) = accept_shrink.filter(|accepted| count > *accepted) {
        return Err(IntakeError::ShrinksMore { id, count, accepted });
    }
    cx.store.commit_import(id, cx.operator, cx.clock.now()).await?;
    apply(cx, id, import.staged).await?;
    Ok(Import { state: ImportState::Applied, ..import.clone() })
}

/// Drops a parked generation.
///
/// # Errors
/// It is not parked, or the store failed.
pub async fn drop_parked(cx: &Intake<'_>, id: ImportId) -> Result<Import, IntakeError> {
    let imports = cx.store.imports(IMPORTS_MAX).await?;
    let import = parked(&imports, id)?;
    cx.store.drop_import(id, cx.operator, cx.clock.now()).await?;
    Ok(Import { state: ImportState::Dropped, ..import.clone() })
}

fn parked(imports: &[Import], id: ImportId) -> Result<&Import, IntakeError> {
    let import = imports.iter().find(|import| import.id == id).ok_or(IntakeError::Unknown(id))?;
    let state = match import.state {
        ImportState::Parked { .. } => return Ok(import),
        ImportState::Staging => "still being staged",
        ImportState::Committed { .. } => "committed and being applied",
        ImportState::Applied => "applied already",
        ImportState::Dropped => "dropped",
    };
    Err(IntakeError::NotParked { id, state: state.to_owned() })
}
