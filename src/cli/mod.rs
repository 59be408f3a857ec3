//! The command line, one command a file. Each command is one value of [`crate::engine::Command`]: it travels over the workspace's
//! socket if a process holds the workspace, else it is answered in this process; the same code either way.

mod apply;
mod approvals;
mod apps;
mod args;
mod assign;
mod client;
mod connect;
mod demo;
mod doctor;
mod door;
mod exit;
mod explain;
mod export;
mod found;
mod history;
mod history_export;
mod host;
mod import;
mod imports;
mod init;
mod operators;
mod pairs;
mod plan;
mod progress;
mod prompt;
mod reconcile;
mod remote;
mod retry;
mod revisions;
mod rules;
mod run;
mod sandbox;
mod serve;
mod servers;
mod show;
mod sign_in;
mod status;
mod store;
mod sync;
mod tokens;
mod users;
mod value;

pub use exit::Exit;
pub use run::{complain, run};
