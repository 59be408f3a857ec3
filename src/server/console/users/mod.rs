//! Users: one person across all apps.

pub mod acting;
pub mod confirm;
pub mod editing;
pub mod list;
pub mod pair;
pub mod person;
pub mod provision;
pub mod routes;

pub use routes::router;
