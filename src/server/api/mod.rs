//! The API under `/api/v1`: one file for each kind of thing. A handler takes its permission as a parameter, sends the engine one command and
//! shapes the answer; what it says of itself becomes the OpenAPI description.

pub mod apps;
pub mod commands;
pub mod describe;
pub mod reply;
pub mod routes;
pub mod sign_in;

pub use routes::{description, router};
