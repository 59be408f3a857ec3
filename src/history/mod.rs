//! History: the chain that makes entries tamper-evident, and the sentences that make them readable. Pure.

pub mod chain;
pub mod sentence;
