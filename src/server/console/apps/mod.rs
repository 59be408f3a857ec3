//! Apps: how each stands, and what can be done about it.

pub mod actions;
pub mod entitlements;
pub mod frame;
pub mod list;
pub mod one;
pub mod policies;
pub mod policy;
pub mod reconcile;
pub mod routes;
pub mod state;
pub mod tested;

pub use routes::router;
