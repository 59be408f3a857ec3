//! The `usher` binary: runs one command, prints a failure once.

use std::process::ExitCode;

/// See `mimalloc` in Cargo.toml.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match usher::cli::run(std::env::args_os()) {
        Ok(exit) => exit.into(),
        Err(error) => {
            usher::cli::complain(&error);
            ExitCode::FAILURE
        }
    }
}
