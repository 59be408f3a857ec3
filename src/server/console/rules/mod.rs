//! Rules: what decides who gets what, tried before it counts.

pub mod routes;

pub use routes::router;
