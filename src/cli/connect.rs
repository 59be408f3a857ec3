//! The way to the apps: credentials by reference or sealed in the store, one HTTP client an app.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::access::credential::SealedSecret;
use crate::cli::run::one_line;
use crate::config::Workspace;
use crate::connector::app::{AppSpec, CredentialRef};
use crate::digest::{Digest, Hasher};
use crate::engine::context::Connect;
use crate::id::AppName;
use crate::scim::client::HttpTarget;
use crate::scim::target::Target;
use crate::seal::SealKey;
use crate::secret::Secret;

/// Opens clients with the workspace's credentials. An app's client is kept while app and credential stay the same: it holds the
/// connections. A renewed credential is picked up at the next cycle.
pub(crate) struct Ways {
    workspace: Workspace,
    open: Mutex<BTreeMap<AppName, Way>>,
    sealed: Mutex<BTreeMap<AppName, SealedSecret>>,
}

struct Way {
    app: Digest,
    secret: Secret,
    target: Arc<dyn Target>,
}

impl Ways {
    pub(crate) fn new(workspace: Workspace) -> Self {
        Self { workspace, open: Mutex::default(), sealed: Mutex::default() }
    }

    /// The app's credential, wherever it lies.
    fn credential(&self, app: &AppSpec) -> Result<Secret, String> {
        if app.app.credential == CredentialRef::Sealed {
            return self.opened(app);
        }
        let found = self.workspace.credential(&app.app.credential, &environment);
        let credential = found.map_err(|error| one_line(&error))?;
        for warning in &credential.warnings {
            tracing::warn!(app = %app.name, "{warning}");
        }
        Ok(credential.secret)
    }

    /// The sealed secret of an app, opened for where the app is now.
    fn opened(&self, app: &AppSpec) -> Result<Secret, String> {
        let name = &app.name;
        let enter = format!("enter it with `usher apps secret {name}`, or in the console");
        let kept = self.sealed.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let kept = kept.ok_or_else(|| format!("no secret is sealed for {name}; {enter}"))?;
        let key = self.workspace.seal_key(&environment, false).map_err(|error| one_line(&error))?;
        let origin = app.app.origin();
        key.open(&kept.sealed, &SealedSecret::place(name, &origin))
            .map_err(|error| format!("the sealed secret of {name} can't be opened: {error}; {enter}"))
    }
}

/// The process's environment, for references of the form `env:NAME`.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Connect for Ways {
    fn connect(&self, app: &AppSpec) -> Result<Arc<dyn Target>, String> {
        let secret = self.credential(app)?;
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
        if app.app.credential == CredentialRef::Sealed {
            let sealed = self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
            return sealed.get(&app.name).map(|kept| Hasher::new().bytes(&kept.sealed).finish()).unwrap_or_default();
        }
        match self.workspace.credential(&app.app.credential, &environment) {
            Ok(credential) => Hasher::new().text(credential.secret.expose()).finish(),
            Err(error) => Hasher::new().text(&error.to_string()).finish(),
        }
    }

    fn seal_key(&self) -> Result<SealKey, String> {
        self.workspace.seal_key(&environment, true).map_err(|error| one_line(&error))
    }

    fn sealed(&self, secrets: Vec<SealedSecret>) {
        let secrets = secrets.into_iter().map(|secret| (secret.app.clone(), secret)).collect();
        *self.sealed.lock().unwrap_or_else(PoisonError::into_inner) = secrets;
    }
}
