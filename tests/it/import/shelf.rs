//! A store that knows users and imports, and nothing else: what taking generations in needs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use async_trait::async_trait;
use usher::access::operator::Operator;
use usher::clock::Timestamp;
use usher::connector::capability::{AppState, Learned};
use usher::connector::revision::{Bundle, Revision};
use usher::directory::change::{Cause, StagedRow, UserEdit};
use usher::directory::user::User;
use usher::id::*;
use usher::page::Page;
use usher::provision::account::{Account, Observation};
use usher::provision::entry::{Entry, Fact};
use usher::provision::event::Event;
use usher::provision::plan::{PlanPage, PlanSummary};
use usher::store::act::*;
use usher::store::query::*;

#[derive(Debug, Default)]
pub(crate) struct MemoryStore(Mutex<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    users: BTreeMap<UserId, User>,
    imports: BTreeMap<ImportId, (Import, Vec<StagedRow>)>,
    marks: Vec<Mark>,
}

impl Shelf {
    fn of_key(&self, source: &SourceName, key: &str) -> Option<User> {
        self.users.values().find(|user| user.source == *source && user.key == key).cloned()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn users(&self, after: Option<UserId>, limit: usize) -> StoreResult<Page<User, UserId>> {
        let shelf = self.0.lock().unwrap();
        let items: Vec<User> = shelf
            .users
            .values()
            .filter(|user| after.is_none_or(|after| user.id > after))
            .take(limit)
            .cloned()
            .collect();
        let next = (items.len() == limit).then(|| items.last().unwrap().id);
        Ok(Page { items, next })
    }
    async fn user(&self, id: UserId) -> StoreResult<Option<User>> {
        Ok(self.0.lock().unwrap().users.get(&id).cloned())
    }
    async fn users_by_key(&self, source: &SourceName, keys: Vec<String>) -> StoreResult<Vec<Option<User>>> {
        let shelf = self.0.lock().unwrap();
        Ok(keys.iter().map(|key| shelf.of_key(source, key)).collect())
    }
    async fn find_users(&self, text: &str) -> StoreResult<Vec<User>> {
        let shelf = self.0.lock().unwrap();
        let found = |user: &&User| user.text("email").is_some_and(|email| email.eq_ignore_ascii_case(text));
        Ok(shelf.users.values().filter(found).cloned().collect())
    }
    async fn open_import(&self, import: Import) -> StoreResult<()> {
        self.0.lock().unwrap().imports.insert(import.id, (import, Vec::new()));
        Ok(())
    }
    async fn stage_import(&self, import: ImportId, offset: u64, rows: Vec<StagedRow>) -> StoreResult<()> {
        let mut shelf = self.0.lock().unwrap();
        let (import, staged) = shelf.imports.get_mut(&import).unwrap();
        assert!(rows.len() <= 1_000 && offset == import.staged);
        import.staged += rows.len() as u64;
        staged.extend(rows);
        Ok(())
    }
    async fn close_import(
        &self,
        id: ImportId,
        preview: Preview,
        reasons: Vec<String>,
        _: Timestamp,
    ) -> StoreResult<()> {
        let mut shelf = self.0.lock().unwrap();
        let (import, _) = shelf.imports.get_mut(&id).unwrap();
        import.preview = preview;
        import.state =
            if reasons.is_empty() { ImportState::Committed { applied: 0 } } else { ImportState::Parked { reasons } };
        Ok(())
    }
    async fn commit_import(&self, id: ImportId, _: OperatorId, _: Timestamp) -> StoreResult<()> {
        self.0.lock().unwrap().imports.get_mut(&id).unwrap().0.state = ImportState::Committed { applied: 0 };
        Ok(())
    }
    async fn drop_import(&self, id: ImportId, _: OperatorId, _: Timestamp) -> StoreResult<()> {
        self.0.lock().unwrap().imports.get_mut(&id).unwrap().0.state = ImportState::Dropped;
        Ok(())
    }
    async fn apply_import(&self, id: ImportId, apps: Vec<AppName>, limit: usize, at: Timestamp) -> StoreResult<bool> {
        tokio::task::yield_now().await;
        let mut shelf = self.0.lock().unwrap();
        let (import, staged) = shelf.imports[&id].clone();
        let ImportState::Committed { applied } = import.state else { return Ok(true) };
        let from = usize::try_from(applied).unwrap();
        for row in staged.iter().skip(from).take(limit) {
            let user = shelf.of_key(&import.source, &row.row.key);
            let user = user.unwrap_or_else(|| User::new(row.user, import.source.clone(), row.row.key.clone(), at));
            let after = row.row.apply(&user, at);
            assert!(!apps.is_empty());
            let urgency = if after.standing > user.standing { Urgency::Leaver } else { Urgency::Normal };
            shelf.marks.push(Mark { urgency, user: after.id, cause: Cause::Import(id), at });
            shelf.users.insert(after.id, after);
        }
        let done = from + limit >= staged.len();
        shelf.imports.get_mut(&id).unwrap().0.state =
            if done { ImportState::Applied } else { ImportState::Committed { applied: applied + limit as u64 } };
        Ok(done)
    }
    async fn imports(&self, limit: usize) -> StoreResult<Vec<Import>> {
        let mut imports: Vec<Import> =
            self.0.lock().unwrap().imports.values().map(|(import, _)| import.clone()).collect();
        imports.sort_by_key(|import| std::cmp::Reverse((import.at, import.id)));
        imports.truncate(limit);
        Ok(imports)
    }
    async fn staged(&self, import: ImportId, _: u64, _: usize) -> StoreResult<Vec<StagedRow>> {
        Ok(self.0.lock().unwrap().imports[&import].1.clone())
    }
    async fn dirty(&self, _: &AppName, limit: usize) -> StoreResult<Vec<Mark>> {
        let mut marks: Vec<Mark> = self.0.lock().unwrap().marks.iter().rev().cloned().collect();
        marks.sort_by_key(|mark| mark.urgency);
        marks.truncate(limit);
        Ok(marks)
    }
    async fn found(&self, _: Identity) -> StoreResult<()> {
        unreachable!("no part of an import")
    }
    async fn identity(&self) -> StoreResult<Option<Identity>> {
        unreachable!("no part of an import")
    }
    async fn put_operator(&self, _: Operator, _: OperatorId, _: Timestamp) -> StoreResult<()> {
        unreachable!("no part of an import")
    }
    async fn operators(&self) -> StoreResult<Vec<Operator>> {
        unreachable!("no part of an import")
    }
    async fn change_user(
        &self,
        _: UserId,
        _: UserEdit,
        _: Vec<AppName>,
        _: OperatorId,
        _: Timestamp,
    ) -> StoreResult<User> {
        unreachable!("no part of an import")
    }
    async fn put_revision(&self, _: Bundle, _: OperatorId, _: String, _: Timestamp) -> StoreResult<Revision> {
        unreachable!("no part of an import")
    }
    async fn activate(
        &self,
        _: RevisionNumber,
        _: Option<RevisionNumber>,
        _: Vec<AppName>,
        _: OperatorId,
        _: Timestamp,
    ) -> StoreResult<()> {
        unreachable!("no part of an import")
    }
    async fn active_revision(&self) -> StoreResult<Option<Revision>> {
        unreachable!("no part of an import")
    }
    async fn revisions(&self) -> StoreResult<Vec<Revision>> {
        unreachable!("no part of an import")
    }
    async fn bundle(&self, _: RevisionNumber) -> StoreResult<Bundle> {
        unreachable!("no part of an import")
    }
    async fn app(&self, _: &AppName) -> StoreResult<AppRecord> {
        unreachable!("no part of an import")
    }
    async fn set_app(&self, _: &AppName, _: AppState, _: String, _: Timestamp) -> StoreResult<()> {
        unreachable!("no part of an import")
    }
    async fn learn(&self, _: &AppName, _: Learned) -> StoreResult<()> {
        unreachable!("no part of an import")
    }
    async fn open_sweep(&self, _: &AppName, _: Cause) -> StoreResult<()> {
        unreachable!("no part of an import")
    }
    async fn pairs(&self, _: &AppName, _: Vec<UserId>) -> StoreResult<Vec<PairRow>> {
        unreachable!("no part of an import")
    }
    async fn pairs_after(&self, _: &AppName, _: Option<UserId>, _: usize) -> StoreResult<Vec<PairRow>> {
        unreachable!("no part of an import")
    }
    async fn owners_by_name(&self, _: &AppName, _: Vec<String>) -> StoreResult<Vec<Option<UserId>>> {
        unreachable!("no part of an import")
    }
    async fn owners_by_remote_id(&self, _: &AppName, _: Vec<String>) -> StoreResult<Vec<Option<UserId>>> {
        unreachable!("no part of an import")
    }
    async fn note_matches(&self, _: &AppName, _: Vec<(UserId, Observation)>) -> StoreResult<()> {
        unreachable!("no part of an import")
    }
    async fn window(&self, _: &AppName, _: Timestamp) -> StoreResult<Window> {
        unreachable!("no part of an import")
    }
    async fn admit(&self, _: PlanSummary) -> StoreResult<()> {
        unreachable!("no part of an import")
    }
    async fn file(&self, _: &PlanSummary, _: PlanPage, _: Cursor) -> StoreResult<Filed> {
        unreachable!("no part of an import")
    }
    async fn decide(&self, _: Decide) -> StoreResult<Vec<Decided>> {
        unreachable!("no part of an import")
    }
    async fn retry(&self, _: EventId, _: OperatorId, _: Timestamp) -> StoreResult<String> {
        unreachable!("no part of an import")
    }
    async fn rematch(&self, _: &AppName, _: UserId, _: OperatorId, _: Timestamp) -> StoreResult<()> {
        unreachable!("no part of an import")
    }
    async fn disassociate(&self, _: &AppName, _: UserId, _: OperatorId, _: Timestamp) -> StoreResult<()> {
        unreachable!("no part of an import")
    }
    async fn expire(&self, _: &AppName, _: Timestamp, _: Timestamp) -> StoreResult<u64> {
        unreachable!("no part of an import")
    }
    async fn lift_failed_mutes(&self, _: &AppName, _: Timestamp) -> StoreResult<u64> {
        unreachable!("no part of an import")
    }
    async fn claim(&self, _: &AppName, _: Lane, _: Timestamp, _: usize) -> StoreResult<Vec<Claimed>> {
        unreachable!("no part of an import")
    }
    async fn next_due(&self, _: &AppName) -> StoreResult<Option<Timestamp>> {
        unreachable!("no part of an import")
    }
    async fn begin(&self, _: Vec<EventId>, _: Timestamp) -> StoreResult<Vec<EventId>> {
        unreachable!("no part of an import")
    }
    async fn finish(&self, _: Vec<Finish>, _: Timestamp) -> StoreResult<()> {
        unreachable!("no part of an import")
    }
    async fn recover(&self, _: Timestamp) -> StoreResult<u64> {
        unreachable!("no part of an import")
    }
    async fn events(&self, _: EventQuery) -> StoreResult<Page<Event, EventId>> {
        unreachable!("no part of an import")
    }
    async fn event(&self, _: EventId) -> StoreResult<Option<Event>> {
        unreachable!("no part of an import")
    }
    async fn batch(&self, _: &AppName, _: BatchId) -> StoreResult<Vec<Event>> {
        unreachable!("no part of an import")
    }
    async fn entries(&self, _: EventId) -> StoreResult<Vec<Entry>> {
        unreachable!("no part of an import")
    }
    async fn entries_after(&self, _: u64, _: usize) -> StoreResult<Vec<Entry>> {
        unreachable!("no part of an import")
    }
    async fn accounts(&self, _: AccountQuery) -> StoreResult<Page<Account, (AppName, UserId)>> {
        unreachable!("no part of an import")
    }
    async fn counts(&self, _: &AppName) -> StoreResult<Counts> {
        unreachable!("no part of an import")
    }
    async fn head(&self) -> StoreResult<Head> {
        unreachable!("no part of an import")
    }
    async fn note(&self, _: Fact, _: Option<AppName>, _: Timestamp) -> StoreResult<()> {
        unreachable!("no part of an import")
    }
    async fn verify(&self) -> StoreResult<Verified> {
        unreachable!("no part of an import")
    }
    async fn backup(&self, _: PathBuf) -> StoreResult<u64> {
        unreachable!("no part of an import")
    }
}
