//! The directory: people, where they come from, what they are part of, and what changed about them. Pure: no I/O, no clock.

pub mod assignment;
pub mod change;
pub mod role;
pub mod source;
pub mod user;
pub mod value;

pub use assignment::{AssignRule, Assignment, DirectAssignment, Grant};
pub use change::{Cause, SourceRow, UserEdit};
pub use role::RoleDefinition;
pub use source::{Source, SourceTarget};
pub use user::{Manager, Manual, Standing, User};
pub use value::Value;
