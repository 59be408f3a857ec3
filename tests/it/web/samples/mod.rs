//! A sample of every page: its context with values that would do harm if they were not escaped.

pub(crate) mod activity;
pub(crate) mod people;
pub(crate) mod users;

/// Pages with their names.
pub(crate) type Pages = Vec<(&'static str, String)>;
