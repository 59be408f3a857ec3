//! Operators: who may act in Usher, and what each role may do. Pure.

pub mod actor;
pub mod operator;
pub mod permission;

pub use actor::Actor;
pub use operator::{FourEyes, Operator, Role};
pub use permission::Permission;
