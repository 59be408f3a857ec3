//! Rules: scripts that say which account a user should have in an app. Pure, sandboxed, deterministic.
//!
//! The walk: a script is compiled once per app and revision ([`Rules::compile`]: parsed, every name checked, the account map split
//! into one expression an attribute), then evaluated for one [`Subject`] at a time ([`Rules::evaluate`]). What comes out is checked
//! and flattened into [`crate::provision::Desired`]. Examples beside a script are run by [`example::check`].
//!
//! A rule never reads a clock, a file, the network or chance; it sees nothing but its subject, and cannot change it. The operation
//! limit is the verdict; the deadline is only a fuse ([`RuleError::Fuse`]).

mod check;
pub mod evaluate;
pub mod example;
pub mod fault;
mod lines;
pub mod load;
mod machine;
mod matching;
mod person;
pub mod sandbox;
mod shape;
mod suggest;
mod vocabulary;

pub use evaluate::Evaluated;
pub use example::{ExampleOutcome, check as check_examples};
pub use fault::{RuleError, RuleFault};
pub use load::{Rules, builtin};
pub use person::Subject;
