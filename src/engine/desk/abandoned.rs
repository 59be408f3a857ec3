//! Apps that are no longer configured: their accounts stay as they are, and nobody manages them. Said before it happens, and by the
//! doctor for as long as it lasts.

use std::collections::BTreeSet;
use std::fmt;

use crate::engine::active::Active;
use crate::engine::answer::{Abandoned, Check, CheckLevel};
use crate::engine::context::{Engine, EngineError};
use crate::id::AppName;
use crate::provision::account::Presence;

impl Engine {
    /// What stays behind of the apps that are active now and not among those of `next`.
    pub(super) async fn abandoned_by(&self, next: &Active) -> Result<Vec<Abandoned>, EngineError> {
        let active = self.active().await?;
        let gone = active.apps.keys().filter(|app| !next.apps.contains_key(*app)).cloned();
        self.left_in(gone.collect()).await
    }

    /// What stays behind of apps that an earlier revision had and the active one has not.
    pub(super) async fn check_abandoned(&self) -> Result<Option<Check>, EngineError> {
        let active = self.active().await?;
        let mut known = BTreeSet::new();
        for revision in self.parts.store.revisions().await? {
            known.extend(self.parts.store.bundle(revision.number).await?.app_names());
        }
        known.retain(|app| !active.apps.contains_key(app));
        let left = self.left_in(known).await?;
        let words: Vec<String> = left.iter().map(Abandoned::to_string).collect();
        let check = || Check {
            subject: "apps that are gone".to_owned(),
            level: CheckLevel::Note,
            finding: format!("{}. {REMEDY}", words.join("; ")),
        };
        Ok((!left.is_empty()).then(check))
    }

    async fn left_in(&self, apps: BTreeSet<AppName>) -> Result<Vec<Abandoned>, EngineError> {
        let mut left = Vec::new();
        for app in apps {
            let counts = self.parts.store.counts(&app).await?;
            let open = counts.events.iter().filter(|(status, _)| !status.is_final());
            let waiting: u64 = open.map(|(_, number)| number).sum();
            let active = [Presence::Active, Presence::Kept];
            let accounts: u64 = active.iter().filter_map(|presence| counts.accounts.get(presence)).sum();
            if accounts + waiting > 0 {
                left.push(Abandoned { app, accounts, waiting });
            }
        }
        Ok(left)
    }
}

/// How to get out of it.
const REMEDY: &str = "To have people deactivated there, keep the app's file (or go back with `usher revisions rollback`), take the app \
                      away from them in its [assign], sync, and remove the file then";

impl Abandoned {
    /// What it means, and what to do instead.
    pub fn warning(&self) -> String {
        format!("{self}. {REMEDY}")
    }
}

impl fmt::Display for Abandoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { app, accounts, waiting } = self;
        let accounts = if *accounts == 1 { "1 account stays" } else { &format!("{accounts} accounts stay") };
        write!(f, "{app} is not among the apps any more: {accounts} active at the target and nobody manages them")?;
        match waiting {
            0 => Ok(()),
            1 => write!(f, ", 1 waiting event is not sent"),
            more => write!(f, ", {more} waiting events are not sent"),
        }
    }
}
