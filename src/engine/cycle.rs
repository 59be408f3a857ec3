//! A cycle: plan the pairs of an app, let admission decide on the sum, and file the same pages again as events.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::change::Cause;
use crate::engine::active::ActiveApp;
use crate::engine::answer::{AppPlan, Progress};
use crate::engine::context::{Engine, EngineError, Watcher};
use crate::engine::observe::Observer;
use crate::engine::plan::{Judged, PageInput, contest, judge, plan_page};
use crate::engine::sources::Sources;
use crate::id::{BatchId, PlanId, UserId};
use crate::provision::entitlement::Catalogue;
use crate::provision::guard::admission::{self, Budget};
use crate::provision::guard::finding::{Class, Finding, FindingKind};
use crate::provision::operation::Kind;
use crate::provision::plan::{Fold, PlanPage, PlanSummary, Verdict};
use crate::store::act::Cursor;
use crate::store::query::PairRow;

/// Pairs a page.
pub const PAGE_PAIRS: usize = 500;
/// Operations that a plan answer shows.
pub const SHOWN_OPERATIONS_MAX: usize = 2_000;
/// Operations of a first pass that are kept rather than computed twice: about 40 MB.
const KEPT_OPERATIONS_MAX: usize = 20_000;
/// Events filed ahead of the pusher.
const AHEAD_MAX: u64 = 5_000;

/// Which pairs a cycle looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All, as a sweep.
    All,
    /// These users.
    Users(Vec<UserId>),
    /// Those with a dirty mark, leavers first; only leavers if true.
    Dirty {
        /// Leave the others for later.
        leavers_only: bool,
    },
}

/// A planner pass over one app: everything that stays the same for all its pages.
pub struct Cycle<'a> {
    engine: &'a Engine,
    app: Arc<ActiveApp>,
    scope: Scope,
    as_of: Timestamp,
    watcher: &'a dyn Watcher,
    observer: Observer<'a>,
    /// Whether absences are noted as they are seen: filing notes them otherwise.
    notes_absences: bool,
    leavers_between: bool,
    evaluations: u64,
    rule_errors: u64,
    entitlement_faults: BTreeMap<String, u64>,
    /// Grants that can't be carried out, of pairs without an operation, and how many users wait for each.
    ungranted: BTreeMap<(FindingKind, String), u64>,
    catalogue: Arc<Catalogue>,
    /// Pairs that could not be looked up at the target, and why the first one could not.
    unseen: (u64, String),
    /// Held from the judgement to the admission: plans are admitted one after the other.
    admitting: Option<tokio::sync::MutexGuard<'a, ()>>,
    /// What the imports behind these pairs shrank, and what is parked.
    sources: Arc<Sources>,
}

/// What the first pass found.
pub struct FirstPass {
    /// The sum.
    pub summary: PlanSummary,
    /// What holds whole classes.
    pub held: BTreeMap<Class, Finding>,
    /// What holds everything.
    pub rule_errors: Option<Finding>,
    /// Why users could not be looked up at the target, and so get no account yet; in words.
    pub unseen: Option<String>,
    /// Why the credential can't be used for looking, if so.
    pub denied: Option<String>,
    pages: Option<Vec<PlanPage>>,
    shown: PlanPage,
    not_shown: u64,
}

impl<'a> Cycle<'a> {
    /// Prepares a pass: discovery and probes, if the app has not taught us yet.
    ///
    /// # Errors
    /// If the store fails. A target that can't be reached is no error: creates are then skipped with the reason.
    pub async fn begin(
        engine: &'a Engine,
        app: Arc<ActiveApp>,
        scope: Scope,
        watcher: &'a dyn Watcher,
    ) -> Result<Self, EngineError> {
        // A generation that is being applied is seen whole or not at all: what one that starts later changes is newer than
        // `as_of`, and filing leaves it alone.
        drop(engine.intake.lock().await);
        // Leavers wait for nothing; for the others the names that rules grant are bound to ids first.
        if scope != (Scope::Dirty { leavers_only: true }) {
            engine.ensure_catalogue(&app).await?;
        }
        let observer = Observer::begin(engine, Arc::clone(&app)).await?;
        let catalogue = Arc::new(engine.parts.store.catalogue(&app.spec.name).await?);
        let sources = Arc::new(Sources::read(&*engine.parts.store).await?);
        Ok(Self {
            engine,
            scope,
            as_of: engine.parts.clock.now(),
            watcher,
            observer,
            notes_absences: true,
            leavers_between: false,
            app,
            evaluations: 0,
            rule_errors: 0,
            entitlement_faults: BTreeMap::new(),
            ungranted: BTreeMap::new(),
            catalogue,
            unseen: (0, String::new()),
            admitting: None,
            sources,
        })
    }

