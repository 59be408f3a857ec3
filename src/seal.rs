//! Sealing: secrets of apps as they are kept. XChaCha20-Poly1305 under a key that lies outside the store; what the secret is for (the
//! app, and where it may be sent) is bound to it, so that a box that was moved to another place does not open.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::entropy::Entropy;
use crate::secret::Secret;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of a nonce: enough that random ones never meet.
const NONCE_BYTES: usize = 24;

/// Why a box can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The key is not one.
    #[error("the key is not 32 bytes in base64")]
    Key,
    /// Another key, another place, or a damaged box.
    #[error("it was sealed under another key or for another place, or it is damaged")]
    Foreign,
    /// What was sealed is no text.
    #[error("what was sealed is no text")]
    Text,
    /// It could not be sealed.
    #[error("it could not be sealed")]
    Seal,
}

/// A key. Wiped when dropped, and never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SealKey(Zeroizing<[u8; KEY_BYTES]>);

impl std::fmt::Debug for SealKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealKey(…)")
    }
}

impl SealKey {
    /// A new one.
    pub fn mint(entropy: &dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0u8; KEY_BYTES]);
        entropy.fill(bytes.as_mut_slice());
        Self(bytes)
    }

    /// As it is kept: base64.
    pub fn written(&self) -> Secret {
        Secret::new(STANDARD.encode(self.0.as_slice()))
    }

    /// From what is kept.
    ///
    /// # Errors
    /// [`SealError::Key`] if it is not 32 bytes in base64.
    pub fn parse(text: &Secret) -> Result<Self, SealError> {
        let bytes = Zeroizing::new(STANDARD.decode(text.expose().trim()).map_err(|_| SealError::Key)?);
        let bytes: [u8; KEY_BYTES] = bytes.as_slice().try_into().map_err(|_| SealError::Key)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// Seals a secret for `place`.
    ///
    /// # Errors
    /// [`SealError::Seal`] if the cipher would not, which no length of ours makes it do.
    pub fn seal(&self, secret: &Secret, place: &[&str], entropy: &dyn Entropy) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0u8; NONCE_BYTES];
        entropy.fill(&mut nonce);
        let payload = Payload { msg: secret.expose().as_bytes(), aad: &bound(place) };
        let sealed = self.cipher().encrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Seal)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Opens what was sealed for `place`.
    ///
    /// # Errors
    /// [`SealError::Foreign`] if it was not sealed under this key for this place.
    pub fn open(&self, sealed: &[u8], place: &[&str]) -> Result<Secret, SealError> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES).ok_or(SealError::Foreign)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| SealError::Foreign)?;
        let payload = Payload { msg: sealed, aad: &bound(place) };
        let opened = self.cipher().decrypt(&XNonce::from(nonce), payload).map_err(|_| SealError::Foreign)?;
        let opened = Zeroizing::new(opened);
        std::str::from_utf8(&opened).map(Secret::new).map_err(|_| SealError::Text)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.0).into())
    }
}

/// The parts of a place, each with its length: no two places read the same.
fn bound(place: &[&str]) -> Vec<u8> {
    place.iter().flat_map(|part| (part.len() as u64).to_be_bytes().into_iter().chain(part.bytes())).collect()
}
