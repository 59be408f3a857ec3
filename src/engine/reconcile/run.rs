//! One reconcile of one app: the list page by page, then what it did not show by id, then groups; memory stays flat.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::connector::capability::Learned;
use crate::connector::descriptor::Deactivation;
use crate::connector::groups::MembershipRead;
use crate::connector::reconcile::Drift;
use crate::digest::Digest;
use crate::directory::change::Cause;
use crate::engine::active::ActiveApp;
use crate::engine::answer::Progress;
use crate::engine::context::{Engine, EngineError, Watcher};
use crate::engine::lane::Way;
use crate::engine::perform;
use crate::engine::perform::conversation::Conversation;
use crate::engine::plan::{Judged, judge};
use crate::engine::reconcile::compare::{self, Around, Compared};
use crate::engine::reconcile::propose::Seekers;
use crate::engine::reconcile::tally::Tally;
use crate::id::UserId;
use crate::provision::account::Presence;
use crate::provision::drift::{APART, Correction, DriftKind, DriftLine, Fate, Memory, Missing, ReconcileReport};
use crate::provision::entitlement::Catalogue;
use crate::provision::event::StatusKind;
use crate::provision::leaving::Access;
use crate::provision::outcome::{Failure, FailureClass};
use crate::scim::decode::{ListPage, Resource};
use crate::scim::listing::{Next, Walk};
use crate::store::query::{AccountQuery, PairRow};

/// Ledger entries read at once.
pub(super) const PAGE: usize = 500;
/// Attempts at one read.
const ATTEMPTS: u32 = 3;
/// Reads that fail one after the other before the reconcile is given up.
const FAILURES_MAX: u32 = 5;
/// Accounts that answer 404 and are remembered; when there are more, the target is not well.
const MISSING_MAX: usize = 10_000;

/// A reconcile under way.
pub(super) struct Run<'a> {
    pub(super) engine: &'a Engine,
    pub(super) app: Arc<ActiveApp>,
    pub(super) way: &'a Way,
    pub(super) learned: &'a Learned,
    pub(super) watcher: &'a dyn Watcher,
    pub(super) at: Timestamp,
    pub(super) tally: Tally,
    pub(super) memory: Memory,
    pub(super) catalogue: Catalogue,
    /// Attributes that some account shows.
    shown: BTreeSet<String>,
    /// Pairs that move just now.
    moving: BTreeSet<UserId>,
    /// Reads that failed one after the other.
    failures: u32,
}

impl Engine {
    /// Compares `app` with what we pushed and what the rules want, keeps the report, and has the planner look at what is to be done.
    /// Sends only reads. The inner error says why nothing could be read.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn reconcile(
        &self,
        app: &Arc<ActiveApp>,
        watcher: &dyn Watcher,
    ) -> Result<Result<ReconcileReport, String>, EngineError> {
        let (name, store) = (&app.spec.name, &self.parts.store);
        let lane = self.lanes.of(name);
        let _one = lane.reconciling.lock().await;
        let way = match lane.way(app, &*self.parts.connect) {
            Ok(way) => way,
            Err(why) => return Ok(Err(why)),
        };
        let learned = store.app(name).await?.learned;
        let memory = store.report(name).await?.map(|(_, memory)| memory).unwrap_or_default();
        let at = self.parts.clock.now();
        let mut run = Run {
            engine: self,
            app: Arc::clone(app),
            way: &way,
            learned: &learned,
            watcher,
            at,
            tally: Tally { report: ReconcileReport::new(name.clone(), at) },
            memory,
            catalogue: store.catalogue(name).await?,
            shown: BTreeSet::new(),
            moving: BTreeSet::new(),
            failures: 0,
        };
        run.all().await?;
        let Run { tally: Tally { mut report }, memory, moving, .. } = run;
        report.read.in_flight = moving.len() as u64;
        if let Some(why) = report.trouble.clone().filter(|_| report.read.pages + report.read.by_id == 0) {
            return Ok(Err(why));
        }
        report.ended = self.parts.clock.now();
        store.put_report(report.clone(), memory, report.ended).await?;
        lane.kick.notify_one();
        Ok(Ok(report))
    }
}

