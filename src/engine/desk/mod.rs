//! The desk: one file for each kind of command. Each reads from the store, asks the rest of the engine to act, and gives an answer.

pub mod approvals;
pub mod apps;
pub mod asking;
pub mod choosing;
pub mod dispatch;
pub mod doctor;
pub mod entitlements;
pub mod explain;
pub mod explain_then;
pub mod history;
pub mod imports;
pub mod keys;
pub mod leavers;
pub mod operators;
pub mod pairs;
pub mod plans;
pub mod reconcile;
pub mod revisions;
pub mod rules;
pub mod status;
pub mod users;
pub mod waiting;
pub mod writing;
