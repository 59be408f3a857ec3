//! Lessons: what a conversation taught about an app. Small facts rather than a whole [`Learned`], because conversations run side by
//! side and must not undo each other's.

use crate::clock::Timestamp;
use crate::connector::capability::{FilterProbe, Learned};
use crate::digest::Digest;
use crate::scim::discovery::ProviderConfig;

/// One fact about an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lesson {
    /// Whether the target keeps externalId.
    KeepsExternalId(bool),
    /// Whether a filter can be trusted.
    Filter(String, FilterProbe),
    /// A form of writing an attribute was read back and worked.
    ProvenForm(String),
    /// A form of writing an attribute was accepted and changed nothing, where another form did.
    DeadForm(String),
    /// Discovery was read.
    Discovered {
        /// What ServiceProviderConfig says.
        config: ProviderConfig,
        /// What is worth telling, in words.
        remarks: Vec<String>,
        /// When.
        at: Timestamp,
    },
}

impl Lesson {
    fn apply(&self, learned: &mut Learned) {
        match self {
            Self::KeepsExternalId(keeps) => learned.keeps_external_id = Some(*keeps),
            Self::Filter(attribute, probe) => drop(learned.filters.insert(attribute.clone(), probe.clone())),
            Self::ProvenForm(form) => {
                learned.dead_patch_paths.remove(form);
                learned.proven_patch_paths.insert(form.clone());
            }
            Self::DeadForm(form) => {
                learned.proven_patch_paths.remove(form);
                learned.dead_patch_paths.insert(form.clone());
            }
            Self::Discovered { config, remarks, at } => {
                learned.discovered_at = Some(*at);
                learned.patch_supported = config.patch;
                learned.filter_supported = config.filter;
                learned.results_max = config.results_max;
                learned.remarks.clone_from(remarks);
            }
        }
    }
}

/// `learned` with `lessons` taken in; `None` if they say nothing new. Under another app digest everything is learned anew.
pub fn absorb(learned: &Learned, app: Digest, lessons: &[Lesson]) -> Option<Learned> {
    let mut after = if learned.basis == app { learned.clone() } else { Learned { basis: app, ..Learned::default() } };
    for lesson in lessons {
        lesson.apply(&mut after);
    }
    (after != *learned).then_some(after)
}
