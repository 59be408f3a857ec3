//! What needs somebody, over all apps: what the first page of the console says.

use serde::{Deserialize, Serialize};

use crate::connector::capability::AppState;
use crate::engine::answer::LeaverAnswer;
use crate::id::AppName;
use crate::store::query::Import;

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overview {
    /// Users in the directory.
    pub users: u64,
    /// Whether a revision is active.
    pub is_set_up: bool,
    /// Events that wait for an approver.
    pub waiting: usize,
    /// Of these, held in batches.
    pub in_batches: usize,
    /// Of these, asked before, and nobody decided in time.
    pub escalated: usize,
    /// Imports that wait for an admin.
    pub parked: Vec<Import>,
    /// By name.
    pub apps: Vec<AppOverview>,
}

/// One app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppOverview {
    /// Its name.
    pub name: AppName,
    /// What people call it.
    pub title: String,
    /// How it stands.
    pub state: AppState,
    /// Active accounts.
    pub active: u64,
    /// Leavers whose deactivation or delete is open, whoever has waited longest first.
    pub leavers: Vec<LeaverAnswer>,
    /// Events that failed or were blocked, and that nothing newer took the place of.
    pub failed: usize,
    /// There may be more of them than were looked at.
    pub more: bool,
}
