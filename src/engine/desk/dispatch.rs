//! One command in, one answer out.

use crate::access::actor::Actor;
use crate::access::permission::check_proof;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::context::{Engine, EngineError, Watcher};

impl Engine {
    /// Carries out one command for an operator.
    ///
    /// # Errors
    /// [`EngineError`], with what to do.
    pub async fn answer(&self, actor: &Actor, command: Command, watcher: &dyn Watcher) -> Result<Answer, EngineError> {
        let watcher = &self.to_all(watcher);
        command.permission().check(actor)?;
        if command.is_grave() {
            check_proof(actor, self.parts.clock.now())?;
        }
        match command {
            Command::Import { .. }
            | Command::Imports { .. }
            | Command::ImportShow { .. }
            | Command::ImportApply { .. }
            | Command::ImportDrop { .. } => self.imports(actor, command, watcher).await,
            Command::Users { search, limit } => self.users(search.as_deref(), limit).await,
            Command::UsersByName { query } => self.users_by_name(query).await,
            Command::Trends { since } => self.trends(since).await,
            Command::UserShow { user } => self.user_show(&user).await,
            Command::UserEdit { user, edit } => self.user_edit(actor, &user, edit).await,
            Command::Apps
            | Command::AppShow { .. }
            | Command::AppTest { .. }
            | Command::Refresh { .. }
            | Command::Entitlements { .. }
            | Command::Reconcile { .. }
            | Command::AppPause { .. }
            | Command::AppResume { .. } => self.target(actor, command, watcher).await,
            Command::Apply { bundle, base, comment, dry_run } => {
                self.apply(actor, bundle, base, comment, dry_run, watcher).await
            }
            Command::Export => self.export().await,
            Command::Revisions => self.revisions().await,
            Command::RevisionShow { number } => self.revision_show(number).await,
            Command::Rollback { number, comment, over } => self.rollback(actor, (number, over), comment, watcher).await,
            Command::Draft | Command::DraftEdit { .. } | Command::RulesCheck { .. } | Command::RulesTry { .. } => {
                self.drafting(actor, command, watcher).await
            }
            Command::Plan { app, user, draft } => self.plan(actor, (app.as_ref(), user.as_ref()), draft, watcher).await,
            Command::Sync { app, plan, workspace } => self.sync(actor, app.as_ref(), plan, workspace, watcher).await,
            Command::Approvals { app, limit } => self.approvals(app, limit).await,
            Command::Overview => self.overview().await,
            Command::Queue { filter } => self.queue(filter).await,
            Command::Decisions { since, limit } => Ok(Answer::Decisions(self.decided(since, limit).await?)),
            Command::BatchShow { batch } => self.batch_show(batch).await,
            Command::Decide { choice, shown, approve, dry_run: true, .. } => {
                self.decide_dry((choice, shown), approve).await
            }
            Command::Decide { choice, shown, approve, comment, dry_run: false } => {
                self.decide(actor, (choice, shown), (approve, comment)).await
            }
            Command::Leavers { app } => self.leavers(app).await,
            Command::Status { user, app, limit } => self.status(user.as_ref(), app, limit).await,
            Command::History { .. }
            | Command::HistoryPage { .. }
            | Command::HistoryHead
            | Command::HistoryPrune { .. }
            | Command::HistoryErase { .. }
            | Command::HeadsCheck { .. }
            | Command::Explain { .. }
            | Command::EventShow { .. } => self.past(actor, command, watcher).await,
            Command::Retry { events } => self.retry(actor, &events).await,
            Command::Rematch { user, app } => self.rematch(actor, &user, &app).await,
            Command::Disassociate { user, app } => self.disassociate(actor, &user, &app).await,
            Command::Access(command) => self.access(actor, command).await,
            other => self.keep(actor, other).await,
        }
    }

    /// Commands about rules that do not count yet.
    async fn drafting(&self, actor: &Actor, command: Command, watcher: &dyn Watcher) -> Result<Answer, EngineError> {
        match command {
            Command::Draft => self.draft(actor).await,
            Command::DraftEdit { edit } => self.draft_edit(actor, edit).await,
            Command::RulesCheck { app, draft } => self.rules_check(app, draft).await,
            Command::RulesTry { app, user, draft } => self.rules_try(actor, (&app, &user), draft, watcher).await,
            _ => Err(nobody()),
        }
    }

    /// Commands about apps.
    async fn target(&self, actor: &Actor, command: Command, watcher: &dyn Watcher) -> Result<Answer, EngineError> {
        match command {
            Command::Apps => self.apps().await,
            Command::AppShow { app } => self.app_show(&app).await,
            Command::AppTest { app } => self.app_test(&app).await,
            Command::Refresh { app } => self.app_refresh(&app).await,
            Command::Entitlements { app, kind } => self.app_entitlements(&app, kind.as_deref()).await,
            Command::Reconcile { app, last: true } => self.last_reconcile(&app).await,
            Command::Reconcile { app, last: false } => self.app_reconcile(&app, watcher).await,
            Command::AppPause { app } => self.app_pause(actor, &app).await,
            Command::AppResume { app } => self.app_resume(actor, &app).await,
            _ => Err(nobody()),
        }
    }

    /// Commands about what was done, and why.
    async fn past(&self, actor: &Actor, command: Command, watcher: &dyn Watcher) -> Result<Answer, EngineError> {
        match command {
            Command::History { user, filter } => self.history(user.as_ref(), filter).await,
            Command::HistoryPage { user, filter, full } => self.history_page(user.as_ref(), filter, full).await,
            Command::HistoryHead => Ok(Answer::Head(self.chain_head().await?)),
            Command::HistoryPrune { keep, archive, dry_run } => {
                self.history_prune(keep, &archive, dry_run, watcher).await
            }
            Command::HistoryErase { user } => self.history_erase(actor, &user).await,
            Command::Explain { user, app, at } => self.explain(&user, &app, at).await,
            Command::HeadsCheck { heads } => self.heads_checked(&heads).await,
            Command::EventShow { event } => self.event_show(event).await,
            _ => Err(nobody()),
        }
    }

    /// Commands of programs, and about operators and the store.
    async fn keep(&self, actor: &Actor, command: Command) -> Result<Answer, EngineError> {
        match command {
            Command::PasswordSet { .. }
            | Command::Bootstrap
            | Command::Tokens
            | Command::TokenAdd { .. }
            | Command::TokenRevoke { .. } => self.keys(actor, command).await,
            Command::Page(paged) => self.paged(paged).await,
            Command::Roles => self.roles().await,
            Command::Operators => self.operators().await,
            Command::FourEyes { four_eyes } => self.set_four_eyes(actor, four_eyes).await,
            Command::OperatorAdd { name, role, os_account, user } => {
                self.operator_add(actor, name, role, os_account, user.as_ref()).await
            }
            Command::OperatorDisable { name } => self.operator_disable(actor, &name).await,
            Command::Doctor { workspace } => self.doctor(workspace).await,
            Command::StoreVerify => Ok(Answer::Verified(self.parts.store.verify().await?)),
            Command::StoreBackup { file } => {
                let records = self.parts.store.backup(file.clone()).await?;
                Ok(Answer::Done(format!("{records} records written to {}", file.display())))
            }
            _ => Err(nobody()),
        }
    }
}

fn nobody() -> EngineError {
    EngineError::Invalid("nobody answers this command; please report it".to_owned())
}
