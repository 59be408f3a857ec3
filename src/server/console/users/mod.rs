//! Users: one person across all apps.

pub mod routes;

pub use routes::router;
