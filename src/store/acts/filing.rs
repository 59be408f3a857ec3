//! Filing a page: operations become events, the pairs' marks are cleared, the sweep goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::change::Cause;
use crate::directory::user::User;
use crate::id::{AppName, EventId, RevisionNumber, UserId};
use crate::provision::account::{Mute, MuteReason, Observation, Presence};
use crate::provision::entry::Fact;
use crate::provision::event::{Event, Progress, Status, StatusKind};
use crate::provision::guard::finding::Class;
use crate::provision::plan::{PlanPage, PlanSummary, Planned, SkipReason, Skipped, Verdict};
use crate::store::act::{Cursor, Filed, StoreResult};
use crate::store::acts::edges::{self, Flying};
use crate::store::acts::ledger::Draft;
use crate::store::acts::life::{self, Life, Running, Why};
use crate::store::acts::{admission, directory, marks, revisions, testimony, trends};
use crate::store::group::{About, Group};
use crate::store::kv;
use crate::store::layout;
use crate::store::query::{Counts, Sweep, Urgency};
use crate::store::record::{FiledEvent, encode};

/// Pairs of one sweep that are marked because they could not be looked up; of more, another sweep follows.
const MARKED_MAX: u64 = 500;

/// What became of the open event of a pair that is planned anew.
enum Open {
    None,
    Superseded(Box<Life>),
    InFlight,
}

/// How a pair without an operation stands.
#[derive(Clone, Copy)]
struct Rest<'a> {
    basis: Option<crate::digest::Digest>,
    kept: bool,
    released: Option<&'a Vec<String>>,
}

/// The page's surroundings.
struct Filing<'a> {
    summary: &'a PlanSummary,
    app: &'a AppName,
    as_of: Timestamp,
    /// The revision that was active when the plan began.
    revision: Option<RevisionNumber>,
    running: Running,
    /// Pairs that were not at the target when the plan looked.
    absent: BTreeMap<UserId, Timestamp>,
    flying: Flying,
    /// Users whose pair must be looked at again, with why and how urgently.
    again: BTreeMap<UserId, (Cause, Urgency)>,
}

pub(crate) fn file(tx: &mut Group<'_>, summary: &PlanSummary, page: &PlanPage, cursor: &Cursor) -> StoreResult<Filed> {
    let mut filing = Filing {
        summary,
        app: &summary.app,
        as_of: summary.as_of,
        revision: revisions::active_at(tx, summary.as_of)?.map(|(revision, _)| revision),
        running: Running::read(tx, Some(&summary.app))?,
        absent: page.absent.iter().copied().collect(),
        flying: Flying::read(tx, &summary.app)?,
        again: BTreeMap::new(),
    };
    let mut filed = Filed::default();
    for planned in &page.operations {
        match filing.operation(tx, planned)? {
            Some(event) => filed.events.push(event),
            None => {
                filed.stale.push(planned.operation.user);
                filing.stale(tx, planned)?;
            }
        }
    }
    filing.without_operation(tx, page)?;
    filing.not_observed(tx, page, cursor)?;
    filing.note_absent(tx)?;
    filing.forget(tx, page)?;
    filing.marks(tx, page)?;
    sweep(tx, summary, page, cursor)?;
    Ok(filed)
}

