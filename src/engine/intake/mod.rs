//! Taking a generation in: read rows × present users → changed rows → guard → staged → committed, or parked → applied.
//!
//! The walk: `compare` says what a row changes about a user (pure) → `tally` adds it to the preview (pure) → rows are staged, at most
//! 1,000 a call → `guard` says from the preview whether a person must look (pure) → one act commits or parks → rows follow by redo.
//! A row that says what we have stages nothing.
//!
//! Never does: read files, merge people by e-mail or name, conclude anything from absence in a delta, touch users of another source.
//! One import at a time: the caller holds the workspace's import lane.

pub mod compare;
pub mod decide;
pub mod guard;
pub mod stage;
pub mod tally;

pub use decide::{apply_parked, drop_parked, resume};
pub use stage::{Asked, ImportReport, Intake, IntakeError, Progress, Step, import};
