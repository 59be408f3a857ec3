//! The part of the store that keeps what proves operators over the network. A trait of its own beneath [`Store`](crate::store::act::Store):
//! nobody else needs it than the desk that signs people in.

use async_trait::async_trait;

use crate::access::credential::{PasswordHash, Token};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::{OperatorId, TokenId};
use crate::store::act::StoreResult;
use crate::store::acts::access;
use crate::store::stored::Backend;

/// Passwords and tokens, as what can't be turned back. As everywhere in the store, a method is one atomic, durable act; each that
/// writes adds an entry that says who did it, except for the one-time token, which is made before there is a history.
#[async_trait]
pub trait Keyring: Send + Sync {
    /// The password of an operator; `None` = he has none.
    async fn password(&self, operator: OperatorId) -> StoreResult<Option<PasswordHash>>;
    /// Sets it.
    async fn put_password(
        &self,
        operator: OperatorId,
        hash: PasswordHash,
        by: OperatorId,
        at: Timestamp,
    ) -> StoreResult<()>;
    /// All tokens, oldest first, expired ones included.
    async fn tokens(&self) -> StoreResult<Vec<Token>>;
    /// The token with this digest.
    async fn token(&self, digest: Digest) -> StoreResult<Option<Token>>;
    /// Keeps a token.
    async fn put_token(&self, token: Token, by: OperatorId, at: Timestamp) -> StoreResult<()>;
    /// Forgets a token; returns it if it was there.
    async fn revoke_token(&self, id: TokenId, by: OperatorId, at: Timestamp) -> StoreResult<Option<Token>>;
    /// Keeps the digest of the one-time token, in place of an older one.
    async fn put_bootstrap(&self, digest: Digest) -> StoreResult<()>;
    /// Sets an operator's password with the one-time token and forgets the token; `Conflict` if it is not the one that is kept.
    async fn use_bootstrap(
        &self,
        digest: Digest,
        operator: OperatorId,
        hash: PasswordHash,
        at: Timestamp,
    ) -> StoreResult<()>;
}

#[async_trait]
impl<B: Backend> Keyring for B {
    async fn password(&self, operator: OperatorId) -> StoreResult<Option<PasswordHash>> {
        self.stored().read(move |rows| access::password(rows, operator)).await
    }
    async fn put_password(
        &self,
        operator: OperatorId,
        hash: PasswordHash,
        by: OperatorId,
        at: Timestamp,
    ) -> StoreResult<()> {
        self.stored().write(move |tx| access::put_password(tx, operator, &hash, by, at)).await
    }
    async fn tokens(&self) -> StoreResult<Vec<Token>> {
        self.stored().read(move |rows| access::tokens(rows)).await
    }
    async fn token(&self, digest: Digest) -> StoreResult<Option<Token>> {
        self.stored().read(move |rows| access::token(rows, digest)).await
    }
    async fn put_token(&self, token: Token, by: OperatorId, at: Timestamp) -> StoreResult<()> {
        self.stored().write(move |tx| access::put_token(tx, &token, by, at)).await
    }
    async fn revoke_token(&self, id: TokenId, by: OperatorId, at: Timestamp) -> StoreResult<Option<Token>> {
        self.stored().write(move |tx| access::revoke_token(tx, id, by, at)).await
    }
    async fn put_bootstrap(&self, digest: Digest) -> StoreResult<()> {
        self.stored().write(move |tx| access::put_bootstrap(tx, digest)).await
    }
    async fn use_bootstrap(
        &self,
        digest: Digest,
        operator: OperatorId,
        hash: PasswordHash,
        at: Timestamp,
    ) -> StoreResult<()> {
        self.stored().write(move |tx| access::use_bootstrap(tx, digest, operator, &hash, at)).await
    }
}
