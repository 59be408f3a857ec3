//! The `usher` binary: sets up what the whole process shares, runs one command, prints a failure once.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything can open a TLS connection. It fails only if a provider is there already, and then that one serves.
    drop(rustls::crypto::ring::default_provider().install_default());
    match usher::cli::run(std::env::args_os()) {
        Ok(exit) => exit.into(),
        Err(error) => {
            usher::cli::complain(&error);
            ExitCode::FAILURE
        }
    }
}
