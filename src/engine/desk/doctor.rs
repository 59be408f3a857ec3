//! The doctor: store, apps, credentials, draft against active, decisions that nobody can take, leavers still active.

use crate::access::operator::FourEyes;
use crate::connector::revision::Bundle;
use crate::engine::answer::{Answer, Check, CheckLevel};
use crate::engine::context::{Engine, EngineError};
use crate::engine::desk::revisions::changed_files;
use crate::store::query::ImportState;
use crate::text::printable;

/// The latest imports, among which parked ones are looked for.
const IMPORTS_LOOKED_AT: usize = 1_000;
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
        checks.extend(self.check_parked().await?);
        checks.extend(self.check_abandoned().await?);
        checks.push(self.check_pending().await?);
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

    /// Whether whatever may have to be decided can be.
    async fn check_operators(&self) -> Result<Check, EngineError> {
        let operators = self.parts.store.operators().await?;
        let deciders = operators.iter().filter(|operator| operator.can_decide()).count();
        let four_eyes = self.identity().await?.four_eyes;
        let active = self.active().await?;
        let two = active.apps.values().find(|app| !app.spec.app.approvals.two.is_empty()).map(|app| &app.spec.name);
        const ADD: &str = "`usher operators add NAME --role approver --os-account ACCOUNT`";
        let bad = |found: String| check("approvers", CheckLevel::Bad, found);
        Ok(match (four_eyes, deciders, two) {
            (_, 0, _) => bad(format!("nobody can decide; {ADD}")),
            (_, 1, Some(app)) => bad(format!(
                "{app} asks for two approvers and only one operator can decide, who can't be two; add another one with {ADD}, or empty \
                 approvals.two in apps/{app}.toml and `usher apply`"
            )),
            (FourEyes::Enforce, 1, None) => bad(format!(
                "four eyes is enforced and only one operator can decide: what he causes can't be approved; add another one with {ADD}, \
                 or record self-approvals instead: `usher operators four-eyes record`"
            )),
            (FourEyes::Record, number, _) => {
                check("approvers", CheckLevel::Good, format!("{number} can decide; four eyes records self-approvals"))
            }
            (FourEyes::Enforce, number, _) => {
                check("approvers", CheckLevel::Good, format!("{number} can decide; four eyes is enforced"))
            }
        })
    }

    /// What waits for a decision that nobody can take.
    async fn check_pending(&self) -> Result<Check, EngineError> {
        let pending = self.all_pending(None).await?;
        let mut asker = self.asker().await?;
        let (mut stuck, mut sample) = (0_u64, None);
        for event in &pending {
            if let Some(why) = asker.stuck(event).await? {
                stuck += 1;
                sample.get_or_insert_with(|| {
                    format!("{} ({} in {}): {why}", event.id, printable(&event.operation.label), event.app())
                });
            }
        }
        Ok(match sample {
            Some(sample) => check(
                "decisions",
                CheckLevel::Bad,
                format!("{stuck} wait for a decision that nobody can take, like {sample}"),
            ),
            None => {
                let escalated = pending.iter().filter(|event| event.escalated.is_some()).count();
                let level = if escalated > 0 { CheckLevel::Note } else { CheckLevel::Good };
                check("decisions", level, format!("{} wait, {escalated} escalated; each can be decided", pending.len()))
            }
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

    /// Imports that wait for an admin: what they say of leavers waits with them.
    async fn check_parked(&self) -> Result<Option<Check>, EngineError> {
        let imports = self.parts.store.imports(IMPORTS_LOOKED_AT).await?;
        let parked = imports.iter().filter(|import| matches!(import.state, ImportState::Parked { .. }));
        let named: Vec<String> = parked.map(|import| format!("{} of {}", import.id, import.source)).collect();
        let found = || {
            let first = named.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
            format!("{} wait to be applied or dropped: {first}; `usher imports show` says why", named.len())
        };
        Ok((!named.is_empty()).then(|| check("imports", CheckLevel::Note, found())))
    }

    async fn check_leavers(&self) -> Result<Check, EngineError> {
        let leavers = self.leavers_still_active(None).await?;
        let named =
            leavers.iter().take(NAMED_MAX).map(|leaver| format!("{} in {}", printable(&leaver.label), leaver.app));
        let named: Vec<String> = named.collect();
        Ok(if leavers.is_empty() {
            check("leavers still active", CheckLevel::Good, "none".to_owned())
        } else {
            let found = format!("{}: {}; `usher status --leavers` says why", leavers.len(), named.join(", "));
            check("leavers still active", CheckLevel::Bad, found)
        })
    }
}

fn check(subject: &str, level: CheckLevel, finding: String) -> Check {
    Check { subject: subject.to_owned(), level, finding }
}
