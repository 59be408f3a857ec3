//! The scheduler: when each app is looked at. A timer and a kick mean the same, "look again", and carry nothing else.

use std::sync::Arc;

use crate::clock::{Span, Timestamp};
use crate::connector::capability::AppState;
use crate::digest::{Digest, Hasher};
use crate::engine::active::ActiveApp;
use crate::engine::context::{Engine, EngineError, Unwatched};
use crate::engine::cycle::{PAGE_PAIRS, Scope};
use crate::engine::leavers::Told;
use crate::id::AppName;
use crate::store::query::Urgency;
use crate::timetable::next_time;

/// An app without a schedule is still looked at for events that became due, at least this often.
const LOOK_AGAIN_MAX: Span = Span::from_secs(60);
/// How often leavers are looked at who could not be delivered.
const ESCALATE_EVERY: Span = Span::from_secs(60);
/// A failed round is tried again after this long.
const AFTER_TROUBLE: Span = Span::from_secs(5);

/// What one app's task remembers between its rounds.
struct Agenda {
    /// When the next cycle is due.
    next_cycle: Option<Timestamp>,
    /// When a refresh was last tried; before the first, when the task began.
    refreshing_since: Timestamp,
    /// The last try failed: the next one counts from it, not from the last that went well.
    refresh_failed: bool,
    /// When a reconcile was last tried; before the first, when the task began.
    reconciling_since: Timestamp,
    /// The last try failed.
    reconcile_failed: bool,
    /// What the app was last tried with: revision and credential. Before the first look nothing.
    tried_with: Option<Digest>,
    /// When leavers were last looked at who could not be delivered, and of whom people were told.
    escalated_at: Option<Timestamp>,
    told: Told,
    /// Users could not be looked up: not planned again before.
    not_before: Option<Timestamp>,
}

impl Agenda {
    /// Remembers whether a plan could look at everybody. One of leavers says nothing of that, unless it could not.
    fn looked(&mut self, unseen: bool, leavers_only: bool, now: Timestamp) {
        if unseen {
            self.not_before = Some(now.plus(LOOK_AGAIN_MAX));
        } else if !leavers_only {
            self.not_before = None;
        }
    }
}

impl Engine {
    /// Runs every app of the active revision until [`Engine::stop`]; what is in flight is finished first.
    pub async fn serve(self: Arc<Self>) {
        let mut running = std::collections::BTreeMap::new();
        let mut tasks = tokio::task::JoinSet::new();
        while !self.is_stopping() {
            match self.active().await {
                Ok(active) => {
                    for (name, app) in &active.apps {
                        // Each app has one task for as long as it exists; it reads the active revision anew each round.
                        if running.insert(name.clone(), ()).is_none() {
                            let engine = Arc::clone(&self);
                            let name = app.spec.name.clone();
                            tasks.spawn(async move { engine.tend(name).await });
                            let (engine, name) = (Arc::clone(&self), app.spec.name.clone());
                            tasks.spawn(async move { engine.tend_leavers(name).await });
                        }
                    }
                }
                Err(error) => tracing::error!(%error, "the active revision can't be used"),
            }
            self.wait_for_news().await;
        }
        while tasks.join_next().await.is_some() {}
    }

    async fn wait_for_news(&self) {
        let second = std::time::Duration::from_secs(1);
        tokio::time::sleep(second).await;
    }

