//! The web server: console and API over real sockets.

pub(crate) mod access;
pub(crate) mod activity;
pub(crate) mod api;
pub(crate) mod api_contract;
pub(crate) mod api_decisions;
pub(crate) mod api_once;
pub(crate) mod api_people;
pub(crate) mod api_rules;
pub(crate) mod api_targets;
pub(crate) mod approvals;
pub(crate) mod apps;
pub(crate) mod caller;
pub(crate) mod commands;
pub(crate) mod contrast;
pub(crate) mod live;
pub(crate) mod markup;
pub(crate) mod openid;
pub(crate) mod pages;
pub(crate) mod remote;
pub(crate) mod samples;
pub(crate) mod sign_in;
pub(crate) mod site;
pub(crate) mod tls;
pub(crate) mod users;
pub(crate) mod xss;
