//! Revisions: the workspace's files are input, the store's active revision is what runs.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::access::actor::Actor;
use crate::connector::revision::{Bundle, Revision};
use crate::engine::active::Active;
use crate::engine::answer::{Answer, ApplyAnswer, PlanFile};
use crate::engine::context::{Engine, EngineError, Watcher};
use crate::id::{AppName, RevisionNumber};
use crate::provision::entry::Fact;
use crate::rules;
use crate::text::FileError;

impl Engine {
    /// Checks a bundle, shows what it does, stores it and makes it active.
    pub(super) async fn apply(
        &self,
        actor: &Actor,
        bundle: Bundle,
        base: Option<RevisionNumber>,
        comment: String,
        dry_run: bool,
        watcher: &dyn Watcher,
    ) -> Result<Answer, EngineError> {
        let present = self.parts.store.active_revision().await?;
        let before = match &present {
            Some(revision) => self.parts.store.bundle(revision.number).await?,
            None => Bundle::default(),
        };
        let changes = changed_files(&before, &bundle);
        if changes.is_empty() && present.is_some() {
            let plan = PlanFile { revision: bundle.digest(), ..PlanFile::default() };
            return Ok(Answer::Applied(ApplyAnswer { revision: None, changes, plan, activated: false }));
        }
        if let (Some(present), false) = (&present, dry_run) {
            not_behind(present, base)?;
        }
        let draft = Active::draft(&bundle, self.parts.clock.now()).map_err(EngineError::Files)?;
        run_examples(&draft)?;
        self.check_targets(actor, &draft).await?;
        let plan = self.preview(&draft, watcher).await?;
        if dry_run {
            return Ok(Answer::Applied(ApplyAnswer { revision: None, changes, plan, activated: false }));
        }
        let before_now = self.parts.store.revisions().await?.first().map(|newest| newest.number);
        let said = comment.clone();
        let revision = self.parts.store.put_revision(bundle, actor.operator, comment, self.parts.clock.now()).await?;
        self.activate(actor, &revision, present.map(|present| present.number), &draft).await?;
        let mut changes = changes;
        if before_now.is_some_and(|newest| revision.number <= newest) {
            self.note_return(actor, &revision, &said).await?;
            changes.push(format!("these are the files of {}, which is active again", revision.number));
        }
        let written = self.parts.store.draft(actor.operator).await?;
        if written.is_some_and(|written| written.bundle.digest() == revision.digest) {
            // What he wrote is a revision now, and a draft no more.
            self.parts.store.put_draft(actor.operator, None).await?;
        }
        Ok(Answer::Applied(ApplyAnswer { revision: Some(revision), changes, plan, activated: true }))
    }

    /// Makes `revision` active; only apps whose digest changed are swept.
    async fn activate(
        &self,
        actor: &Actor,
        revision: &Revision,
        parent: Option<RevisionNumber>,
        next: &Active,
    ) -> Result<(), EngineError> {
        let before = self.active().await?;
        let swept: Vec<AppName> = next
            .apps
            .values()
            .filter(|app| before.apps.get(&app.spec.name).is_none_or(|old| old.spec.digest != app.spec.digest))
            .map(|app| app.spec.name.clone())
            .collect();
        let now = self.parts.clock.now();
        self.parts.store.activate(revision.number, parent, swept, actor.operator, now).await?;
        self.settle_secrets(next, actor.operator).await?;
        self.lanes.kick_all();
        Ok(())
    }

    /// What a draft does to each app: only summaries and a sample are kept.
    async fn preview(&self, draft: &Active, watcher: &dyn Watcher) -> Result<PlanFile, EngineError> {
        let mut apps = Vec::new();
        for app in draft.apps.values() {
            apps.push(self.plan_app(Arc::clone(app), None, watcher).await?);
        }
        Ok(PlanFile { revision: draft.digest, draft: true, apps, abandoned: self.abandoned_by(draft).await? })
    }

    pub(super) async fn export(&self) -> Result<Answer, EngineError> {
        let none = || EngineError::Invalid("no revision is active yet; there is nothing to export".to_owned());
        let revision = self.parts.store.active_revision().await?.ok_or_else(none)?;
        let bundle = self.parts.store.bundle(revision.number).await?;
        Ok(Answer::Files { revision, bundle })
    }

