//! Rendering: answers as tables and sentences for people, as JSON for programs. Pure: the same answer and style give the same text.

pub(crate) mod access;
pub(crate) mod answer;
pub(crate) mod approvals;
pub(crate) mod apps;
pub(crate) mod directory;
pub(crate) mod entitlements;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod keys;
pub(crate) mod plan;
pub(crate) mod reconcile;
pub(crate) mod rules;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod time;

pub(crate) use style::{Style, Tint};
