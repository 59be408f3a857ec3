//! Usher: an identity provider's outbound provisioning engine.

pub mod clock;
pub mod digest;
pub mod entropy;
pub mod id;
pub mod page;
pub mod secret;
pub mod text;

pub mod access;
pub mod connector;
pub mod directory;
pub mod history;
pub mod provision;

pub mod import;
pub mod rules;
pub mod scim;
pub mod store;

pub mod engine;
pub mod scheduler;

pub mod sandbox;
pub mod server;

pub mod cli;
pub mod config;
pub mod telemetry;