impl Run<'_> {
    pub(super) fn cx(&self) -> perform::Context<'_> {
        self.engine.conversation(&self.app, self.way, self.learned)
    }

    async fn all(&mut self) -> Result<(), EngineError> {
        let mut seekers = self.seekers().await?;
        let walk = self.list(&mut seekers).await?;
        if !self.is_over() {
            self.not_listed(&walk).await?;
        }
        if !self.is_over() {
            self.propose(seekers).await?;
        }
        if !self.is_over() {
            self.groups().await?;
        }
        Ok(())
    }

    /// Whether it was given up, or the process is to stop.
    pub(super) fn is_over(&mut self) -> bool {
        if self.engine.is_stopping() {
            self.tally.report.trouble.get_or_insert("Usher was stopped".to_owned());
        }
        self.tally.report.trouble.is_some()
    }

    fn give_up(&mut self, failure: &Failure) {
        let remedy = failure.class.remedy_for(&self.app.spec.name);
        self.tally.report.trouble.get_or_insert(format!("{}. To do: {remedy}", failure.detail));
    }

    pub(super) fn progress(&self, what: &str, done: u64) {
        let step = format!("reading {what} of {}", self.app.spec.name);
        self.watcher.progress(Progress { step, app: Some(self.app.spec.name.clone()), done, total: 0 });
    }

    /// The list of accounts, page by page.
    async fn list(&mut self, seekers: &mut Seekers) -> Result<Walk, EngineError> {
        let app = Arc::clone(&self.app);
        let paging = &app.spec.connector.paging;
        let (mut walk, mut start, count) = (Walk::that_goes_on(), 1, self.cx().page_size());
        if !paging.list {
            self.tally
                .incomplete("this kind of target can't list accounts: each of ours was read by its id".to_owned());
            return Ok(walk);
        }
        loop {
            let page = match self.page(start, count).await {
                Ok(page) => page,
                Err(failure) if start == 1 && failure.class.retries() => {
                    self.give_up(&failure);
                    return Ok(walk);
                }
                Err(failure) => {
                    let what = if start == 1 { "can't be read" } else { "breaks off" };
                    self.tally.incomplete(format!("the list {what}: {}", failure.detail));
                    return Ok(walk);
                }
            };
            let mut fresh = Vec::new();
            let next = walk.take(page, count, paging, &mut fresh);
            self.tally.report.read.pages += 1;
            self.tally.report.read.listed += fresh.len() as u64;
            self.accounts(fresh, seekers).await?;
            self.progress("accounts", walk.len() as u64);
            match next {
                _ if self.is_over() => return Ok(walk),
                Next::Page(at) => start = at,
                Next::Complete => return Ok(walk),
                Next::Incomplete(why) => {
                    self.tally.incomplete(why);
                    return Ok(walk);
                }
            }
        }
    }

    /// One page, tried again at once if the target stumbles.
    async fn page(&self, start: u64, count: u32) -> Result<ListPage, Failure> {
        let mut attempt = 1;
        loop {
            match Conversation::new(self.cx()).page(start, count).await {
                Err(failure) if attempt < ATTEMPTS && stumbles(&failure) => attempt += 1,
                other => return other,
            }
        }
    }

    /// The accounts of one page: ours are compared, the others are held against those who seek one.
    async fn accounts(&mut self, rows: Vec<Resource>, seekers: &mut Seekers) -> Result<(), EngineError> {
        let (store, name) = (Arc::clone(&self.engine.parts.store), self.app.spec.name.clone());
        for row in &rows {
            self.shown
                .extend(row.values.keys().filter(|path| !self.shown.contains(*path)).cloned().collect::<Vec<_>>());
        }
        let ids = rows.iter().map(|row| row.id.clone()).collect();
        let owners = store.owners_by_remote_id(&name, ids).await?;
        let mut pairs = self.pairs(owners.iter().flatten().copied().collect()).await?;
        let mut closer = Vec::new();
        for (row, owner) in rows.iter().zip(owners) {
            let Some(owner) = owner else {
                self.not_ours(row, seekers);
                continue;
            };
            let Some(pair) = pairs.remove(&owner) else { continue };
            if !pair.account.is_ours() {
                // Lost or let go; found again it is looked up like any other.
                seekers.meets(self.cx(), row);
            } else if pair.account.remote_id.as_deref() == Some(&row.id) {
                closer.extend(Some(pair).filter(|pair| self.is_suspect(pair, row)));
            } else {
                // One that a rename replaced.
                pairs.insert(owner, pair);
            }
        }
        self.look_closer(closer).await
    }

    /// By user.
    pub(super) async fn pairs(&self, users: BTreeSet<UserId>) -> Result<BTreeMap<UserId, PairRow>, EngineError> {
        let rows = self.engine.parts.store.pairs(&self.app.spec.name, users.into_iter().collect()).await?;
        Ok(rows.into_iter().map(|row| (row.user.id, row)).collect())
    }

    /// Whether an account of ours must be read by its id: lists show less than accounts have.
    fn is_suspect(&mut self, pair: &PairRow, row: &Resource) -> bool {
        if self.is_under_way(pair) {
            return false;
        }
        let policy = &self.app.spec.app.reconcile;
        let groups =
            self.app.spec.connector.groups.read == MembershipRead::User && self.app.spec.connector.groups.exist();
        let shown: BTreeSet<&str> = row.texts("groups").into_iter().collect();
        let ledger: BTreeSet<&str> = pair.edges.iter().map(|edge| edge.key.remote_id.as_str()).collect();
        let suspect = compare::stands_otherwise(&pair.account, row)
            || !compare::differences(self.cx(), &pair.account, row).is_empty()
            || pair.adopted.keys().any(|path| policy.drift(path) != Drift::Adopt)
            || (groups && (shown != ledger || pair.edges.iter().any(|edge| !edge.effective || edge.is_open())));
        if !suspect {
            self.is_well(pair);
        }
        suspect
    }

    fn is_well(&mut self, pair: &PairRow) {
        self.tally.report.read.compared += 1;
        self.memory.accounts.remove(&pair.user.id);
        if is_settled(pair) {
            self.memory.repaired.remove(&pair.user.id);
        }
    }

    /// Whether the pair moves just now: it is compared the next time. A leaver's event finds out by itself what is there.
    pub(super) fn is_under_way(&mut self, pair: &PairRow) -> bool {
        let out = |status: StatusKind| matches!(status, StatusKind::Running | StatusKind::Verifying);
        let moves = pair.open.as_ref().is_some_and(|open| out(open.status) || open.kind.is_leaving());
        let moves = moves || pair.account.presence == Presence::Unknown;
        if moves {
            self.moving.insert(pair.user.id);
        }
        moves
    }

    /// Accounts of ours that no page showed, each by its id.
    async fn not_listed(&mut self, walk: &Walk) -> Result<(), EngineError> {
        let (store, name) = (Arc::clone(&self.engine.parts.store), self.app.spec.name.clone());
        let mut after = None;
        loop {
            let query = AccountQuery { app: Some(name.clone()), after, limit: PAGE, ..AccountQuery::default() };
            let page = store.accounts(query).await?;
            let unseen = page.items.iter().filter(|account| account.is_ours());
            let unseen = unseen.filter(|account| account.remote_id.as_deref().is_some_and(|id| !walk.has(id)));
            let pairs = self.pairs(unseen.map(|account| account.user).collect()).await?;
            let still = pairs.into_values().filter(|pair| pair.account.is_ours()).collect::<Vec<_>>();
            let mut closer = Vec::new();
            for pair in still {
                if !self.is_under_way(&pair) {
                    closer.push(pair);
                }
            }
            self.look_closer(closer).await?;
            after = page.next;
            if after.is_none() || self.is_over() {
                return Ok(());
            }
        }
    }

    /// Reads accounts by their ids, compares them, and has the ledger learn what it must.
    async fn look_closer(&mut self, pairs: Vec<PairRow>) -> Result<(), EngineError> {
        let mut compared = Vec::new();
        for pair in pairs {
            if self.is_over() {
                break;
            }
            let Some(read) = self.get(pair.account.remote_id.as_deref().unwrap_or_default()).await else { continue };
            // What was pushed meanwhile is not a difference.
            let again = self.pairs(BTreeSet::from([pair.user.id])).await?.remove(&pair.user.id);
            let Some(now) = again.filter(|now| now.account.generation == pair.account.generation) else {
                self.moving.insert(pair.user.id);
                continue;
            };
            if self.is_under_way(&now) {
                continue;
            }
            let judged = self.judge(now).await?;
            compared.extend(match read {
                Some(resource) => Some(self.compare(&judged, &resource)),
                None => self.missing(&judged),
            });
        }
        self.learn(compared).await
    }

    /// One account by its id. Outer `None` = it could not be read.
    pub(super) async fn get(&mut self, id: &str) -> Option<Option<Resource>> {
        let mut attempt = 1;
        let read = loop {
            match Conversation::new(self.cx()).get(id).await {
                Err(failure) if attempt < ATTEMPTS && stumbles(&failure) => attempt += 1,
                other => break other,
            }
        };
        self.tally.report.read.by_id += 1;
        self.heard(read)
    }

    /// Counts reads that fail, and gives up after some in a row.
    pub(super) fn heard<T>(&mut self, read: Result<T, Failure>) -> Option<T> {
        match read {
            Ok(read) => {
                self.failures = 0;
                Some(read)
            }
            Err(failure) => {
                self.failures += 1;
                self.tally.note(format!("some could not be read: {}", failure.detail));
                if self.failures >= FAILURES_MAX || failure.class == FailureClass::Credential {
                    self.give_up(&failure);
                }
                None
            }
        }
    }

    pub(super) async fn judge(&self, mut row: PairRow) -> Result<Judged, EngineError> {
        let (app, instance) = (Arc::clone(&self.app), self.engine.instance);
        // Settled pairs, too: the question is what the rules say.
        row.account.basis = None;
        let judged = tokio::task::spawn_blocking(move || {
            judge(&app.spec, &app.rules, (instance, Digest::default()), row, Cause::Reconcile)
        });
        judged.await.map_err(|error| EngineError::Invalid(format!("evaluating the rules failed: {error}")))
    }

    fn compare(&mut self, judged: &Judged, resource: &Resource) -> Compared {
        let row = &judged.row;
        let user = row.user.id;
        self.shown.extend(resource.values.keys().cloned());
        let shows = |path: &str| self.shows(path);
        let around = Around { cx: self.cx(), shows: &shows, repaired: self.memory.repaired.get(&user) };
        let mut compared = compare::compare(&around, judged, resource);
        let groups = &self.app.spec.connector.groups;
        if groups.exist() && groups.read == MembershipRead::User {
            let shown = resource.texts("groups").into_iter().map(str::to_owned).collect();
            if self.shows("groups") {
                compare::memberships(&around, row, &shown, &|id| self.name_of(id), &mut compared);
            }
        }
        self.tally.report.read.compared += 1;
        self.memory.accounts.remove(&user);
        let mut repaired = self.memory.repaired.remove(&user).unwrap_or_default();
        repaired.retain(|path, _| compared.differing.contains(path) || !is_settled(row));
        if !repaired.is_empty() {
            self.memory.repaired.insert(user, repaired);
        }
        compared
    }

    /// Whether an attribute shows at this target at all.
    fn shows(&self, path: &str) -> bool {
        let whole = path.split_once('.').map_or(path, |(whole, _)| whole);
        let inner = format!("{path}.");
        let proven = |key: &String| key.rsplit_once("path:").map_or(key.as_str(), |(_, path)| path) == path;
        self.shown.contains(path)
            || self.shown.contains(whole)
            || self.shown.iter().any(|key| key.starts_with(&inner))
            || self.learned.proven_patch_paths.iter().any(proven)
    }

    /// What a group of the catalogue is called, while it is there.
    pub(super) fn name_of(&self, id: &str) -> Option<String> {
        let groups = self.catalogue.entitlements.values();
        groups.filter(|each| each.gone.is_none()).find(|each| each.key.remote_id == id).map(|each| each.name.clone())
    }

    /// An account of ours answers 404. It counts as gone when it does so twice, apart.
    fn missing(&mut self, judged: &Judged) -> Option<Compared> {
        let row = &judged.row;
        let (account, user) = (&row.account, row.user.id);
        self.tally.report.read.compared += 1;
        let expected = self.app.spec.connector.users.deactivate == Deactivation::Delete && account.is_inactive();
        if expected {
            return None;
        }
        let remote_id = account.remote_id.clone().unwrap_or_default();
        let known = self.memory.accounts.get(&user).filter(|known| known.remote_id == remote_id).cloned();
        let mut compared = Compared::new(row);
        match known {
            Some(known) if known.since.plus(APART) <= self.at => {
                let fate = match (&judged.access, account.presence) {
                    (_, Presence::Kept) => Fate::Reported,
                    (Access::Entitled(_), _) => Fate::Held,
                    (Access::Leaving(_), _) => Fate::Noted,
                };
                let note = format!("404 at {} and again now", known.since);
                compared.lines.push(DriftLine { note, ..compare::line(row, DriftKind::Vanished, fate) });
                if fate != Fate::Reported {
                    self.memory.accounts.remove(&user);
                    compared.correction.presence = Some(Presence::Lost);
                    compared.correction.what = format!("account {remote_id} is gone: 404 in two reconciles, apart");
                }
            }
            Some(_) => compared.lines.push(compare::line(row, DriftKind::Missing, Fate::LookedAtAgain)),
            None => {
                if self.memory.accounts.len() < MISSING_MAX {
                    self.memory.accounts.insert(user, Missing { remote_id, since: self.at });
                } else {
                    self.tally.note(format!("more than {MISSING_MAX} accounts answer 404: look at the target"));
                }
                compared.lines.push(compare::line(row, DriftKind::Missing, Fate::LookedAtAgain));
            }
        }
        Some(compared)
    }

    /// Has the ledger learn what it must. What a pair that moved meanwhile was said to be is not reported.
    pub(super) async fn learn(&mut self, found: Vec<Compared>) -> Result<(), EngineError> {
        let wanted: Vec<Correction> =
            found.iter().map(|each| &each.correction).filter(|correction| !correction.is_empty()).cloned().collect();
        let done: BTreeSet<_> = if wanted.is_empty() {
            BTreeSet::new()
        } else {
            let at = self.engine.parts.clock.now();
            self.engine.parts.store.correct(&self.app.spec.name, wanted, at).await?.into_iter().collect()
        };
        for each in found {
            let user = each.correction.user;
            if !each.correction.is_empty() && !done.contains(&user) {
                self.moving.insert(user);
                continue;
            }
            if !each.repaired.is_empty() {
                self.memory.repaired.entry(user).or_default().extend(each.repaired);
            }
            for line in each.lines {
                self.tally.line(line);
            }
        }
        Ok(())
    }

    /// An account that is not in the ledger.
    fn not_ours(&mut self, row: &Resource, seekers: &mut Seekers) {
        if seekers.meets(self.cx(), row) {
            return;
        }
        let label = row.user_name.as_deref().unwrap_or(&row.id);
        let mut line = DriftLine::new(DriftKind::ThirdParty, Fate::Kept, label, &row.id);
        if let Some(user) = row.external_id.as_deref().and_then(|id| self.cx().named_by(id)) {
            line.note = format!("bears the externalId of {user}");
        }
        self.tally.line(line);
    }
}

/// Whether nothing is left to be planned or sent for a pair: a repair that was begun has been carried out.
fn is_settled(pair: &PairRow) -> bool {
    pair.open.is_none() && pair.mark.is_none()
}

/// Whether the same read may go well the next moment.
fn stumbles(failure: &Failure) -> bool {
    matches!(failure.class, FailureClass::Endpoint | FailureClass::Server | FailureClass::NotScim)
}
