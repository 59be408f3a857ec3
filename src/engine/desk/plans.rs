//! Plan and sync: the same computation, once shown, once carried out.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access::actor::Actor;
use crate::clock::Span;
use crate::connector::capability::AppState;
use crate::connector::revision::Bundle;
use crate::engine::active::{Active, ActiveApp};
use crate::engine::answer::{Answer, AppPlan, PlanFile, SyncAnswer};
use crate::engine::command::UserRef;
use crate::engine::context::{Engine, EngineError, Watcher};
use crate::engine::cycle::{Cycle, Scope};
use crate::engine::leavers::Told;
use crate::id::{AppName, UserId};
use crate::provision::event::StatusKind;
use crate::provision::plan::{PlanSummary, Verdict};
use crate::store::query::Counts;

/// Rounds of planning what pushing made dirty: link → update, rename → update, manager → reports, and some reserve.
const ROUNDS_MAX: usize = 12;
/// How long a sync waits for a target that wants to be left alone; what takes longer is left to the next one.
const REST_WAITED_MAX: Span = Span::from_secs(60);

impl Engine {
    pub(super) async fn plan(
        &self,
        actor: &Actor,
        (app, user): (Option<&AppName>, Option<&UserRef>),
        draft: Option<Bundle>,
        watcher: &dyn Watcher,
    ) -> Result<Answer, EngineError> {
        let user = match user {
            Some(user) => Some(self.find_user(user).await?.id),
            None => None,
        };
        let (active, is_draft) = match draft {
            Some(bundle) => {
                (Arc::new(Active::draft(&bundle, self.parts.clock.now()).map_err(EngineError::Files)?), true)
            }
            None => (self.active_or_none_yet().await?, false),
        };
        if is_draft {
            self.check_targets(actor, &active).await?;
        }
        let mut plans = Vec::new();
        for app in active.select(app)? {
            plans.push(self.plan_app(app, user, watcher).await?);
        }
        let abandoned = if app.is_none() { self.abandoned_by(&active).await? } else { Vec::new() };
        Ok(Answer::Plan(PlanFile { revision: active.digest, draft: is_draft, apps: plans, abandoned }))
    }

