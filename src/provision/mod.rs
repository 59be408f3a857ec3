//! From what should be to what must be done: desired accounts, the ledger, operations, plans, guards, events and their entries.
//! Pure: no I/O, no clock, no randomness, no async.

pub mod account;
pub mod approval;
pub mod backoff;
pub mod desired;
pub mod diff;
pub mod drift;
pub mod edge;
pub mod entitlement;
pub mod entry;
pub mod escalation;
pub mod event;
pub mod gone;
pub mod granting;
pub mod guard;
pub mod leaving;
pub mod operation;
pub mod outcome;
pub mod plan;
pub mod refusal;

pub use account::{Account, Mute, Observation, Origin, Presence};
pub use desired::{Desired, Wanted};
pub use entry::{Entry, Fact};
pub use event::{Event, Status};
pub use guard::finding::{Finding, FindingKind, Severity};
pub use operation::{Change, Kind, Operation};
pub use outcome::{FailureClass, Outcome};
pub use plan::{PlanCounts, PlanPage, PlanSummary, Planned, SkipReason, Skipped, Verdict};
