//! Access: operators, tokens, passwords.

pub mod routes;

pub use routes::router;
