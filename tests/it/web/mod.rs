//! The web server: console and API over real sockets.

pub(crate) mod api;
pub(crate) mod approvals;
pub(crate) mod commands;
pub(crate) mod live;
pub(crate) mod remote;
pub(crate) mod sign_in;
pub(crate) mod site;
pub(crate) mod tls;
