//! The walk, in process: a memory store, a clock that stands still, a sandbox target on a real socket.

mod approve;
mod house;
mod leave;
mod members;
mod refresh;
mod reconcile;
mod walk;
