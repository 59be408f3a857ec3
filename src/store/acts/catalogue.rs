//! The catalogue of an app: one row an entitlement, and one for the last refresh.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::directory::change::Cause;
use crate::id::AppName;
use crate::provision::entitlement::{Catalogue, CatalogueDiff, Entitlement, EntitlementKey};
use crate::provision::entry::Fact;
use crate::store::act::StoreResult;
use crate::store::acts::revisions;
use crate::store::group::{About, Group};
use crate::store::kv::{self, Order, Rows};
use crate::store::layout;
use crate::store::record::{Refresh, decode};

fn refresh(rows: &dyn Rows, app: &AppName) -> StoreResult<Refresh> {
    Ok(kv::read(rows, &layout::refresh(app))?.unwrap_or_default())
}

pub(crate) fn refreshed(rows: &dyn Rows, app: &AppName) -> StoreResult<Option<Timestamp>> {
    Ok(refresh(rows, app)?.at)
}

pub(crate) fn catalogue(rows: &dyn Rows, app: &AppName) -> StoreResult<Catalogue> {
    let Refresh { at, changed } = refresh(rows, app)?;
    let mut catalogue = Catalogue { refreshed: at, changed, ..Catalogue::default() };
    kv::walk(rows, &layout::catalogue(app), Order::Ascending, &mut |_, value| {
        let entitlement: Entitlement = decode(value)?;
        catalogue.entitlements.insert(entitlement.key.clone(), entitlement);
        Ok(true)
    })?;
    Ok(catalogue)
}

pub(crate) fn put(
    tx: &mut Group<'_>,
    app: &AppName,
    seen: &[(EntitlementKey, String)],
    complete_kinds: &BTreeSet<String>,
    at: Timestamp,
) -> StoreResult<CatalogueDiff> {
    let before = catalogue(tx, app)?;
    let (written, diff) = before.compare(seen, complete_kinds, at);
    for entitlement in &written {
        tx.put(layout::entitlement(app, &entitlement.key), entitlement)?;
    }
    let mut changed = before.changed;
    if !diff.is_empty() {
        changed = Some(at);
        let what = format!("the catalogue was refreshed: {}", diff.words());
        tx.enter(at, About::app(app), Fact::Catalogue { what });
        revisions::open_sweep(tx, app, Cause::Catalogue)?;
    }
    tx.put(layout::refresh(app), &Refresh { at: Some(at), changed })?;
    Ok(diff)
}

pub(crate) fn add(tx: &mut Group<'_>, app: &AppName, entitlement: &Entitlement) -> StoreResult<()> {
    let key = layout::entitlement(app, &entitlement.key);
    if kv::read::<Entitlement>(tx, &key)?.as_ref() == Some(entitlement) {
        return Ok(());
    }
    let refresh = refresh(tx, app)?;
    tx.put(layout::refresh(app), &Refresh { changed: Some(entitlement.gone.unwrap_or(entitlement.since)), ..refresh })?;
    tx.put(key, entitlement)
}
