//! The walk, in process: a memory store, a clock that stands still, a sandbox target on a real socket.

mod approve;
mod approvers;
mod converge;
mod drift;
mod explain;
pub(crate) mod gate;
pub(crate) mod house;
mod leave;
mod leavers;
pub(crate) mod members;
mod members_in_trouble;
mod members_quirks;
mod reconcile;
mod refresh;
mod secrets;
mod standing;
pub(crate) mod tap;
mod trouble;
mod walk;