    /// Says that what is planned will be filed.
    ///
    /// Leavers who turn up meanwhile are planned and filed between its pages, unless it must come out exactly as it was shown.
    #[must_use]
    pub fn to_be_filed(mut self, leavers_between: bool) -> Self {
        self.notes_absences = false;
        self.leavers_between = leavers_between && self.scope != Scope::Dirty { leavers_only: true };
        self
    }

    /// Leavers wait for no sweep: those with a mark are planned and filed between its pages.
    async fn leavers(&self) -> Result<(), EngineError> {
        if self.leavers_between { self.engine.file_leavers(&self.app).await } else { Ok(()) }
    }

    /// The pages of the pass, one after the other; `position` is where the last one ended.
    async fn page(&mut self, position: &mut Position) -> Result<Option<PlanPage>, EngineError> {
        let Some((rows, causes)) = self.rows(position).await? else { return Ok(None) };
        let judged = self.judge(rows, causes).await?;
        for pair in &judged {
            self.evaluations += u64::from(pair.evaluated);
            self.rule_errors += u64::from(pair.evaluated && pair.fault.is_some());
            if let Some(fault) = &pair.entitlement_fault {
                *self.entitlement_faults.entry(fault.clone()).or_default() += 1;
            }
        }
        let seen = self.observer.look(judged, self.as_of, (self.notes_absences, self.watcher)).await?;
        if let Some(why) = seen.unseen.values().next() {
            if self.unseen.0 == 0 {
                self.unseen.1.clone_from(why);
            }
            self.unseen.0 += seen.unseen.len() as u64;
        }
        let owners = self.observer.owners(&seen.judged).await?;
        let (app, as_of, catalogue) = (Arc::clone(&self.app), self.as_of, Arc::clone(&self.catalogue));
        let sources = Arc::clone(&self.sources);
        let planned = side_by_side(seen.judged, move |judged| {
            let (connector, unseen) = (app.connector, &seen.unseen);
            let (pairs, catalogue) = (&judged[..], &*catalogue);
            let (app, owners, shrunk) = (&app.spec, &owners, &sources.shrunk);
            let input = PageInput { as_of, app, connector, pairs, catalogue, owners, unseen, shrunk };
            vec![plan_page(&input)]
        });
        let mut page = PlanPage::merge(planned.await?);
        page.absent = seen.absent;
        for finding in page.ungranted.iter().flat_map(|(_, findings)| findings) {
            *self.ungranted.entry((finding.kind, finding.detail.clone())).or_default() += 1;
        }
        Ok(Some(page))
    }

