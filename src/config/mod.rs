//! The workspace: a folder with `usher.toml`, `connectors/`, `apps/` and `rules/`. Files are input: what runs is the store's active
//! revision, made from a [`crate::connector::Bundle`] of these files.
//!
//! Never does: open the store, keep a credential, or overwrite a file that somebody wrote without being asked to.

pub mod bundle;
pub mod credential;
pub mod demo;
pub mod file;
pub mod init;
pub mod lock;
pub mod openid;
pub mod seal_key;
pub mod server;
pub mod workspace;

pub use bundle::{Conflict, Written};
pub use credential::{Credential, CredentialError};
pub use demo::demo_files;
pub use file::Config;
pub use init::init;
pub use lock::{Holder, Lock, LockError};
pub use openid::OpenIdConfig;
pub use server::{ServerConfig, TlsPaths};
pub use workspace::{Workspace, WorkspaceError};
