//! The engine: what every command works with.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::access::actor::Actor;
use crate::access::credential::{Means, SealedSecret};
use crate::access::operator::Operator;
use crate::access::permission::Denied;
use crate::clock::Clock;
use crate::connector::app::AppSpec;
use crate::digest::Digest;
use crate::engine::active::Active;
use crate::engine::answer::Progress;
use crate::engine::epochs::Epochs;
use crate::engine::lane::Lanes;
use crate::engine::progress::Listeners;
use crate::entropy::Entropy;
use crate::id::InstanceId;
use crate::scim::target::Target;
use crate::seal::SealKey;
use crate::store::act::{Store, StoreError};

/// Opens the way to an app: resolves its credential and builds a client. The door provides it.
pub trait Connect: Send + Sync {
    /// A client for `app`; the error says what to do, without the secret.
    ///
    /// # Errors
    /// A sentence for ops.
    fn connect(&self, app: &AppSpec) -> Result<Arc<dyn Target>, String>;

    /// A digest that changes with the credential: what was refused before is tried again at once. Kept in memory only.
    fn mark(&self, _app: &AppSpec) -> Digest {
        Digest::default()
    }

    /// The key under which secrets of apps are sealed; made if there is none yet.
    ///
    /// # Errors
    /// A sentence for ops.
    fn seal_key(&self) -> Result<SealKey, String> {
        Err("there is no key to seal secrets with".to_owned())
    }

    /// What is sealed in the store: told when the engine opens, and whenever it changes.
    fn sealed(&self, _secrets: Vec<SealedSecret>) {}
}

/// Where progress of a long command goes.
pub trait Watcher: Send + Sync {
    /// Called now and then.
    fn progress(&self, progress: Progress);
}

/// A watcher that looks away.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Watcher for Unwatched {
    fn progress(&self, _: Progress) {}
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The operator may not do this.
    #[error(transparent)]
    Denied(#[from] Denied),
    /// The store would not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was asked for is wrong; the text says what was expected and what to do.
    #[error("{0}")]
    Invalid(String),
    /// Files of a workspace are wrong, each with line and column.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Files(Vec<crate::text::FileError>),
}

/// What an engine is made of.
pub struct Parts {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// The way to the apps.
    pub connect: Arc<dyn Connect>,
}

/// The engine.
pub struct Engine {
    pub(crate) parts: Parts,
    pub(crate) instance: InstanceId,
    pub(crate) lanes: Lanes,
    /// Imports are applied one after the other.
    pub(crate) intake: tokio::sync::Mutex<()>,
    /// Plans are admitted one after the other: the blast radius over all apps is judged by what others have reserved.
    pub(crate) admission: tokio::sync::Mutex<()>,
    /// What ends sessions.
    pub(crate) epochs: Epochs,
    /// Roles as they were last counted, with the revision that they were counted for.
    pub(crate) counted_roles: tokio::sync::Mutex<Option<(Digest, crate::engine::paged::RolesAnswer)>>,
    active: RwLock<Arc<Active>>,
    stopping: AtomicBool,
    pub(crate) listeners: Listeners,
}

impl Engine {
    /// Opens the engine on a store: recovers what a crash left (running events become verifying, committed imports are
    /// applied to the end).
    ///
    /// # Errors
    /// If the store has no identity (`usher init` makes one) or can't be read.
    pub async fn open(parts: Parts) -> Result<Arc<Self>, EngineError> {
        let none = || EngineError::Invalid("the store has no identity; `usher init` makes a workspace".to_owned());
        let identity = parts.store.identity().await?.ok_or_else(none)?;
        let verifying = parts.store.recover(parts.clock.now()).await?;
        if verifying > 0 {
            tracing::info!(
                verifying,
                "events whose outcome a crash left open are looked up before anything is sent again"
            );
        }
        let engine = Arc::new(Self {
            parts,
            instance: identity.instance,
            lanes: Lanes::default(),
            intake: tokio::sync::Mutex::new(()),
            admission: tokio::sync::Mutex::new(()),
            epochs: Epochs::default(),
            counted_roles: tokio::sync::Mutex::default(),
            active: RwLock::default(),
            stopping: AtomicBool::new(false),
            listeners: Listeners::default(),
        });
        engine.open_secrets().await?;
        engine.resume_imports(&Unwatched).await?;
        Ok(engine)
    }

    pub(crate) fn active_held(&self) -> Arc<Active> {
        Arc::clone(&self.active.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn hold_active(&self, active: Arc<Active>) {
        *self.active.write().unwrap_or_else(PoisonError::into_inner) = active;
    }

    /// Asks long work to come to rest: nothing new is begun.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.lanes.kick_all();
    }

    /// Whether long work is asked to come to rest.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// The store, for reads.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.parts.store
    }

    /// The time.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.parts.clock
    }

    /// The operator bound to an OS account, or the one named with `--as` (recorded as claimed; only the workspace's owner may).
    ///
    /// # Errors
    /// If there is none, with what to do.
    pub async fn actor(&self, os_account: &str, claimed: Option<&str>) -> Result<Actor, EngineError> {
        let operators = self.parts.store.operators().await?;
        let meant = |operator: &&Operator| match claimed {
            Some(name) => operator.name == name,
            None => operator.os_account.as_deref() == Some(os_account),
        };
        let found = operators.iter().filter(|operator| !operator.disabled).find(meant);
        if let (None, Some(disabled)) = (found, operators.iter().find(meant)) {
            let name = &disabled.name;
            return Err(EngineError::Invalid(format!(
                "the operator `{name}` is disabled; an admin lets him act again with `usher operators enable {name}`"
            )));
        }
        let operator = found.ok_or_else(|| {
            EngineError::Invalid(match claimed {
                Some(name) => format!("there is no operator `{name}`; `usher operators list` shows them"),
                None => format!(
                    "the OS account `{os_account}` is bound to no operator; an admin adds one with \
                     `usher operators add NAME --role ROLE --os-account {os_account}`"
                ),
            })
        })?;
        Ok(Actor {
            operator: operator.id,
            name: operator.name.clone(),
            role: operator.role,
            user: operator.user,
            claimed: claimed.is_some(),
            means: Means::OsAccount,
        })
    }
}
