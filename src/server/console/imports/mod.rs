//! Imports: what came into the directory, and what it changed.

pub mod routes;

pub use routes::router;
