//! The trait's face of every store: each method hands an act to the committer or to a reader.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::access::operator::{FourEyes, Operator};
use crate::clock::Timestamp;
use crate::connector::capability::{AppState, Learned};
use crate::connector::revision::{Bundle, Revision};
use crate::directory::change::{Cause, StagedRow, UserEdit};
use crate::directory::user::User;
use crate::id::{AppName, BatchId, EventId, ImportId, OperatorId, RevisionNumber, SourceName, UserId};
use crate::page::Page;
use crate::provision::account::{Account, Observation};
use crate::provision::drift::{Correction, Memory, ReconcileReport};
use crate::provision::edge::{Edge, EdgeChange};
use crate::provision::entitlement::{Catalogue, CatalogueDiff, Entitlement, EntitlementKey};
use crate::provision::entry::{Entry, Fact};
use crate::provision::event::Event;
use crate::provision::plan::{PlanPage, PlanSummary};
use crate::store::act::{
    BegunEdges, Claimed, ClaimedEdges, Cursor, Decide, Decided, Filed, Finish, FinishEdges, Head, Identity, Lane,
    Store, StoreResult, Verified,
};
use crate::store::acts::{
    admission, briefs, catalogue, check, decisions, directory, edge_outcomes, edge_pushing, edges, filing, identity,
    imports, outcomes, planning, pushing, reads, reconcile, remedies, retention, revisions, waiting,
};
use crate::store::backup;
use crate::store::layout;
use crate::store::query::{
    AccountQuery, Aged, AppRecord, Counts, ErasedUser, EventQuery, Import, Mark, PairRow, Preview, Prune, Urgency,
    Waiting, Window,
};
use crate::store::stored::Backend;

#[async_trait]
impl<B: Backend> Store for B {
    async fn found(&self, identity: Identity) -> StoreResult<()> {
        self.stored().write(move |tx| identity::found(tx, &identity)).await
    }
    async fn identity(&self) -> StoreResult<Option<Identity>> {
        self.stored().read(move |rows| identity::identity(rows)).await
    }
    async fn put_operator(&self, operator: Operator, by: OperatorId, at: Timestamp) -> StoreResult<()> {
        self.stored().write(move |tx| identity::put_operator(tx, &operator, by, at)).await
    }
    async fn operators(&self) -> StoreResult<Vec<Operator>> {
        self.stored().read(move |rows| identity::operators(rows)).await
    }
    async fn set_four_eyes(&self, four_eyes: FourEyes, by: OperatorId, at: Timestamp) -> StoreResult<()> {
        self.stored().write(move |tx| identity::set_four_eyes(tx, four_eyes, by, at)).await
    }
    async fn requesters(&self, cause: &Cause) -> StoreResult<Vec<OperatorId>> {
        let cause = cause.clone();
        self.stored().read(move |rows| identity::requesters(rows, &cause)).await
    }

