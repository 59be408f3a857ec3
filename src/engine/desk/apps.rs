//! Apps: listing, showing, testing the connection, pausing and resuming.

use std::sync::Arc;

use crate::access::actor::Actor;
use crate::clock::Timestamp;
use crate::connector::capability::{AppState, FilterProbe, Learned};
use crate::engine::active::ActiveApp;
use crate::engine::answer::{Answer, AppAnswer, Check, CheckLevel, TestAnswer};
use crate::engine::context::{Engine, EngineError};
use crate::engine::lane::Way;
use crate::engine::perform;
use crate::engine::perform::test::{Tried, Verdict};
use crate::id::AppName;
use crate::store::act::Lane::Fast;

impl Engine {
    pub(super) async fn apps(&self) -> Result<Answer, EngineError> {
        let active = self.active().await?;
        let mut answers = Vec::new();
        for app in active.apps.values() {
            answers.push(self.app_answer(app).await?);
        }
        Ok(Answer::Apps(answers))
    }

    pub(super) async fn app_show(&self, app: &AppName) -> Result<Answer, EngineError> {
        let app = self.active_or_none_yet().await?.app(app)?;
        Ok(Answer::App(Box::new(self.app_answer(&app).await?)))
    }

    async fn app_answer(&self, app: &ActiveApp) -> Result<AppAnswer, EngineError> {
        let record = self.parts.store.app(&app.spec.name).await?;
        Ok(AppAnswer {
            name: app.spec.name.clone(),
            app: app.spec.app.clone(),
            state: record.state,
            counts: self.parts.store.counts(&app.spec.name).await?,
            last_cycle: record.last_cycle,
            escalated: self.asked_again(&app.spec.name).await?,
            reconciled: self.in_short(&app.spec.name).await?,
            findings: self.refusals(&app.spec.name, record.last_cycle.unwrap_or_default()).await?,
            waiting: self.waiting(&app.spec.name).await?,
            learned: learned_words(&record.learned),
            notes: app.spec.connector.notes.clone(),
        })
    }

    /// Pending events that were asked before, and nobody decided in time.
    async fn asked_again(&self, app: &AppName) -> Result<u64, EngineError> {
        let pending = self.all_pending(Some(app.clone())).await?;
        Ok(pending.iter().filter(|event| event.escalated.is_some()).count() as u64)
    }

    pub(super) async fn app_test(&self, app: &AppName) -> Result<Answer, EngineError> {
        let app = self.active_or_none_yet().await?.app(app)?;
        let checks = self.test(&app).await?;
        if checks.iter().all(|check| check.level != CheckLevel::Bad) {
            self.revive(&app.spec.name).await?;
        }
        Ok(Answer::Tested(TestAnswer { app: app.spec.name.clone(), checks }))
    }

    /// Checks credential, discovery and filters; what that teaches is kept.
    async fn test(&self, app: &Arc<ActiveApp>) -> Result<Vec<Check>, EngineError> {
        let lane = self.lanes.of(&app.spec.name);
        lane.forget();
        let way = match lane.way(app, &*self.parts.connect) {
            Ok(way) => way,
            Err(why) => {
                return Ok(vec![Check { subject: "credential".to_owned(), level: CheckLevel::Bad, finding: why }]);
            }
        };
        let record = self.parts.store.app(&app.spec.name).await?;
        let cx = self.conversation(app, &way, &record.learned);
        let report = perform::test_connection(cx, &*self.parts.entropy).await;
        if let Some(learned) = perform::absorb(&record.learned, app.spec.digest, &report.lessons) {
            self.parts.store.learn(&app.spec.name, learned).await?;
        }
        Ok(report.tried.into_iter().map(tried).collect())
    }

    /// What a conversation with an app needs.
    pub(crate) fn conversation<'a>(
        &'a self,
        app: &'a ActiveApp,
        way: &'a Way,
        learned: &'a Learned,
    ) -> perform::Context<'a> {
        perform::Context {
            target: &*way.target,
            spec: &app.spec,
            learned,
            clock: &*self.parts.clock,
            owners: &self.parts.store,
            throttle: &way.throttle,
            instance: self.instance,
        }
    }

    /// Whether an app in quarantine answers again; if so it is live. The probe is what matters most: a leaver's deactivation, if one
    /// waits; otherwise reads.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn probe(&self, app: &Arc<ActiveApp>) -> Result<bool, EngineError> {
        let name = &app.spec.name;
        if let Some(answers) = self.probe_with_leaver(app).await? {
            return Ok(answers);
        }
        let checks = self.test(app).await?;
        match checks.iter().find(|check| check.level == CheckLevel::Bad) {
            None => {
                self.revive(name).await?;
                Ok(true)
            }
            Some(bad) => {
                self.quarantine(name, bad.finding.clone()).await?;
                Ok(false)
            }
        }
    }

    /// Sends the deactivation of whoever is to leave next, due or not. `None` = nobody is, or it could not be sent, or it said nothing.
    async fn probe_with_leaver(&self, app: &Arc<ActiveApp>) -> Result<Option<bool>, EngineError> {
        let lane = self.lanes.of(&app.spec.name);
        let _one = lane.pushing.lock().await;
        lane.forget();
        let Ok(way) = lane.way(app, &*self.parts.connect) else { return Ok(None) };
        let shared = self.share(app, way, self.parts.store.app(&app.spec.name).await?);
        self.try_one(&shared, &lane, Fast, Timestamp::from_millis(i64::MAX)).await
    }

    pub(super) async fn app_pause(&self, actor: &Actor, app: &AppName) -> Result<Answer, EngineError> {
        self.active_or_none_yet().await?.app(app)?;
        let at = self.parts.clock.now();
        let state = AppState::Paused { by: actor.name.clone(), at };
        self.parts.store.set_app(app, state, format!("paused by {}", actor.name), at).await?;
        Ok(Answer::Done(format!(
            "{app} is paused: nothing is sent; leavers are planned, everything else when it is resumed"
        )))
    }

    pub(super) async fn app_resume(&self, actor: &Actor, app: &AppName) -> Result<Answer, EngineError> {
        self.active_or_none_yet().await?.app(app)?;
        self.go_live(app, format!("resumed by {}", actor.name)).await?;
        let lane = self.lanes.of(app);
        lane.forget();
        lane.look_again();
        Ok(Answer::Done(format!("{app} is live")))
    }
}

fn learned_words(learned: &Learned) -> Vec<String> {
    let mut words = learned.remarks.clone();
    for (attribute, probe) in &learned.filters {
        words.push(match probe {
            FilterProbe::Works => format!("the filter on {attribute} works"),
            FilterProbe::HalfProven => {
                format!("the filter on {attribute} finds nothing for a random value; a hit is still to be seen")
            }
            FilterProbe::Fails(why) => format!("the filter on {attribute} is not used: {why}"),
        });
    }
    if learned.keeps_external_id == Some(false) {
        words.push("the target does not keep externalId".to_owned());
    }
    words.extend(learned.dead_patch_paths.iter().map(|path| format!("accepts but ignores a PATCH of {path}")));
    words
}

fn tried(tried: Tried) -> Check {
    let level = match tried.verdict {
        Verdict::Good => CheckLevel::Good,
        Verdict::Note => CheckLevel::Note,
        Verdict::Bad => CheckLevel::Bad,
    };
    Check { subject: tried.about, level, finding: tried.sentence }
}
