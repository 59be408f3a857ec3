//! The `usher` binary.

use std::process::ExitCode;
use std::sync::Arc;

use usher::clock::SystemClock;
use usher::sandbox::{Options, run};
use usher::secret::Secret;

const USAGE: &str = "usage: usher sandbox --connector NAME|FILE --port N [--token T] [--seed N|FILE.json] \
[--drop-external-id] [--latency 20ms] [--fault SPEC]… [--rng SEED] [--token-issuer USERNAME]";

#[tokio::main]
async fn main() -> ExitCode {
    match sandbox().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn sandbox() -> anyhow::Result<()> {
    let mut words = std::env::args().skip(1);
    anyhow::ensure!(words.next().as_deref() == Some("sandbox"), USAGE);
    let (mut options, mut port) = (Options::default(), 0u16);
    while let Some(flag) = words.next() {
        let mut value = || words.next().ok_or_else(|| anyhow::anyhow!("{flag} needs a value\n{USAGE}"));
        match flag.as_str() {
            "--connector" => options.connector = value()?,
            "--port" => port = value()?.parse()?,
            "--token" => options.token = Some(Secret::new(value()?)),
            "--seed" => options.seed = Some(value()?),
            "--drop-external-id" => options.drop_external_id = true,
            "--latency" => options.latency = Some(value()?),
            "--fault" => options.faults.push(value()?),
            "--rng" => options.rng = value()?.parse()?,
            "--token-issuer" => options.token_issuer = Some(value()?),
            _ => anyhow::bail!("{flag} is unknown\n{USAGE}"),
        }
    }
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    eprintln!("SCIM endpoints: http://{}{}", listener.local_addr()?, usher::sandbox::BASE_PATH);
    let shutdown = async {
        // Without the signal there is only the hard way to stop.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    Ok(run(options, Arc::new(SystemClock), listener, shutdown).await?)
}
