//! What every conversation needs: the target, the app, what it taught us, the time, the ledger's owners, the rate.

use std::sync::Arc;

use async_trait::async_trait;

use crate::clock::Clock;
use crate::connector::app::AppSpec;
use crate::connector::capability::Learned;
use crate::connector::descriptor::{Connector, UpdateVerb};
use crate::engine::perform::throttle::Throttle;
use crate::id::{AppName, InstanceId, UserId};
use crate::scim::target::Target;
use crate::store::Store;
use crate::store::act::StoreResult;

/// Whose the accounts at the target are: the one question that conversations ask the ledger.
#[async_trait]
pub trait Owners: Send + Sync {
    /// Which users' ledger entries in `app` have these remote ids, in the order asked ([`Store::owners_by_remote_id`]).
    ///
    /// # Errors
    /// If the store can't be read.
    async fn owners(&self, app: &AppName, remote_ids: Vec<String>) -> StoreResult<Vec<Option<UserId>>>;

    /// Whether [`Store::finish`] records what the conversation brings: it asks the same of a new account, in the act itself, so that
    /// the conversation need not.
    fn finish_asks(&self) -> bool {
        false
    }
}

#[async_trait]
impl Owners for Arc<dyn Store> {
    async fn owners(&self, app: &AppName, remote_ids: Vec<String>) -> StoreResult<Vec<Option<UserId>>> {
        self.owners_by_remote_id(app, remote_ids).await
    }
}

#[async_trait]
impl Owners for &dyn Store {
    async fn owners(&self, app: &AppName, remote_ids: Vec<String>) -> StoreResult<Vec<Option<UserId>>> {
        self.owners_by_remote_id(app, remote_ids).await
    }
}

/// What every conversation with one app needs.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Sends requests.
    pub target: &'a dyn Target,
    /// The app.
    pub spec: &'a AppSpec,
    /// What it has taught us so far.
    pub learned: &'a Learned,
    /// The time.
    pub clock: &'a dyn Clock,
    /// The ledger.
    pub owners: &'a dyn Owners,
    /// How fast requests may go out.
    pub throttle: &'a Throttle,
    /// This installation: its externalIds are ours.
    pub instance: InstanceId,
}

impl<'a> Context<'a> {
    /// The app's connector.
    pub fn connector(&self) -> &'a Connector {
        &self.spec.connector
    }

    /// Whether externalId is kept by this target: what the connector says, narrowed by what was learned.
    pub fn keeps_external_id(&self) -> bool {
        self.connector().users.keeps_external_id && self.learned.keeps_external_id != Some(false)
    }

    /// The verb of updates: PATCH only if neither connector nor discovery speak against it.
    pub fn update_verb(&self) -> UpdateVerb {
        match self.learned.patch_supported {
            Some(false) => UpdateVerb::Put,
            _ => self.connector().users.update,
        }
    }

    /// `count` of list pages.
    pub fn page_size(&self) -> u32 {
        let paging = &self.connector().paging;
        let max = self.learned.results_max.unwrap_or(u32::MAX).min(paging.page_size_max);
        paging.page_size.min(max).max(1)
    }

    /// The user whom an externalId of this installation, `<instance>:<user uuid>`, names; `None` = a foreign form. Prefixes
    /// and hyphens do not matter.
    pub fn named_by(&self, external_id: &str) -> Option<UserId> {
        let (instance, user) = external_id.split_once(':')?;
        (InstanceId::lenient(instance)? == self.instance).then(|| UserId::lenient(user))?
    }
}