    async fn rows(&self, position: &mut Position) -> Result<Option<(Vec<PairRow>, Vec<Cause>)>, EngineError> {
        let store = &self.engine.parts.store;
        let name = &self.app.spec.name;
        if position.ended {
            return Ok(None);
        }
        let (rows, causes) = match &self.scope {
            Scope::All => {
                let rows = store.pairs_after(name, position.after, PAGE_PAIRS).await?;
                position.ended = rows.len() < PAGE_PAIRS;
                position.after = rows.last().map(|row| row.user.id).or(position.after);
                // What made a pair dirty is its cause, also when a sweep comes by first: four eyes asks for it.
                let causes =
                    rows.iter().map(|row| row.mark.clone().unwrap_or_else(|| position.cause.clone())).collect();
                (rows, causes)
            }
            Scope::Users(users) => {
                position.ended = true;
                let rows = store.pairs(name, users.clone()).await?;
                let causes = rows.iter().map(|row| row.mark.clone().unwrap_or(Cause::Cycle)).collect();
                (rows, causes)
            }
            Scope::Dirty { leavers_only } => {
                position.ended = true;
                let marks = if *leavers_only {
                    store.dirty_leavers(name, PAGE_PAIRS).await?
                } else {
                    store.dirty(name, PAGE_PAIRS).await?
                };
                let causes: BTreeMap<UserId, Cause> =
                    marks.iter().map(|mark| (mark.user, mark.cause.clone())).collect();
                let rows = store.pairs(name, marks.iter().map(|mark| mark.user).collect()).await?;
                let causes = rows.iter().map(|row| causes[&row.user.id].clone()).collect();
                (rows, causes)
            }
        };
        let nothing = rows.is_empty() && (position.pages > 0 || self.scope != Scope::All);
        position.pages += 1;
        Ok((!nothing).then_some((rows, causes)))
    }

    async fn judge(&self, rows: Vec<PairRow>, causes: Vec<Cause>) -> Result<Vec<Judged>, EngineError> {
        let (app, around) = (Arc::clone(&self.app), (self.engine.instance, self.catalogue.digest()));
        let pairs = rows.into_iter().zip(causes).collect();
        let judge_all = move |pairs: Vec<(PairRow, Cause)>| {
            let each = |(row, cause)| judge(&app.spec, &app.rules, around, row, cause);
            pairs.into_iter().map(each).collect()
        };
        side_by_side(pairs, judge_all).await
    }

