//! Secrets of apps: sealed when they come in, dropped when the app goes elsewhere, and never answered.

use crate::access::actor::Actor;
use crate::access::credential::{SealedSecret, Typed};
use crate::connector::app::CredentialRef;
use crate::engine::access_command::{AccessAnswer, KeptSecret};
use crate::engine::active::Active;
use crate::engine::answer::Answer;
use crate::engine::context::{Engine, EngineError};
use crate::id::{AppName, OperatorId};

impl Engine {
    /// Tells the way to the apps what is sealed; what was sealed for a place that an app has left meanwhile is dropped.
    pub(crate) async fn open_secrets(&self) -> Result<(), EngineError> {
        if self.tell_secrets().await? == 0 {
            return Ok(());
        }
        // A revision that does not compile any more is somebody else's worry: a seal opens for its own place alone.
        if let Ok(active) = self.active().await
            && let Some(revision) = &active.revision
        {
            self.settle_secrets(&active, revision.author).await?;
        }
        Ok(())
    }

    /// Drops the secrets of apps that are gone, or are somewhere else now.
    pub(super) async fn settle_secrets(&self, active: &Active, by: OperatorId) -> Result<(), EngineError> {
        let now = self.parts.clock.now();
        let mut dropped = false;
        for secret in self.parts.store.secrets().await? {
            let why = match active.apps.get(&secret.app).map(|app| app.spec.app.origin()) {
                Some(origin) if origin == secret.origin => continue,
                Some(origin) => format!("its origin is {origin} now, not {}", secret.origin),
                None => "the app is gone".to_owned(),
            };
            self.parts.store.drop_secret(&secret.app, why, by, now).await?;
            self.lanes.of(&secret.app).forget();
            dropped = true;
        }
        if dropped {
            self.tell_secrets().await?;
        }
        Ok(())
    }

    async fn tell_secrets(&self) -> Result<usize, EngineError> {
        let secrets = self.parts.store.secrets().await?;
        let count = secrets.len();
        self.parts.connect.sealed(secrets);
        Ok(count)
    }

    pub(super) async fn secrets(&self) -> Result<Answer, EngineError> {
        let (active, kept) = (self.active().await?, self.parts.store.secrets().await?);
        let names = self.operator_names().await?;
        let apps = active.apps.values().filter(|app| app.spec.app.credential == CredentialRef::Sealed);
        let listed = apps.map(|app| {
            let sealed = kept.iter().find(|secret| secret.app == app.spec.name);
            KeptSecret {
                app: app.spec.name.clone(),
                origin: app.spec.app.origin(),
                sealed: sealed.map(|secret| (secret.at, names.get(&secret.by).cloned().unwrap_or_default())),
            }
        });
        Ok(Answer::Access(AccessAnswer::Secrets(listed.collect())))
    }

    pub(super) async fn secret_set(&self, actor: &Actor, app: &AppName, typed: Typed) -> Result<Answer, EngineError> {
        let active = self.active_or_none_yet().await?.app(app)?;
        let credential = &active.spec.app.credential;
        if *credential != CredentialRef::Sealed {
            return Err(EngineError::Invalid(format!(
                "apps/{app}.toml reads its credential from {credential}; say credential = \"sealed\" there and apply it first"
            )));
        }
        let secret = typed.into_secret();
        if let Some(wrong) = secret.fault() {
            return Err(EngineError::Invalid(format!(
                "the secret {wrong}; expected one line of printable ASCII, the token alone"
            )));
        }
        let key = self.parts.connect.seal_key().map_err(EngineError::Invalid)?;
        let origin = active.spec.app.origin();
        let sealed = key
            .seal(&secret, &SealedSecret::place(app, &origin), &*self.parts.entropy)
            .map_err(|error| EngineError::Invalid(error.to_string()))?;
        let at = self.parts.clock.now();
        let kept = SealedSecret { app: app.clone(), origin: origin.clone(), sealed, by: actor.operator, at };
        self.parts.store.put_secret(kept).await?;
        self.changed_secret(app).await?;
        Ok(Answer::Done(format!(
            "the secret of {app} is sealed; it is sent to {origin} alone, and nobody can read it here"
        )))
    }

    pub(super) async fn secret_drop(&self, actor: &Actor, app: &AppName) -> Result<Answer, EngineError> {
        let now = self.parts.clock.now();
        let why = format!("{} said so", actor.name);
        match self.parts.store.drop_secret(app, why, actor.operator, now).await? {
            Some(_) => {
                self.changed_secret(app).await?;
                Ok(Answer::Done(format!("the secret of {app} is gone; nothing is sent there until there is another")))
            }
            None => Err(EngineError::Invalid(format!("no secret of {app} is sealed here"))),
        }
    }

    async fn changed_secret(&self, app: &AppName) -> Result<(), EngineError> {
        self.tell_secrets().await?;
        let lane = self.lanes.of(app);
        lane.forget();
        lane.look_again();
        Ok(())
    }
}
