//! (to come)

pub mod intake;
