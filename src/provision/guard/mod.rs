//! Guards: small functions that look at an operation or a plan and return findings; a policy per app maps findings to clear, hold
//! or refuse. Two gates: *admission* once per plan, *clearance* at every attempt. Pure.

pub mod admission;
pub mod checks;
pub mod clearance;
pub mod finding;
pub mod policy;

pub use clearance::{Cleared, ClearedEdge, ClearedGroup, clear, clear_edge, clear_group};
pub use finding::{Class, Finding, FindingKind, Severity};
pub use policy::GuardPolicy;
