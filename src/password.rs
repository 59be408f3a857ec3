//! Passwords of operators and tokens: hashed, never kept. Argon2id with the parameters of RFC 9106's second choice, as the crate ships them.

use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::digest::{Digest, Hasher};
use crate::entropy::Entropy;
use crate::secret::Secret;

/// The least length of a password, in characters (`reliability.md` section 4).
pub const LENGTH_MIN: usize = 15;
/// The greatest: what is longer is not hashed.
pub const LENGTH_MAX: usize = 1_024;
/// Random bytes of a token.
const TOKEN_BYTES: usize = 32;

/// Why a password can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short.
    #[error("a password needs at least {LENGTH_MIN} characters")]
    Short,
    /// Too long.
    #[error("a password has at most {LENGTH_MAX} characters")]
    Long,
    /// Could not be hashed.
    #[error("the password could not be hashed")]
    Hash,
}

/// The hash of a new password, in PHC form (`$argon2id$…`). Takes tens of milliseconds and 19 MiB.
///
/// # Errors
/// [`PasswordError`] if it is too short or too long.
pub fn hash(password: &Secret, entropy: &dyn Entropy) -> Result<String, PasswordError> {
    let length = password.expose().chars().count();
    if length < LENGTH_MIN {
        return Err(PasswordError::Short);
    }
    if length > LENGTH_MAX {
        return Err(PasswordError::Long);
    }
    let mut salt = [0u8; 16];
    entropy.fill(&mut salt);
    let hashed = Argon2::default().hash_password_with_salt(password.expose().as_bytes(), &salt);
    hashed.map(|hash| hash.to_string()).map_err(|_| PasswordError::Hash)
}

/// Whether `password` is the one whose hash this is. As slow as [`hash()`].
pub fn verify(password: &Secret, hash: &str) -> bool {
    password.expose().chars().count() <= LENGTH_MAX
        && Argon2::default().verify_password(password.expose().as_bytes(), hash).is_ok()
}

/// A new token of 256 random bits, for example `ush_…`.
pub fn token(prefix: &str, entropy: &dyn Entropy) -> Secret {
    let mut bytes = [0u8; TOKEN_BYTES];
    entropy.fill(&mut bytes);
    Secret::new(format!("{prefix}_{}", URL_SAFE_NO_PAD.encode(bytes)))
}

/// What is kept of a token. A token has 256 random bits: a plain digest can't be guessed backwards.
pub fn fingerprint(token: &Secret) -> Digest {
    Hasher::new().text("token").text(token.expose()).finish()
}