    /// One app: look, plan, push, wait for a kick or the next due time.
    async fn tend(&self, name: AppName) {
        let lane = self.lanes.of(&name);
        let began = self.parts.clock.now();
        let mut agenda = Agenda {
            next_cycle: None,
            refreshing_since: began,
            refresh_failed: false,
            reconciling_since: began,
            reconcile_failed: false,
            tried_with: None,
            escalated_at: None,
            told: Told::new(),
            not_before: None,
        };
        while !self.is_stopping() {
            let wait = match self.look_again(&name, &mut agenda).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!(app = %name, %error, "a round failed; it is tried again");
                    AFTER_TROUBLE
                }
            };
            let pause = std::time::Duration::from_secs(wait.as_secs());
            let _ = tokio::time::timeout(pause, lane.kick.notified()).await;
        }
    }

    /// The leavers of one app, while the rest of it is planned, pushed, or stopped: they are planned at once, and go ahead of what is
    /// queued.
    async fn tend_leavers(&self, name: AppName) {
        let lane = self.lanes.of(&name);
        let pause = std::time::Duration::from_secs(LOOK_AGAIN_MAX.as_secs());
        while !self.is_stopping() {
            let planned = match self.active().await {
                Ok(active) => match active.apps.get(&name) {
                    Some(app) => self.plan_leavers(app).await,
                    None => Ok(()),
                },
                Err(error) => Err(error),
            };
            if let Err(error) = planned {
                tracing::error!(app = %name, %error, "leavers could not be planned; it is tried again");
            }
            let _ = tokio::time::timeout(pause, lane.leaver.notified()).await;
        }
    }

    /// One round. Returns how long to wait unless kicked.
    async fn look_again(&self, name: &AppName, agenda: &mut Agenda) -> Result<Span, EngineError> {
        let active = self.active().await?;
        let Some(app) = active.apps.get(name) else { return Ok(LOOK_AGAIN_MAX) };
        let now = self.parts.clock.now();
        if agenda.escalated_at.is_none_or(|at| at.plus(ESCALATE_EVERY) <= now) {
            agenda.escalated_at = Some(now);
            self.escalate(name, &mut agenda.told).await?;
        }
        if let Some(until) = self.stopped_until(app, agenda, now).await? {
            let wait = Span::from_secs(until.millis_since(now).div_ceil(1000));
            return Ok(wait.clamp(Span::from_secs(1), LOOK_AGAIN_MAX));
        }
        self.expire_approvals(app).await?;
        let due = agenda.next_cycle.is_some_and(|at| at <= now);
        let scheduled = next_time(&app.spec.app.schedule, &app.spec.app.timezone, now).unwrap_or_else(|error| {
            // Kicks are heard all the same: no schedule keeps a leaver waiting.
            tracing::error!(app = %name, %error, "the app is not looked at by schedule");
            None
        });
        agenda.next_cycle = scheduled;
        // Users who could not be looked up wait a little; leavers need no look.
        let waits = |agenda: &Agenda| agenda.not_before.is_some_and(|at| at > now);
        if let Some(mark) = self.parts.store.dirty(name, 1).await?.first() {
            let leavers_only = mark.urgency == Urgency::Leaver;
            let many = self.parts.store.counts(name).await?.dirty > PAGE_PAIRS as u64;
            let scope = match agenda.not_before {
                // Else the same first page would be met again and again.
                Some(_) if many && !leavers_only => Scope::All,
                _ => Scope::Dirty { leavers_only },
            };
            if leavers_only || !waits(agenda) {
                let (_, unseen) = self.plan_and_push(app, scope, None, &self.to_all(&Unwatched)).await?;
                agenda.looked(unseen.is_some(), leavers_only, now);
            }
        }
        // After the leavers: they wait for nothing.
        let refresh = self.refresh_when_due(app, agenda, now).await?;
        if due || (!waits(agenda) && self.parts.store.app(name).await?.sweep.is_some()) {
            let (_, unseen) = self.plan_and_push(app, Scope::All, None, &self.to_all(&Unwatched)).await?;
            agenda.looked(unseen.is_some(), false, now);
        }
        self.push_and_tell(app, &self.to_all(&Unwatched)).await?;
        // After what is to be sent: what is under way can't be compared.
        let reconcile = self.reconcile_when_due(app, agenda, now).await?;
        let soonest = [scheduled, refresh, reconcile].into_iter().flatten().min();
        self.next_look(app, soonest, agenda.not_before).await
    }

    /// Refreshes the catalogue when its time has come, also one that was missed while nobody served. Returns when it is due next. A
    /// refresh that fails is tried again at the next time: the app goes on without.
    async fn refresh_when_due(
        &self,
        app: &ActiveApp,
        agenda: &mut Agenda,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, EngineError> {
        let (name, spec) = (&app.spec.name, &app.spec.app);
        if spec.entitlements.refresh.is_empty() {
            return Ok(None);
        }
        let next = |after| {
            next_time(&spec.entitlements.refresh, &spec.timezone, after).unwrap_or_else(|error| {
                tracing::error!(app = %name, %error, "the catalogue is not refreshed by schedule");
                None
            })
        };
        let last = self.parts.store.refreshed(name).await?;
        let due = next(last.filter(|_| !agenda.refresh_failed).unwrap_or(agenda.refreshing_since));
        if due.is_none_or(|at| at > now) {
            return Ok(due);
        }
        agenda.refreshing_since = now;
        let tried = self.refresh(app).await?;
        agenda.refresh_failed = tried.is_err();
        if let Err(why) = tried {
            tracing::warn!(app = %name, why, "the catalogue could not be refreshed");
        }
        Ok(next(now))
    }

    /// Reconciles when its time has come, also one that was missed while nobody served. Returns when it is due next.
    async fn reconcile_when_due(
        &self,
        app: &Arc<ActiveApp>,
        agenda: &mut Agenda,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, EngineError> {
        let (name, spec) = (&app.spec.name, &app.spec.app);
        if spec.reconcile.schedule.is_empty() {
            return Ok(None);
        }
        let next = |after| {
            next_time(&spec.reconcile.schedule, &spec.timezone, after).unwrap_or_else(|error| {
                tracing::error!(app = %name, %error, "the app is not reconciled by schedule");
                None
            })
        };
        let last = self.parts.store.report(name).await?.map(|(report, _)| report.begun);
        let due = next(last.filter(|_| !agenda.reconcile_failed).unwrap_or(agenda.reconciling_since));
        if due.is_none_or(|at| at > now) {
            return Ok(due);
        }
        agenda.reconciling_since = now;
        let tried = self.reconcile(app, &self.to_all(&Unwatched)).await?;
        agenda.reconcile_failed = tried.is_err();
        match tried {
            Ok(report) => tracing::info!(app = %name, differences = report.drift(), "reconciled"),
            Err(why) => tracing::warn!(app = %name, why, "the app could not be reconciled"),
        }
        Ok(next(now))
    }

    async fn next_look(
        &self,
        app: &ActiveApp,
        scheduled: Option<Timestamp>,
        not_before: Option<Timestamp>,
    ) -> Result<Span, EngineError> {
        let name = &app.spec.name;
        let now = self.parts.clock.now();
        let more = not_before.is_none() && !self.parts.store.dirty(name, 1).await?.is_empty();
        if more && !self.is_stopping() {
            self.lanes.of(name).kick.notify_one();
        }
        let due = self.parts.store.next_due(name).await?;
        let soonest = [due, scheduled, not_before].into_iter().flatten().min();
        // While the target wants to be left alone, only a kick (a leaver) is reason to look before.
        let soonest = self.lanes.of(name).rests_until(now).or(soonest);
        let wait = soonest.map_or(LOOK_AGAIN_MAX, |at| Span::from_secs(at.millis_since(now).div_ceil(1000)));
        Ok(wait.clamp(Span::from_secs(1), LOOK_AGAIN_MAX))
    }

    /// Until when the app is left alone, if it takes no operations. One in quarantine is probed when its time has come, and at once when
    /// its revision or credential has changed, or the process has.
    async fn stopped_until(
        &self,
        app: &Arc<ActiveApp>,
        agenda: &mut Agenda,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, EngineError> {
        let mark = Hasher::new().value(&app.spec.digest).value(&self.parts.connect.mark(&app.spec)).finish();
        let changed = agenda.tried_with.replace(mark) != Some(mark);
        if changed {
            self.lanes.of(&app.spec.name).forget();
        }
        let state = self.parts.store.app(&app.spec.name).await?.state;
        Ok(match state {
            AppState::Untested | AppState::Live => None,
            AppState::Paused { .. } | AppState::Disabled { .. } => Some(now.plus(LOOK_AGAIN_MAX)),
            AppState::BreakerOpen { next_try, .. } => Some(next_try).filter(|at| *at > now),
            AppState::Quarantined { next_probe, .. } if next_probe > now && !changed => Some(next_probe),
            AppState::Quarantined { .. } if self.probe(app).await? => None,
            AppState::Quarantined { .. } => Some(now.plus(LOOK_AGAIN_MAX)),
        })
    }
}
