//! Revisions, the pointer to the active one, and apps.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::connector::capability::{AppState, Learned};
use crate::connector::revision::{Bundle, Revision};
use crate::directory::change::Cause;
use crate::id::{AppName, OperatorId, RevisionNumber};
use crate::provision::entry::Fact;
use crate::store::act::{StoreError, StoreResult};
use crate::store::acts::identity;
use crate::store::group::{About, Group};
use crate::store::kv::{self, Order, Rows};
use crate::store::layout;
use crate::store::query::{AppRecord, Sweep};
use crate::store::record::{Activation, BundleFile, decode, encode};

pub(crate) fn put(
    tx: &mut Group<'_>,
    bundle: &Bundle,
    author: OperatorId,
    comment: String,
    at: Timestamp,
) -> StoreResult<Revision> {
    let digest = bundle.digest();
    let known = revisions(tx)?;
    if let Some(same) = known.iter().find(|revision| revision.digest == digest) {
        return Ok(same.clone());
    }
    let number = RevisionNumber(known.first().map_or(0, |newest| newest.number.0) + 1);
    let parent = active(tx)?.map(|active| active.number);
    let revision = Revision { number, digest, parent, author, comment, at };
    for (index, (path, text)) in (0..).zip(&bundle.files) {
        let file = BundleFile { path: path.clone(), text: text.clone() };
        tx.put_parts(&layout::bundle_file(number, index), &encode(&file))?;
    }
    tx.put(layout::revision(number), &revision)?;
    let what = "stored".to_owned();
    tx.enter(at, About::default(), Fact::Revision { number, digest, what, operator: author });
    Ok(revision)
}

pub(crate) fn revision(rows: &dyn Rows, number: RevisionNumber) -> StoreResult<Revision> {
    kv::read(rows, &layout::revision(number))?.ok_or_else(|| StoreError::NotFound(number.to_string()))
}

pub(crate) fn activate(
    tx: &mut Group<'_>,
    number: RevisionNumber,
    parent: Option<RevisionNumber>,
    apps: &[AppName],
    by: OperatorId,
    at: Timestamp,
) -> StoreResult<()> {
    let revision = revision(tx, number)?;
    let current = active(tx)?.map(|active| active.number);
    if current != parent {
        let name = |number: Option<RevisionNumber>| number.map_or("none".to_owned(), |number| number.to_string());
        return Err(StoreError::Stale(format!("the active revision is {}, not {}", name(current), name(parent))));
    }
    tx.put(layout::meta("active"), &number.0)?;
    tx.put(layout::activation(at, number), &Activation { by })?;
    identity::note_actor(tx, layout::revision_actors(number), by)?;
    for app in apps {
        open_sweep(tx, app, Cause::Activation(number))?;
    }
    let back = current.is_some_and(|current| number < current);
    let what = if back { "rolled back to" } else { "activated" }.to_owned();
    tx.enter(at, About::default(), Fact::Revision { number, digest: revision.digest, what, operator: by });
    Ok(())
}

/// Who had activated a revision at a time; for one that was activated before this was kept: its author.
pub(crate) fn activated_by(rows: &dyn Rows, number: RevisionNumber, at: Timestamp) -> StoreResult<Option<OperatorId>> {
    let mut by = None;
    let until = layout::activation(at.plus_millis(1), RevisionNumber(0)).0;
    kv::walk_range(rows, (layout::activations().0, until), Order::Descending, &mut |key, value| {
        if layout::activation_at_end(key).is_some_and(|(_, activated)| activated == number) {
            by = Some(decode::<Activation>(value)?.by);
        }
        Ok(by.is_none())
    })?;
    match by {
        Some(by) => Ok(Some(by)),
        None => Ok(kv::read::<Revision>(rows, &layout::revision(number))?.map(|revision| revision.author)),
    }
}

/// The revision that was active at a time, and since when; `None` = none, or it was activated before this was kept.
pub(crate) fn active_at(rows: &dyn Rows, at: Timestamp) -> StoreResult<Option<(RevisionNumber, Timestamp)>> {
    let from = layout::activations().0;
    let to = layout::activation(at.plus_millis(1), RevisionNumber(0)).0;
    let found = rows.scan(&from, &to, Order::Descending, 1)?;
    Ok(found.first().and_then(|(key, _)| layout::activation_at_end(key)).map(|(since, number)| (number, since)))
}

pub(crate) fn active(rows: &dyn Rows) -> StoreResult<Option<Revision>> {
    match kv::read::<u64>(rows, &layout::meta("active"))? {
        Some(number) => revision(rows, RevisionNumber(number)).map(Some),
        None => Ok(None),
    }
}

pub(crate) fn revisions(rows: &dyn Rows) -> StoreResult<Vec<Revision>> {
    let prefix = layout::revisions();
    let pairs = rows.scan(&prefix.0, &prefix.end(), Order::Descending, usize::MAX)?;
    pairs.iter().map(|(_, value)| decode(value)).collect()
}

pub(crate) fn bundle(rows: &dyn Rows, number: RevisionNumber) -> StoreResult<Bundle> {
    revision(rows, number)?;
    let prefix = layout::bundle(number);
    let mut files: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    for (key, value) in kv::under(rows, &prefix, usize::MAX)? {
        // The key goes on with the file's index and the part: parts come in order.
        let file = key.get(prefix.0.len()..prefix.0.len() + 2).unwrap_or_default().to_vec();
        files.entry(file).or_default().extend(value);
    }
    let mut bundle = Bundle::default();
    for bytes in files.values() {
        let file: BundleFile = decode(bytes)?;
        bundle.files.insert(file.path, file.text);
    }
    Ok(bundle)
}

pub(crate) fn app(rows: &dyn Rows, app: &AppName) -> StoreResult<AppRecord> {
    Ok(kv::read(rows, &layout::app(app))?.unwrap_or_default())
}

pub(crate) fn set_app(
    tx: &mut Group<'_>,
    name: &AppName,
    state: AppState,
    what: String,
    at: Timestamp,
) -> StoreResult<()> {
    let mut record = app(tx, name)?;
    if record.state == state {
        return Ok(());
    }
    record.state = state;
    tx.enter(at, About::app(name), Fact::AppState { what });
    tx.put(layout::app(name), &record)
}

pub(crate) fn learn(tx: &mut Group<'_>, name: &AppName, learned: Learned) -> StoreResult<()> {
    let record = app(tx, name)?;
    if record.learned == learned {
        return Ok(());
    }
    tx.put(layout::app(name), &AppRecord { learned, ..record })
}

pub(crate) fn open_sweep(tx: &mut Group<'_>, name: &AppName, cause: Cause) -> StoreResult<()> {
    let record = app(tx, name)?;
    tx.put(layout::app(name), &AppRecord { sweep: Some(Sweep { after: None, cause }), ..record })
}
