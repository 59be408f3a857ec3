//! The SCIM client and the conversations over it: against a model target that lies as real ones do, and over real sockets.

mod cataloguing;
mod http;
mod lies;
pub(crate) mod model;
mod observing;
mod pushing;
mod wire;
