//! The command line: what every command has, and the list of commands.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::cli::{
    apply, approvals, apps, assign, demo, doctor, explain, export, history, import, imports, init, operators, pairs,
    plan, reconcile, retry, revisions, rules, sandbox, serve, sign_in, status, store, sync, tokens, users,
};

/// Provisions accounts in apps over SCIM 2.0: plans, guards, asks, then pushes.
///
/// Usher reads users from your directory (CSV, JSON or LDIF exports), decides by rules what account each of them should have in every
/// app, and makes it so: safely (it never touches what it does not own), with people in the loop where you want them, and with a
/// history that explains every change.
#[derive(Debug, Parser)]
#[command(
    name = "usher",
    version,
    propagate_version = true,
    max_term_width = 100,
    disable_help_subcommand = false,
    after_help = "First steps:\n  usher demo                     see the whole walk with a company that ships with Usher\n  usher init DIR                 write a commented workspace\n  usher import --full people.csv bring users in\n  usher plan --draft             see what would happen; sends only reads\n  usher apply && usher sync      make the files the active revision, and push\n\nExit codes: 0 done, 1 failed, 2 not understood, 3 done but a person should look."
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Sub,
}

/// What every command has.
#[derive(Debug, Clone, Args)]
pub(crate) struct Globals {
    /// The workspace [default: the nearest folder with a usher.toml, from here upwards]
    #[arg(long, global = true, env = "USHER_WORKSPACE", value_name = "DIR", help_heading = "Everywhere")]
    pub(crate) workspace: Option<PathBuf>,
    /// Ask the server at this address (https://HOST) instead of a workspace here
    #[arg(long, global = true, env = "USHER_SERVER", value_name = "URL", help_heading = "Everywhere")]
    pub(crate) server: Option<String>,
    /// A file with the token for --server [default: USHER_TOKEN, else what `usher sign-in` got]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Everywhere")]
    pub(crate) token_file: Option<PathBuf>,
    /// Print the answer as JSON, for programs
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
    /// Explain more on stderr: -v what happens, -vv why, -vvv every step
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Everywhere")]
    pub(crate) verbose: u8,
    /// How logs are written [default: text; for `serve` json unless stderr is a terminal]
    #[arg(long, global = true, value_enum, value_name = "FORMAT", help_heading = "Everywhere")]
    pub(crate) log_format: Option<LogFormat>,
    /// Act as this operator: for the workspace's owner, recorded as claimed
    #[arg(long = "as", global = true, value_name = "NAME", help_heading = "Everywhere")]
    pub(crate) operator: Option<String>,
}

impl Globals {
    /// The server to be asked; none if the workspace here is meant.
    pub(crate) fn server(&self) -> Option<&str> {
        self.server.as_deref().filter(|server| !server.is_empty())
    }
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The commands, in the order of the walk.
#[derive(Debug, Subcommand)]
pub(crate) enum Sub {
    Demo(demo::Demo),
    Init(init::Init),
    Serve(serve::Serve),
    Import(import::Import),
    Imports(imports::Imports),
    Users(users::Users),
    Assign(assign::Assign),
    Unassign(assign::Unassign),
    Apps(apps::Apps),
    Apply(apply::Apply),
    Export(export::Export),
    Revisions(revisions::Revisions),
    Plan(plan::Plan),
    Sync(sync::Sync),
    Reconcile(reconcile::Reconcile),
    Approvals(approvals::Approvals),
    Status(status::Status),
    History(Box<history::History>),
    Explain(explain::Explain),
    Retry(retry::Retry),
    Rematch(pairs::Rematch),
    Disassociate(pairs::Disassociate),
    Rules(rules::Rules),
    Operators(operators::Operators),
    Tokens(tokens::Tokens),
    SignIn(sign_in::SignIn),
    SignOut(sign_in::SignOut),
    Sandbox(sandbox::Sandbox),
    Store(store::Store),
    Doctor(doctor::Doctor),
}
