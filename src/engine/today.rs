//! What clearance asks of the moment: how the app stands, and whom its rules and lists protect now.

use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::engine::context::EngineError;
use crate::engine::plan;
use crate::engine::push::Shared;
use crate::id::{EventId, UserId};
use crate::provision::event::Event;
use crate::provision::guard::clearance::Today;
use crate::provision::guard::finding::Finding;
use crate::store::query::PairRow;

/// Why users are protected, by event; only for what was planned under another digest of the app.
#[derive(Debug, Default)]
pub(super) struct Protections(HashMap<EventId, Vec<Finding>>);

impl Shared {
    /// Asks for those of `filed` that were planned under another digest of the app than today's: the others were asked then.
    pub(super) async fn protections(&self, filed: impl Iterator<Item = &Event>) -> Result<Protections, EngineError> {
        let app = &self.app;
        let older: Vec<&Event> = filed.filter(|event| event.app_digest != app.spec.digest).collect();
        if older.is_empty() {
            return Ok(Protections::default());
        }
        let users = older.iter().map(|event| event.user()).collect();
        let pairs = self.store.pairs(&app.spec.name, users).await?;
        let pairs: HashMap<UserId, PairRow> = pairs.into_iter().map(|pair| (pair.user.id, pair)).collect();
        let protection = |event: &Event| {
            let pair = pairs.get(&event.user())?;
            Some(plan::protection(&app.spec, &app.rules, self.instance, pair, event.operation.kind))
        };
        Ok(Protections(older.into_iter().filter_map(|event| Some((event.id, protection(event)?))).collect()))
    }

    /// What clearance of an event asks of the moment.
    pub(super) fn today<'a>(&'a self, protections: &'a Protections, event: EventId, as_of: Timestamp) -> Today<'a> {
        let protection = protections.0.get(&event).map(Vec::as_slice).unwrap_or_default();
        Today { connector: self.app.connector, state: &self.state, as_of, protection }
    }
}
