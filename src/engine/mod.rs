//! The engine: observe, plan, decide, push, record. Reads go to the store directly, writes through here.
//!
//! `plan/` is pure; `cycle` runs it page by page and files what admission let through; `push` sends; `perform/` holds the
//! conversations with a target; `observe` looks before anything is created; `refresh` reads what can be granted; `reconcile/` looks whether the
//! target is as we left it;
//! `intake/` brings the directory in; `desk/` answers commands.

pub mod access_command;
pub mod active;
pub mod answer;
pub mod breaker;
pub mod budget;
pub mod command;
pub mod context;
pub mod cycle;
pub mod desk;
pub mod epochs;
pub mod explained;
pub mod heads;
pub mod intake;
pub mod lane;
pub mod leavers;
pub mod members;
pub mod needs;
pub mod observe;
pub mod overview;
pub mod paged;
pub mod pending;
pub mod perform;
pub mod plan;
pub mod progress;
pub mod push;
pub mod quarantine;
pub mod queue;
pub mod reconcile;
pub mod refresh;
pub mod refreshed;
pub mod refusals;
pub mod registrar;
pub mod retention;
pub mod round;
pub mod sources;
mod today;
pub mod traffic;
pub mod trial;
pub mod user_list;

pub use access_command::{AccessAnswer, AccessCommand};
pub use answer::Answer;
pub use command::Command;
pub use context::{Connect, Engine, EngineError, Parts, Watcher};
