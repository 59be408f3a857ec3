//! The queue of decisions by page, and what was decided lately.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::engine::answer::Answer;
use crate::engine::context::{Engine, EngineError};
use crate::engine::pending::{Choice, Pending, Shown};
use crate::engine::queue::{Decided, Held, QueueFilter, QueuePage};
use crate::id::BatchId;
use crate::provision::entry::Fact;
use crate::provision::event::Event;
use crate::provision::guard::finding::FindingKind;
use crate::provision::operation::Kind;

/// Most decisions of one answer.
const DECISIONS_MAX: usize = 500;
/// Reasons that a batch names.
const REASONS_MAX: usize = 3;

impl Engine {
    pub(super) async fn queue(&self, filter: QueueFilter) -> Result<Answer, EngineError> {
        let all = self.all_pending(None).await?;
        let mut page = QueuePage { total: all.len(), ..QueuePage::default() };
        let mut batches: BTreeMap<BatchId, Vec<Event>> = BTreeMap::new();
        for event in &all {
            page.apps.insert(event.app().clone());
            page.kinds.insert(event.operation.kind);
            page.findings.extend(event.findings.iter().map(|finding| finding.kind));
            if let Some(batch) = event.batch {
                batches.entry(batch).or_default().push(event.clone());
            }
        }
        // Who is alone in his batch stands with the others, where his change is seen at once.
        batches.retain(|batch, members| members.len() > 1 || filter.choice.batches.contains(batch));
        let mut wanted: Vec<Event> = all.into_iter().filter(|event| self.is_wanted(&filter, &batches, event)).collect();
        page.batches = batches.into_iter().filter_map(|(batch, members)| held(batch, members)).collect();
        page.batches.sort_by_key(|held| (held.kinds.keys().all(|kind| !kind.is_leaving()), held.since));
        wanted.sort_by_key(order);
        let limit = filter.limit.max(1);
        page.matching = wanted.len();
        page.pages = wanted.len().div_ceil(limit).max(1);
        page.page = filter.page.clamp(1, page.pages);
        let mut asker = self.asker().await?;
        for event in wanted.into_iter().skip((page.page - 1) * limit).take(limit) {
            page.waiting.push(asker.waiting(event).await?);
        }
        page.ambiguous = self.ambiguous_beside(&filter.choice, &page).await?;
        Ok(Answer::Queue(Box::new(page)))
    }

    fn is_wanted(&self, filter: &QueueFilter, batches: &BTreeMap<BatchId, Vec<Event>>, event: &Event) -> bool {
        let (choice, operation) = (&filter.choice, &event.operation);
        let restricts = choice.filters() || !filter.search.trim().is_empty();
        let placed = match event.batch.filter(|batch| batches.contains_key(batch)) {
            Some(batch) if !choice.batches.is_empty() => choice.batches.contains(&batch),
            Some(_) => restricts,
            None => choice.batches.is_empty(),
        };
        let search = filter.search.trim().to_lowercase();
        let named =
            || [&operation.label, &operation.user_name].iter().any(|text| text.to_lowercase().contains(&search));
        placed
            && choice.app.as_ref().is_none_or(|app| app == event.app())
            && self.passes(choice, None, event)
            && (search.is_empty() || named())
    }

    /// What belongs to the batches that were asked for and is blocked, as far as it is of an app of theirs.
    async fn ambiguous_beside(&self, choice: &Choice, page: &QueuePage) -> Result<Vec<Pending>, EngineError> {
        let mut blocked = Vec::new();
        let adoptions = |held: &&Held| choice.batches.contains(&held.batch) && held.kinds.contains_key(&Kind::Link);
        let mut asker = self.asker().await?;
        for held in page.batches.iter().filter(adoptions) {
            for event in self.ambiguous(held.app.clone()).await? {
                blocked.push(asker.waiting(event).await?);
            }
        }
        Ok(blocked)
    }

    /// Decisions since `since`, newest first.
    pub(super) async fn decided(&self, since: Timestamp, limit: usize) -> Result<Vec<Decided>, EngineError> {
        let store = &self.parts.store;
        let mut decided = Vec::new();
        for entry in store.decisions(since, limit.min(DECISIONS_MAX)).await? {
            let (Some(id), Fact::Decided(decision)) = (entry.event, entry.fact) else { continue };
            // An archived event is gone, and what was decided about it with it.
            if let Some(event) = store.event(id).await? {
                decided.push(Decided { event, decision });
            }
        }
        Ok(decided)
    }
}

/// Leavers first, then what was asked before, then adoptions that differ, then the oldest.
fn order(event: &Event) -> (bool, bool, bool, Timestamp, u64) {
    let differs = event.findings.iter().any(|finding| finding.kind == FindingKind::AdoptionDiffers);
    let leaves = event.operation.kind.is_leaving();
    (!leaves, event.escalated.is_none(), !differs, event.waiting_since, event.id.0)
}

/// A batch in short, from its events.
fn held(batch: BatchId, mut members: Vec<Event>) -> Option<Held> {
    members.sort_by_key(|event| event.id);
    let first = members.first()?;
    let mut kinds = BTreeMap::new();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for event in &members {
        *kinds.entry(event.operation.kind).or_default() += 1;
        for finding in event.findings.iter().filter(|finding| finding.kind.is_about_the_plan()) {
            *reasons.entry(format!("{}: {}", finding.kind.title(), finding.detail)).or_default() += 1;
        }
    }
    let mut why: Vec<(String, usize)> = reasons.into_iter().collect();
    why.sort_by_key(|(_, number)| Reverse(*number));
    Some(Held {
        batch,
        app: first.app().clone(),
        shown: Shown::of(&members),
        kinds,
        why: why.into_iter().take(REASONS_MAX).map(|(reason, _)| reason).collect(),
        since: members.iter().map(|event| event.waiting_since).min().unwrap_or(first.waiting_since),
        escalated: members.iter().filter(|event| event.escalated.is_some()).count(),
    })
}
