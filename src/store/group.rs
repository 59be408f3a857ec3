//! One commit group: acts run one after the other against the rows as they will be, and are then written together. An act that
//! fails leaves no trace. Numbers entries, keeps the counters, closes the blocks of the chain.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::user::User;
use crate::history::chain;
use crate::id::{AppName, EventId, OperatorId, UserId};
use crate::provision::account::Presence;
use crate::provision::edge::EdgeState;
use crate::provision::entry::{Entry, Fact};
use crate::provision::event::{Event, StatusKind};
use crate::store::act::{StoreError, StoreResult};
use crate::store::acts::briefs::{self, Causers};
use crate::store::acts::deeds;
use crate::store::brief::{self, Brief, Briefs};
use crate::store::kv::{self, Order, Overlay, Pair, Rows, Turnover, WriteBatch};
use crate::store::layout::{self, Key, PART_BYTES_MAX, VALUE_BYTES_MAX};
use crate::store::query::Counts;
use crate::store::record::{FiledEvent, Row, StoredHead, encode, tidy_counts};

/// A written row, or a removed one.
type Slot = Option<Vec<u8>>;

/// Acts that are committed together.
pub(crate) struct Group<'a> {
    base: &'a dyn Rows,
    rows: Overlay,
    /// What the act that is running overwrote, to take it back.
    undo: Vec<(Vec<u8>, Option<Slot>)>,
    head: StoredHead,
    counts: BTreeMap<AppName, Counts>,
    entries: Vec<(Entry, Vec<u8>)>,
    filed: Vec<Arc<FiledEvent>>,
    /// Events whose filed row was changed or removed. Those of an act that was taken back are merely read again.
    forgotten: Vec<EventId>,
    /// Events in brief, by row, and what the act that is running overwrote in them.
    briefs: BTreeMap<u64, Briefs>,
    undo_briefs: Vec<(EventId, Option<Brief>)>,
    /// Users whose rows were written. Those of an act that was taken back are merely read again.
    users: Vec<UserId>,
    /// Who is behind the causes met so far.
    causers: Causers,
    mark: Mark,
}

/// Where the running act began.
struct Mark {
    head: StoredHead,
    counts: Option<BTreeMap<AppName, Counts>>,
    entries: usize,
    filed: usize,
}

impl Rows for Group<'_> {
    fn get(&self, key: &[u8]) -> StoreResult<Option<Vec<u8>>> {
        match self.rows.get(key) {
            Some(slot) => Ok(slot.clone()),
            None => self.base.get(key),
        }
    }

    fn scan(&self, from: &[u8], to: &[u8], order: Order, limit: usize) -> StoreResult<Vec<Pair>> {
        kv::scan_over(&self.rows, |from, to, limit| self.base.scan(from, to, order, limit), (from, to), order, limit)
    }

    fn recent(&self, event: EventId) -> Option<Arc<FiledEvent>> {
        if self.forgotten.contains(&event) { None } else { self.base.recent(event) }
    }
}

impl<'a> Group<'a> {
    /// An empty group over `base`, whose chain ends at `head`.
    pub(crate) fn new(base: &'a dyn Rows, head: StoredHead) -> Self {
        let mark = Mark { head: head.clone(), counts: None, entries: 0, filed: 0 };
        Self {
            base,
            rows: BTreeMap::new(),
            undo: Vec::new(),
            head,
            counts: BTreeMap::new(),
            entries: Vec::new(),
            filed: Vec::new(),
            forgotten: Vec::new(),
            briefs: BTreeMap::new(),
            undo_briefs: Vec::new(),
            users: Vec::new(),
            causers: Causers::default(),
            mark,
        }
    }

    /// Runs one act: kept if it succeeds, without a trace if it fails.
    pub(crate) fn run<T>(&mut self, act: impl FnOnce(&mut Self) -> StoreResult<T>) -> StoreResult<T> {
        self.undo.clear();
        self.undo_briefs.clear();
        self.mark =
            Mark { head: self.head.clone(), counts: None, entries: self.entries.len(), filed: self.filed.len() };
        let result = act(self);
        if result.is_err() {
            self.take_back();
        }
        result
    }

    /// Takes back what the running act wrote.
    pub(crate) fn take_back(&mut self) {
        for (key, before) in self.undo.drain(..).rev() {
            match before {
                Some(slot) => drop(self.rows.insert(key, slot)),
                None => drop(self.rows.remove(&key)),
            }
        }
        while let Some((event, before)) = self.undo_briefs.pop() {
            let (row, position) = brief::place(event);
            if let Some(briefs) = self.briefs.get_mut(&row) {
                briefs.set(position, before);
            }
        }
        self.head = self.mark.head.clone();
        if let Some(counts) = self.mark.counts.take() {
            self.counts = counts;
        }
        self.entries.truncate(self.mark.entries);
        self.filed.truncate(self.mark.filed);
    }

    /// How many rows wait to be written.
    pub(crate) fn len(&self) -> usize {
        self.rows.len() + self.entries.len()
    }

