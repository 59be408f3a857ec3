//! Activity: events as they come, and what became of them.

pub mod charts;
pub mod event;
pub mod filter;
pub mod leavers;
pub mod links;
pub mod list;
pub mod picture;
pub mod routes;
pub mod story;

pub use routes::router;
