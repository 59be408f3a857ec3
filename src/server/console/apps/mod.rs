//! Apps: how each stands, and what can be done about it.

pub mod list;
pub mod routes;

pub use routes::router;
