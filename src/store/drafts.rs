//! The part of the store where things lie that decide nothing: drafts of rules, and what was said of an import's rows. A trait of its
//! own beneath [`Store`](crate::store::act::Store). Nothing here has an entry: what comes of a draft or an import has.

use async_trait::async_trait;

use crate::connector::draft::Draft;
use crate::id::{ImportId, OperatorId};
use crate::store::act::StoreResult;
use crate::store::kv;
use crate::store::layout;
use crate::store::query::Remarks;
use crate::store::record::{decode, encode};
use crate::store::stored::Backend;

/// Drafts, one an operator, and remarks, one a generation.
#[async_trait]
pub trait Drafts: Send + Sync {
    /// What the operator is writing.
    async fn draft(&self, operator: OperatorId) -> StoreResult<Option<Draft>>;
    /// Keeps it in place of the one before; `None` = forgets it.
    async fn put_draft(&self, operator: OperatorId, draft: Option<Draft>) -> StoreResult<()>;
    /// What was said of an import's rows.
    async fn remarks(&self, import: ImportId) -> StoreResult<Option<Remarks>>;
    /// Keeps it.
    async fn put_remarks(&self, import: ImportId, remarks: Remarks) -> StoreResult<()>;
}

#[async_trait]
impl<B: Backend> Drafts for B {
    async fn draft(&self, operator: OperatorId) -> StoreResult<Option<Draft>> {
        let key = layout::draft(operator);
        self.stored().read(move |rows| kv::read_parts(rows, &key)?.map(|bytes| decode(&bytes)).transpose()).await
    }
    async fn put_draft(&self, operator: OperatorId, draft: Option<Draft>) -> StoreResult<()> {
        let key = layout::draft(operator);
        let write = move |tx: &mut crate::store::group::Group<'_>| match &draft {
            Some(draft) => tx.put_parts(&key, &encode(draft)),
            None => tx.remove_under(&key),
        };
        self.stored().write(write).await
    }
    async fn remarks(&self, import: ImportId) -> StoreResult<Option<Remarks>> {
        let key = layout::remarks(import);
        self.stored().read(move |rows| kv::read_parts(rows, &key)?.map(|bytes| decode(&bytes)).transpose()).await
    }
    async fn put_remarks(&self, import: ImportId, remarks: Remarks) -> StoreResult<()> {
        let key = layout::remarks(import);
        self.stored().write(move |tx| tx.put_parts(&key, &encode(&remarks))).await
    }
}