    /// The first pass over one app, as an answer.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn plan_app(
        &self,
        app: Arc<ActiveApp>,
        user: Option<UserId>,
        watcher: &dyn Watcher,
    ) -> Result<AppPlan, EngineError> {
        let scope = user.map_or(Scope::All, |user| Scope::Users(vec![user]));
        let mut cycle = Cycle::begin(self, app, scope, watcher).await?;
        Ok(cycle.first_pass().await?.into_plan(user))
    }

    pub(super) async fn sync(
        &self,
        actor: &Actor,
        app: Option<&AppName>,
        plan: Option<PlanFile>,
        workspace: Option<Bundle>,
        watcher: &dyn Watcher,
    ) -> Result<Answer, EngineError> {
        // A plan is carried out exactly or not at all: nothing becomes active on the way.
        if let Some(bundle) = workspace
            && plan.is_none()
            && self.active().await?.revision.is_none()
        {
            self.apply(actor, bundle, None, "first revision, applied by sync".to_owned(), false, watcher).await?;
        }
        self.resume_imports(watcher).await?;
        let active = self.active_or_none_yet().await?;
        let plans = match plan {
            Some(plan) => Some(self.check_plan_file(&active, plan, app, watcher).await?),
            None => None,
        };
        let mut answers = Vec::new();
        for app in self.stopped_last(active.select(app)?).await? {
            let exact = plans.as_ref().map(|plans| plans.get(&app.spec.name));
            match exact {
                Some(None) => {}
                Some(Some(plan)) => answers.push(self.sync_app(app, Some(plan), watcher).await?),
                None => answers.push(self.sync_app(app, None, watcher).await?),
            }
        }
        answers.sort_by(|a: &SyncAnswer, b| a.app.cmp(&b.app));
        Ok(Answer::Synced(answers))
    }

    /// Apps that fail come last: the others don't wait for their time-outs.
    async fn stopped_last(&self, apps: Vec<Arc<ActiveApp>>) -> Result<Vec<Arc<ActiveApp>>, EngineError> {
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for app in apps {
            let stopped = self.parts.store.app(&app.spec.name).await?.state.stopped().is_some();
            if stopped { last.push(app) } else { first.push(app) }
        }
        first.append(&mut last);
        Ok(first)
    }

    /// Computes a plan file's plans again: it executes exactly F, or nothing.
    async fn check_plan_file(
        &self,
        active: &Active,
        file: PlanFile,
        only: Option<&AppName>,
        watcher: &dyn Watcher,
    ) -> Result<BTreeMap<AppName, AppPlan>, EngineError> {
        let stale = |what: String| {
            EngineError::Invalid(format!(
                "the plan is out of date: {what}; nothing was done. Make a new one with `usher plan --out`"
            ))
        };
        if file.draft || file.revision != active.digest {
            return Err(stale("it was made with another revision than the active one".to_owned()));
        }
        let mut plans = BTreeMap::new();
        for plan in file.apps {
            let name = plan.summary.app.clone();
            if only.is_some_and(|only| *only != name) {
                continue;
            }
            let now = self.plan_app(active.app(&name)?, plan.user, watcher).await?;
            if now.summary.digest != plan.summary.digest
                || now.summary.counts.operations != plan.summary.counts.operations
            {
                return Err(stale(format!("{name} would be planned differently now")));
            }
            let said = |plan: &AppPlan| -> Vec<_> {
                plan.operations.iter().map(|planned| (planned.operation.content_digest(), planned.verdict)).collect()
            };
            if said(&now) != said(&plan) {
                return Err(stale(format!(
                    "it says something else of {name} than would be done now; was the file changed?"
                )));
            }
            plans.insert(name, plan);
        }
        Ok(plans)
    }

    /// One app: plan, file, push until at rest; then what that made dirty, until nothing is.
    async fn sync_app(
        &self,
        app: Arc<ActiveApp>,
        exact: Option<&AppPlan>,
        watcher: &dyn Watcher,
    ) -> Result<SyncAnswer, EngineError> {
        let name = app.spec.name.clone();
        let lane = self.lanes.of(&name);
        let sent_before = lane.requests.read();
        let began = self.parts.clock.now();
        let before = self.parts.store.counts(&name).await?;
        let mut trouble = self.tried(&app).await?;
        let mut summary = None;
        if trouble.is_none() {
            self.expire_approvals(&app).await?;
            let planned = self.cycle_and_push(&app, exact, watcher).await;
            match planned {
                Ok((done, unseen)) => {
                    summary = Some(done);
                    trouble = unseen;
                }
                Err(EngineError::Invalid(why)) => return Err(EngineError::Invalid(why)),
                Err(other) => return Err(other),
            }
            trouble = match (self.not_live(&app).await?, trouble) {
                // Why is said with how the app stands.
                (Some(stopped), Some(unseen)) => {
                    Some(format!("{}; {stopped}", unseen.split_once(": ").map_or(unseen.as_str(), |(who, _)| who)))
                }
                (stopped, unseen) => stopped.or(unseen),
            };
        } else {
            // Nothing is sent, and nobody who leaves is forgotten.
            self.plan_leavers(&app).await?;
        }
        self.escalate(&name, &mut Told::new()).await?;
        let after = self.parts.store.counts(&name).await?;
        let sent = lane.requests.read();
        Ok(SyncAnswer {
            app: name,
            summary,
            ended: ended(&before, &after),
            waiting: waiting(&after),
            requests: sent.0 - sent_before.0,
            writes: sent.1 - sent_before.1,
            findings: self.refusals(&app.spec.name, began).await?,
            trouble,
        })
    }

    async fn cycle_and_push(
        &self,
        app: &Arc<ActiveApp>,
        exact: Option<&AppPlan>,
        watcher: &dyn Watcher,
    ) -> Result<(PlanSummary, Option<String>), EngineError> {
        let name = &app.spec.name;
        let (mut first, mut around) = (None, Vec::new());
        if exact.is_none() && !self.parts.store.dirty_leavers(name, 1).await?.is_empty() {
            first = Some(self.plan_and_push(app, Scope::Dirty { leavers_only: true }, None, watcher).await?);
        }
        let scope = match exact.and_then(|plan| plan.user) {
            Some(user) => Scope::Users(vec![user]),
            None => Scope::All,
        };
        let (mut summary, mut unseen) = self.plan_and_push(app, scope, exact, watcher).await?;
        if let Some((leavers, still_unseen)) = first {
            summary.counts.add_before(&leavers.counts);
            unseen = unseen.or(still_unseen);
        }
        for _ in 0..ROUNDS_MAX {
            if exact.is_some() || self.parts.store.dirty(name, 1).await?.is_empty() {
                break;
            }
            let (summary, still_unseen) =
                self.plan_and_push(app, Scope::Dirty { leavers_only: false }, None, watcher).await?;
            let nothing = summary.counts.total() == 0;
            unseen = unseen.or(still_unseen);
            around.push(summary);
            if nothing && unseen.is_some() {
                // Whoever is left can't be looked up in the next round either.
                break;
            }
        }
        for other in around {
            summary.counts.add_operations(&other.counts);
        }
        Ok((summary, unseen))
    }

    /// One cycle: first pass, admission, filing while the pusher works. With the sum comes why users could not be looked up, if so.
    ///
    /// # Errors
    /// If the store fails, or `exact` is not what would be done now.
    pub async fn plan_and_push(
        &self,
        app: &Arc<ActiveApp>,
        scope: Scope,
        exact: Option<&AppPlan>,
        watcher: &dyn Watcher,
    ) -> Result<(PlanSummary, Option<String>), EngineError> {
        let lane = self.lanes.of(&app.spec.name);
        let _counting = self.count_from_now(&app.spec.name).await?;
        let done = {
            let one = lane.planning.lock().await;
            if scope == Scope::All {
                lane.breaker().begin_cycle();
            }
            let mut cycle = Cycle::begin(self, Arc::clone(app), scope, watcher).await?.to_be_filed(exact.is_none());
            let mut first = cycle.first_pass().await?;
            if let Some(why) = first.denied.take() {
                self.quarantine(&app.spec.name, why).await?;
            }
            lane.could_not_look(first.unseen.clone());
            tell(&first.summary, first.unseen.as_deref());
            if exact.is_some_and(|plan| plan.summary.digest != first.summary.digest) {
                return Err(EngineError::Invalid(format!(
                    "the plan for {} is out of date; nothing was done",
                    app.spec.name
                )));
            }
            let filing = async {
                cycle.file(&mut first).await?;
                // Whoever plans leavers does not wait until all of this is pushed.
                drop(one);
                Ok::<_, EngineError>((first.summary, first.unseen))
            };
            self.while_pushing(app, filing, watcher).await?
        };
        self.push_to_rest(app, watcher).await?;
        Ok(done)
    }

    /// Pushes whatever is due while `filing` goes on.
    async fn while_pushing<T>(
        &self,
        app: &Arc<ActiveApp>,
        filing: impl Future<Output = Result<T, EngineError>>,
        watcher: &dyn Watcher,
    ) -> Result<T, EngineError> {
        let lane = self.lanes.of(&app.spec.name);
        let filed = std::sync::atomic::AtomicBool::new(false);
        let pushing = async {
            while !filed.load(std::sync::atomic::Ordering::SeqCst) {
                lane.kick.notified().await;
                self.push_and_tell(app, watcher).await?;
            }
            Ok::<_, EngineError>(())
        };
        let filing = async {
            let done = filing.await;
            filed.store(true, std::sync::atomic::Ordering::SeqCst);
            lane.kick.notify_one();
            done
        };
        let (done, pushed) = tokio::join!(filing, pushing);
        pushed?;
        done
    }

    /// Until nothing is due: events that wait for a later attempt are left to the schedule.
    async fn push_to_rest(&self, app: &Arc<ActiveApp>, watcher: &dyn Watcher) -> Result<(), EngineError> {
        let mut patience = REST_WAITED_MAX;
        let mut ended = 0;
        loop {
            let counts = self.parts.store.counts(&app.spec.name).await?;
            let now_ended =
                counts.events.iter().filter(|(status, _)| status.is_final()).map(|(_, number)| number).sum();
            if std::mem::replace(&mut ended, now_ended) < now_ended {
                // It gets on, however slowly.
                patience = REST_WAITED_MAX;
            }
            let pushed = self.push_and_tell(app, watcher).await?;
            if pushed.attempts == 0 && !self.rested(app, &mut patience).await {
                return Ok(());
            }
        }
    }

    /// Waits while the target wants to be left alone for a moment, as long as there is patience left. Returns whether it was so, and is
    /// over.
    async fn rested(&self, app: &ActiveApp, patience: &mut Span) -> bool {
        let lane = self.lanes.of(&app.spec.name);
        let now = self.parts.clock.now();
        let Some(until) = lane.rests_until(now).filter(|until| now.plus(*patience) >= *until) else {
            return false;
        };
        let millis = until.millis_since(now);
        *patience = Span::from_secs(patience.as_secs().saturating_sub(millis.div_ceil(1000)));
        tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
        lane.rests_until(self.parts.clock.now()).is_none()
    }

    /// Why the app takes no operations, if it does not. One that failed is tried first: a person asked.
    async fn tried(&self, app: &Arc<ActiveApp>) -> Result<Option<String>, EngineError> {
        let name = &app.spec.name;
        match self.parts.store.app(name).await?.state {
            AppState::Quarantined { .. } => drop(self.probe(app).await?),
            AppState::BreakerOpen { .. } => {
                self.try_now(name).await?;
                return Ok(None);
            }
            AppState::Untested | AppState::Live | AppState::Paused { .. } | AppState::Disabled { .. } => {}
        }
        self.not_live(app).await
    }

    /// Why the app takes no operations, if it does not.
    async fn not_live(&self, app: &Arc<ActiveApp>) -> Result<Option<String>, EngineError> {
        let name = &app.spec.name;
        let state = self.parts.store.app(name).await?.state;
        let remedy = match &state {
            AppState::Untested | AppState::Live => return Ok(None),
            AppState::Paused { .. } | AppState::Disabled { .. } => format!("`usher apps resume {name}`"),
            AppState::Quarantined { .. } | AppState::BreakerOpen { .. } => format!("`usher apps test {name}`"),
        };
        Ok(state.stopped().map(|stopped| format!("{stopped}; {remedy}")))
    }
}

