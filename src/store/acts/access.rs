//! What proves operators over the network: password hashes, tokens, and the one-time token of a new store.

use crate::access::credential::{PasswordHash, Token};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::{OperatorId, TokenId};
use crate::provision::entry::Fact;
use crate::store::act::{StoreError, StoreResult};
use crate::store::acts::identity;
use crate::store::group::{About, Group};
use crate::store::kv::{self, Rows};
use crate::store::layout;
use crate::store::record::decode;

pub(crate) fn password(rows: &dyn Rows, operator: OperatorId) -> StoreResult<Option<PasswordHash>> {
    kv::read(rows, &layout::password(operator))
}

pub(crate) fn put_password(
    tx: &mut Group<'_>,
    operator: OperatorId,
    hash: &PasswordHash,
    by: OperatorId,
    at: Timestamp,
) -> StoreResult<()> {
    let what = format!("set the password of `{}`", name(tx, operator)?);
    told(tx, what, by, at);
    tx.put(layout::password(operator), hash)
}

pub(crate) fn tokens(rows: &dyn Rows) -> StoreResult<Vec<Token>> {
    let rows = kv::under(rows, &layout::tokens(), usize::MAX)?;
    let mut tokens: Vec<Token> = rows.iter().map(|(_, value)| decode(value)).collect::<StoreResult<_>>()?;
    tokens.sort_by_key(|token| token.id);
    Ok(tokens)
}

pub(crate) fn token(rows: &dyn Rows, digest: Digest) -> StoreResult<Option<Token>> {
    kv::read(rows, &layout::token(digest))
}

pub(crate) fn put_token(tx: &mut Group<'_>, token: &Token, by: OperatorId, at: Timestamp) -> StoreResult<()> {
    let owner = name(tx, token.operator)?;
    let what = format!("issued the token {} “{}” as {} for `{owner}`", token.id, token.name, token.role);
    told(tx, what, by, at);
    tx.put(layout::token(token.digest), token)
}

/// Returns the token that was there.
pub(crate) fn revoke_token(
    tx: &mut Group<'_>,
    id: TokenId,
    by: OperatorId,
    at: Timestamp,
) -> StoreResult<Option<Token>> {
    let Some(token) = tokens(tx)?.into_iter().find(|token| token.id == id) else { return Ok(None) };
    told(tx, format!("revoked the token {id} “{}”", token.name), by, at);
    tx.remove(layout::token(token.digest));
    Ok(Some(token))
}

pub(crate) fn put_bootstrap(tx: &mut Group<'_>, digest: Digest) -> StoreResult<()> {
    tx.put(layout::bootstrap(), &digest)
}

/// Sets the first password; the token is gone with it, and only the token that is kept will do.
pub(crate) fn use_bootstrap(
    tx: &mut Group<'_>,
    digest: Digest,
    operator: OperatorId,
    hash: &PasswordHash,
    at: Timestamp,
) -> StoreResult<()> {
    if kv::read::<Digest>(tx, &layout::bootstrap())? != Some(digest) {
        return Err(StoreError::Conflict("this one-time token was used, or replaced by a newer one".to_owned()));
    }
    tx.remove(layout::bootstrap());
    let what = format!("set the first password of `{}` with the one-time token", name(tx, operator)?);
    told(tx, what, operator, at);
    tx.put(layout::password(operator), hash)
}

fn name(rows: &dyn Rows, operator: OperatorId) -> StoreResult<String> {
    let found = identity::operators(rows)?.into_iter().find(|one| one.id == operator);
    found.map(|one| one.name).ok_or_else(|| StoreError::NotFound(operator.to_string()))
}

fn told(tx: &mut Group<'_>, what: String, by: OperatorId, at: Timestamp) {
    tx.enter(at, About::default(), Fact::Operator { what, operator: by });
}
