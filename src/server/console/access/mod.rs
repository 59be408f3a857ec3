//! Access: operators, tokens, secrets of apps, one's own password, and what operators did.

pub mod deeds;
pub mod operators;
pub mod own;
pub mod routes;
pub mod secrets;
pub mod tabs;
pub mod tokens;

pub use routes::router;
