//! The walk, in process: a memory store, a clock that stands still, a sandbox target on a real socket.

mod approve;
mod drift;
mod explain;
mod house;
mod leave;
mod members;
mod reconcile;
mod refresh;
mod walk;