    /// Users whose rows were written.
    pub(crate) fn take_users(&mut self) -> Vec<UserId> {
        std::mem::take(&mut self.users)
    }

    /// Everything as one batch, with the end of the chain after it, and what became of the events that are remembered.
    pub(crate) fn seal(mut self) -> (WriteBatch, StoredHead, Turnover) {
        for block in chain::build(&self.entries, self.head.hash) {
            self.head.hash = block.hash;
            self.head.blocks += 1;
            self.head.last_block = block.header.first;
            self.rows.insert(layout::header(block.header.first).0, Some(block.encoded));
            let bodies = layout::bodies(block.header.first);
            for (part, bytes) in (0..).zip(block.bodies.chunks(PART_BYTES_MAX)) {
                self.rows.insert(layout::part(&bodies, part).0, Some(bytes.to_vec()));
            }
        }
        for (app, mut counts) in self.counts {
            tidy_counts(&mut counts);
            self.rows.insert(layout::counts(&app).0, Some(encode(&counts)));
        }
        for (row, mut briefs) in self.briefs {
            briefs.tidy();
            self.rows.insert(layout::briefs(row).0, Some(encode(&briefs)));
        }
        if !self.rows.is_empty() {
            self.head.commits += 1;
            self.rows.insert(layout::meta("head").0, Some(encode(&self.head)));
        }
        let turnover = Turnover { filed: self.filed, forgotten: self.forgotten };
        (self.rows.into_iter().collect(), self.head, turnover)
    }

    // --- rows -------------------------------------------------------------------------------------------------------

    fn set(&mut self, key: Vec<u8>, slot: Slot) {
        let before = self.rows.insert(key.clone(), slot);
        self.undo.push((key, before));
    }

    /// Writes a row.
    pub(crate) fn put<R: Row>(&mut self, key: Key, row: &R) -> StoreResult<()> {
        self.put_row::<R>(key, encode(row))
    }

    /// Writes a row that was encoded already.
    fn put_row<R: Row>(&mut self, key: Key, bytes: Vec<u8>) -> StoreResult<()> {
        if bytes.len() > VALUE_BYTES_MAX {
            return Err(StoreError::Conflict(format!(
                "{} has {} bytes; at most {VALUE_BYTES_MAX} can be stored: shorten its values",
                R::NAME,
                bytes.len()
            )));
        }
        self.set(key.0, Some(bytes));
        Ok(())
    }

    /// Writes an event as it is filed; `row` is its encoded form.
    pub(crate) fn put_filed(&mut self, filed: FiledEvent, row: Vec<u8>) -> StoreResult<()> {
        self.put_row::<FiledEvent>(layout::event_filed(filed.event.id), row)?;
        briefs::filed(self, &filed)?;
        self.filed.push(Arc::new(filed));
        Ok(())
    }

    /// Writes an event again in place of what was filed.
    pub(crate) fn replace_filed(&mut self, filed: &FiledEvent) -> StoreResult<()> {
        self.put(layout::event_filed(filed.event.id), filed)?;
        self.forget(filed.event.id);
        Ok(())
    }

    /// The row of an event as it was filed is not what it was: nobody may remember it.
    pub(crate) fn forget(&mut self, event: EventId) {
        self.forgotten.push(event);
    }

    /// Writes a user.
    pub(crate) fn put_user(&mut self, user: &User) -> StoreResult<()> {
        self.users.push(user.id);
        self.put(layout::user(user.id), user)
    }

    /// Writes a row of bare bytes.
    pub(crate) fn put_bytes(&mut self, key: Key, bytes: Vec<u8>) {
        self.set(key.0, Some(bytes));
    }

    /// Writes a row that says all with its key.
    pub(crate) fn put_key(&mut self, key: Key) {
        self.set(key.0, Some(Vec::new()));
    }

    /// Removes a row.
    pub(crate) fn remove(&mut self, key: Key) {
        self.set(key.0, None);
    }

    /// Removes every row whose key begins with `prefix`.
    pub(crate) fn remove_under(&mut self, prefix: &Key) -> StoreResult<()> {
        for (key, _) in kv::under(self, prefix, usize::MAX)? {
            self.set(key, None);
        }
        Ok(())
    }

    /// Writes a value of any size in parts.
    pub(crate) fn put_parts(&mut self, key: &Key, bytes: &[u8]) -> StoreResult<()> {
        self.remove_under(key)?;
        if bytes.len() / PART_BYTES_MAX >= usize::from(u16::MAX) {
            return Err(StoreError::Conflict(format!("a value of {} bytes is too large for the store", bytes.len())));
        }
        for (part, chunk) in (0..).zip(bytes.chunks(PART_BYTES_MAX)) {
            self.set(layout::part(key, part).0, Some(chunk.to_vec()));
        }
        Ok(())
    }

    // --- numbers ----------------------------------------------------------------------------------------------------

    /// The end of the chain as it will be.
    pub(crate) fn head_mut(&mut self) -> &mut StoredHead {
        &mut self.head
    }