impl Filing<'_> {
    /// Files one operation; `None` if its pair moved.
    fn operation(&mut self, tx: &mut Group<'_>, planned: &Planned) -> StoreResult<Option<EventId>> {
        let operation = &planned.operation;
        let Some(user) = directory::user(tx, operation.user)?.filter(|user| user.changed_at <= self.as_of) else {
            return Ok(None);
        };
        let mut draft = Draft::load(tx, self.app, operation.user)?;
        if draft.account.generation != operation.generation || !edges::fit(tx, operation)? {
            return Ok(None);
        }
        if planned.verdict != Verdict::Refused && !admission::covers(tx, self.summary, operation)? {
            return Ok(None);
        }
        if let Some(at) = self.absent.remove(&operation.user) {
            draft.account.observation = Observation::Absent { at };
        }
        let previous = draft.account.last_event;
        let id = tx.next_event();
        let open = match self.supersede(tx, &draft, Some(id))? {
            Open::InFlight => {
                tx.head_mut().events -= 1;
                return Ok(None);
            }
            Open::None => None,
            Open::Superseded(old) => Some(old),
        };
        let mut event = self.event(planned, id, &draft);
        self.carry_over(tx, &mut event, open.as_deref(), previous)?;
        let counted = self.counted(tx, planned)?;
        self.insert(tx, event, (user, previous, counted), &mut draft)?;
        draft.save(tx)?;
        Ok(Some(id))
    }

    fn event(&self, planned: &Planned, id: EventId, draft: &Draft) -> Event {
        let batch = match planned.verdict {
            Verdict::Pending if planned.joins_the_adoptions() => self.summary.held.get(&Class::Adoption).copied(),
            Verdict::Pending => {
                Class::of(&planned.operation).iter().find_map(|class| self.summary.held.get(class)).copied()
            }
            Verdict::Queued | Verdict::Refused => None,
        };
        Event {
            id,
            operation: Arc::clone(&planned.operation),
            payload: planned.payload,
            findings: planned.findings.clone(),
            plan: self.summary.id,
            cause: planned.cause.clone(),
            batch,
            status: match planned.verdict {
                Verdict::Queued => Status::Queued { due: self.as_of, last: None },
                Verdict::Pending => Status::Pending,
                Verdict::Refused => Status::Refused,
            },
            generation: draft.account.generation + 1,
            progress: Progress::of(&planned.operation),
            attempts: 0,
            decisions: Vec::new(),
            filed_at: self.as_of,
            waiting_since: self.as_of,
            changed_at: self.as_of,
            basis: planned.basis,
            app_digest: self.summary.app_digest,
            escalated: None,
        }
    }

    /// Attempts and due time of a superseded event of the same kind; the age of a leaver, and of an expired one, which escalates.
    fn carry_over(
        &self,
        tx: &Group<'_>,
        event: &mut Event,
        open: Option<&Life>,
        previous: Option<EventId>,
    ) -> StoreResult<()> {
        if let (Some(old), Status::Queued { .. }) = (open, &event.status)
            && old.event.operation.kind == event.operation.kind
            && old.event.attempts > 0
            && let Some(due) = old.indexed_due
        {
            event.attempts = old.event.attempts;
            event.status = Status::Queued { due, last: None };
        }
        if let Some(old) = open
            && old.event.operation.kind.is_leaving()
            && event.operation.kind.is_leaving()
        {
            // However often it is planned anew: he has waited since then.
            event.waiting_since = old.event.waiting_since;
        }
        if let (None, Some(previous)) = (open, previous)
            && let Some(old) = life::load(tx, previous)?
            && old.event.status.kind() == StatusKind::Expired
            && old.event.operation.kind == event.operation.kind
        {
            event.waiting_since = old.event.waiting_since;
            event.escalated = old.event.escalated.or(Some(old.event.changed_at));
        }
        Ok(())
    }

    /// The hour from which on the operation counts. What waits for an approver does not: nothing is sent without one.
    fn counted(&self, tx: &mut Group<'_>, planned: &Planned) -> StoreResult<Option<u64>> {
        if planned.verdict == Verdict::Refused {
            return Ok(None);
        }
        let queued = planned.verdict == Verdict::Queued;
        let counts = admission::filed(tx, self.summary, &planned.operation, queued)?;
        Ok(counts.then(|| admission::hour(self.as_of)))
    }

    fn insert(
        &self,
        tx: &mut Group<'_>,
        event: Event,
        (user, previous, counted): (User, Option<EventId>, Option<u64>),
        draft: &mut Draft,
    ) -> StoreResult<()> {
        let (id, status) = (event.id, event.status.kind());
        let account = &mut draft.account;
        account.generation = event.generation;
        account.last_event = Some(id);
        account.open_event = (!status.is_final()).then_some(id);
        // What it was compared with is no longer what is under way.
        account.basis = None;
        if status == StatusKind::Refused {
            let payload = event.operation.mute_digest();
            let app = self.summary.app_digest;
            account.mute = Some(Mute { payload, app, event: id, why: MuteReason::Refused, at: self.as_of });
        }
        life::index(tx, &event);
        if status != StatusKind::Refused {
            edges::plan(tx, &event, self.as_of)?;
        }
        tx.count_event(self.app, None, status)?;
        if status.is_final() {
            trends::ended(tx, self.app, status, self.as_of)?;
        }
        let filed = FiledEvent {
            event,
            counted,
            previous,
            source: user.source,
            key: user.key,
            entry: tx.head_mut().sequence + 1,
        };
        let row = encode(&filed);
        let event = &filed.event;
        let fact = Fact::Filed {
            kind: event.operation.kind,
            plan: event.plan,
            plan_digest: self.summary.digest,
            revision: self.revision,
            payload: event.payload,
            status,
            row: testimony::row_digest(&row),
        };
        let about = About { event: Some(id), app: Some(self.app), user: Some(event.operation.user) };
        tx.enter(self.as_of, about, fact);
        tx.put_filed(filed, row)
    }

    /// Ends the open event of a pair for a newer one, or for nothing.
    fn supersede(&self, tx: &mut Group<'_>, draft: &Draft, by: Option<EventId>) -> StoreResult<Open> {
        let Some(open) = draft.account.open_event else { return Ok(Open::None) };
        if self.running.get(open).is_some() {
            return Ok(Open::InFlight);
        }
        let Some(mut old) = life::load(tx, open)? else { return Ok(Open::None) };
        if old.event.status.kind() == StatusKind::Verifying {
            return Ok(Open::InFlight);
        }
        if old.event.progress.account_done && self.flying.status(tx, self.app, (draft.account.user, open))?.is_some() {
            return Ok(Open::InFlight);
        }
        let before = old.clone();
        let detail = by.map_or("nothing is left to do".to_owned(), |by| format!("by {by}"));
        old.step(tx, Status::Superseded { by }, self.as_of, Why::words(&detail))?;
        Ok(Open::Superseded(Box::new(before)))
    }

    /// An operation that could not be filed: its budget is given back, its pair stays dirty.
    fn stale(&mut self, tx: &mut Group<'_>, planned: &Planned) -> StoreResult<()> {
        if planned.verdict != Verdict::Refused {
            admission::filed(tx, self.summary, &planned.operation, false)?;
        }
        let urgency = if planned.operation.kind.is_leaving() { Urgency::Leaver } else { Urgency::Normal };
        self.again.insert(planned.operation.user, (planned.cause.clone(), urgency));
        Ok(())
    }

    /// Pairs that could not be looked up at the target stay dirty, for the reason for which they were looked at: nothing else would ever
    /// look at them again. They wait with the others, whoever they are.
    fn not_observed(&mut self, tx: &mut Group<'_>, page: &PlanPage, cursor: &Cursor) -> StoreResult<()> {
        let sweep = revisions::app(tx, self.app)?.sweep;
        let cause = sweep.map_or(Cause::Cycle, |sweep| sweep.cause);
        let unseen = |skipped: &&Skipped| matches!(skipped.reason, SkipReason::NotObserved { .. });
        for skipped in page.skipped.iter().filter(unseen).filter(|_| cursor.unseen <= MARKED_MAX) {
            marks::calm(tx, self.app, skipped.user, self.as_of)?;
            self.again.entry(skipped.user).or_insert((cause.clone(), Urgency::Normal));
        }
        Ok(())
    }

    /// What was seen of pairs without an operation.
    fn note_absent(&mut self, tx: &mut Group<'_>) -> StoreResult<()> {
        for (user, at) in std::mem::take(&mut self.absent) {
            let mut draft = Draft::load(tx, self.app, user)?;
            draft.account.observation = Observation::Absent { at };
            draft.save(tx)?;
        }
        Ok(())
    }

    /// Pairs that are as desired, frozen or skipped: bases, presence, and open events that nothing asks for any more.
    fn without_operation(&mut self, tx: &mut Group<'_>, page: &PlanPage) -> StoreResult<()> {
        let mut at_rest: BTreeSet<UserId> = page.quiet.iter().map(|(user, _)| *user).collect();
        at_rest.extend(&page.kept);
        at_rest.extend(page.ungranted.iter().map(|(user, _)| *user));
        for skipped in &page.skipped {
            match skipped.reason {
                SkipReason::Muted { .. }
                | SkipReason::Existing { .. }
                | SkipReason::Kept
                | SkipReason::Unlinked
                | SkipReason::NotPossible { .. }
                | SkipReason::LeftAlone { .. } => drop(at_rest.insert(skipped.user)),
                SkipReason::InFlight { .. } => {
                    self.again.entry(skipped.user).or_insert((Cause::Cycle, Urgency::Normal));
                }
                _ => {}
            }
        }
        for user in page.operations.iter().map(|planned| planned.operation.user) {
            at_rest.remove(&user);
        }
        for skipped in &page.skipped {
            use SkipReason::{AlreadyOpen, InFlight, NotObserved};
            if matches!(skipped.reason, AlreadyOpen { .. } | InFlight { .. } | NotObserved { .. }) {
                at_rest.remove(&skipped.user);
            }
        }
        let released: BTreeMap<UserId, &Vec<String>> =
            page.released.iter().map(|(user, paths)| (*user, paths)).collect();
        let bases: BTreeMap<UserId, _> = page.quiet.iter().copied().collect();
        let kept: BTreeSet<UserId> = page.kept.iter().copied().collect();
        for user in at_rest {
            let rest = Rest {
                basis: bases.get(&user).copied(),
                kept: kept.contains(&user),
                released: released.get(&user).copied(),
            };
            self.rest(tx, user, rest)?;
        }
        Ok(())
    }

    /// Edges that leave the ledger without a request, unless their pair moved.
    fn forget(&self, tx: &mut Group<'_>, page: &PlanPage) -> StoreResult<()> {
        for (user, keys) in page.forgotten.iter().filter(|(user, _)| !self.again.contains_key(user)) {
            if directory::user(tx, *user)?.is_some_and(|user| user.changed_at <= self.as_of) {
                edges::forget(tx, self.app, *user, |edge| keys.contains(&edge.key))?;
            }
        }
        Ok(())
    }

    fn rest(&mut self, tx: &mut Group<'_>, user: UserId, rest: Rest<'_>) -> StoreResult<()> {
        if directory::user(tx, user)?.is_none_or(|user| user.changed_at > self.as_of) {
            return Ok(());
        }
        let mut draft = Draft::load(tx, self.app, user)?;
        match self.supersede(tx, &draft, None)? {
            Open::InFlight => {
                self.again.insert(user, (Cause::Cycle, Urgency::Normal));
                return Ok(());
            }
            Open::Superseded(_) => draft.close(),
            Open::None => {}
        }
        if rest.basis.is_some() {
            draft.account.basis = rest.basis;
            // Nothing is wanted any more of what was muted: if it ever is again, that is another day's question.
            draft.account.mute = None;
        }
        for path in rest.released.into_iter().flatten() {
            draft.account.pushed.remove(path);
        }
        match (rest.kept, draft.account.presence) {
            (true, Presence::Active) => draft.account.presence = Presence::Kept,
            (false, Presence::Kept) if rest.basis.is_some() => draft.account.presence = Presence::Active,
            _ => {}
        }
        draft.save(tx)
    }

    /// Clears the marks of the page's pairs, except where something moved.
    fn marks(&self, tx: &mut Group<'_>, page: &PlanPage) -> StoreResult<()> {
        let any = kv::read::<Counts>(tx, &layout::counts(self.app))?.unwrap_or_default().dirty > 0
            || tx.counts(self.app)?.dirty > 0;
        for user in page.users.iter().filter(|user| any && !self.again.contains_key(user)) {
            marks::clear(tx, self.app, *user, self.as_of)?;
        }
        for (user, (cause, urgency)) in &self.again {
            marks::ensure(tx, self.app, *user, *urgency, cause, self.as_of)?;
        }
        Ok(())
    }
}

