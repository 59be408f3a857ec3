//! Accounts that are there before any client comes: third parties, which provisioning must leave alone.

use std::path::PathBuf;

use serde_json::{Value as Json, json};

use crate::connector::Connector;
use crate::sandbox::attribute::{Place, Resource, USER, is_multi};
use crate::sandbox::fault::InvalidFault;
use crate::text::FileError;

/// Which third-party accounts a sandbox starts with.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Seed {
    /// None.
    #[default]
    Empty,
    /// This many made-up ones that the connector accepts.
    Count(u32),
    /// These SCIM users. An `id` is kept.
    Accounts(Vec<Json>),
}

/// Why a sandbox can't start.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// A fault that does not exist.
    #[error(transparent)]
    Fault(#[from] InvalidFault),
    /// A connector that is not one.
    #[error("the connector can't be used")]
    Connector(#[from] FileError),
    /// Neither the name of a shipped connector nor a file.
    #[error("connector `{0}` is neither one that ships ({1}) nor a file")]
    NoConnector(String, String),
    /// A file that can't be read.
    #[error("reading {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A seed file that is no list of accounts.
    #[error("{path} is no seed: {why}; expected a JSON list of SCIM users, or a list answer with `Resources`")]
    NotASeed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A seed account that the connector would refuse.
    #[error("seed account {number} is refused by connector `{connector}`: {why}")]
    Refused {
        /// Which, from 1.
        number: usize,
        /// The connector's name.
        connector: String,
        /// What it says.
        why: String,
    },
    /// A file of groups that is none.
    #[error(
        "{path} has no groups: {why}; expected a JSON list of groups (displayName, members, gives, requires), or an object with `Groups`, `Roles` and `Listed`"
    )]
    NotGroups {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A member of a seeded group that is no seeded account.
    #[error("`{0}`, a member of a seeded group, is no seeded account; name a userName or an id of --seed")]
    NoMember(String),
    /// A length of time that is none.
    #[error("`{0}` is no latency; expected something like 20ms or 2s")]
    Latency(String),
    /// The listener failed.
    #[error("serving the sandbox")]
    Serve(#[source] std::io::Error),
}

impl Seed {
    /// Reads a seed file's text.
    pub(super) fn from_json(path: &std::path::Path, text: &str) -> Result<Self, SandboxError> {
        let wrong = |why: String| SandboxError::NotASeed { path: path.to_owned(), why };
        let mut json: Json = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let list = if json.is_array() { json } else { json["Resources"].take() };
        match list {
            Json::Array(accounts) => Ok(Self::Accounts(accounts)),
            _ => Err(wrong("it is no list".to_owned())),
        }
    }

    /// The accounts, as SCIM users.
    pub(super) fn accounts(&self, connector: &Connector) -> Vec<Json> {
        match self {
            Self::Empty => Vec::new(),
            Self::Count(count) => (1..=*count).map(|number| made_up(connector, number)).collect(),
            Self::Accounts(accounts) => accounts.clone(),
        }
    }
}

/// An account that satisfies the connector and is recognisable as made up.
fn made_up(connector: &Connector, number: u32) -> Json {
    let mut user = Resource::new();
    user.insert("schemas".to_owned(), json!([USER]));
    user.insert("active".to_owned(), json!(true));
    user.insert("userName".to_owned(), json!(format!("third.party.{number}@elsewhere.example")));
    if !connector.lacks("displayName") {
        user.insert("displayName".to_owned(), json!(format!("Third Party {number}")));
    }
    for (path, rule) in connector.attributes.iter().filter(|(_, rule)| rule.required && !rule.read_only) {
        let place = Place::parse(path);
        if place.get(&user).is_none() {
            let text = rule.allowed.first().cloned().unwrap_or_else(|| format!("third-party-{number}"));
            let value = if is_multi(path) { json!([{ "value": text, "primary": true }]) } else { json!(text) };
            place.set(&mut user, Some(value));
        }
    }
    Json::Object(user)
}
