//! The way to the apps: credentials by reference, one HTTP client an app.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::Workspace;
use crate::connector::app::AppSpec;
use crate::digest::{Digest, Hasher};
use crate::engine::context::Connect;
use crate::id::AppName;
use crate::scim::client::HttpTarget;
use crate::scim::target::Target;
use crate::secret::Secret;

/// Opens clients with the workspace's credentials. An app's client is kept while app and credential stay the same: it holds the
/// connections. A renewed credential is picked up at the next cycle.
pub(crate) struct Ways {
    workspace: Workspace,
    open: Mutex<BTreeMap<AppName, Way>>,
}

struct Way {
    app: Digest,
    secret: Secret,
    target: Arc<dyn Target>,
}

impl Ways {
    pub(crate) fn new(workspace: Workspace) -> Self {
        Self { workspace, open: Mutex::default() }
    }
}

/// The process's environment, for references of the form `env:NAME`.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Connect for Ways {
    fn connect(&self, app: &AppSpec) -> Result<Arc<dyn Target>, String> {
        let credential = self
            .workspace
            .credential(&app.app.credential, &environment)
            .map_err(|error| crate::cli::run::one_line(&error))?;
        for warning in &credential.warnings {
            tracing::warn!(app = %app.name, "{warning}");
        }
        let secret = credential.secret;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = open.get(&app.name).filter(|way| way.app == app.digest && way.secret == secret) {
            return Ok(Arc::clone(&way.target));
        }
        let target: Arc<dyn Target> =
            Arc::new(HttpTarget::new(app, secret.clone()).map_err(|error| error.to_string())?);
        open.insert(app.name.clone(), Way { app: app.digest, secret, target: Arc::clone(&target) });
        Ok(target)
    }

    fn mark(&self, app: &AppSpec) -> Digest {
        match self.workspace.credential(&app.app.credential, &environment) {
            Ok(credential) => Hasher::new().text(credential.secret.expose()).finish(),
            Err(error) => Hasher::new().text(&error.to_string()).finish(),
        }
    }
}
