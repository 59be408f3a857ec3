//! What waits in each app, and the leavers who could not be delivered: for `status`, `apps` and the doctor.

use std::collections::BTreeMap;

use crate::connector::capability::AppState;
use crate::engine::answer::{Check, CheckLevel, LeaverAnswer, StatusRow, WaitingAnswer};
use crate::engine::context::{Engine, EngineError};
use crate::history::sentence;
use crate::id::AppName;
use crate::provision::escalation::Escalation;
use crate::provision::event::{Event, StatusKind};
use crate::text::printable;

/// Queued events whose kinds are counted.
const COUNTED_MAX: usize = 5_000;
/// Leavers that a check names.
const NAMED_MAX: usize = 20;

impl Engine {
    /// What waits in an app, and whom it concerns.
    pub(super) async fn waiting(&self, app: &AppName) -> Result<WaitingAnswer, EngineError> {
        let now = self.parts.clock.now();
        let waiting = self.parts.store.waiting(app, COUNTED_MAX).await?;
        let leavers = waiting.leavers.iter().map(|event| LeaverAnswer {
            event: event.id,
            label: event.operation.label.clone(),
            kind: event.operation.kind,
            status: event.status.kind(),
            since: event.waiting_since,
            escalation: Escalation::of(event, now),
            reason: sentence::reason(event),
        });
        let unseen = self.lanes.of(app).blind();
        Ok(WaitingAnswer { leavers: leavers.collect(), queued: waiting.queued, more: waiting.more, unseen })
    }

    /// Leavers who have waited for an hour or longer, of one app or of all.
    pub(super) async fn escalated(&self, app: Option<&AppName>) -> Result<Vec<Event>, EngineError> {
        let now = self.parts.clock.now();
        let apps = match app {
            Some(app) => vec![app.clone()],
            None => self.active().await?.names(),
        };
        let mut escalated = Vec::new();
        for app in apps {
            let leavers = self.parts.store.waiting(&app, 0).await?.leavers;
            escalated.extend(leavers.into_iter().filter(|event| Escalation::of(event, now).is_some()));
        }
        Ok(escalated)
    }

    /// Adds to each row what only the moment says: that the leaver has waited for too long, that the app takes no operations.
    pub(super) async fn explain_waiting(&self, rows: &mut [StatusRow]) -> Result<(), EngineError> {
        let now = self.parts.clock.now();
        let mut states: BTreeMap<AppName, AppState> = BTreeMap::new();
        for row in rows {
            let Some(event) = row.event.as_ref().filter(|event| !event.status.kind().is_final()) else { continue };
            let app = &row.account.app;
            if !states.contains_key(app) {
                states.insert(app.clone(), self.parts.store.app(app).await?.state);
            }
            let level = Escalation::of(event, now);
            let stopped =
                states.get(app).and_then(AppState::stopped).filter(|_| event.status.kind() != StatusKind::Pending);
            let said = level.map(|level| level.sentence(event)).into_iter();
            let said = said.chain(stopped.map(|stopped| format!("{app} is {stopped}")));
            let reason = Some(std::mem::take(&mut row.reason)).filter(|reason| !reason.is_empty());
            row.reason = said.chain(reason).collect::<Vec<_>>().join("; ");
            if let Some(level) = level {
                row.shown = format!("{} · {level}", row.shown);
            }
        }
        Ok(())
    }

    /// The doctor's view of an app: how it stands, and what waits if it takes no operations.
    pub(super) async fn check_app(&self, app: &AppName) -> Result<Vec<Check>, EngineError> {
        let state = self.parts.store.app(app).await?.state;
        let waiting = self.waiting(app).await?;
        let remedy = match &state {
            AppState::Live => String::new(),
            AppState::Untested | AppState::BreakerOpen { .. } | AppState::Quarantined { .. } => {
                format!("; `usher apps test {app}`")
            }
            AppState::Paused { .. } | AppState::Disabled { .. } => format!("; `usher apps resume {app}`"),
        };
        let level = match &state {
            AppState::Live => CheckLevel::Good,
            AppState::Untested | AppState::Paused { .. } | AppState::BreakerOpen { .. } => CheckLevel::Note,
            AppState::Quarantined { .. } | AppState::Disabled { .. } => CheckLevel::Bad,
        };
        let found = match state.stopped() {
            Some(stopped) => format!("{stopped}; {}{remedy}", waiting.words()),
            None if state == AppState::Live => "live".to_owned(),
            None => format!("never tested{remedy}"),
        };
        let mut checks = vec![Check { subject: format!("app {app}"), level, finding: found }];
        let late: Vec<&LeaverAnswer> = waiting.leavers.iter().filter(|leaver| leaver.escalation.is_some()).collect();
        if !late.is_empty() {
            let named: Vec<String> = late.iter().take(NAMED_MAX).map(|leaver| leaver.words()).collect();
            let finding = format!("{}: {}", late.len(), named.join("; "));
            checks.push(Check { subject: format!("leavers not delivered to {app}"), level: CheckLevel::Bad, finding });
        }
        Ok(checks)
    }
}

impl WaitingAnswer {
    /// In a sentence: leavers by name, the rest by number.
    pub fn words(&self) -> String {
        let mut parts: Vec<String> = self.queued.iter().map(|(kind, number)| format!("{kind} {number}")).collect();
        if self.more > 0 {
            parts.push(format!("{} more", self.more));
        }
        if !self.leavers.is_empty() {
            let named: Vec<String> = self.leavers.iter().take(NAMED_MAX).map(LeaverAnswer::name).collect();
            let others = self.leavers.len().saturating_sub(NAMED_MAX);
            let others = if others > 0 { format!(" and {others} others") } else { String::new() };
            parts.insert(0, format!("leavers first: {}{others}", named.join(", ")));
        }
        let waits =
            if parts.is_empty() { "nothing waits".to_owned() } else { format!("what waits: {}", parts.join(", ")) };
        match &self.unseen {
            Some(why) => format!("{waits}; {why}"),
            None => waits,
        }
    }
}

impl LeaverAnswer {
    /// Who, and how long if that is too long.
    fn name(&self) -> String {
        let label = printable(&self.label);
        self.escalation.map_or_else(|| label.clone(), |level| format!("{label} ({level})"))
    }

    /// Who, since when, and why still.
    fn words(&self) -> String {
        let (name, status, since) = (self.name(), self.status, self.since);
        let why = if self.reason.is_empty() { String::new() } else { format!(": {}", printable(&self.reason)) };
        format!("{name}, {} {}, {status} since {since}{why}", self.kind, self.event)
    }
}
