//! The engine: what every command works with.

use std::sync::Arc;

use async_trait::async_trait;

use crate::access::actor::Actor;
use crate::access::permission::Denied;
use crate::clock::Clock;
use crate::connector::app::AppSpec;
use crate::engine::answer::{Answer, Progress};
use crate::engine::command::Command;
use crate::entropy::Entropy;
use crate::scim::target::Target;
use crate::store::act::{Store, StoreError};

/// Opens the way to an app: resolves its credential and builds a client. The door provides it.
pub trait Connect: Send + Sync {
    /// A client for `app`; the error says what to do, without the secret.
    ///
    /// # Errors
    /// A sentence for ops.
    fn connect(&self, app: &AppSpec) -> Result<Arc<dyn Target>, String>;
}

/// Where progress of a long command goes.
#[async_trait]
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
}

impl Engine {
    /// Opens the engine on a store: recovers what a crash left (running events become verifying, committed imports are
    /// applied to the end).
    ///
    /// # Errors
    /// If the store has no identity (`usher init` makes one) or can't be read.
    pub async fn open(parts: Parts) -> Result<Arc<Self>, EngineError> {
        Ok(Arc::new(Self { parts }))
    }

    /// The operator bound to an OS account, or the one named with `--as` (recorded as claimed; only the workspace's owner may).
    ///
    /// # Errors
    /// If there is none, with what to do.
    pub async fn actor(&self, os_account: &str, claimed: Option<&str>) -> Result<Actor, EngineError> {
        let operators = self.parts.store.operators().await?;
        let found = operators.iter().filter(|operator| !operator.disabled).find(|operator| match claimed {
            Some(name) => operator.name == name,
            None => operator.os_account.as_deref() == Some(os_account),
        });
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
        })
    }

    /// Carries out one command for an operator.
    ///
    /// # Errors
    /// [`EngineError`], with what to do.
    pub async fn answer(&self, actor: &Actor, command: Command, _watcher: &dyn Watcher) -> Result<Answer, EngineError> {
        command.permission().check(actor)?;
        Err(EngineError::Invalid("this command has no answer yet".to_owned()))
    }

    /// Runs pushers and the scheduler until `stop` resolves; finishes what is in flight first.
    pub async fn serve(self: Arc<Self>, stop: tokio::sync::watch::Receiver<bool>) {
        let mut stop = stop;
        while !*stop.borrow() && stop.changed().await.is_ok() {}
    }
}
