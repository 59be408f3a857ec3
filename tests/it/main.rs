//! Tests that need Rust alone. Each module mirrors a part of the house.

#![expect(clippy::unwrap_used, reason = "a test that unwraps says what it expected")]

mod approvals;
mod bad_input;
mod breaker;
mod clearance;
mod cli;
mod connector;
mod demo;
mod engine;
mod groups;
mod history;
mod import;
mod incidents;
mod invariants;
mod kill;
mod plan;
mod radius;
mod reconcile;
mod refusal;
mod rules;
mod sandbox;
mod scim;
mod secrets;
mod serve;
mod store;
mod tidy;
mod timetable;
mod web;
mod workspace;
