//! `usher sandbox`: a SCIM target to try things with.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use tokio::net::TcpListener;

use crate::cli::door::{Door, say};
use crate::cli::exit::Exit;
use crate::cli::serve::stop_on_signal;
use crate::clock::SystemClock;
use crate::sandbox::{BASE_PATH, Options};
use crate::secret::Secret;

/// Run a SCIM 2.0 target that behaves as a connector says, in memory.
///
/// It enforces what the connector describes: required and create-only attributes, allowed values, what a changed userName does, filter
/// and page limits, who may write groups and in which form. For trying things and for tests; it never stands in for the real target.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  usher sandbox --connector nulab-pass --port 8901\n  usher sandbox --connector generic-scim2 --seed 20 --token-file secrets/sandbox.token\n  usher sandbox --connector nullplatform --seed 6 --groups 3\n  usher sandbox --connector nullplatform --latency 50ms --fault 503-after-commit:0.02\nThen, in an app file: base_url = \"http://127.0.0.1:8901/scim/v2\""
)]
pub(crate) struct Sandbox {
    /// A connector that ships with Usher, or a connector file
    #[arg(long, value_name = "NAME|FILE")]
    connector: String,
    /// The port on 127.0.0.1; 0 takes a free one and prints it
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    port: u16,
    /// Demand the bearer token in this file
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Third-party accounts that are there before: a number, or a JSON file of SCIM users
    #[arg(long, value_name = "N|FILE")]
    seed: Option<String>,
    /// Third-party groups that are there before: a number, or a JSON file of groups (displayName, members, gives, requires)
    #[arg(long, value_name = "N|FILE")]
    groups: Option<String>,
    /// Accept externalId and forget it, as some targets do
    #[arg(long)]
    drop_external_id: bool,
    /// How long each answer takes
    #[arg(long, value_name = "20ms")]
    latency: Option<String>,
    /// What goes wrong and how often, KIND:SHARE[:METHOD], for example 503-after-commit:0.02 or timeout:0.01:POST; several possible
    #[arg(long, value_name = "FAULT")]
    fault: Vec<String>,
    /// Seed of ids and faults: the same seed, the same run
    #[arg(long, default_value_t = 1, value_name = "N")]
    rng: u64,
    /// userName of whoever issued the token: an account that the target protects
    #[arg(long, value_name = "USERNAME")]
    token_issuer: Option<String>,
}

impl Sandbox {
    pub(crate) async fn run(self, door: &Door) -> anyhow::Result<Exit> {
        let token = self.token_file.as_deref().map(read_token).transpose()?;
        let options = Options {
            connector: self.connector,
            token,
            seed: self.seed,
            groups: self.groups,
            drop_external_id: self.drop_external_id,
            latency: self.latency,
            faults: self.fault,
            rng: self.rng,
            token_issuer: self.token_issuer,
        };
        // Before anything is said: whoever reads the base URL may use it.
        let sandbox = options.prepare(Arc::new(SystemClock))?;
        let mut stop = stop_on_signal()?;
        let listener = TcpListener::bind(("127.0.0.1", self.port))
            .await
            .with_context(|| format!("could not listen on port {} of 127.0.0.1", self.port))?;
        let address = listener.local_addr().context("could not tell the port")?;
        let url = format!("http://{address}{BASE_PATH}");
        if door.globals().json {
            door.print_json(&serde_json::json!({ "base_url": url }))?;
        } else {
            say(&format!("base_url = \"{url}\"   (Ctrl-C stops)\n"))?;
        }
        let shutdown = async move {
            // An error means that nobody can stop us any more: stop.
            let _closed = stop.wait_for(|stop| *stop).await;
        };
        sandbox.serve(listener, shutdown).await?;
        Ok(Exit::Done)
    }
}

fn read_token(path: &std::path::Path) -> anyhow::Result<Secret> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("could not read the token in {}", path.display()))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}
