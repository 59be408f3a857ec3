//! The web server: console and API over real sockets.

pub(crate) mod access;
pub(crate) mod api;
pub(crate) mod approvals;
pub(crate) mod openid;
pub(crate) mod samples;
pub(crate) mod sign_in;
pub(crate) mod site;
