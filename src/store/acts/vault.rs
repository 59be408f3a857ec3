//! Secrets of apps, sealed.

use crate::access::credential::SealedSecret;
use crate::clock::Timestamp;
use crate::id::{AppName, OperatorId};
use crate::provision::entry::Fact;
use crate::store::act::StoreResult;
use crate::store::group::{About, Group};
use crate::store::kv::{self, Rows};
use crate::store::layout;
use crate::store::record::decode;

pub(crate) fn secrets(rows: &dyn Rows) -> StoreResult<Vec<SealedSecret>> {
    let rows = kv::under(rows, &layout::secrets(), usize::MAX)?;
    let mut secrets: Vec<SealedSecret> = rows.iter().map(|(_, value)| decode(value)).collect::<StoreResult<_>>()?;
    secrets.sort_by(|a, b| a.app.cmp(&b.app));
    Ok(secrets)
}

pub(crate) fn put(tx: &mut Group<'_>, secret: &SealedSecret) -> StoreResult<()> {
    let what = format!("sealed a secret for {} at {}", secret.app, secret.origin);
    tx.enter(secret.at, About::app(&secret.app), Fact::Operator { what, operator: secret.by });
    tx.put(layout::secret(&secret.app), secret)
}

/// Returns the secret that was there.
pub(crate) fn drop_secret(
    tx: &mut Group<'_>,
    app: &AppName,
    why: &str,
    by: OperatorId,
    at: Timestamp,
) -> StoreResult<Option<SealedSecret>> {
    let Some(secret) = kv::read::<SealedSecret>(tx, &layout::secret(app))? else { return Ok(None) };
    let what = format!("dropped the secret of {app}: {why}");
    tx.enter(at, About::app(app), Fact::Operator { what, operator: by });
    tx.remove(layout::secret(app));
    Ok(Some(secret))
}
