//! The SCIM 2.0 client (RFC 7643, RFC 7644): strict in what it sends, lenient in what it accepts.

pub mod target;

pub use target::{Answer, Method, Request, Target, TransportError};
