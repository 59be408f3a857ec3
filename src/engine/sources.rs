//! What a plan should know of the imports behind it: which generation is parked, and which one was applied although it shrank.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::context::EngineError;
use crate::id::{ImportId, SourceName};
use crate::provision::guard::finding::{Finding, FindingKind};
use crate::store::Store;
use crate::store::query::{Import, ImportState};

/// Generations that are looked at: what was applied longer ago than this many is old news.
const IMPORTS_MAX: usize = 200;

/// The imports that findings are about.
#[derive(Debug, Default)]
pub struct Sources {
    /// The newest generation of a source, where it is parked.
    parked: Vec<Import>,
    /// Generations that shrank by more than goes unasked, and were applied because somebody said so: what shrank, in words.
    pub shrunk: BTreeMap<ImportId, String>,
}

impl Sources {
    /// Reads the latest generations.
    ///
    /// # Errors
    /// If the store can't be read.
    pub async fn read(store: &dyn Store) -> Result<Self, EngineError> {
        let mut sources = Self::default();
        let mut settled: BTreeSet<SourceName> = BTreeSet::new();
        for import in store.imports(IMPORTS_MAX).await? {
            let newest = !settled.contains(&import.source);
            match import.state {
                ImportState::Parked { .. } if newest => sources.parked.push(import),
                ImportState::Applied | ImportState::Committed { .. } => {
                    if !import.preview.shrinks.is_empty() {
                        sources.shrunk.insert(import.id, import.preview.shrinks.join("; "));
                    }
                    settled.insert(import.source);
                }
                ImportState::Parked { .. } | ImportState::Staging | ImportState::Dropped => {}
            }
        }
        Ok(sources)
    }

    /// A finding for each generation that waits for a person: nothing of it is in the plan.
    pub fn parked(&self) -> impl Iterator<Item = Finding> {
        self.parked.iter().map(|import| {
            let reasons = match &import.state {
                ImportState::Parked { reasons } => reasons.join("; "),
                _ => String::new(),
            };
            Finding::new(FindingKind::SourceParked, format!("{} of source {}: {reasons}", import.id, import.source))
        })
    }
}