    pub(super) async fn revisions(&self) -> Result<Answer, EngineError> {
        let active = self.parts.store.active_revision().await?.map(|revision| revision.number);
        Ok(Answer::Revisions { revisions: self.parts.store.revisions().await?, active })
    }

    pub(super) async fn revision_show(&self, number: RevisionNumber) -> Result<Answer, EngineError> {
        let revision = self.revision(number).await?;
        let bundle = self.parts.store.bundle(number).await?;
        Ok(Answer::Files { revision, bundle })
    }

    async fn revision(&self, number: RevisionNumber) -> Result<Revision, EngineError> {
        let found = self.parts.store.revisions().await?.into_iter().find(|revision| revision.number == number);
        found.ok_or_else(|| {
            EngineError::Invalid(format!("there is no revision {number}; `usher revisions list` shows them"))
        })
    }

    /// Activates an older revision again, as a new one with the same files.
    pub(super) async fn rollback(
        &self,
        actor: &Actor,
        (number, over): (RevisionNumber, Option<RevisionNumber>),
        comment: String,
        watcher: &dyn Watcher,
    ) -> Result<Answer, EngineError> {
        let revision = self.revision(number).await?;
        let bundle = self.parts.store.bundle(number).await?;
        let present = self.parts.store.active_revision().await?.map(|revision| revision.number);
        if let Some(over) = over.filter(|over| present != Some(*over)) {
            let now = present.map_or("none".to_owned(), |present| present.to_string());
            return Err(EngineError::Invalid(format!(
                "the active revision was {over} when you looked, and is {now} by now; look again before you go back to {number}"
            )));
        }
        if present == Some(number) {
            return Err(EngineError::Invalid(format!("{number} is active already; there is nothing to go back to")));
        }
        let draft = Active::compile(&bundle, None).map_err(EngineError::Files)?;
        let plan = self.preview(&draft, watcher).await?;
        self.activate(actor, &revision, present, &draft).await?;
        self.note_return(actor, &revision, &comment).await?;
        let changes = vec![format!(
            "rolled back to {number}{}",
            if comment.is_empty() { String::new() } else { format!(": {comment}") }
        )];
        Ok(Answer::Applied(ApplyAnswer { revision: Some(revision), changes, plan, activated: true }))
    }
}

impl Engine {
    /// What was said when an older revision became active again: its own comment is of another day.
    async fn note_return(&self, actor: &Actor, revision: &Revision, comment: &str) -> Result<(), EngineError> {
        if comment.is_empty() {
            return Ok(());
        }
        let what = format!("“{comment}”, said of going back to");
        let fact = Fact::Revision { number: revision.number, digest: revision.digest, what, operator: actor.operator };
        self.parts.store.note(fact, None, self.parts.clock.now()).await?;
        Ok(())
    }
}

/// Refused when the active revision is not the one that the workspace was last applied from or exported at.
fn not_behind(present: &Revision, base: Option<RevisionNumber>) -> Result<(), EngineError> {
    if base == Some(present.number) {
        return Ok(());
    }
    let was = base.map_or_else(|| "was never applied or exported".to_owned(), |base| format!("is based on {base}"));
    Err(EngineError::Invalid(format!(
        "the active revision is {} but this workspace {was}; `usher export` fetches the active files (keep yours aside first), then apply again",
        present.number
    )))
}

/// A revision whose examples fail is not activated.
fn run_examples(draft: &Active) -> Result<(), EngineError> {
    let outcomes = draft.apps.values().flat_map(|app| rules::example::check(&app.spec));
    let failures: Vec<FileError> = outcomes
        .filter(|outcome| !outcome.passed())
        .map(|outcome| FileError { file: outcome.file.clone().into(), line: 0, column: 0, reason: outcome.to_string() })
        .collect();
    if failures.is_empty() { Ok(()) } else { Err(EngineError::Files(failures)) }
}

/// Which files differ, in words.
pub fn changed_files(before: &Bundle, after: &Bundle) -> Vec<String> {
    let paths: BTreeSet<&String> = before.files.keys().chain(after.files.keys()).collect();
    paths
        .into_iter()
        .filter_map(|path| match (before.files.get(path), after.files.get(path)) {
            (None, Some(_)) => Some(format!("added {path}")),
            (Some(_), None) => Some(format!("removed {path}")),
            (Some(old), Some(new)) if old != new => Some(format!("changed {path}")),
            _ => None,
        })
        .collect()
}
