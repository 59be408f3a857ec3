//! A SCIM 2.0 target that a connector describes: for trying things, for tests and for the demo.
//!
//! It enforces what the connector says (required, create-only and allowed values, what a changed userName does, filter limits,
//! page sizes, who may write members and in which form) and otherwise follows RFC 7643 and RFC 7644. Accounts live in memory. Faults that targets show in the wild are
//! injected by [`Faults`], decided by a hash over a seed and the number of the request, so a run can be repeated.
//!
//! It imports nothing of the engine, never reads a clock that was not passed in, and never stands in for a server that others
//! wrote in the tests that claim one.

mod account;
mod admin;
mod answer;
mod attribute;
mod command;
mod crowd;
mod demand;
mod directory;
mod discovery;
mod fault;
mod filter;
mod group;
mod list;
mod membership;
mod minimal;
mod patch;
mod refusal;
mod request;
mod roster;
mod seed;
mod service;
mod user;
mod wire;

pub use account::AccountView;
pub use command::Options;
pub use crowd::{Crowd, GroupSeed};
pub use fault::{Faults, InvalidFault};
pub use minimal::serve_minimal;
pub use roster::GroupView;
pub use seed::{SandboxError, Seed};
pub use service::{BASE_PATH, Sandbox, Settings};
