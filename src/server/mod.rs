//! The house's servers: the workspace's socket.

pub mod socket;