    /// The number of the next event.
    pub(crate) fn next_event(&mut self) -> EventId {
        self.head.events += 1;
        EventId(self.head.events)
    }

    /// The counters of an app as they will be.
    pub(crate) fn counts(&mut self, app: &AppName) -> StoreResult<&mut Counts> {
        if self.mark.counts.is_none() {
            self.mark.counts = Some(self.counts.clone());
        }
        if !self.counts.contains_key(app) {
            let stored = kv::read::<Counts>(self.base, &layout::counts(app))?.unwrap_or_default();
            self.counts.insert(app.clone(), stored);
        }
        Ok(self.counts.get_mut(app).expect("inserted just above"))
    }

    /// Moves one account between presences in the counters; `None` = there is no account.
    pub(crate) fn count_account(
        &mut self,
        app: &AppName,
        from: Option<Presence>,
        to: Option<Presence>,
    ) -> StoreResult<()> {
        if from == to {
            return Ok(());
        }
        let counts = self.counts(app)?;
        if let Some(number) = from.and_then(|from| counts.accounts.get_mut(&from)) {
            *number = number.saturating_sub(1);
        }
        if let Some(to) = to {
            *counts.accounts.entry(to).or_default() += 1;
        }
        if from.is_none() {
            self.head.accounts += 1;
        }
        Ok(())
    }

    /// Moves one edge between states in the counters; `None` = not in the ledger.
    pub(crate) fn count_edge(
        &mut self,
        app: &AppName,
        from: Option<EdgeState>,
        to: Option<EdgeState>,
    ) -> StoreResult<()> {
        if from == to {
            return Ok(());
        }
        let counts = self.counts(app)?;
        if let Some(number) = from.and_then(|from| counts.edges.get_mut(&from)) {
            *number = number.saturating_sub(1);
        }
        if let Some(to) = to {
            *counts.edges.entry(to).or_default() += 1;
        }
        Ok(())
    }

    /// Moves one event between statuses in the counters; `None` = there was no event.
    pub(crate) fn count_event(&mut self, app: &AppName, from: Option<StatusKind>, to: StatusKind) -> StoreResult<()> {
        if from == Some(to) {
            return Ok(());
        }
        let counts = self.counts(app)?;
        if let Some(number) = from.and_then(|from| counts.events.get_mut(&from)) {
            *number = number.saturating_sub(1);
        }
        *counts.events.entry(to).or_default() += 1;
        Ok(())
    }

    /// One event less in the counters: it was archived.
    pub(crate) fn uncount_event(&mut self, app: &AppName, status: StatusKind) -> StoreResult<()> {
        if let Some(number) = self.counts(app)?.events.get_mut(&status) {
            *number = number.saturating_sub(1);
        }
        Ok(())
    }

    // --- events in brief --------------------------------------------------------------------------------------------

    /// Puts an event into the briefs, or takes it out.
    pub(crate) fn set_brief(&mut self, event: EventId, brief: Option<Brief>) -> StoreResult<()> {
        let (row, position) = brief::place(event);
        if !self.briefs.contains_key(&row) {
            let stored = kv::read::<Briefs>(self.base, &layout::briefs(row))?.unwrap_or_default();
            self.briefs.insert(row, stored);
        }
        if let Some(briefs) = self.briefs.get_mut(&row) {
            self.undo_briefs.push((event, briefs.get(position).cloned()));
            briefs.set(position, brief);
        }
        Ok(())
    }

    /// Who is behind the cause of an event.
    pub(crate) fn causer(&mut self, event: &Event) -> StoreResult<Option<OperatorId>> {
        if let Some(causer) = self.causers.known(event) {
            return Ok(causer);
        }
        let causer = briefs::causer(self, &event.cause, event.filed_at)?;
        self.causers.keep(event, causer);
        Ok(causer)
    }

    // --- entries ----------------------------------------------------------------------------------------------------

    /// Adds an entry; returns its number.
    pub(crate) fn enter(&mut self, at: Timestamp, about: About<'_>, fact: Fact) -> u64 {
        self.head.sequence += 1;
        let sequence = self.head.sequence;
        let entry = Entry { sequence, at, event: about.event, app: about.app.cloned(), user: about.user, fact };
        if let Some((key, by)) = deeds::row(&entry) {
            self.put_bytes(key, by);
        }
        let body = chain::encode(&entry);
        self.entries.push((entry, body));
        sequence
    }
}

/// What an entry is about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) event: Option<EventId>,
    pub(crate) app: Option<&'a AppName>,
    pub(crate) user: Option<UserId>,
}

impl<'a> About<'a> {
    /// An app.
    pub(crate) fn app(app: &'a AppName) -> Self {
        Self { app: Some(app), ..Self::default() }
    }

    /// A user.
    pub(crate) fn user(user: UserId) -> Self {
        Self { user: Some(user), ..Self::default() }
    }

    /// A pair.
    pub(crate) fn pair(app: &'a AppName, user: UserId) -> Self {
        Self { app: Some(app), user: Some(user), event: None }
    }
}
