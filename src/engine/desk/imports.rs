//! Imports: reading files of a source, parking, applying and dropping generations.

use std::path::PathBuf;

use crate::access::actor::Actor;
use crate::directory::source::Source;
use crate::engine::answer::{Answer, ImportAnswer, Progress};
use crate::engine::command::Command;
use crate::engine::context::{Engine, EngineError, Watcher};
use crate::engine::intake::{self, Intake, IntakeError, Step};
use crate::id::{ImportId, OperatorId};
use crate::import;
use crate::provision::entry::Fact;
use crate::store::query::Import;
use crate::text::printable;

impl Engine {
    pub(super) async fn imports(
        &self,
        actor: &Actor,
        command: Command,
        watcher: &dyn Watcher,
    ) -> Result<Answer, EngineError> {
        match command {
            Command::Import { source, files, full, accept_shrink } => {
                self.import(actor, source, files, (full, accept_shrink), watcher).await
            }
            Command::ImportShow { id } => {
                let import = self.generation(id).await?;
                Ok(Answer::Imported(ImportAnswer { import, problems: Vec::new(), notes: Vec::new() }))
            }
            Command::ImportApply { id, accept_shrink } => self.import_apply(actor, id, accept_shrink, watcher).await,
            Command::ImportDrop { id } => {
                let _one = self.intake.lock().await;
                let progress = report(watcher);
                let dropped = intake::drop_parked(&self.intake_context(actor.operator, &progress).await?, id).await;
                dropped.map_err(refused)?;
                Ok(Answer::Done(format!("{id} is dropped; nothing of it was applied")))
            }
            Command::Imports { limit } => Ok(Answer::Imports(self.parts.store.imports(limit).await?)),
            _ => Err(EngineError::Invalid("not an import command".to_owned())),
        }
    }

    async fn import(
        &self,
        actor: &Actor,
        source: Source,
        files: Vec<PathBuf>,
        (full, accept_shrink): (bool, Option<u64>),
        watcher: &dyn Watcher,
    ) -> Result<Answer, EngineError> {
        let reading = tokio::task::spawn_blocking(move || {
            let read = import::read(&source, &files, full);
            (source, read)
        });
        let (source, read) =
            reading.await.map_err(|error| EngineError::Invalid(format!("reading the files failed: {error}")))?;
        let read = read.map_err(|error| EngineError::Invalid(with_causes(&error)))?;
        let _one = self.intake.lock().await;
        let progress = report(watcher);
        let cx = self.intake_context(actor.operator, &progress).await?;
        let report = intake::import(&cx, &source, read, full, accept_shrink).await.map_err(refused)?;
        self.lanes.kick_all();
        let mut notes = report.notes;
        notes.extend(report.missing_columns.iter().map(ToString::to_string));
        let mut problems: Vec<String> =
            report.problems.iter().map(|problem| printable(&problem.error.to_string())).collect();
        let beyond = report.problem_count.saturating_sub(problems.len() as u64);
        if beyond > 0 {
            problems.push(format!("and {beyond} more"));
        }
        let import = self.generation(report.import).await?;
        Ok(Answer::Imported(ImportAnswer { import, problems, notes }))
    }

    async fn import_apply(
        &self,
        actor: &Actor,
        id: ImportId,
        accept_shrink: Option<u64>,
        watcher: &dyn Watcher,
    ) -> Result<Answer, EngineError> {
        let _one = self.intake.lock().await;
        let progress = report(watcher);
        let cx = self.intake_context(actor.operator, &progress).await?;
        let import = intake::apply_parked(&cx, id, accept_shrink).await.map_err(refused)?;
        self.lanes.kick_all();
        Ok(Answer::Imported(ImportAnswer { import, problems: Vec::new(), notes: Vec::new() }))
    }

    async fn generation(&self, id: ImportId) -> Result<Import, EngineError> {
        let none = || EngineError::Invalid(format!("there is no import {id}; `usher imports list` shows them"));
        self.parts.store.import(id).await?.ok_or_else(none)
    }

    /// Finishes imports that a crash interrupted after their commit: planners see all of a generation or nothing.
    ///
    /// # Errors
    /// If the store fails.
    pub(crate) async fn resume_imports(&self, watcher: &dyn Watcher) -> Result<(), EngineError> {
        let _one = self.intake.lock().await;
        let operators = self.parts.store.operators().await?;
        let Some(operator) = operators.first().map(|operator| operator.id) else { return Ok(()) };
        let progress = report(watcher);
        let cx = self.intake_context(operator, &progress).await?;
        for id in intake::resume(&cx).await.map_err(refused)? {
            let what = format!("import {id} was applied to its end after a crash");
            self.parts.store.note(Fact::Store { what }, None, self.parts.clock.now()).await?;
        }
        Ok(())
    }

    async fn intake_context<'a>(
        &'a self,
        operator: OperatorId,
        progress: &'a (dyn Fn(intake::Progress) + Send + Sync),
    ) -> Result<Intake<'a>, EngineError> {
        Ok(Intake {
            store: &*self.parts.store,
            clock: &*self.parts.clock,
            entropy: &*self.parts.entropy,
            operator,
            apps: self.active().await?.names(),
            progress,
        })
    }
}

fn report(watcher: &dyn Watcher) -> impl Fn(intake::Progress) + Send + Sync {
    move |progress| {
        let step = match progress.step {
            Step::Compare => "comparing rows",
            Step::Missing => "looking for the missing",
            Step::Apply => "applying the import",
        };
        watcher.progress(Progress { step: step.to_owned(), done: progress.done, total: progress.total });
    }
}

fn refused(error: IntakeError) -> EngineError {
    match error {
        IntakeError::Store(error) => EngineError::Store(error),
        other => EngineError::Invalid(other.to_string()),
    }
}

/// An error and its causes in one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
