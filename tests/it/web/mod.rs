//! The web server: console and API over real sockets.

pub(crate) mod api;
pub(crate) mod approvals;
pub(crate) mod contrast;
pub(crate) mod imports;
pub(crate) mod rules;
pub(crate) mod samples;
pub(crate) mod sign_in;
pub(crate) mod site;
