//! `[server]` of `usher.toml`: where `usher serve` answers browsers and programs.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use crate::config::openid::{OpenIdConfig, RawOpenId};
use crate::server::Metrics;

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
    tls_cert: Option<Spanned<PathBuf>>,
    tls_key: Option<Spanned<PathBuf>>,
    metrics: Option<Spanned<String>>,
}

/// PEM files, relative to the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsPaths {
    /// The certificate, with those between it and the root.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Where the web server answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerConfig {
    /// The address; `None` = no web server.
    pub listen: Option<SocketAddr>,
    /// What browsers see, if it is not the address itself: a proxy's public origin.
    pub origin: Option<String>,
    /// A proxy stands in front: what it says of who asks counts.
    pub behind_proxy: bool,
    /// TLS of our own.
    pub tls: Option<TlsPaths>,
    /// Who may read `/metrics`.
    pub metrics: Metrics,
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
        if text.is_empty() {
            return Ok(ServerConfig { passwords, openid, ..ServerConfig::default() });
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
        let tls = tls(self.tls_cert, self.tls_key)?;
        let metrics = self.metrics.map_or(Ok(Metrics::default()), metrics)?;
        if self.behind_proxy && origin.is_none() {
            return Err((at, "behind_proxy needs `origin`: the https address that browsers see".to_owned()));
        }
        if tls.is_some() && origin.is_none() && listen.ip().is_unspecified() {
            return Err((
                at,
                format!("`{text}` is no address that browsers see; say it with `origin`: \"https://HOST\""),
            ));
        }
        if !listen.ip().is_loopback() && !self.behind_proxy && tls.is_none() {
            return Err((
                at,
                format!(
                    "`{text}` is reached from elsewhere without TLS; give `tls_cert` and `tls_key`, or say behind_proxy = true with the https origin of a proxy in front"
                ),
            ));
        }
        if origin.is_some() && !self.behind_proxy && tls.is_none() {
            return Err((at, "`origin` is https, but nothing here speaks TLS; say behind_proxy = true, or give `tls_cert` and `tls_key`".to_owned()));
        }
        let behind_proxy = self.behind_proxy;
        Ok(ServerConfig { listen: Some(listen), origin, behind_proxy, tls, metrics, passwords, openid })
    }
}

/// Both files of TLS, or neither.
fn tls(cert: Option<Spanned<PathBuf>>, key: Option<Spanned<PathBuf>>) -> Result<Option<TlsPaths>, (usize, String)> {
    match (cert, key) {
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => Ok(Some(TlsPaths { cert: cert.into_inner(), key: key.into_inner() })),
        (Some(only), None) | (None, Some(only)) => {
            Err((only.span().start, "TLS needs both: `tls_cert` and `tls_key`".to_owned()))
        }
    }
}

/// Who may read `/metrics`, as typed.
fn metrics(typed: Spanned<String>) -> Result<Metrics, (usize, String)> {
    let at = typed.span().start;
    match typed.into_inner().as_str() {
        "token" => Ok(Metrics::Token),
        "open" => Ok(Metrics::Open),
        "off" => Ok(Metrics::Off),
        other => Err((at, format!("`{other}` says nothing; expected \"token\", \"open\" or \"off\""))),
    }
}
