//! Activity: events as they come, and what became of them.

pub mod routes;

pub use routes::router;
