//! The store: one list of cases that run on every store, and what only a disk can do.

mod access;
mod backups;
mod catalogue;
mod chain;
mod damage;
mod decisions;
mod directory;
mod edges;
mod filing;
mod imports;
mod kill;
mod layers;
mod older_events;
mod previous;
mod pushing;
mod reconcile;
mod retention;
mod revisions;
mod rewriting;
mod searching;
mod views;
mod waiting;
mod window;
mod world;
