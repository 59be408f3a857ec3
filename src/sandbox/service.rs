//! The sandbox itself: settings, requests in, answers out.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use serde_json::Value as Json;
use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::connector::Connector;
use crate::sandbox::account::{Account, AccountView};
use crate::sandbox::answer::Answer;
use crate::sandbox::crowd::Crowd;
use crate::sandbox::demand::settle;
use crate::sandbox::directory::Directory;
use crate::sandbox::fault::Faults;
use crate::sandbox::request::handle;
use crate::sandbox::seed::{SandboxError, Seed};
use crate::sandbox::wire::{Scissors, Wires};
use crate::secret::Secret;

/// Where the SCIM endpoints are.
pub const BASE_PATH: &str = "/scim/v2";
/// How long running requests may take once the sandbox was told to stop.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// How a sandbox behaves beside its connector.
pub struct Settings {
    /// The bearer token demanded; `None` = any request is let in.
    pub token: Option<Secret>,
    /// Third-party accounts there from the start.
    pub seed: Seed,
    /// Third-party groups there from the start.
    pub crowd: Crowd,
    /// externalId is accepted and forgotten.
    pub drop_external_id: bool,
    /// How long each answer takes.
    pub latency: Duration,
    /// What goes wrong.
    pub faults: Faults,
    /// Seed of ids and faults.
    pub rng: u64,
    /// userName of whoever issued the token, for connectors that protect that account.
    pub token_issuer: Option<String>,
    /// Time for `meta`.
    pub clock: Arc<dyn Clock>,
}

impl Settings {
    /// No token, no accounts, no latency, no faults.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            token: None,
            seed: Seed::Empty,
            crowd: Crowd::default(),
            drop_external_id: false,
            latency: Duration::ZERO,
            faults: Faults::default(),
            rng: 0,
            token_issuer: None,
            clock,
        }
    }
}

/// A SCIM 2.0 target in memory. Clones share everything.
#[derive(Clone)]
pub struct Sandbox(pub(super) Arc<Inner>);

/// What all clones share.
pub(super) struct Inner {
    pub(super) connector: Connector,
    /// What other resource types list, by path.
    pub(super) listed: BTreeMap<String, Vec<Json>>,
    /// `Bearer TOKEN`.
    pub(super) authorization: Option<Secret>,
    pub(super) drop_external_id: bool,
    pub(super) latency: Duration,
    pub(super) rng: u64,
    pub(super) token_issuer: Option<String>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) faults: RwLock<Faults>,
    pub(super) directory: Mutex<Directory>,
    pub(super) requests: AtomicU64,
    pub(super) writes: AtomicU64,
}

impl Sandbox {
    /// A sandbox with its third-party accounts in it.
    ///
    /// # Errors
    /// [`SandboxError::Refused`] if the connector would refuse a seed account, [`SandboxError::NoMember`] if a seeded group has a member
    /// that is none.
    pub fn new(connector: Connector, settings: Settings) -> Result<Self, SandboxError> {
        let mut directory = Directory::new(settings.rng, connector.groups.read);
        let at = settings.clock.now();
        for (index, json) in settings.seed.accounts(&connector).into_iter().enumerate() {
            let sent = json.as_object().cloned().unwrap_or_default();
            let body = settle(&connector, None, sent).map_err(|refusal| SandboxError::Refused {
                number: index + 1,
                connector: connector.name.to_string(),
                why: refusal.detail,
            })?;
            let id = json["id"].as_str().map_or_else(|| directory.fresh_id(), str::to_owned);
            directory.insert(Account { id, body, created: at, modified: at, third_party: true, invalid: false });
        }
        settings.crowd.settle(&mut directory, &connector, at)?;
        Ok(Self(Arc::new(Inner {
            connector,
            listed: settings.crowd.listed,
            authorization: settings.token.map(|token| Secret::new(format!("Bearer {}", token.expose()))),
            drop_external_id: settings.drop_external_id,
            latency: settings.latency,
            rng: settings.rng,
            token_issuer: settings.token_issuer,
            clock: settings.clock,
            faults: RwLock::new(settings.faults),
            directory: Mutex::new(directory),
            requests: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        })))
    }

    /// The endpoints. Faults that close connections need [`Sandbox::serve`].
    pub fn router(&self) -> Router {
        Router::new().fallback(handle).with_state(self.clone())
    }

    /// Serves until `shutdown` resolves.
    ///
    /// # Errors
    /// [`SandboxError::Serve`] if the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), SandboxError> {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let service = self.router().into_make_service_with_connect_info::<Scissors>();
        let serving = axum::serve(Wires(listener), service).with_graceful_shutdown(async move {
            // Told to stop, or nobody is left to tell: both mean stop.
            let _ = stopped.await;
        });
        let stopping = async move {
            shutdown.await;
            // The other end is gone only if serving has ended by itself.
            let _ = stop.send(());
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::select! {
            ended = async move { serving.await } => ended.map_err(SandboxError::Serve),
            () = stopping => Ok(()),
        }
    }

    /// All accounts, oldest first.
    pub fn accounts(&self) -> Vec<AccountView> {
        self.0.directory().accounts().map(|(_, account)| AccountView::from(account)).collect()
    }

    /// Every third-party account as it would be read now, byte for byte, by id.
    pub fn third_party(&self) -> BTreeMap<String, Vec<u8>> {
        let directory = self.0.directory();
        let bytes = |account: &Account| Answer::scim(200, &directory.render(account, "")).body;
        directory
            .accounts()
            .filter(|(_, account)| account.third_party)
            .map(|(_, account)| (account.id.clone(), bytes(account)))
            .collect()
    }

    /// Requests that would change something (all but GET), answered or not.
    pub fn writes(&self) -> u64 {
        self.0.writes.load(Ordering::SeqCst)
    }

    /// All requests below the base path.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::SeqCst)
    }

    /// Other faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        *self.0.faults.write().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Changes an account as the target's own admin would: no request, no count, no rule of the connector.
    /// Returns whether there is such an account.
    pub fn tamper(&self, id: &str, change: impl FnOnce(&mut serde_json::Map<String, Json>)) -> bool {
        let at = self.0.clock.now();
        let mut directory = self.0.directory();
        let Some(number) = directory.find(id) else { return false };
        let mut body = directory.account(number).map(|account| account.body.clone()).unwrap_or_default();
        change(&mut body);
        directory.rewrite(number, body, at, false);
        true
    }

    /// Removes an account as the target's own admin would. Returns whether there was one.
    pub fn remove(&self, id: &str) -> bool {
        let mut directory = self.0.directory();
        let found = directory.find(id);
        if let Some(number) = found {
            directory.remove(number);
        }
        found.is_some()
    }
}

impl Inner {
    /// The directory; a panic elsewhere can't have left it half-changed in a way that matters to a sandbox.
    pub(super) fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
