//! The conversations with a target that carry out one operation, or find out what is there.
//!
//! [`perform`] carries out a cleared operation, [`verify`] finds out what became of one whose outcome is unknown, [`observe`]
//! looks users up before planning, [`test`] tries a connection. What a conversation teaches about the app comes back as
//! [`Lesson`]s. Nothing here writes to the store, decides what is sent, sends a create twice, or concludes anything from an
//! absence that a list or a filter of doubtful honesty reports.

pub mod accept;
pub mod attempt;
pub mod catalogue;
pub mod context;
pub mod conversation;
pub mod create;
pub mod discover;
pub mod find;
pub mod leave;
mod leave_out;
pub mod lesson;
pub mod link;
pub mod meaning;
pub mod members;
pub mod membership;
pub mod observe;
pub mod probe;
pub mod rename;
pub mod run;
pub mod test;
pub mod throttle;
pub mod update;
pub mod verify;
pub mod whole_list;

pub use catalogue::{CatalogueRead, SourceRead, read_catalogue};
pub use context::{Context, Owners};
pub use discover::first_contact;
pub use lesson::{Lesson, absorb};
pub use members::{Change, Changed, Made, change_members, create_group, retry};
pub use membership::Membership;
pub use observe::{Looked, lookup};
pub use probe::probe_filters;
pub use rename::is_retired;
pub use run::{Performed, perform};
pub use test::{TestReport, test_connection};
pub use throttle::{Class, Throttle};
pub use verify::verify;
pub use whole_list::{Listing, listing};
