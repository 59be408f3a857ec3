//! The web server: console and API over real sockets.

pub(crate) mod api;
pub(crate) mod api_contract;
pub(crate) mod api_decisions;
pub(crate) mod api_once;
pub(crate) mod api_people;
pub(crate) mod api_rules;
pub(crate) mod api_targets;
pub(crate) mod approvals;
pub(crate) mod caller;
pub(crate) mod sign_in;
pub(crate) mod site;