/// Brings the sweep's cursor on, if the page belongs to the sweep that is under way now: one that was opened meanwhile starts
/// with the first user, which a later page of the old one does not have.
fn sweep(tx: &mut Group<'_>, summary: &PlanSummary, page: &PlanPage, cursor: &Cursor) -> StoreResult<()> {
    if cursor.sweep_to.is_none() && !cursor.sweep_done {
        return Ok(());
    }
    let mut record = revisions::app(tx, &summary.app)?;
    if cursor.sweep_done {
        record.last_cycle = Some(summary.as_of);
    }
    let again = cursor.unseen > MARKED_MAX;
    let Some(sweep) = record.sweep.as_mut() else {
        if !cursor.sweep_done && !again {
            return Ok(());
        }
        // From the first page on: the process may end before the last.
        record.sweep = again.then_some(Sweep { after: None, cause: Cause::Cycle });
        return tx.put(layout::app(&summary.app), &record);
    };
    let first = directory::users_after(tx, None, 1)?.first().map(|user| user.id);
    let restarted = sweep.after.is_none() && first.is_some_and(|first| !page.users.contains(&first));
    if restarted || cursor.sweep_to.is_some_and(|to| Some(to) < sweep.after) {
        return Ok(());
    }
    sweep.after = cursor.sweep_to.or(sweep.after);
    if cursor.sweep_done {
        let cause = sweep.cause.clone();
        // A cycle that saw nobody was not the first one: whoever is created next is no newcomer of another day.
        let blind = cursor.unseen > 0 && tx.counts(&summary.app)?.events.is_empty();
        if !record.first_cycle_done && !again && !blind {
            admission::forgive_first_cycle(tx, &summary.app, summary.as_of)?;
            record.first_cycle_done = true;
        }
        record.sweep = (again || blind).then_some(Sweep { after: None, cause });
    }
    tx.put(layout::app(&summary.app), &record)
}
