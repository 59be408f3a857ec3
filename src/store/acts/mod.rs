//! The acts as plain functions: reads over [`Rows`](crate::store::kv::Rows), writes over a
//! [`Group`](crate::store::group::Group). Written once, for every backend. Never do I/O of their own.

pub(crate) mod access;
pub(crate) mod admission;
pub(crate) mod briefs;
pub(crate) mod catalogue;
pub(crate) mod check;
pub(crate) mod decisions;
pub(crate) mod deeds;
pub(crate) mod directory;
pub(crate) mod edge_outcomes;
pub(crate) mod edge_pushing;
pub(crate) mod edges;
pub(crate) mod filing;
pub(crate) mod identity;
pub(crate) mod imports;
pub(crate) mod ledger;
pub(crate) mod life;
pub(crate) mod marks;
pub(crate) mod open_identity;
pub(crate) mod outcomes;
pub(crate) mod planning;
pub(crate) mod pushing;
pub(crate) mod reads;
pub(crate) mod reconcile;
pub(crate) mod remedies;
pub(crate) mod retention;
pub(crate) mod revisions;
pub(crate) mod testimony;
pub(crate) mod trends;
pub(crate) mod vault;
pub(crate) mod waiting;
