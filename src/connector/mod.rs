//! Connectors describe a kind of target app; apps are configured instances of them; revisions are immutable sets of both with
//! their rules. All of it is data that people write: unknown keys are errors with line and column. Pure.

pub mod app;
pub mod builtin;
pub mod capability;
pub mod descriptor;
pub mod draft;
pub mod grants;
pub mod groups;
pub mod mistakes;
pub mod reconcile;
pub mod revision;

pub use app::{AdoptMode, App, AppSpec, Approvals, CredentialRef, LeavingPolicies, LeavingPolicy, Limits, OnExisting};
pub use builtin::builtin;
pub use capability::{AppState, Learned};
pub use descriptor::{
    AttributeRule, Connector, Deactivation, FilterCombination, PatchStyle, UpdateVerb, UsernameChange,
};
pub use grants::EntitlementPolicy;
pub use groups::{EntitlementSource, GroupMode, Groups, MemberAdd, MemberRemove, MemberValue, MembershipRead};
pub use reconcile::{Drift, MembershipDrift, ReconcilePolicy};
pub use revision::{Bundle, Revision};
