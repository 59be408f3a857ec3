//! `usher sandbox`: options as people type them, made into a running sandbox.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::connector::{Connector, builtin};
use crate::sandbox::crowd::Crowd;
use crate::sandbox::fault::Faults;
use crate::sandbox::seed::{SandboxError, Seed};
use crate::sandbox::service::{Sandbox, Settings};
use crate::secret::Secret;

/// What `usher sandbox` was told.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Name of a shipped connector, or path of a connector file.
    pub connector: String,
    /// Bearer token demanded of clients; none = everybody is let in.
    pub token: Option<Secret>,
    /// `N` made-up third-party accounts, or a JSON file of accounts.
    pub seed: Option<String>,
    /// `N` made-up third-party groups, or a JSON file of groups.
    pub groups: Option<String>,
    /// Accept externalId and forget it.
    pub drop_external_id: bool,
    /// How long each answer takes: `20ms`, `2s`.
    pub latency: Option<String>,
    /// Faults, as [`Faults`] reads them.
    pub faults: Vec<String>,
    /// Seed of ids and faults.
    pub rng: u64,
    /// userName of the token issuer.
    pub token_issuer: Option<String>,
}

impl Options {
    /// Reads the files named and makes the sandbox.
    ///
    /// # Errors
    /// [`SandboxError`] says which option is wrong and what was expected.
    pub fn prepare(self, clock: Arc<dyn Clock>) -> Result<Sandbox, SandboxError> {
        let connector = self.connector()?;
        let settings = Settings {
            token: self.token,
            seed: self.seed.as_deref().map(seed).transpose()?.unwrap_or_default(),
            crowd: self.groups.as_deref().map(crowd).transpose()?.unwrap_or_default(),
            drop_external_id: self.drop_external_id,
            latency: self.latency.as_deref().map(latency).transpose()?.unwrap_or_default(),
            faults: Faults::parse(&self.faults)?,
            rng: self.rng,
            token_issuer: self.token_issuer,
            clock,
        };
        Sandbox::new(connector, settings)
    }

    fn connector(&self) -> Result<Connector, SandboxError> {
        let name = &self.connector;
        if let Some((file, text)) = builtin().into_iter().find(|(file, _)| file.strip_suffix(".toml") == Some(name)) {
            return Ok(Connector::parse(Path::new(file), text)?);
        }
        let path = Path::new(name);
        if !path.is_file() {
            let known: Vec<&str> = builtin().iter().filter_map(|(file, _)| file.strip_suffix(".toml")).collect();
            return Err(SandboxError::NoConnector(name.clone(), known.join(", ")));
        }
        Ok(Connector::parse(path, &read(path)?)?)
    }
}

fn read(path: &Path) -> Result<String, SandboxError> {
    std::fs::read_to_string(path).map_err(|source| SandboxError::Read { path: path.to_owned(), source })
}

fn seed(text: &str) -> Result<Seed, SandboxError> {
    match text.parse() {
        Ok(count) => Ok(Seed::Count(count)),
        Err(_) => Seed::from_json(Path::new(text), &read(Path::new(text))?),
    }
}

fn crowd(text: &str) -> Result<Crowd, SandboxError> {
    match text.parse() {
        Ok(made_up) => Ok(Crowd { made_up, ..Crowd::default() }),
        Err(_) => Crowd::from_json(Path::new(text), &read(Path::new(text))?),
    }
}

fn latency(text: &str) -> Result<Duration, SandboxError> {
    let number = |digits: &str| digits.trim().parse::<u64>().ok();
    let found = match text.strip_suffix("ms") {
        Some(digits) => number(digits).map(Duration::from_millis),
        None => text.strip_suffix('s').and_then(number).map(Duration::from_secs),
    };
    found.ok_or_else(|| SandboxError::Latency(text.to_owned()))
}
