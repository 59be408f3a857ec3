//! Reading directory exports: CSV, JSON (lines or one array) and LDIF (RFC 2849) become [`crate::directory::SourceRow`]s.
//!
//! The walk: `read` loads each file and picks the format by its extension → the format's reader finds the cells of the wanted
//! columns → `convert` turns them into a row → `gather` collects rows, bad rows and what was missing over all files of the generation.
//!
//! Never does: decide what changes (the intake does), read the store, look at columns that are not mapped, import a password.

pub mod limit;

mod columns;
mod convert;
mod csv;
mod dn;
mod gather;
mod json;
mod ldif;
mod read;
mod tree;

pub use columns::MissingColumn;
pub use dn::Dn;
pub use gather::{Problem, Read, RowAt};
pub use limit::PROBLEMS_MAX;
pub use read::{ReadError, read};