    /// The first pass: folds all pages into the sum, which admission then decides on.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn first_pass(&mut self) -> Result<FirstPass, EngineError> {
        let cause = self.sweep_cause().await?;
        let mut position = Position::new(cause.clone());
        let mut fold = Fold::default();
        let mut pages = Some(Vec::new());
        let (mut shown, mut not_shown) = (PlanPage::default(), 0);
        let mut operations = 0;
        while let Some(page) = self.page(&mut position).await? {
            if !position.ended {
                self.leavers().await?;
            }
            fold.page(&page);
            operations += page.operations.len();
            not_shown += show(&mut shown, &page);
            if operations > KEPT_OPERATIONS_MAX {
                pages = None;
            }
            if let Some(pages) = &mut pages {
                pages.push(page);
            }
            let step = format!("planning {}", self.app.spec.name);
            self.watcher.progress(Progress {
                step,
                app: Some(self.app.spec.name.clone()),
                done: fold.counts.pairs,
                total: 0,
            });
        }
        self.contest(&mut fold, &mut pages, &mut shown);
        let (counts, digest) = fold.finish();
        if !self.notes_absences {
            self.admitting = Some(self.engine.admission.lock().await);
        }
        let budget = self.engine.budget(&self.app, (self.evaluations, self.rule_errors)).await?;
        let held = self.held(&counts, &budget).await?;
        let rule_errors = admission::too_many_rule_errors(&budget);
        let batches = self.batches(&held, counts.get(Kind::Link, Verdict::Pending) > 0).await?;
        let mut findings: Vec<Finding> = held.values().cloned().collect();
        findings.extend(rule_errors.clone());
        for (fault, users) in &self.entitlement_faults {
            let mut finding = Finding::new(FindingKind::RuleError, format!("entitlements of {users} users: {fault}"));
            finding.severity = crate::provision::Severity::Clear;
            findings.push(finding);
        }
        findings.extend(self.sources.parked());
        for ((kind, detail), users) in &self.ungranted {
            findings.push(Finding::new(*kind, format!("{detail} ({users} users)")));
        }
        let summary = PlanSummary {
            id: PlanId::mint(self.as_of, &*self.engine.parts.entropy),
            app: self.app.spec.name.clone(),
            app_digest: self.app.spec.digest,
            as_of: self.as_of,
            counts,
            findings,
            held: batches,
            digest,
        };
        let (unseen, denied) = (self.not_seen(), self.observer.denied());
        let mut first = FirstPass { summary, held, rule_errors, unseen, denied, pages, shown, not_shown };
        first.hold();
        Ok(first)
    }

    /// How many users could not be looked up, and why the first one could not.
    fn not_seen(&self) -> Option<String> {
        let what = "could not be looked up at the target";
        match &self.unseen {
            (0, _) => None,
            (1, why) => Some(format!("1 user {what} and gets no account yet: {why}")),
            (more, why) => Some(format!("{more} users {what} and get no account yet: {why}")),
        }
    }

    /// Users who want a name that somebody on a later page wants too: neither gets it.
    fn contest(&self, fold: &mut Fold, pages: &mut Option<Vec<PlanPage>>, shown: &mut PlanPage) {
        let rivals = self.observer.rivals();
        let Some(pages) = pages.as_mut().filter(|_| !rivals.is_empty()) else { return };
        *fold = Fold::default();
        for page in pages {
            contest(page, rivals, (&self.app.spec, self.app.connector));
            fold.page(page);
        }
        contest(shown, rivals, (&self.app.spec, self.app.connector));
    }

    /// Classes over the blast radius, and classes that have an open held batch already: later operations join it.
    async fn held(
        &self,
        counts: &crate::provision::plan::PlanCounts,
        budget: &Budget,
    ) -> Result<BTreeMap<Class, Finding>, EngineError> {
        let mut held = admission::exceeded(&self.app.spec, counts, budget);
        let window = self.engine.parts.store.window(&self.app.spec.name, self.as_of).await?;
        for class in window.batches.keys().filter(|class| counts.classes.contains_key(*class)) {
            held.entry(class.clone())
                .or_insert_with(|| Finding::new(FindingKind::BlastRadius, format!("joins the held batch of {class}")));
        }
        Ok(held)
    }

    /// One batch for each held class, and one for all adoptions that wait.
    async fn batches(
        &self,
        held: &BTreeMap<Class, Finding>,
        adoptions: bool,
    ) -> Result<BTreeMap<Class, BatchId>, EngineError> {
        let window = self.engine.parts.store.window(&self.app.spec.name, self.as_of).await?;
        let id = |class| {
            let open = window.batches.get(class).copied();
            open.unwrap_or_else(|| BatchId::mint(self.as_of, &*self.engine.parts.entropy))
        };
        let adoptions = adoptions.then_some(&Class::Adoption);
        Ok(held.keys().chain(adoptions).map(|class| (class.clone(), id(class))).collect())
    }

    async fn sweep_cause(&self) -> Result<Cause, EngineError> {
        let record = self.engine.parts.store.app(&self.app.spec.name).await?;
        Ok(record.sweep.map_or(Cause::Cycle, |sweep| sweep.cause))
    }

    /// The second pass: the same pages again, filed as events. `ahead` is asked to wait while the pusher is far behind.
    ///
    /// # Errors
    /// If the store fails. What was filed stays filed; the sweep's cursor says how far it came.
    pub async fn file(&mut self, first: &mut FirstPass) -> Result<Vec<UserId>, EngineError> {
        let store = Arc::clone(&self.engine.parts.store);
        store.admit(first.summary.clone()).await?;
        self.admitting = None;
        let mut stale = Vec::new();
        let mut position = Position::new(self.sweep_cause().await?);
        let mut kept = first.pages.take().map(std::collections::VecDeque::from);
        if kept.is_none() {
            self.unseen.0 = 0;
            self.observer.again();
        }
        loop {
            let page = match &mut kept {
                Some(pages) => pages.pop_front(),
                None => match self.page(&mut position).await? {
                    Some(mut page) => {
                        admission::hold(&mut page, &first.held, first.rule_errors.as_ref());
                        Some(page)
                    }
                    None => None,
                },
            };
            let Some(page) = page else { break };
            let last = kept.as_ref().map_or(position.ended, std::collections::VecDeque::is_empty);
            let cursor = self.cursor(&page, last);
            stale.extend(store.file(&first.summary, page, cursor).await?.stale);
            self.engine.lanes.of(&self.app.spec.name).look_again();
            if last {
                break;
            }
            self.leavers().await?;
            self.wait_for_pusher().await?;
        }
        Ok(stale)
    }

    fn cursor(&self, page: &PlanPage, last: bool) -> Cursor {
        match self.scope {
            Scope::All => Cursor { sweep_to: page.users.last().copied(), sweep_done: last, unseen: self.unseen.0 },
            _ => Cursor::default(),
        }
    }

    /// Not too far ahead of the pusher: memory and queue stay flat at any size.
    async fn wait_for_pusher(&self) -> Result<(), EngineError> {
        let lane = self.engine.lanes.of(&self.app.spec.name);
        // It works in the same task: a store that never lets one wait would keep it from beginning.
        tokio::task::yield_now().await;
        loop {
            let counts = self.engine.parts.store.counts(&self.app.spec.name).await?;
            let queued = counts.events.get(&crate::provision::event::StatusKind::Queued).copied().unwrap_or(0);
            if queued < AHEAD_MAX || !lane.busy.load(std::sync::atomic::Ordering::SeqCst) {
                return Ok(());
            }
            lane.drained.notified().await;
            self.leavers().await?;
        }
    }
}

