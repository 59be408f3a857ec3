//! The web server: console and API over real sockets.

pub(crate) mod access;
pub(crate) mod activity;
pub(crate) mod api;
pub(crate) mod approvals;
pub(crate) mod apps;
pub(crate) mod contrast;
pub(crate) mod markup;
pub(crate) mod openid;
pub(crate) mod pages;
pub(crate) mod samples;
pub(crate) mod commands;
pub(crate) mod live;
pub(crate) mod remote;
pub(crate) mod sign_in;
pub(crate) mod site;
pub(crate) mod users;
pub(crate) mod xss;
pub(crate) mod tls;
