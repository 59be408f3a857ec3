//! Reconcile: whether the target is as we left it. Reads it page by page and compares three ways: what we last pushed, what the
//! rules want, what is there. Sends only reads.
//!
//! What is found goes into a report and, where the app's policy says so, as a correction into the ledger; from there the ordinary
//! planner goes on, through both gates. Absence is concluded from two 404s to reads by id, apart; never from a list.

mod compare;
mod members;
mod propose;
mod run;
mod tally;
