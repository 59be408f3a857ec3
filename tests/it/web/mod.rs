//! The web server: console and API over real sockets.

pub(crate) mod activity;
pub(crate) mod api;
pub(crate) mod approvals;
pub(crate) mod samples;
pub(crate) mod sign_in;
pub(crate) mod site;
pub(crate) mod users;
