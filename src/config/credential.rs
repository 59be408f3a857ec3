//! Credentials by reference: `env:NAME` or `file:PATH`. The value goes into a [`Secret`] and into no message.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::config::workspace::Workspace;
use crate::connector::app::CredentialRef;
use crate::secret::{HEADER_BYTES_MAX, Secret};

/// Why there is no credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The variable is not set.
    #[error("the environment variable {name} is not set; set it to the app's token")]
    Unset {
        /// The variable.
        name: String,
    },
    /// The file could not be read.
    #[error("cannot read the credential file {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("the credential in {reference} is empty; put the app's token there")]
    Empty {
        /// `env:NAME` or `file:PATH`.
        reference: String,
    },
    /// It is not in the workspace but in the store.
    #[error("the credential is sealed in the store; only the process that holds the workspace opens it")]
    Sealed,
    /// It cannot be sent.
    #[error("the credential in {reference} {wrong}; expected one line of printable ASCII, the token alone")]
    Unusable {
        /// `env:NAME` or `file:PATH`.
        reference: String,
        /// What is wrong, without the value.
        wrong: &'static str,
    },
}

/// A credential and what is risky about how it is kept.
#[derive(Debug, Clone)]
pub struct Credential {
    /// The token.
    pub secret: Secret,
    /// Warnings in sentences.
    pub warnings: Vec<String>,
}

impl Workspace {
    /// Reads a credential. File paths are relative to the workspace; one trailing line break is dropped. `env` looks up environment
    /// variables.
    ///
    /// # Errors
    /// See [`CredentialError`]; no message holds the value.
    pub fn credential(
        &self,
        reference: &CredentialRef,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Credential, CredentialError> {
        let (value, warnings) = match reference {
            CredentialRef::Env(name) => {
                (env(name).ok_or_else(|| CredentialError::Unset { name: name.clone() })?, Vec::new())
            }
            CredentialRef::File(path) => self.credential_file(path, reference)?,
            CredentialRef::Sealed => return Err(CredentialError::Sealed),
        };
        let value = Secret::new(value);
        let text = value.expose();
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        let unusable = |wrong| Err(CredentialError::Unusable { reference: reference.to_string(), wrong });
        if text.is_empty() {
            return Err(CredentialError::Empty { reference: reference.to_string() });
        }
        let secret = Secret::new(text);
        match secret.fault() {
            Some(wrong) => unusable(wrong),
            None => Ok(Credential { secret, warnings }),
        }
    }

    fn credential_file(&self, path: &str, reference: &CredentialRef) -> Result<(String, Vec<String>), CredentialError> {
        let file = self.root.join(path);
        let fail = |source| CredentialError::Io { path: file.clone(), source };
        let meta = std::fs::metadata(&file).map_err(fail)?;
        if meta.len() > HEADER_BYTES_MAX as u64 {
            return Err(CredentialError::Unusable { reference: reference.to_string(), wrong: "is larger than 8 KiB" });
        }
        let bytes = std::fs::read(&file).map_err(fail)?;
        let value = String::from_utf8(bytes)
            .map_err(|_| CredentialError::Unusable { reference: reference.to_string(), wrong: "is not UTF-8" })?;
        let mode = meta.permissions().mode() & 0o777;
        let mut warnings = Vec::new();
        if mode & 0o007 != 0 {
            warnings.push(format!(
                "{} can be read by everyone on this machine (mode {mode:03o}); run `chmod 600` on it",
                file.display()
            ));
        }
        Ok((value, warnings))
    }
}
