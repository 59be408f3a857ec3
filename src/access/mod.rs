//! Operators: who may act in Usher, and what each role may do. Pure.

pub mod actor;
pub mod credential;
pub mod eyes;
pub mod operator;
pub mod permission;

pub use actor::Actor;
pub use credential::Means;
pub use eyes::Concern;
pub use operator::{FourEyes, Operator, Role};
pub use permission::Permission;
