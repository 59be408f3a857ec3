//! The registrar: whose accounts are these? Conversations ask the ledger; the questions that wait together are one read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::oneshot;

use crate::engine::perform::Owners;
use crate::id::{AppName, UserId};
use crate::store::Store;
use crate::store::act::{StoreError, StoreResult};

/// One question: ids, and where the answer goes.
type Question = (Vec<String>, oneshot::Sender<StoreResult<Vec<Option<UserId>>>>);

/// Asks the store for many at once.
pub struct Registrar {
    store: Arc<dyn Store>,
    waiting: Arc<Mutex<BTreeMap<AppName, Vec<Question>>>>,
}

impl Registrar {
    /// A registrar of `store`.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, waiting: Arc::default() }
    }
}

#[async_trait]
impl Owners for Registrar {
    async fn owners(&self, app: &AppName, remote_ids: Vec<String>) -> StoreResult<Vec<Option<UserId>>> {
        let (reply, answer) = oneshot::channel();
        let first = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            let questions = waiting.entry(app.clone()).or_default();
            questions.push((remote_ids, reply));
            questions.len() == 1
        };
        if first {
            // Whoever comes first asks for all who come while the task is being started.
            tokio::spawn(ask(Arc::clone(&self.store), Arc::clone(&self.waiting), app.clone()));
        }
        let gone =
            |_| StoreError::Io { act: "answer whose an account is", source: std::io::Error::other("it was closed") };
        answer.await.map_err(gone)?
    }

    fn finish_asks(&self) -> bool {
        true
    }
}

async fn ask(store: Arc<dyn Store>, waiting: Arc<Mutex<BTreeMap<AppName, Vec<Question>>>>, app: AppName) {
    let questions = waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(&app).unwrap_or_default();
    let ids: Vec<String> = questions.iter().flat_map(|(ids, _)| ids.iter().cloned()).collect();
    match store.owners_by_remote_id(&app, ids).await {
        Ok(owners) => {
            let mut owners = owners.into_iter();
            for (ids, reply) in questions {
                // Who asked may have gone.
                drop(reply.send(Ok(owners.by_ref().take(ids.len()).collect())));
            }
        }
        Err(error) => {
            let words = error.to_string();
            for (_, reply) in questions {
                let source = std::io::Error::other(words.clone());
                drop(reply.send(Err(StoreError::Io { act: "answer whose an account is", source })));
            }
        }
    }
}
