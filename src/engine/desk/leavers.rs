//! Leavers still active: who should have no account any more, and has, whatever the reason.

use crate::directory::change::Cause;
use crate::directory::user::{Standing, User};
use crate::engine::active::ActiveApp;
use crate::engine::answer::Answer;
use crate::engine::context::{Engine, EngineError};
use crate::engine::pending::Leaver;
use crate::engine::plan::judge;
use crate::history::sentence;
use crate::id::AppName;
use crate::provision::account::{Account, MuteReason, Presence};
use crate::provision::event::{Event, StatusKind};
use crate::provision::leaving::Access;
use crate::provision::leaving::Leaving;
use crate::store::query::{AccountQuery, EventQuery, PairRow};

/// Rows read at once.
const PAGE: usize = 1_000;

impl Engine {
    pub(super) async fn leavers(&self, app: Option<AppName>) -> Result<Answer, EngineError> {
        Ok(Answer::Leavers(self.leavers_still_active(app.as_ref()).await?))
    }

    /// The one list of them: by the directory's word (pending, rejected, unlinked, kept, undeliverable), and people who still work
    /// here whose deactivation in an app that they lost was rejected.
    pub(super) async fn leavers_still_active(&self, app: Option<&AppName>) -> Result<Vec<Leaver>, EngineError> {
        let mut leavers = Vec::new();
        for user in self.parts.store.not_active().await? {
            self.accounts_left(&user, app, &mut leavers).await?;
        }
        let active = self.active().await?;
        for running in active.apps.values().filter(|running| app.is_none_or(|app| *app == running.spec.name)) {
            self.rejected(running, &mut leavers).await?;
        }
        Ok(leavers)
    }

    /// Accounts of somebody who left.
    async fn accounts_left(
        &self,
        user: &User,
        app: Option<&AppName>,
        leavers: &mut Vec<Leaver>,
    ) -> Result<(), EngineError> {
        let presences = vec![Presence::Active, Presence::Kept, Presence::Unlinked];
        let query =
            AccountQuery { app: app.cloned(), user: Some(user.id), presences, limit: PAGE, ..AccountQuery::default() };
        let leaves = match user.effective_standing() {
            Standing::Deleted => Leaving::Deleted,
            _ => Leaving::Suspended,
        };
        for account in self.parts.store.accounts(query).await?.items {
            leavers.push(self.leaver(user, &account, leaves).await?);
        }
        Ok(())
    }

    /// Rejected deactivations in one app of people who still work here.
    async fn rejected(&self, running: &ActiveApp, leavers: &mut Vec<Leaver>) -> Result<(), EngineError> {
        let app = &running.spec.name;
        let around = (self.instance, self.parts.store.catalogue(app).await?.digest());
        let mut before = None;
        loop {
            let statuses = vec![StatusKind::Rejected];
            let query = EventQuery { app: Some(app.clone()), statuses, before, limit: PAGE, ..EventQuery::default() };
            let page = self.parts.store.events(query).await?;
            for event in page.items.iter().filter(|event| event.operation.kind.is_leaving()) {
                let Some(row) = self.parts.store.pairs(app, vec![event.user()]).await?.pop() else { continue };
                let stands = row.account.mute.as_ref().is_some_and(|mute| mute.event == event.id)
                    && row.account.presence == Presence::Active
                    && row.user.effective_standing() == Standing::Active;
                if !stands {
                    continue;
                }
                // He may have the app again: what was rejected asks for nothing then.
                let (user, account) = (row.user.clone(), row.account.clone());
                // Without a basis the rules are asked, whatever was settled.
                let row = PairRow { account: Account { basis: None, ..row.account }, ..row };
                let judged = judge(&running.spec, &running.rules, around, row, Cause::Cycle);
                if !matches!(judged.access, Access::Entitled(_)) {
                    leavers.push(self.leaver(&user, &account, Leaving::Unassigned).await?);
                }
            }
            before = page.next;
            if before.is_none() {
                return Ok(());
            }
        }
    }

    async fn leaver(&self, user: &User, account: &Account, leaves: Leaving) -> Result<Leaver, EngineError> {
        let event: Option<Event> = match account.open_event.or(account.last_event) {
            Some(id) => self.parts.store.event(id).await?.filter(|event| event.operation.kind.is_leaving()),
            None => None,
        };
        Ok(Leaver {
            label: user.label(),
            key: format!("{}:{}", user.source, user.key),
            app: account.app.clone(),
            user_name: account.user_name().unwrap_or_default().to_owned(),
            leaves: leaves.words().to_owned(),
            why: why(account, event.as_ref()),
            since: event.as_ref().map(|event| event.waiting_since),
            event: event.map(|event| event.id),
        })
    }
}

/// Why the account is active still, and what to do.
fn why(account: &Account, event: Option<&Event>) -> String {
    match (account.presence, event) {
        (Presence::Unlinked, _) => "disassociated, and so not Usher's to deactivate: do it at the target".to_owned(),
        (Presence::Kept, _) => "the leaving policy is `nothing`".to_owned(),
        (_, Some(event)) if account.mute.as_ref().is_some_and(|mute| mute.why == MuteReason::Rejected) => {
            format!("{} → `usher retry {}` asks again", sentence::reason(event), event.id)
        }
        (_, Some(event)) => {
            let (shown, reason) = sentence::status(account, Some(event));
            let reason = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            format!("{shown}{reason}")
        }
        (_, None) => "not planned yet: `usher sync`".to_owned(),
    }
}