fn ended(before: &Counts, after: &Counts) -> BTreeMap<StatusKind, u64> {
    let difference = |status: &StatusKind| {
        let of = |counts: &Counts| counts.events.get(status).copied().unwrap_or(0);
        (*status, of(after).saturating_sub(of(before)))
    };
    let finals = StatusKind::ALL.iter().filter(|status| status.is_final());
    finals.map(difference).filter(|(_, number)| *number > 0).collect()
}

fn waiting(after: &Counts) -> BTreeMap<StatusKind, u64> {
    after.events.iter().filter(|(status, number)| !status.is_final() && **number > 0).map(|(s, n)| (*s, *n)).collect()
}

/// Says in the log what a plan comes to, and why users are left out of it; what changes nothing, only to whoever wants to know more.
fn tell(summary: &PlanSummary, unseen: Option<&str>) {
    let (app, counts) = (&summary.app, &summary.counts);
    let of = |verdict| counts.of(verdict);
    let (sent, held, blocked) = (of(Verdict::Queued), of(Verdict::Pending), of(Verdict::Refused));
    if counts.total() > 0 {
        tracing::info!(%app, pairs = counts.pairs, sent, held, blocked, skipped = counts.skipped, "planned");
    } else {
        tracing::debug!(%app, pairs = counts.pairs, skipped = counts.skipped, "planned: nothing to do");
    }
    for finding in &summary.findings {
        tracing::info!(%app, finding = finding.kind.word(), "found in the plan as a whole");
    }
    if unseen.is_some() {
        tracing::warn!(%app, "users could not be looked up at the target, and get no account yet");
    }
}
