//! One run of the binary: parse, start logging, carry out, say how it ended.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::io::Write as _;

use anyhow::Context;
use clap::Parser;

use crate::cli::args::{Cli, LogFormat, Sub};
use crate::cli::door::{Door, say};
use crate::cli::exit::Exit;
use crate::telemetry;
use crate::text::{json_printable, printable};

/// What a thread of the runtime may use: as much as the program's first one has.
const STACK_BYTES: usize = 8 * 1024 * 1024;

/// Runs one command line.
///
/// # Errors
/// Whatever kept the command from being carried out, as a chain for [`complain`].
pub fn run(args: impl IntoIterator<Item = OsString>) -> anyhow::Result<Exit> {
    // Before anything can open a TLS connection. It fails only if a provider is there already, and then that one serves.
    drop(rustls::crypto::ring::default_provider().install_default());
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout with 0, mistakes to stderr with 2; a closed pipe is nobody's fault.
            drop(error.print());
            return Ok(if error.use_stderr() { Exit::Usage } else { Exit::Done });
        }
    };
    telemetry::start(logging(&cli));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK_BYTES)
        .build()
        .context("could not start the runtime")?;
    // On one of its threads: what waits on this one is woken by a system call each time.
    let result = runtime.block_on(async { tokio::spawn(answered(cli)).await.context("the command broke down")? });
    // Blocking reads of a store that is being closed may still run; they hold nothing that must be written.
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    result
}

/// Prints an error and its causes, once, on stderr.
pub fn complain(error: &anyhow::Error) {
    let mut chain = error.chain();
    let first = chain.next().map(ToString::to_string).unwrap_or_default();
    // Where nothing can be printed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "usher: {}", lines(&first));
    let mut said = first;
    for cause in chain.map(ToString::to_string) {
        // Transparent errors repeat their cause.
        if !said.contains(&cause) {
            let _ = writeln!(std::io::stderr(), "  because: {}", lines(&cause));
        }
        said = cause;
    }
}

/// An error and its causes on one line, for where a sentence is wanted.
pub(crate) fn one_line(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text.push_str(": ");
        text.push_str(&next.to_string());
        cause = next.source();
    }
    text
}

/// Printable, line by line: several mistakes stay several lines.
fn lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n  ")
}

fn logging(cli: &Cli) -> telemetry::Settings {
    let server = matches!(cli.command, Sub::Serve(_) | Sub::Sandbox(_));
    let json = match cli.globals.log_format {
        Some(format) => format == LogFormat::Json,
        None => matches!(cli.command, Sub::Serve(_)) && !std::io::stderr().is_terminal(),
    };
    telemetry::Settings { verbosity: cli.globals.verbose + u8::from(server), json }
}

/// Carries a command out. Whoever asked for JSON gets what went wrong as JSON too.
async fn answered(cli: Cli) -> anyhow::Result<Exit> {
    let json = cli.globals.json;
    let result = dispatch(cli).await;
    if let (true, Err(error)) = (json, &result) {
        let because: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
        let told = serde_json::json!({ "error": error.to_string(), "because": because });
        say(&json_printable(&format!("{told:#}\n")))?;
    }
    result
}

async fn dispatch(cli: Cli) -> anyhow::Result<Exit> {
    let door = Door::new(cli.globals);
    let door = &door;
    match cli.command {
        Sub::Demo(command) => command.run(door).await,
        Sub::Init(command) => command.run(door).await,
        Sub::Serve(command) => command.run(door).await,
        Sub::Import(command) => command.run(door).await,
        Sub::Imports(command) => command.run(door).await,
        Sub::Users(command) => command.run(door).await,
        Sub::Assign(command) => command.run(door).await,
        Sub::Unassign(command) => command.run(door).await,
        Sub::Apps(command) => command.run(door).await,
        Sub::Apply(command) => command.run(door).await,
        Sub::Export(command) => command.run(door).await,
        Sub::Revisions(command) => command.run(door).await,
        Sub::Plan(command) => command.run(door).await,
        Sub::Sync(command) => command.run(door).await,
        Sub::Reconcile(command) => command.run(door).await,
        Sub::Approvals(command) => command.run(door).await,
        Sub::Status(command) => command.run(door).await,
        Sub::History(command) => command.run(door).await,
        Sub::Explain(command) => command.run(door).await,
        Sub::Retry(command) => command.run(door).await,
        Sub::Rematch(command) => command.run(door).await,
        Sub::Disassociate(command) => command.run(door).await,
        Sub::Rules(command) => command.run(door).await,
        Sub::Operators(command) => command.run(door).await,
        Sub::Tokens(command) => command.run(door).await,
        Sub::SignIn(command) => command.run(door).await,
        Sub::SignOut(command) => command.run(door).await,
        Sub::Sandbox(command) => command.run(door).await,
        Sub::Store(command) => command.run(door).await,
        Sub::Doctor(command) => command.run(door).await,
    }
}
