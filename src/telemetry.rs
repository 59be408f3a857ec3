//! Logs: structured with `tracing`, on stderr, readable on a terminal and JSON lines for programs.
//!
//! Never personal data or secrets: fields are ids, names of apps, counts, classes of failure.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// How logs are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settings {
    /// 0 = warnings, 1 = what happens, 2 = why, 3 = every step.
    pub verbosity: u8,
    /// JSON lines instead of text.
    pub json: bool,
}

/// Variables that replace the level, first one set wins: `USHER_LOG=usher::engine=debug`.
const OVERRIDES: [&str; 2] = ["USHER_LOG", "RUST_LOG"];

/// Starts logging for the whole process; a second call does nothing.
pub fn start(settings: Settings) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter(settings.verbosity))
        .with_writer(std::io::stderr)
        .with_target(true);
    // A subscriber that is already installed (a test's) stays.
    let _already = if settings.json {
        builder.json().flatten_event(true).try_init()
    } else {
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        builder.with_ansi(colour).compact().try_init()
    };
}

fn filter(verbosity: u8) -> EnvFilter {
    let chosen = OVERRIDES.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let text = chosen.unwrap_or_else(|| default_filter(verbosity).to_owned());
    EnvFilter::builder().parse_lossy(text)
}

/// Only our own modules talk below a warning: libraries may print addresses and header names.
fn default_filter(verbosity: u8) -> &'static str {
    match verbosity {
        0 => "warn",
        1 => "warn,usher=info",
        2 => "warn,usher=debug",
        _ => "warn,usher=trace",
    }
}
