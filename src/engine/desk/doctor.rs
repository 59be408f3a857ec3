//! The doctor: store, apps, credentials, draft against active, decisions that nobody can take, leavers still active.

use crate::access::operator::{FourEyes, Role};
use crate::connector::revision::Bundle;
use crate::directory::user::Standing;
use crate::engine::answer::{Answer, Check, CheckLevel};
use crate::engine::context::{Engine, EngineError};
use crate::engine::desk::revisions::changed_files;
use crate::provision::account::Presence;
use crate::store::query::AccountQuery;
use crate::text::printable;

/// Accounts read at once while looking for leavers.
const PAGE: usize = 1_000;
/// Leavers that are named.
const NAMED_MAX: usize = 20;

impl Engine {
    pub(super) async fn doctor(&self, workspace: Option<Bundle>) -> Result<Answer, EngineError> {
        let mut checks = vec![self.check_store().await?, self.check_operators().await?];
        checks.push(self.check_draft(workspace).await?);
        for app in self.active().await?.apps.values() {
            checks.extend(self.check_app(&app.spec.name).await?);
            let way = self.lanes.of(&app.spec.name).way(app, &*self.parts.connect);
            let subject = format!("credential of {}", app.spec.name);
            checks.push(match way {
                Ok(_) => check(&subject, CheckLevel::Good, format!("{} can be read", app.spec.app.credential)),
                Err(why) => check(&subject, CheckLevel::Bad, why),
            });
        }
        checks.push(self.check_leavers().await?);
        Ok(Answer::Doctor(checks))
    }

    async fn check_store(&self) -> Result<Check, EngineError> {
        let verified = self.parts.store.verify().await?;
        Ok(if verified.problems.is_empty() {
            let head = verified.head;
            let found = format!(
                "{} users, {} accounts, {} events; the chain of {} entries is whole",
                head.users, head.accounts, head.events, head.sequence
            );
            check("store", CheckLevel::Good, found)
        } else {
            check(
                "store",
                CheckLevel::Bad,
                format!("{}; restore a backup with `usher store restore`", verified.problems.join("; ")),
            )
        })
    }

    async fn check_operators(&self) -> Result<Check, EngineError> {
        let operators = self.parts.store.operators().await?;
        let deciders =
            operators.iter().filter(|operator| !operator.disabled && operator.role >= Role::Approver).count();
        let four_eyes = self.identity().await?.four_eyes;
        Ok(match (four_eyes, deciders) {
            (_, 0) => check("approvers", CheckLevel::Bad, "nobody can decide; `usher operators add NAME --role approver`".to_owned()),
            (FourEyes::Enforce, 1) => check(
                "approvers",
                CheckLevel::Bad,
                "four eyes is enforced and only one operator can decide: what he causes can't be approved; add another one".to_owned(),
            ),
            (FourEyes::Record, number) => {
                check("approvers", CheckLevel::Good, format!("{number} can decide; four eyes records self-approvals"))
            }
            (FourEyes::Enforce, number) => check("approvers", CheckLevel::Good, format!("{number} can decide; four eyes is enforced")),
        })
    }

    async fn check_draft(&self, workspace: Option<Bundle>) -> Result<Check, EngineError> {
        let Some(revision) = self.parts.store.active_revision().await? else {
            return Ok(check(
                "revision",
                CheckLevel::Note,
                "none is active yet; `usher apply` makes the workspace's files active".to_owned(),
            ));
        };
        let bundle = self.parts.store.bundle(revision.number).await?;
        let differing = workspace.map(|workspace| changed_files(&bundle, &workspace)).unwrap_or_default();
        Ok(if differing.is_empty() {
            check("revision", CheckLevel::Good, format!("{} is active and is what the workspace says", revision.number))
        } else {
            let found = format!(
                "{} is active; the workspace differs ({}): `usher plan --draft` shows what that means, `usher apply` activates it",
                revision.number,
                differing.join(", ")
            );
            check("revision", CheckLevel::Note, found)
        })
    }

    /// Leavers whose account is still active, whatever the reason: pending, rejected, unlinked, kept, undeliverable.
    async fn check_leavers(&self) -> Result<Check, EngineError> {
        let (mut after, mut named, mut number) = (None, Vec::new(), 0_u64);
        loop {
            let query = AccountQuery {
                presences: vec![Presence::Active, Presence::Kept, Presence::Unlinked],
                after,
                limit: PAGE,
                ..AccountQuery::default()
            };
            let page = self.parts.store.accounts(query).await?;
            for account in page.items {
                let Some(user) = self.parts.store.user(account.user).await? else { continue };
                if user.effective_standing() == Standing::Active {
                    continue;
                }
                number += 1;
                if named.len() < NAMED_MAX {
                    named.push(format!("{} in {}", printable(&user.label()), account.app));
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(if number == 0 {
            check("leavers still active", CheckLevel::Good, "none".to_owned())
        } else {
            check("leavers still active", CheckLevel::Bad, format!("{number}: {}", named.join(", ")))
        })
    }
}

fn check(subject: &str, level: CheckLevel, finding: String) -> Check {
    Check { subject: subject.to_owned(), level, finding }
}