    async fn users(&self, after: Option<UserId>, limit: usize) -> StoreResult<Page<User, UserId>> {
        self.stored().read(move |rows| directory::users(rows, after, limit)).await
    }
    async fn user(&self, id: UserId) -> StoreResult<Option<User>> {
        self.stored().read(move |rows| directory::user(rows, id)).await
    }
    async fn users_by_key(&self, source: &SourceName, keys: Vec<String>) -> StoreResult<Vec<Option<User>>> {
        let source = source.clone();
        self.stored().read(move |rows| directory::users_by_key(rows, &source, &keys)).await
    }
    async fn find_users(&self, text: &str) -> StoreResult<Vec<User>> {
        let text = text.to_owned();
        self.stored().read(move |rows| directory::find_users(rows, &text)).await
    }
    async fn change_user(
        &self,
        user: UserId,
        edit: UserEdit,
        apps: Vec<AppName>,
        by: OperatorId,
        at: Timestamp,
    ) -> StoreResult<User> {
        self.stored().write(move |tx| directory::change_user(tx, user, &edit, &apps, by, at)).await
    }
    async fn open_import(&self, import: Import) -> StoreResult<()> {
        self.stored().write(move |tx| imports::open(tx, &import)).await
    }
    async fn stage_import(&self, import: ImportId, offset: u64, rows: Vec<StagedRow>) -> StoreResult<()> {
        self.stored().write(move |tx| imports::stage(tx, import, offset, &rows)).await
    }
    async fn close_import(
        &self,
        import: ImportId,
        preview: Preview,
        parked: Vec<String>,
        at: Timestamp,
    ) -> StoreResult<()> {
        self.stored().write(move |tx| imports::close(tx, import, preview, parked, at)).await
    }
    async fn commit_import(&self, import: ImportId, by: OperatorId, at: Timestamp) -> StoreResult<()> {
        self.stored().write(move |tx| imports::commit(tx, import, by, at)).await
    }
    async fn drop_import(&self, import: ImportId, by: OperatorId, at: Timestamp) -> StoreResult<()> {
        self.stored().write(move |tx| imports::drop_import(tx, import, by, at)).await
    }
    async fn apply_import(
        &self,
        import: ImportId,
        apps: Vec<AppName>,
        limit: usize,
        at: Timestamp,
    ) -> StoreResult<bool> {
        self.stored().write(move |tx| imports::apply(tx, import, &apps, limit, at)).await
    }
    async fn import(&self, id: ImportId) -> StoreResult<Option<Import>> {
        self.stored().read(move |rows| imports::find(rows, id)).await
    }
    async fn imports(&self, limit: usize) -> StoreResult<Vec<Import>> {
        self.stored().read(move |rows| imports::imports(rows, limit)).await
    }
    async fn staged(&self, import: ImportId, offset: u64, limit: usize) -> StoreResult<Vec<StagedRow>> {
        self.stored().read(move |rows| imports::staged(rows, import, offset, limit)).await
    }
    async fn put_revision(
        &self,
        bundle: Bundle,
        author: OperatorId,
        comment: String,
        at: Timestamp,
    ) -> StoreResult<Revision> {
        self.stored().write(move |tx| revisions::put(tx, &bundle, author, comment, at)).await
    }
    async fn activate(
        &self,
        number: RevisionNumber,
        parent: Option<RevisionNumber>,
        apps: Vec<AppName>,
        by: OperatorId,
        at: Timestamp,
    ) -> StoreResult<()> {
        self.stored().write(move |tx| revisions::activate(tx, number, parent, &apps, by, at)).await
    }
    async fn active_at(&self, at: Timestamp) -> StoreResult<Option<(RevisionNumber, Timestamp)>> {
        self.stored().read(move |rows| revisions::active_at(rows, at)).await
    }
    async fn causer(&self, cause: &Cause, at: Timestamp) -> StoreResult<Option<OperatorId>> {
        let cause = cause.clone();
        self.stored().read(move |rows| briefs::causer(rows, &cause, at)).await
    }
    async fn active_revision(&self) -> StoreResult<Option<Revision>> {
        self.stored().read(move |rows| revisions::active(rows)).await
    }
    async fn revisions(&self) -> StoreResult<Vec<Revision>> {
        self.stored().read(move |rows| revisions::revisions(rows)).await
    }
    async fn bundle(&self, number: RevisionNumber) -> StoreResult<Bundle> {
        self.stored().read(move |rows| revisions::bundle(rows, number)).await
    }
    async fn app(&self, app: &AppName) -> StoreResult<AppRecord> {
        let app = app.clone();
        self.stored().read(move |rows| revisions::app(rows, &app)).await
    }
    async fn set_app(&self, app: &AppName, state: AppState, what: String, at: Timestamp) -> StoreResult<()> {
        let app = app.clone();
        self.stored().write(move |tx| revisions::set_app(tx, &app, state, what, at)).await
    }
    async fn learn(&self, app: &AppName, learned: Learned) -> StoreResult<()> {
        let app = app.clone();
        self.stored().write(move |tx| revisions::learn(tx, &app, learned)).await
    }
    async fn open_sweep(&self, app: &AppName, cause: Cause) -> StoreResult<()> {
        let app = app.clone();
        self.stored().write(move |tx| revisions::open_sweep(tx, &app, cause)).await
    }
    async fn catalogue(&self, app: &AppName) -> StoreResult<Catalogue> {
        let app = app.clone();
        self.stored().read(move |rows| catalogue::catalogue(rows, &app)).await
    }
    async fn refreshed(&self, app: &AppName) -> StoreResult<Option<Timestamp>> {
        let app = app.clone();
        self.stored().read(move |rows| catalogue::refreshed(rows, &app)).await
    }
    async fn put_catalogue(
        &self,
        app: &AppName,
        seen: Vec<(EntitlementKey, String)>,
        complete_kinds: BTreeSet<String>,
        at: Timestamp,
    ) -> StoreResult<CatalogueDiff> {
        let app = app.clone();
        self.stored().write(move |tx| catalogue::put(tx, &app, &seen, &complete_kinds, at)).await
    }
    async fn add_entitlement(&self, app: &AppName, entitlement: Entitlement) -> StoreResult<()> {
        let app = app.clone();
        self.stored().write(move |tx| catalogue::add(tx, &app, &entitlement)).await
    }
    async fn correct(&self, app: &AppName, corrections: Vec<Correction>, at: Timestamp) -> StoreResult<Vec<UserId>> {
        let app = app.clone();
        self.stored().write(move |tx| reconcile::correct(tx, &app, &corrections, at)).await
    }
    async fn put_report(&self, report: ReconcileReport, memory: Memory, at: Timestamp) -> StoreResult<()> {
        self.stored().write(move |tx| reconcile::put_report(tx, report, memory, at)).await
    }
    async fn report(&self, app: &AppName) -> StoreResult<Option<(ReconcileReport, Memory)>> {
        let app = app.clone();
        self.stored().read(move |rows| reconcile::report(rows, &app)).await
    }
    async fn dirty(&self, app: &AppName, limit: usize) -> StoreResult<Vec<Mark>> {
        let app = app.clone();
        self.stored().read(move |rows| planning::dirty(rows, &app, &layout::dirty(&app), limit)).await
    }
    async fn dirty_leavers(&self, app: &AppName, limit: usize) -> StoreResult<Vec<Mark>> {
        let app = app.clone();
        let leavers = layout::dirty_of(&app, Urgency::Leaver);
        self.stored().read(move |rows| planning::dirty(rows, &app, &leavers, limit)).await
    }
    async fn pairs(&self, app: &AppName, users: Vec<UserId>) -> StoreResult<Vec<PairRow>> {
        let app = app.clone();
        self.stored().read(move |rows| planning::pairs(rows, &app, &users)).await
    }
    async fn pairs_after(&self, app: &AppName, after: Option<UserId>, limit: usize) -> StoreResult<Vec<PairRow>> {
        let app = app.clone();
        self.stored().read(move |rows| planning::pairs_after(rows, &app, after, limit)).await
    }
    async fn owners_by_name(&self, app: &AppName, names: Vec<String>) -> StoreResult<Vec<Option<UserId>>> {
        let app = app.clone();
        self.stored().read(move |rows| planning::owners_by_name(rows, &app, &names)).await
    }
    async fn owners_by_remote_id(&self, app: &AppName, ids: Vec<String>) -> StoreResult<Vec<Option<UserId>>> {
        let app = app.clone();
        self.stored().read(move |rows| planning::owners_by_remote_id(rows, &app, &ids)).await
    }
    async fn note_matches(&self, app: &AppName, matches: Vec<(UserId, Observation)>) -> StoreResult<()> {
        let app = app.clone();
        self.stored().write(move |tx| planning::note_matches(tx, &app, matches)).await
    }
    async fn window(&self, app: &AppName, as_of: Timestamp) -> StoreResult<Window> {
        let app = app.clone();
        self.stored().read(move |rows| admission::window(rows, &app, as_of)).await
    }
    async fn admit(&self, summary: PlanSummary) -> StoreResult<()> {
        self.stored().write(move |tx| admission::admit(tx, &summary)).await
    }
    async fn file(&self, summary: &PlanSummary, page: PlanPage, cursor: Cursor) -> StoreResult<Filed> {
        let summary = summary.clone();
        self.stored().write(move |tx| filing::file(tx, &summary, &page, &cursor)).await
    }
    async fn decide(&self, decide: Decide) -> StoreResult<Vec<Decided>> {
        self.stored().write(move |tx| decisions::decide(tx, &decide)).await
    }
    async fn retry(&self, event: EventId, by: OperatorId, at: Timestamp) -> StoreResult<String> {
        self.stored().write(move |tx| remedies::retry(tx, event, by, at)).await
    }
    async fn rematch(&self, app: &AppName, user: UserId, by: OperatorId, at: Timestamp) -> StoreResult<()> {
        let app = app.clone();
        self.stored().write(move |tx| remedies::rematch(tx, &app, user, by, at)).await
    }
    async fn disassociate(&self, app: &AppName, user: UserId, by: OperatorId, at: Timestamp) -> StoreResult<()> {
        let app = app.clone();
        self.stored().write(move |tx| remedies::disassociate(tx, &app, user, by, at)).await
    }
    async fn expire(&self, app: &AppName, filed_before: Timestamp, at: Timestamp) -> StoreResult<u64> {
        let app = app.clone();
        self.stored().write(move |tx| remedies::expire(tx, &app, filed_before, at)).await
    }
    async fn lift_failed_mutes(&self, app: &AppName, older_than: Timestamp) -> StoreResult<u64> {
        let app = app.clone();
        self.stored().write(move |tx| remedies::lift_failed_mutes(tx, &app, older_than)).await
    }
    async fn claim(&self, app: &AppName, lane: Lane, as_of: Timestamp, limit: usize) -> StoreResult<Vec<Claimed>> {
        let app = app.clone();
        self.stored().read(move |rows| pushing::claim(rows, &app, lane, as_of, limit)).await
    }
    async fn next_due(&self, app: &AppName) -> StoreResult<Option<Timestamp>> {
        let app = app.clone();
        self.stored().read(move |rows| pushing::next_due(rows, &app)).await
    }
    async fn waiting(&self, app: &AppName, others: usize) -> StoreResult<Waiting> {
        let app = app.clone();
        self.stored().read(move |rows| waiting::waiting(rows, &app, others)).await
    }
    async fn hasten(&self, app: &AppName, at: Timestamp) -> StoreResult<u64> {
        let app = app.clone();
        self.stored().write(move |tx| waiting::hasten(tx, &app, at)).await
    }
    async fn begin(&self, events: Vec<EventId>, at: Timestamp) -> StoreResult<Vec<EventId>> {
        self.stored().write(move |tx| pushing::begin(tx, &events, at)).await
    }
    async fn finish(&self, outcomes: Vec<Finish>, at: Timestamp) -> StoreResult<()> {
        self.stored().write(move |tx| outcomes::finish(tx, outcomes, at)).await
    }
    async fn claim_edges(
        &self,
        app: &AppName,
        as_of: Timestamp,
        except: Vec<EntitlementKey>,
        limit: usize,
    ) -> StoreResult<Vec<ClaimedEdges>> {
        let app = app.clone();
        self.stored().read(move |rows| edge_pushing::claim(rows, &app, as_of, &except, limit)).await
    }
    async fn begin_edges(
        &self,
        app: &AppName,
        edges: Vec<(EventId, EdgeChange)>,
        at: Timestamp,
    ) -> StoreResult<BegunEdges> {
        let app = app.clone();
        self.stored().write(move |tx| edge_pushing::begin(tx, &app, &edges, at)).await
    }
    async fn finish_edges(&self, app: &AppName, finish: FinishEdges, at: Timestamp) -> StoreResult<()> {
        let app = app.clone();
        self.stored().write(move |tx| edge_outcomes::finish(tx, &app, finish, at)).await
    }
    async fn recover_edges(&self, app: &AppName, at: Timestamp) -> StoreResult<u64> {
        let app = app.clone();
        self.stored().write(move |tx| edge_pushing::recover(tx, &app, at)).await
    }
    async fn bind_edges(&self, app: &AppName, key: EntitlementKey, name: String) -> StoreResult<()> {
        let app = app.clone();
        self.stored().write(move |tx| edge_pushing::bind(tx, &app, &key, &name)).await
    }
    async fn recover(&self, at: Timestamp) -> StoreResult<u64> {
        self.stored().write(move |tx| pushing::recover(tx, at)).await
    }
    async fn events(&self, query: EventQuery) -> StoreResult<Page<Event, EventId>> {
        self.stored().read(move |rows| reads::events(rows, &query)).await
    }
    async fn event(&self, id: EventId) -> StoreResult<Option<Event>> {
        self.stored().read(move |rows| reads::event(rows, id)).await
    }
    async fn batch(&self, app: &AppName, batch: BatchId) -> StoreResult<Vec<Event>> {
        let app = app.clone();
        self.stored().read(move |rows| reads::batch(rows, &app, batch)).await
    }
    async fn entries(&self, event: EventId) -> StoreResult<Vec<Entry>> {
        self.stored().read(move |rows| reads::entries(rows, event)).await
    }
    async fn entries_after(&self, sequence: u64, limit: usize) -> StoreResult<Vec<Entry>> {
        self.stored().read(move |rows| reads::entries_after(rows, sequence, limit)).await
    }
    async fn accounts(&self, query: AccountQuery) -> StoreResult<Page<Account, (AppName, UserId)>> {
        self.stored().read(move |rows| reads::accounts(rows, &query)).await
    }
    async fn edges(&self, app: &AppName, user: UserId) -> StoreResult<Vec<Edge>> {
        let app = app.clone();
        self.stored().read(move |rows| edges::of(rows, &app, user)).await
    }
    async fn members(
        &self,
        app: &AppName,
        key: EntitlementKey,
        after: Option<UserId>,
        limit: usize,
    ) -> StoreResult<Page<(UserId, Edge), UserId>> {
        let app = app.clone();
        self.stored().read(move |rows| edges::members(rows, &app, &key, after, limit)).await
    }
    async fn counts(&self, app: &AppName) -> StoreResult<Counts> {
        let app = app.clone();
        self.stored().read(move |rows| reads::counts(rows, &app)).await
    }
    async fn head(&self) -> StoreResult<Head> {
        self.stored().read(move |rows| Ok(reads::head(rows)?.shown())).await
    }
    async fn note(&self, fact: Fact, app: Option<AppName>, at: Timestamp) -> StoreResult<()> {
        self.stored().write(move |tx| identity::note(tx, fact, app.as_ref(), at)).await
    }
    async fn missing_heads(&self, heads: Vec<(u64, String)>) -> StoreResult<Vec<String>> {
        self.stored().read(move |rows| reads::missing_heads(rows, &heads)).await
    }
    async fn aged(&self, before: Timestamp, after: Option<EventId>, limit: usize) -> StoreResult<Page<Aged, EventId>> {
        self.stored().read(move |rows| retention::aged(rows, before, after, limit)).await
    }
    async fn prune(&self, prune: Prune, at: Timestamp) -> StoreResult<u64> {
        self.stored().write(move |tx| retention::prune(tx, &prune, at)).await
    }
    async fn erase_user(&self, user: UserId, by: OperatorId, at: Timestamp) -> StoreResult<ErasedUser> {
        self.stored().write(move |tx| retention::erase_user(tx, user, by, at)).await
    }
    async fn verify(&self) -> StoreResult<Verified> {
        self.stored().read(move |rows| check::verify(rows)).await
    }
    async fn backup(&self, file: std::path::PathBuf) -> StoreResult<u64> {
        self.stored().read(move |rows| backup::write(rows, &file)).await
    }
}
