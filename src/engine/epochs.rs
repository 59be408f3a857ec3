//! Epochs of operators: whatever ends an operator's sessions (a changed password, another role, being disabled) begins a new one. In
//! memory, as sessions are.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::engine::context::{Engine, EngineError};
use crate::id::OperatorId;

/// How often each operator's sessions were ended.
#[derive(Debug, Default)]
pub struct Epochs(Mutex<BTreeMap<OperatorId, u64>>);

impl Epochs {
    /// Ends the operator's sessions.
    pub fn end(&self, operator: OperatorId) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(operator).or_default() += 1;
    }

    /// The present epoch.
    pub fn of(&self, operator: OperatorId) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&operator).copied().unwrap_or_default()
    }
}

impl Engine {
    /// The operator's present epoch: a session of an earlier one is over.
    pub fn epoch(&self, operator: OperatorId) -> u64 {
        self.epochs.of(operator)
    }

    /// The present epoch of whoever has that name, without case; the first one if nobody has.
    ///
    /// # Errors
    /// If the store can't be read.
    pub async fn epoch_of_name(&self, name: &str) -> Result<u64, EngineError> {
        let operators = self.parts.store.operators().await?;
        let found = operators.iter().find(|operator| operator.name.to_lowercase() == name.to_lowercase());
        Ok(found.map_or(0, |operator| self.epoch(operator.id)))
    }
}
