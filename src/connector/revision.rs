//! Revisions: immutable, content-hashed sets of connectors, apps, roles and rules.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::connector::app::{App, AppSpec, Apps};
use crate::connector::descriptor::Connector;
use crate::digest::{Digest, Hasher};
use crate::directory::role::RoleDefinition;
use crate::id::{AppName, Name, OperatorId, RevisionNumber};
use crate::text::FileError;

/// The text of every file that decides what is provisioned, by path below the workspace:
/// `connectors/*.toml`, `apps/*.toml`, `rules/*.rhai`, `rules/*.examples.toml` and `roles.toml` (the roles of `usher.toml`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// Path → text.
    pub files: BTreeMap<String, String>,
}

/// A stored revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Its number, given by the store.
    pub number: RevisionNumber,
    /// Of the bundle.
    pub digest: Digest,
    /// The revision that was active when this one was made.
    pub parent: Option<RevisionNumber>,
    /// Who applied it.
    pub author: OperatorId,
    /// Why.
    pub comment: String,
    /// When.
    pub at: Timestamp,
}

/// `roles.toml` inside a bundle.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Roles {
    #[serde(default)]
    roles: Vec<RoleDefinition>,
}

impl Bundle {
    /// Fingerprint of all files.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        for (path, text) in &self.files {
            hasher.text(path).text(text);
        }
        hasher.finish()
    }

    /// Puts role definitions in as `roles.toml`.
    pub fn set_roles(&mut self, roles: &[RoleDefinition]) {
        let text = crate::text::to_toml(&Roles { roles: roles.to_vec() });
        self.files.insert("roles.toml".to_owned(), text);
    }

    /// The role definitions by condition.
    ///
    /// # Errors
    /// If `roles.toml` is not what [`Bundle::set_roles`] writes.
    pub fn roles(&self) -> Result<Vec<RoleDefinition>, FileError> {
        match self.files.get("roles.toml") {
            Some(source) => Ok(crate::text::from_toml::<Roles>(Path::new("roles.toml"), source)?.roles),
            None => Ok(Vec::new()),
        }
    }

    /// Parses every connector and app and ties them together. All mistakes are collected.
    ///
    /// # Errors
    /// One [`FileError`] for each mistake found.
    pub fn resolve(&self) -> Result<Apps, Vec<FileError>> {
        let mut errors = Vec::new();
        let roles = self.roles().unwrap_or_else(|error| {
            errors.push(error);
            Vec::new()
        });
        let connectors = self.connectors(&mut errors);
        let mut apps = Apps::new();
        for (path, source) in self.under("apps/", ".toml") {
            match self.app(path, source, &connectors, &roles) {
                Ok(spec) => drop(apps.insert(spec.name.clone(), spec)),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(apps) } else { Err(errors) }
    }

    /// The names of the apps, whatever their files say.
    pub fn app_names(&self) -> impl Iterator<Item = AppName> {
        self.under("apps/", ".toml").filter_map(|(path, _)| AppName::new(Path::new(path).file_stem()?.to_str()?).ok())
    }

    fn under<'a>(&'a self, folder: &'a str, suffix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.files
            .iter()
            .filter(move |(path, _)| path.starts_with(folder) && path.ends_with(suffix))
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    fn connectors(&self, errors: &mut Vec<FileError>) -> BTreeMap<Name, Connector> {
        let mut connectors = BTreeMap::new();
        for (path, source) in self.under("connectors/", ".toml") {
            match Connector::parse(Path::new(path), source) {
                Ok(connector) if connectors.contains_key(&connector.name) => errors.push(FileError::whole(
                    Path::new(path),
                    format!("another connector file is named `{}` too; give each its own `name`", connector.name),
                )),
                Ok(connector) => drop(connectors.insert(connector.name.clone(), connector)),
                Err(error) => errors.push(error),
            }
        }
        connectors
    }

    fn app(
        &self,
        path: &str,
        source: &str,
        connectors: &BTreeMap<Name, Connector>,
        roles: &[RoleDefinition],
    ) -> Result<AppSpec, FileError> {
        let file = Path::new(path);
        let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let name = AppName::new(stem).map_err(|error| FileError::whole(file, error.to_string()))?;
        let app = App::parse(file, source)?;
        let connector = connectors.get(&app.connector).cloned().ok_or_else(|| {
            let known: Vec<&str> = connectors.keys().map(Name::as_str).collect();
            FileError::whole(
                file,
                format!("connector `{}` does not exist; there are {}", app.connector, known.join(", ")),
            )
        })?;
        let rules_file = format!("rules/{}", app.rules);
        let rules_source = self.files.get(&rules_file).cloned().ok_or_else(|| {
            FileError::whole(file, format!("rules `{}` do not exist; expected the file {rules_file}", app.rules))
        })?;
        let examples = self.files.get(&rules_file.replace(".rhai", ".examples.toml")).cloned().unwrap_or_default();
        let spec = AppSpec::new(name, app, connector, (rules_file, rules_source, examples), roles.to_vec());
        match spec.contradiction() {
            Some(reason) => Err(FileError::whole(file, reason)),
            None => Ok(spec),
        }
    }
}
