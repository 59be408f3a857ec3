//! The store: one object-safe, async trait; a method is one atomic, durable act including its events and entries. Memory for tests,
//! sled as the embedded default. Reads go to [`Store`]; writes go through the engine.

pub mod act;
pub mod query;
pub mod record;

pub use act::Store;
pub use query::{AccountQuery, EventQuery};
