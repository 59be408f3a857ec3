//! What every handler has: the engine, who is signed in, and how the server is reached.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use axum::http::HeaderMap;
use tokio::sync::watch;

use crate::clock::Timestamp;
use crate::directory::source::Source;
use crate::engine::{Engine, EngineError};
use crate::server::api::once::Answers;
use crate::server::background::Background;
use crate::server::jobs::Jobs;
use crate::server::live::Live;
use crate::server::lockout::{Attempt, Lockout};
use crate::server::meter::Meter;
use crate::server::openid::{self, Flows, Provider};
use crate::server::session::Sessions;
use crate::server::upload::Uploads;

/// How the server is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// What browsers see: scheme, host and port, without a slash at the end. Forms from anywhere else are refused.
    pub origin: String,
    /// The sources that files may be uploaded for, with their mapping.
    pub sources: Vec<Source>,
    /// How people sign in.
    pub sign_in: SignInSettings,
    /// What stands between the server and those who reach it.
    pub net: Net,
}

/// How people sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInSettings {
    /// With passwords.
    pub passwords: bool,
    /// At a provider.
    pub openid: Option<openid::Settings>,
}

impl Default for SignInSettings {
    fn default() -> Self {
        Self { passwords: true, openid: None }
    }
}

/// What stands between the server and those who reach it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Net {
    /// A proxy says who asks (`X-Forwarded-For`); otherwise the header means nothing.
    pub behind_proxy: bool,
    /// Certificate and key of our own, if there is TLS at the listener.
    pub tls: Option<TlsFiles>,
    /// Who may read `/metrics`.
    pub metrics: Metrics,
    /// The store's folder: `/metrics` tells its size, and uploads lie below it while they are read.
    pub store: Option<PathBuf>,
}

/// PEM files of the listener's TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, with those between it and the root.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// How often it is looked whether they were renewed.
    pub look_every: std::time::Duration,
}

/// Who may read `/metrics`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Metrics {
    /// Whoever has a token (any role).
    #[default]
    Token,
    /// Whoever reaches the server.
    Open,
    /// Nobody.
    Off,
}

impl Settings {
    /// Whether browsers come over TLS: then the cookie has the `__Host-` prefix.
    pub fn is_secure(&self) -> bool {
        self.origin.starts_with("https://")
    }
}

/// What every handler has.
pub struct House {
    /// The engine.
    pub engine: Arc<Engine>,
    /// How the server is reached.
    pub settings: Settings,
    /// Who is signed in.
    pub sessions: Sessions,
    /// Who tried too often.
    pub lockout: Lockout,
    /// Where files that come lie while they are read.
    pub uploads: Uploads,
    /// Answers to writes that were named, to be given again.
    pub answers: Answers,
    /// Long work that pages come back for.
    pub jobs: Jobs,
    /// The provider at which people may sign in.
    pub provider: Option<Provider>,
    /// Sign-ins that are under way there.
    pub flows: Flows,
    /// What is under way beyond the request that asked for it.
    pub background: Background,
    /// What is told to those who keep a page open.
    pub live: Live,
    /// What is counted for `/metrics`.
    pub meter: Meter,
    closing: watch::Sender<bool>,
}

impl House {
    /// A house around an engine.
    pub fn new(engine: Arc<Engine>, settings: Settings) -> Arc<Self> {
        let provider = settings.sign_in.openid.clone().and_then(|wanted| match Provider::new(wanted) {
            Ok(provider) => Some(provider),
            Err(error) => {
                tracing::error!(error, "there is no sign-in at the OpenID provider");
                None
            }
        });
        let uploads = Uploads::beside(settings.net.store.as_deref());
        Arc::new(Self {
            engine,
            settings,
            sessions: Sessions::default(),
            lockout: Lockout::default(),
            uploads,
            answers: Answers::default(),
            jobs: Jobs::default(),
            provider,
            flows: Flows::default(),
            background: Background::default(),
            live: Live::default(),
            meter: Meter::default(),
            closing: watch::channel(false).0,
        })
    }

    /// Says that the server stops: streams that have no end of their own end now.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Waits until the server stops.
    pub async fn closed(&self) {
        let mut closing = self.closing.subscribe();
        // An error would mean that the house is gone, and whoever waits is in it.
        drop(closing.wait_for(|closing| *closing).await);
    }

    /// Where a request comes from. Behind a proxy it is what the proxy says, its last word: what stands before was said by the client.
    pub fn address(&self, headers: &HeaderMap, peer: SocketAddr) -> IpAddr {
        let said = headers.get_all("x-forwarded-for").iter().next_back().and_then(|value| value.to_str().ok());
        let last = said.and_then(|said| said.rsplit(',').next()).and_then(|last| last.trim().parse().ok());
        last.filter(|_| self.settings.net.behind_proxy).unwrap_or_else(|| peer.ip())
    }

    /// Somebody is about to try a password under a name.
    ///
    /// # Errors
    /// If the store can't be read; within, until when he must wait.
    pub async fn password_attempt(
        &self,
        name: &str,
        address: IpAddr,
    ) -> Result<Result<Attempt<'_>, Timestamp>, EngineError> {
        let epoch = self.engine.epoch_of_name(name).await?;
        Ok(self.lockout.attempt(Some((name, epoch)), address, self.now()))
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.engine.parts.clock.now()
    }
}
