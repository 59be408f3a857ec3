//! `[server]` of `usher.toml`: where `usher serve` answers browsers and programs.

use std::net::SocketAddr;

use serde::Deserialize;
use toml::Spanned;

use crate::config::openid::{OpenIdConfig, RawOpenId};

/// Where it listens unless told otherwise: this machine alone.
const LISTEN: &str = "127.0.0.1:8470";

/// As typed.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawServer {
    listen: Option<Spanned<String>>,
    origin: Option<Spanned<String>>,
    #[serde(default)]
    behind_proxy: bool,
    passwords: Option<Spanned<bool>>,
    openid: Option<RawOpenId>,
}

/// Where the web server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// The address; `None` = no web server.
    pub listen: Option<SocketAddr>,
    /// What browsers see, if it is not the address itself: a proxy's public origin.
    pub origin: Option<String>,
    /// A proxy stands in front: it says who asks.
    pub behind_proxy: bool,
    /// Whether operators may sign in with passwords.
    pub passwords: bool,
    /// The provider that signs people in.
    pub openid: Option<OpenIdConfig>,
}

impl RawServer {
    /// Checks it; `listen_instead` is the environment's. The error has the place in the text and the reason.
    pub(super) fn check(self, listen_instead: Option<String>) -> Result<ServerConfig, (usize, String)> {
        let (at, text) = match (listen_instead, &self.listen) {
            (Some(text), _) => (0, text),
            (None, Some(typed)) => (typed.span().start, typed.get_ref().clone()),
            (None, None) => (0, LISTEN.to_owned()),
        };
        let openid = self.openid.map(RawOpenId::check).transpose()?;
        let passwords = self.passwords.as_ref().is_none_or(|typed| *typed.get_ref());
        if let (false, None, Some(typed)) = (passwords, &openid, &self.passwords) {
            let reason = "passwords = false needs [server.openid]: nobody could sign in";
            return Err((typed.span().start, reason.to_owned()));
        }
        let behind_proxy = self.behind_proxy;
        if text.is_empty() {
            return Ok(ServerConfig { listen: None, origin: None, behind_proxy, passwords, openid });
        }
        let listen: SocketAddr = text.parse().map_err(|_| {
            (
                at,
                format!(
                    "`{text}` is no address; expected IP:PORT, for example \"{LISTEN}\", or \"\" for no web server"
                ),
            )
        })?;
        let origin = match self.origin {
            None => None,
            Some(typed) => {
                let (origin, at) = (typed.get_ref().trim_end_matches('/').to_owned(), typed.span().start);
                if !origin.starts_with("https://") || origin["https://".len()..].contains('/') {
                    return Err((at, format!("`{origin}` is no origin; expected \"https://HOST\" as browsers see it")));
                }
                Some(origin)
            }
        };
        if self.behind_proxy && origin.is_none() {
            return Err((at, "behind_proxy needs `origin`: the https address that browsers see".to_owned()));
        }
        if !listen.ip().is_loopback() && !self.behind_proxy {
            return Err((
                at,
                format!(
                    "`{text}` is reached from elsewhere without TLS; listen on 127.0.0.1 with a proxy in front, and say behind_proxy = true with its https origin"
                ),
            ));
        }
        Ok(ServerConfig { listen: Some(listen), origin, behind_proxy, passwords, openid })
    }
}
