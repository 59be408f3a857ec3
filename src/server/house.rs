//! What every handler has: the engine, who is signed in, and how the server is reached.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::source::Source;
use crate::engine::Engine;
use crate::server::jobs::Jobs;
use crate::server::lockout::Lockout;
use crate::server::openid::{self, Flows, Provider};
use crate::server::session::Sessions;

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
}

/// How people sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInSettings {
    /// With passwords.
    pub passwords: bool,
    /// At a provider.
    pub openid: Option<openid::Settings>,
    /// A proxy stands in front: it says who asks.
    pub behind_proxy: bool,
}

impl Default for SignInSettings {
    fn default() -> Self {
        Self { passwords: true, openid: None, behind_proxy: false }
    }
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
    /// Long work that pages come back for.
    pub jobs: Jobs,
    /// The provider at which people may sign in.
    pub provider: Option<Provider>,
    /// Sign-ins that are under way there.
    pub flows: Flows,
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
        Arc::new(Self {
            engine,
            settings,
            sessions: Sessions::default(),
            lockout: Lockout::default(),
            jobs: Jobs::default(),
            provider,
            flows: Flows::default(),
        })
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.engine.parts.clock.now()
    }
}
