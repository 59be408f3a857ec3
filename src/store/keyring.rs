//! The part of the store that keeps what proves operators over the network. A trait of its own beneath [`Store`](crate::store::act::Store):
//! nobody else needs it than the desk that signs people in.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::access::credential::{OpenIdentity, PasswordHash, SignIn, Token};
use crate::access::operator::{Operator, Role};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::id::{OperatorId, TokenId};
use crate::store::act::StoreResult;
use crate::store::acts::{access, open_identity};
use crate::store::stored::Backend;

/// Passwords and tokens, as what can't be turned back. As everywhere in the store, a method is one atomic, durable act; each that
/// writes adds an entry that says who did it; only a sign-in as such leaves none.
#[async_trait]
pub trait Keyring: Send + Sync {
    /// The password of an operator; `None` = he has none.
    async fn password(&self, operator: OperatorId) -> StoreResult<Option<PasswordHash>>;
    /// Sets it. If there was one, personal tokens of the operator fall with it.
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
    async fn put_bootstrap(&self, digest: Digest, by: OperatorId, at: Timestamp) -> StoreResult<()>;
    /// Sets an operator's password with the one-time token and forgets the token; `Conflict` if it is not the one that is kept.
    async fn use_bootstrap(
        &self,
        digest: Digest,
        operator: OperatorId,
        hash: PasswordHash,
        at: Timestamp,
    ) -> StoreResult<()>;
    /// Somebody signed in.
    async fn note_sign_in(&self, operator: OperatorId, sign_in: SignIn) -> StoreResult<()>;
    /// When and how operators signed in last.
    async fn sign_ins(&self) -> StoreResult<BTreeMap<OperatorId, SignIn>>;
    /// Who came from OpenID providers.
    async fn open_identities(&self) -> StoreResult<Vec<OpenIdentity>>;
    /// Lets somebody in whom an OpenID provider vouches for: finds or makes the operator, and gives him the role that the provider says.
    async fn admit_open(&self, visitor: OpenVisitor, at: Timestamp) -> StoreResult<Admitted>;
}

/// Somebody whom an OpenID provider vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenVisitor {
    /// The provider.
    pub issuer: String,
    /// Who it is there.
    pub subject: String,
    /// What he is called, if he is new here.
    pub name: String,
    /// What the provider's claim makes of him; `None` = nothing.
    pub role: Option<Role>,
    /// The operator's id, if he is new here.
    pub id: OperatorId,
}

/// What became of him.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admitted {
    /// He is this operator.
    Welcome(Operator),
    /// The provider gives him no role; tokens that he had are revoked.
    NoRole(Option<OperatorId>),
    /// He is disabled here, whatever the provider says.
    Disabled,
    /// He is new, and another operator has his name.
    NameTaken(String),
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
    async fn put_bootstrap(&self, digest: Digest, by: OperatorId, at: Timestamp) -> StoreResult<()> {
        self.stored().write(move |tx| access::put_bootstrap(tx, digest, by, at)).await
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
    async fn note_sign_in(&self, operator: OperatorId, sign_in: SignIn) -> StoreResult<()> {
        self.stored().write(move |tx| access::note_sign_in(tx, operator, &sign_in)).await
    }
    async fn sign_ins(&self) -> StoreResult<BTreeMap<OperatorId, SignIn>> {
        self.stored().read(move |rows| access::sign_ins(rows)).await
    }
    async fn open_identities(&self) -> StoreResult<Vec<OpenIdentity>> {
        self.stored().read(move |rows| open_identity::all(rows)).await
    }
    async fn admit_open(&self, visitor: OpenVisitor, at: Timestamp) -> StoreResult<Admitted> {
        self.stored().write(move |tx| open_identity::admit(tx, visitor, at)).await
    }
}
