//! The planner: pages of pairs → pages of operations. No async, no clock, no randomness: `as_of` is a field and the same input gives
//! the same page, byte for byte.

pub mod judge;
pub mod page;

pub use judge::{Judged, judge, protection};
pub use page::{PageInput, contest, plan_page};
