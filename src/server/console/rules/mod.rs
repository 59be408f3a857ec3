//! Rules: what decides who gets what, tried before it counts.

pub mod diff;
pub mod draft;
pub mod export;
pub mod file;
pub mod files;
pub mod list;
pub mod listing;
pub mod plan;
pub mod revision;
pub mod revisions;
pub mod routes;
pub mod trial;
pub mod work;

pub use routes::router;
