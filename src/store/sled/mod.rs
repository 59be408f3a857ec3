//! The store on disk: sled, made durable. What sled lacks is added here: a barrier after each flush, a check against what is
//! remembered outside it, hygiene before opening, a lock that names its holder, room kept free.

mod checkpoint;
pub(crate) mod files;
mod journal;
mod opened;
pub(crate) mod rows;

pub use opened::{SledSettings, SledStore};
