//! TLS of our own at the listener: certificate and key from PEM files, read again when they were renewed.

use std::io;
use std::path::{Path, PathBuf};

use axum_server::tls_rustls::RustlsConfig;

use crate::digest::{Digest, Hasher};
use crate::server::house::TlsFiles;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// They can't be used: no PEM, or the key is another certificate's.
    #[error("{} and {} are no certificate and key in PEM form that belong together", cert.display(), key.display())]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Certificate and key in use.
#[derive(Debug, Clone)]
pub struct Tls {
    files: TlsFiles,
    config: RustlsConfig,
    read: Digest,
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Unreadable { path: path.to_owned(), source })
}

/// Both files, and a digest of what they say.
fn read_both(files: &TlsFiles) -> Result<(Vec<u8>, Vec<u8>, Digest), TlsError> {
    let (cert, key) = (read(&files.cert)?, read(&files.key)?);
    let digest = Hasher::new().bytes(&cert).bytes(&key).finish();
    Ok((cert, key, digest))
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`] names them.
    pub async fn open(files: TlsFiles) -> Result<Self, TlsError> {
        // It fails only if a provider is there already, and then that one serves.
        drop(rustls::crypto::ring::default_provider().install_default());
        let (cert, key, read) = read_both(&files)?;
        let unusable = |source| TlsError::Unusable { cert: files.cert.clone(), key: files.key.clone(), source };
        let config = RustlsConfig::from_pem(cert, key).await.map_err(unusable)?;
        Ok(Self { files, config, read })
    }

    /// What the listener uses.
    pub fn config(&self) -> RustlsConfig {
        self.config.clone()
    }

    /// Reads the files again now and then, without an end. What can't be used is said and not taken: the old one stays.
    pub async fn keep_fresh(mut self) {
        let mut ticks = tokio::time::interval(self.files.look_every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look().await;
        }
    }

    async fn look(&mut self) {
        let files = self.files.clone();
        // What panicked or was cut short is looked at again.
        let Ok(both) = tokio::task::spawn_blocking(move || read_both(&files)).await else { return };
        let (cert, key, read) = match both {
            Ok(both) => both,
            Err(error) => return tracing::warn!(%error, "the certificate can't be looked at; the one in use stays"),
        };
        // Also what can't be used is tried once: it may be half of a pair that is being renewed.
        if std::mem::replace(&mut self.read, read) == read {
            return;
        }
        match self.config.reload_from_pem(cert, key).await {
            Ok(()) => tracing::info!(cert = %self.files.cert.display(), "the renewed certificate is in use"),
            Err(error) => tracing::warn!(
                cert = %self.files.cert.display(), %error, "the renewed certificate can't be used; the old one stays"
            ),
        }
    }
}