impl FirstPass {
    /// Lays the plan's findings over what is kept and shown, and counts again.
    fn hold(&mut self) {
        admission::hold(&mut self.shown, &self.held, self.rule_errors.as_ref());
        if let Some(pages) = &mut self.pages {
            let mut fold = Fold::default();
            for page in pages {
                admission::hold(page, &self.held, self.rule_errors.as_ref());
                fold.page(page);
            }
            self.summary.counts = fold.finish().0;
        }
    }

    /// As an answer.
    pub fn into_plan(self, user: Option<UserId>) -> AppPlan {
        AppPlan {
            summary: self.summary,
            operations: self.shown.operations,
            skipped: self.shown.skipped,
            not_shown: self.not_shown,
            user,
            trouble: None,
        }
    }
}

fn show(shown: &mut PlanPage, page: &PlanPage) -> u64 {
    let room = SHOWN_OPERATIONS_MAX.saturating_sub(shown.operations.len());
    shown.operations.extend(page.operations.iter().take(room).cloned());
    let room_skipped = SHOWN_OPERATIONS_MAX.saturating_sub(shown.skipped.len());
    shown.skipped.extend(page.skipped.iter().take(room_skipped).cloned());
    page.operations.len().saturating_sub(room) as u64
}

/// Works on a page's pairs in as many parts as there are processors; the parts' results one after the other, in order.
async fn side_by_side<T, R>(
    mut pairs: Vec<T>,
    work: impl Fn(Vec<T>) -> Vec<R> + Send + Sync + 'static,
) -> Result<Vec<R>, EngineError>
where
    T: Send + 'static,
    R: Send + 'static,
{
    /// Fewer pairs than this are not worth a thread of their own.
    const PART_PAIRS_MIN: usize = 50;
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let part = pairs.len().div_ceil(processors).max(PART_PAIRS_MIN);
    let work = Arc::new(work);
    let mut parts = Vec::new();
    while !pairs.is_empty() {
        let later = pairs.split_off(part.min(pairs.len()));
        let (now, work) = (std::mem::replace(&mut pairs, later), Arc::clone(&work));
        parts.push(tokio::task::spawn_blocking(move || work(now)));
    }
    let mut results = Vec::new();
    for part in parts {
        results.extend(part.await.map_err(|error| EngineError::Invalid(format!("planning failed: {error}")))?);
    }
    Ok(results)
}

/// How far a pass came.
struct Position {
    after: Option<UserId>,
    ended: bool,
    pages: u64,
    cause: Cause,
}

impl Position {
    fn new(cause: Cause) -> Self {
        Self { after: None, ended: false, pages: 0, cause }
    }
}
