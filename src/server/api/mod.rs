//! The API under `/api/v1`: one file for each kind of thing. A handler takes its permission as a parameter, sends the engine one command and
//! shapes the answer; what it says of itself becomes the OpenAPI description.

pub mod accounts;
pub mod approvals;
pub mod apps;
pub mod assignments;
pub mod catalogue;
pub mod commands;
pub mod connectors;
pub mod cursor;
pub mod describe;
pub mod docs;
pub mod draft;
pub mod event;
pub mod events;
pub mod explained;
pub mod history;
pub mod imports;
pub mod leavers;
pub mod once;
pub mod operators;
pub mod plans;
pub mod reconcile;
pub mod refusals;
pub mod reply;
pub mod request;
pub mod revisions;
pub mod roles;
pub mod routes;
pub mod rules;
pub mod sign_in;
pub mod users;
pub mod words;

pub use routes::{description, router};
