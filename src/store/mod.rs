//! The store: one object-safe, async trait; a method is one atomic, durable act including its events and entries. Memory for tests,
//! sled as the embedded default. Reads go to [`Store`]; writes go through the engine.
//!
//! An act is a plain function over ordered rows (`acts/`), written once for every backend. All writes go through one committer
//! (`commit`): it runs the waiting acts one after the other over a group of pending rows (`group`), writes the group atomically,
//! flushes once, and only then answers. `layout` has every key, `record` every row.

pub mod act;
pub mod backup;
pub mod deeds;
pub mod drafts;
pub mod exercise;
pub mod keyring;
pub mod memory;
pub mod query;
pub mod sled;
pub mod user_index;
pub mod vault;
pub mod views;

mod acts;
mod brief;
mod commit;
mod face;
mod group;
mod kv;
mod layout;
mod previous;
mod read_back;
mod recent;
mod record;
mod stored;

pub use act::Store;
pub use query::{AccountQuery, EventQuery};
pub use stored::{Backend, Stored};
