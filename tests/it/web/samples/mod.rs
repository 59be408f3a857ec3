//! Samples of every page: its name, and what it looks like with values that would be script if they were not escaped.

pub(crate) mod access;
