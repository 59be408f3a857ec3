//! What proves operators over the network: password hashes, tokens, the one-time token of a new store, and when each signed in.

use std::collections::BTreeMap;

use crate::access::credential::{PasswordHash, SignIn, Token, TokenKind};
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
    // Whoever knew the old one may have got himself tokens with it.
    let gone = match password(tx, operator)? {
        Some(_) => revoke_of(tx, operator, |token| token.kind == TokenKind::Personal)?,
        None => 0,
    };
    told(tx, with_tokens(what, gone), by, at);
    tx.put(layout::password(operator), hash)
}

/// Revokes those tokens of an operator that `fall`; returns how many.
pub(crate) fn revoke_of(tx: &mut Group<'_>, operator: OperatorId, fall: impl Fn(&Token) -> bool) -> StoreResult<usize> {
    let falling: Vec<Token> =
        tokens(tx)?.into_iter().filter(|token| token.operator == operator && fall(token)).collect();
    for token in &falling {
        tx.remove(layout::token(token.digest));
    }
    Ok(falling.len())
}

/// A deed, with how many tokens fell by it.
pub(crate) fn with_tokens(what: String, gone: usize) -> String {
    match gone {
        0 => what,
        1 => format!("{what}; one token of his is revoked with it"),
        more => format!("{what}; {more} tokens of his are revoked with it"),
    }
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

pub(crate) fn put_bootstrap(tx: &mut Group<'_>, digest: Digest, by: OperatorId, at: Timestamp) -> StoreResult<()> {
    told(tx, "made a one-time token for the console".to_owned(), by, at);
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

pub(crate) fn note_sign_in(tx: &mut Group<'_>, operator: OperatorId, sign_in: &SignIn) -> StoreResult<()> {
    tx.put(layout::sign_in(operator), sign_in)
}

/// When and how each operator signed in last.
pub(crate) fn sign_ins(rows: &dyn Rows) -> StoreResult<BTreeMap<OperatorId, SignIn>> {
    let operators = identity::operators(rows)?;
    let found = operators.into_iter().map(|one| Ok((one.id, kv::read(rows, &layout::sign_in(one.id))?)));
    let found: Vec<(OperatorId, Option<SignIn>)> = found.collect::<StoreResult<_>>()?;
    Ok(found.into_iter().filter_map(|(id, sign_in)| Some((id, sign_in?))).collect())
}

fn name(rows: &dyn Rows, operator: OperatorId) -> StoreResult<String> {
    let found = identity::operators(rows)?.into_iter().find(|one| one.id == operator);
    found.map(|one| one.name).ok_or_else(|| StoreError::NotFound(operator.to_string()))
}

pub(crate) fn told(tx: &mut Group<'_>, what: String, by: OperatorId, at: Timestamp) {
    tx.enter(at, About::default(), Fact::Operator { what, operator: by });
}
