//! Imports: reading files of a source, parking, applying and dropping generations.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::access::actor::Actor;
use crate::directory::change::SourceRow;
use crate::directory::source::Source;
use crate::directory::user::User;
use crate::engine::answer::{Answer, ImportAnswer, Progress};
use crate::engine::command::Command;
use crate::engine::context::{Engine, EngineError, Watcher};
use crate::engine::intake::compare::{Kind as Way, StagedChange, Unsaid, changes, compare};
use crate::engine::intake::{self, Asked, Intake, IntakeError, Step};
use crate::id::{ImportId, OperatorId};
use crate::import;
use crate::provision::entry::Fact;
use crate::store::query::{Import, ImportState, Remarks, RowProblem};
use crate::text::printable;

/// Rows that could not be read and are kept with their places; of more, only the number.
const REMARKS_MAX: usize = 200;
/// Staged rows that are looked at for a sample, and how many at once.
const SAMPLED_ROWS_MAX: u64 = 2_000;
const SAMPLED_AT_ONCE: usize = 500;
/// Users shown of each way of changing.
const SAMPLED_EACH_MAX: usize = 20;

impl Engine {
    pub(super) async fn imports(
        &self,
        actor: &Actor,
        command: Command,
        watcher: &dyn Watcher,
    ) -> Result<Answer, EngineError> {
        match command {
            Command::Import { source, files, full, accept_shrink, park, within } => {
                let asked = Asked { full, accept_shrink, park };
                self.import(actor, source, (files, within), asked, watcher).await
            }
            Command::ImportShow { id } => {
                let import = self.generation(id).await?;
                self.imported(import).await
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
        (files, within): (Vec<PathBuf>, Option<PathBuf>),
        asked: Asked,
        watcher: &dyn Watcher,
    ) -> Result<Answer, EngineError> {
        let reading = tokio::task::spawn_blocking(move || {
            let read = import::read(&source, &files, asked.full);
            (source, read)
        });
        let (source, read) =
            reading.await.map_err(|error| EngineError::Invalid(format!("reading the files failed: {error}")))?;
        let read =
            read.map_err(|error| EngineError::Invalid(called_without(within.as_deref(), &with_causes(&error))))?;
        let read = match &within {
            Some(folder) => rebased(read, folder),
            None => read,
        };
        let _one = self.intake.lock().await;
        let progress = report(watcher);
        let cx = self.intake_context(actor.operator, &progress).await?;
        let report = intake::import(&cx, &source, read, asked).await.map_err(refused)?;
        let (import, parked) = (report.import, matches!(report.state, ImportState::Parked { .. }));
        tracing::info!(%import, source = %report.source, rows = report.rows, changed = report.staged, parked, "imported");
        self.lanes.kick_all();
        let mut notes = report.notes;
        notes.extend(report.missing_columns.chunk_by(|one, next| one.file == next.file).map(lacks));
        let mut problems: Vec<String> =
            report.problems.iter().map(|problem| printable(&problem.error.to_string())).collect();
        let beyond = report.problem_count.saturating_sub(problems.len() as u64);
        if beyond > 0 {
            problems.push(format!("and {beyond} more"));
        }
        let remarks = Remarks {
            problems: report.problems.iter().take(REMARKS_MAX).map(row_problem).collect(),
            problem_count: report.problem_count,
            notes: notes.clone(),
            touched: report.touched,
        };
        self.parts.store.put_remarks(report.import, remarks.clone()).await?;
        let import = self.generation(report.import).await?;
        let sample = self.sample(&import).await?;
        Ok(Answer::Imported(ImportAnswer { import, problems, notes, remarks: Box::new(remarks), sample }))
    }

    /// A generation of before, with what was said of its rows.
    async fn imported(&self, import: Import) -> Result<Answer, EngineError> {
        let remarks = self.parts.store.remarks(import.id).await?.unwrap_or_default();
        let told =
            |problem: &RowProblem| format!("{}:{}:{}: {}", problem.file, problem.line, problem.column, problem.reason);
        let mut problems: Vec<String> = remarks.problems.iter().map(|problem| printable(&told(problem))).collect();
        let beyond = remarks.problem_count.saturating_sub(problems.len() as u64);
        if beyond > 0 {
            problems.push(format!("and {beyond} more"));
        }
        let sample = self.sample(&import).await?;
        Ok(Answer::Imported(ImportAnswer {
            import,
            problems,
            notes: remarks.notes.clone(),
            remarks: Box::new(remarks),
            sample,
        }))
    }

    /// Some of the users that a parked generation would bring or change, each way of its own. The missing are named in its preview.
    async fn sample(&self, import: &Import) -> Result<Vec<StagedChange>, EngineError> {
        let mut sample = Vec::new();
        if !matches!(import.state, ImportState::Parked { .. }) {
            return Ok(sample);
        }
        let mut ways: BTreeMap<Option<Way>, usize> = BTreeMap::new();
        let mut offset = 0;
        while offset < SAMPLED_ROWS_MAX {
            let rows = self.parts.store.staged(import.id, offset, SAMPLED_AT_ONCE).await?;
            if rows.is_empty() {
                break;
            }
            offset += rows.len() as u64;
            let keys = rows.iter().map(|row| row.row.key.clone()).collect();
            let users = self.parts.store.users_by_key(&import.source, keys).await?;
            for (staged, user) in rows.iter().zip(users) {
                // Rows were reduced to what changes, with the standing in them, when they were staged.
                let way = match &user {
                    None => None,
                    Some(user) => match compare(user, &staged.row, Unsaid::Active) {
                        Some(difference) => Some(difference.kind),
                        None => continue,
                    },
                };
                let seen = ways.entry(way).or_default();
                *seen += 1;
                if *seen <= SAMPLED_EACH_MAX {
                    sample.push(staged_change(way, user.as_ref(), &staged.row));
                }
            }
        }
        Ok(sample)
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
        self.imported(import).await
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
        watcher.progress(Progress { step: step.to_owned(), app: None, done: progress.done, total: progress.total });
    }
}

fn refused(error: IntakeError) -> EngineError {
    match error {
        IntakeError::Store(error) => EngineError::Store(error),
        other => EngineError::Invalid(other.to_string()),
    }
}

fn staged_change(way: Option<Way>, user: Option<&User>, row: &SourceRow) -> StagedChange {
    let named = |name: &str| row.attributes.get(name).and_then(|value| value.as_ref()?.as_text()).map(str::to_owned);
    let label = user.map(User::label).or_else(|| named("display_name")).or_else(|| named("email"));
    StagedChange {
        way,
        label: label.unwrap_or_else(|| row.key.clone()),
        key: row.key.clone(),
        changes: changes(user, row),
    }
}

/// What a file's missing columns mean, in one sentence.
fn lacks(missing: &[import::MissingColumn]) -> String {
    let [first, _, ..] = missing else {
        let column = missing.iter().map(ToString::to_string).collect::<String>();
        return format!("there is no column {column}: what it gives stays as it was");
    };
    let columns: Vec<String> = missing.iter().map(|each| format!("`{}`", each.column)).collect();
    let place = first.file.as_ref().map(|file| format!(" in {}", file.display())).unwrap_or_default();
    format!("there are no columns {}{place}: what they give stays as it was", columns.join(", "))
}

fn row_problem(problem: &import::Problem) -> RowProblem {
    let error = &problem.error;
    let file = error.file.display().to_string();
    let (line, column) = (error.line as u64, error.column as u64);
    RowProblem { file, line, column, key: problem.key.clone(), reason: error.reason.clone() }
}

/// A sentence about files that lie in a folder for the moment, without the folder.
fn called_without(folder: Option<&Path>, sentence: &str) -> String {
    match folder {
        Some(folder) => sentence.replace(&format!("{}/", folder.display()), ""),
        None => sentence.to_owned(),
    }
}

/// What was read, its files called without the folder that they lay in.
fn rebased(mut read: import::Read, folder: &Path) -> import::Read {
    let short = |file: &mut PathBuf| {
        if let Ok(rest) = file.strip_prefix(folder) {
            *file = rest.to_owned();
        }
    };
    read.files.iter_mut().for_each(short);
    read.problems.iter_mut().for_each(|problem| short(&mut problem.error.file));
    read.missing_columns.iter_mut().filter_map(|column| column.file.as_mut()).for_each(short);
    read.notes.iter_mut().for_each(|note| *note = called_without(Some(folder), note));
    read
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
