//! What every handler has: the engine, who is signed in, and how the server is reached.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::source::Source;
use crate::engine::Engine;
use crate::server::api::once::Answers;
use crate::server::lockout::Lockout;
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
    /// Answers to writes that were named, to be given again.
    pub answers: Answers,
}

impl House {
    /// A house around an engine.
    pub fn new(engine: Arc<Engine>, settings: Settings) -> Arc<Self> {
        Arc::new(Self {
            engine,
            settings,
            sessions: Sessions::default(),
            lockout: Lockout::default(),
            answers: Answers::default(),
        })
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.engine.parts.clock.now()
    }
}
