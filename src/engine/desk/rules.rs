//! Rules before they count: checked, and tried on one user.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access::actor::Actor;
use crate::access::permission::{Permission, check_proof};
use crate::connector::revision::Bundle;
use crate::directory::change::Cause;
use crate::directory::user::User;
use crate::directory::value::Value;
use crate::engine::active::{Active, ActiveApp};
use crate::engine::answer::Answer;
use crate::engine::command::UserRef;
use crate::engine::context::{Engine, EngineError, Watcher};
use crate::engine::desk::explain::LOOKED_AT_MAX;
use crate::engine::plan::{Judged, judge};
use crate::engine::trial::{self, RulesTried};
use crate::id::AppName;
use crate::store::query::EventQuery;

/// Attribute paths and what is wanted there.
type Wanted = BTreeMap<String, Option<Value>>;

impl Engine {
    pub(super) async fn rules_check(&self, app: Option<AppName>, draft: Option<Bundle>) -> Result<Answer, EngineError> {
        let bundle = match draft {
            Some(bundle) => bundle,
            None => self.active_bundle().await?,
        };
        let now = self.parts.clock.now();
        // A script may burn what its limits allow, an example a time.
        let checking = tokio::task::spawn_blocking(move || trial::check(&bundle, app.as_ref(), now));
        let checked = checking.await.map_err(|error| EngineError::Invalid(format!("the check failed: {error}")))??;
        Ok(Answer::RulesChecked(checked))
    }

    pub(super) async fn rules_try(
        &self,
        actor: &Actor,
        (app, user): (&AppName, &UserRef),
        draft: Option<Bundle>,
        watcher: &dyn Watcher,
    ) -> Result<Answer, EngineError> {
        let user = self.find_user(user).await?;
        let active = self.active().await?;
        let is_draft = draft.is_some();
        let tried = match draft {
            Some(bundle) => Arc::new(Active::draft(&bundle, self.parts.clock.now()).map_err(EngineError::Files)?),
            None => self.active_or_none_yet().await?,
        };
        self.check_targets(actor, &tried).await?;
        let running = tried.app(app)?;
        let query =
            EventQuery { user: Some(user.id), app: Some(app.clone()), limit: LOOKED_AT_MAX, ..EventQuery::default() };
        let events = self.parts.store.events(query).await?.items;
        let (active_wants, active_grants) = match active.apps.get(app) {
            Some(active) => self.wanted_by(active, &user).await?,
            None => (None, Vec::new()),
        };
        let protected = self.judged_by(&running, &user).await?.protected;
        let plan = self.plan_app(Arc::clone(&running), Some(user.id), watcher).await?;
        let revision = tried.revision.as_ref().map(|revision| (revision.number, None));
        let explained = self.explain_by(user, &running, revision, &events).await?;
        let active = active_wants;
        Ok(Answer::RulesTried(Box::new(RulesTried {
            draft: is_draft,
            explained,
            active,
            active_grants,
            protected,
            plan,
        })))
    }

    async fn wanted_by(
        &self,
        app: &Arc<ActiveApp>,
        user: &User,
    ) -> Result<(Option<Wanted>, Vec<(String, String)>), EngineError> {
        let Some(desired) = self.judged_by(app, user).await?.desired else { return Ok((None, Vec::new())) };
        let grants = desired.grants.into_iter().map(|grant| (grant.kind, grant.name)).collect();
        Ok((Some(desired.attributes.into_iter().map(|(path, wanted)| (path, wanted.value)).collect()), grants))
    }

    async fn judged_by(&self, app: &Arc<ActiveApp>, user: &User) -> Result<Judged, EngineError> {
        let name = &app.spec.name;
        let none = || EngineError::Invalid(format!("there is no user {}", user.id));
        let mut row = self.parts.store.pairs(name, vec![user.id]).await?.into_iter().next().ok_or_else(none)?;
        // Without a basis the rules are asked, whatever was settled.
        row.account.basis = None;
        let around = (self.instance, self.parts.store.catalogue(name).await?.digest());
        let app = Arc::clone(app);
        let judging = tokio::task::spawn_blocking(move || judge(&app.spec, &app.rules, around, row, Cause::Cycle));
        judging.await.map_err(|error| EngineError::Invalid(format!("the rules failed: {error}")))
    }

    /// A draft may point an app, and so its credential, somewhere else: whoever has one like that looked at is an admin and proves
    /// himself, as if he activated it.
    ///
    /// # Errors
    /// If he must, and did not lately.
    pub(super) async fn check_targets(&self, actor: &Actor, draft: &Active) -> Result<(), EngineError> {
        let active = self.active().await?;
        let known = |app: &Arc<ActiveApp>| {
            active.apps.get(&app.spec.name).is_some_and(|active| {
                let (active, app) = (&active.spec.app, &app.spec.app);
                active.base_url == app.base_url && active.credential == app.credential && active.tls_ca == app.tls_ca
            })
        };
        if !draft.apps.values().all(known) {
            Permission::Administer.check(actor)?;
            check_proof(actor, self.parts.clock.now())?;
        }
        Ok(())
    }

    /// The active revision's files; none if there is none.
    pub(super) async fn active_bundle(&self) -> Result<Bundle, EngineError> {
        match self.parts.store.active_revision().await? {
            Some(revision) => Ok(self.parts.store.bundle(revision.number).await?),
            None => Ok(Bundle::default()),
        }
    }
}
