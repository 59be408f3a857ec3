//! Rows as earlier versions wrote them: read, never written.

use serde::Deserialize;

use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::directory::change::Cause;
use crate::id::{BatchId, EventId, PlanId, SourceName};
use crate::provision::approval::Decision;
use crate::provision::event::{Event, Progress, Status};
use crate::provision::guard::finding::Finding;
use crate::provision::operation::Operation;
use crate::store::record::FiledEvent;

/// An event before edges were pushed.
#[derive(Deserialize)]
struct EventV1 {
    id: EventId,
    operation: Operation,
    payload: Digest,
    findings: Vec<Finding>,
    plan: PlanId,
    cause: Cause,
    batch: Option<BatchId>,
    status: Status,
    generation: u64,
    attempts: u32,
    decisions: Vec<Decision>,
    filed_at: Timestamp,
    waiting_since: Timestamp,
    changed_at: Timestamp,
    basis: Digest,
}

/// An event before it knew the app's digest and its escalation.
#[derive(Deserialize)]
struct EventV2 {
    id: EventId,
    operation: Operation,
    payload: Digest,
    findings: Vec<Finding>,
    plan: PlanId,
    cause: Cause,
    batch: Option<BatchId>,
    status: Status,
    generation: u64,
    attempts: u32,
    decisions: Vec<Decision>,
    filed_at: Timestamp,
    waiting_since: Timestamp,
    changed_at: Timestamp,
    basis: Digest,
    progress: Progress,
}

/// A filed event of version 2.
#[derive(Deserialize)]
pub(crate) struct FiledEventV2 {
    event: EventV2,
    app_digest: Digest,
    counted: Option<u64>,
    previous: Option<EventId>,
    source: SourceName,
    key: String,
    entry: u64,
}

impl FiledEventV2 {
    /// As it is written now.
    pub(crate) fn read(body: &[u8]) -> Option<FiledEvent> {
        postcard::from_bytes::<Self>(body).ok().map(Self::now)
    }

    fn now(self) -> FiledEvent {
        let event = self.event;
        // One that continues the age of another is older than itself: the other had expired.
        let escalated = (event.waiting_since < event.filed_at).then_some(event.filed_at);
        FiledEvent {
            event: Event {
                id: event.id,
                operation: std::sync::Arc::new(event.operation),
                payload: event.payload,
                findings: event.findings,
                plan: event.plan,
                cause: event.cause,
                batch: event.batch,
                status: event.status,
                generation: event.generation,
                attempts: event.attempts,
                decisions: event.decisions,
                filed_at: event.filed_at,
                waiting_since: event.waiting_since,
                changed_at: event.changed_at,
                basis: event.basis,
                progress: event.progress,
                app_digest: self.app_digest,
                escalated,
            },
            counted: self.counted,
            previous: self.previous,
            source: self.source,
            key: self.key,
            entry: self.entry,
        }
    }
}

/// A filed event of version 1.
#[derive(Deserialize)]
pub(crate) struct FiledEventV1 {
    event: EventV1,
    app_digest: Digest,
    counted: Option<u64>,
    previous: Option<EventId>,
    source: SourceName,
    key: String,
    entry: u64,
}

impl FiledEventV1 {
    /// As it is written now.
    pub(crate) fn read(body: &[u8]) -> Option<FiledEvent> {
        let old: Self = postcard::from_bytes(body).ok()?;
        let event = old.event;
        let event = EventV2 {
            id: event.id,
            progress: Progress::of(&event.operation),
            operation: event.operation,
            payload: event.payload,
            findings: event.findings,
            plan: event.plan,
            cause: event.cause,
            batch: event.batch,
            status: event.status,
            generation: event.generation,
            attempts: event.attempts,
            decisions: event.decisions,
            filed_at: event.filed_at,
            waiting_since: event.waiting_since,
            changed_at: event.changed_at,
            basis: event.basis,
        };
        let (app_digest, counted, previous) = (old.app_digest, old.counted, old.previous);
        let filed =
            FiledEventV2 { event, app_digest, counted, previous, source: old.source, key: old.key, entry: old.entry };
        Some(filed.now())
    }
}
