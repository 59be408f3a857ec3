//! The engine: plan, push, observe, record, decide.

pub mod perform;
