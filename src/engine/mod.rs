//! The engine: observe, plan, decide, push, record. Reads go to the store directly, writes through here.

pub mod answer;
pub mod command;
pub mod context;

pub use answer::Answer;
pub use command::Command;
pub use context::{Connect, Engine, EngineError, Parts, Watcher};
