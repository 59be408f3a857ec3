//! Imports: what came into the directory, and what waits to be looked at before it does.

pub mod list;
pub mod one;
pub mod preview;
pub mod routes;
pub mod upload;

pub use routes::router;
