//! Approvals: what waits for a decision, why, and who decides. An event never changes what it would do (a newer one takes its place), so
//! deciding about an event decides about exactly what was on screen; a batch is bound by its count and digest.

pub mod batch;
pub mod card;
pub mod decide;
pub mod decided;
pub mod filter;
pub mod list;
pub mod routes;

pub use routes::router;
