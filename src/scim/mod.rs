//! The SCIM 2.0 client (RFC 7643, RFC 7644): strict in what it sends, lenient in what it accepts.
//!
//! [`client`] sends one request; [`filter`] and [`encode`] write what goes out (writes only for a
//! [`Cleared`](crate::provision::guard::Cleared) operation); [`decode`] reads what comes back; [`failure`] says what it means;
//! [`discovery`] and [`listing`] read what a target says of itself and whom it has. Nothing here decides what is sent, retries,
//! sleeps, follows an address that a target supplied, or knows the store.

pub mod address;
pub mod client;
pub mod decode;
pub mod discovery;
pub mod encode;
pub mod failure;
pub mod filter;
pub mod listing;
pub mod members;
pub mod redact;
pub mod target;

mod nested;

pub use client::{HttpTarget, TargetError};
pub use decode::Resource;
pub use target::{Answer, Method, Request, Target, TransportError};
