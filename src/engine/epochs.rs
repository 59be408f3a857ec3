//! Epochs of operators: whatever ends an operator's sessions (a changed password, another role, being disabled) begins a new one. In
//! memory, as sessions are.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::engine::context::Engine;
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
}
