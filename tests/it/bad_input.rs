//! What people and targets get wrong, through the real binary: each mistake has its clear error, and nothing is lost.

mod files;
mod people;
mod place;
mod rules;
mod targets;
