//! The part of the store that keeps secrets of apps, sealed. A trait of its own beneath [`Store`](crate::store::act::Store): nobody else
//! needs it than the desk that takes them in and the way to the apps.

use async_trait::async_trait;

use crate::access::credential::SealedSecret;
use crate::clock::Timestamp;
use crate::id::{AppName, OperatorId};
use crate::store::act::StoreResult;
use crate::store::acts::vault;
use crate::store::stored::Backend;

/// Sealed secrets. Each method that writes adds an entry that says who did it, without the secret.
#[async_trait]
pub trait Vault: Send + Sync {
    /// All of them, by app.
    async fn secrets(&self) -> StoreResult<Vec<SealedSecret>>;
    /// Keeps an app's secret in place of the one before.
    async fn put_secret(&self, secret: SealedSecret) -> StoreResult<()>;
    /// Forgets an app's secret; returns it if it was there. `why` is for the entry.
    async fn drop_secret(
        &self,
        app: &AppName,
        why: String,
        by: OperatorId,
        at: Timestamp,
    ) -> StoreResult<Option<SealedSecret>>;
}

#[async_trait]
impl<B: Backend> Vault for B {
    async fn secrets(&self) -> StoreResult<Vec<SealedSecret>> {
        self.stored().read(move |rows| vault::secrets(rows)).await
    }
    async fn put_secret(&self, secret: SealedSecret) -> StoreResult<()> {
        self.stored().write(move |tx| vault::put(tx, &secret)).await
    }
    async fn drop_secret(
        &self,
        app: &AppName,
        why: String,
        by: OperatorId,
        at: Timestamp,
    ) -> StoreResult<Option<SealedSecret>> {
        let app = app.clone();
        self.stored().write(move |tx| vault::drop_secret(tx, &app, &why, by, at)).await
    }
}
