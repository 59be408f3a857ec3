//! A sample of every page: its context with values that would do harm if they were not escaped.

pub(crate) mod imports;
pub(crate) mod rules;

/// Pages with their names.
pub(crate) type Pages = Vec<(&'static str, String)>;
