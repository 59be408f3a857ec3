//! Drafts: checked with their examples, and tried on one user. Nothing is stored or sent.

use std::sync::Arc;

use crate::access::Actor;
use crate::access::permission::{Permission, check_proof};
use crate::connector::app::AppSpec;
use crate::connector::revision::Bundle;
use crate::engine::active::Active;
use crate::engine::answer::Answer;
use crate::engine::command::UserRef;
use crate::engine::context::{Engine, EngineError};
use crate::engine::desk::explain::LOOKED_AT_MAX;
use crate::engine::desk::revisions::changed_files;
use crate::engine::drafted::{Checked, ExampleLine, ExampleProblem, Mistake};
use crate::id::AppName;
use crate::rules::ExampleOutcome;
use crate::rules::example::{self, Problem};
use crate::store::query::EventQuery;
use crate::text::FileError;

impl Engine {
    /// Planning with a draft reads its targets, with their credentials. Where it would send a credential to, or read a credential for,
    /// another origin than the active revision does, it asks for whoever may activate it.
    pub(super) async fn check_reach(&self, actor: &Actor, draft: &Bundle) -> Result<(), EngineError> {
        // Mistakes are told by whoever compiles it.
        let Ok(apps) = draft.resolve() else { return Ok(()) };
        let active = self.active().await?;
        let known = |spec: &AppSpec| {
            let mut running = active.apps.values().map(|app| &app.spec);
            running.any(|each| (each.app.origin(), &each.app.credential) == (spec.app.origin(), &spec.app.credential))
        };
        if !apps.values().all(known) {
            Permission::Administer.check(actor)?;
            check_proof(actor, self.parts.clock.now())?;
        }
        Ok(())
    }

    pub(super) async fn draft_check(&self, draft: Bundle) -> Result<Answer, EngineError> {
        let before = match self.parts.store.active_revision().await? {
            Some(revision) => self.parts.store.bundle(revision.number).await?,
            None => Bundle::default(),
        };
        let changes = changed_files(&before, &draft);
        let checking = tokio::task::spawn_blocking(move || match Active::compile(&draft, None) {
            Ok(active) => {
                let outcomes = active.apps.values().flat_map(|app| example::check(&app.spec));
                Checked { examples: outcomes.map(line).collect(), ..Checked::default() }
            }
            Err(errors) => Checked { mistakes: errors.into_iter().map(mistake).collect(), ..Checked::default() },
        });
        let checked =
            checking.await.map_err(|error| EngineError::Invalid(format!("checking the files failed: {error}")))?;
        Ok(Answer::Checked(Box::new(Checked { changes, ..checked })))
    }

    pub(super) async fn draft_try(&self, user: &UserRef, app: &AppName, draft: &Bundle) -> Result<Answer, EngineError> {
        let user = self.find_user(user).await?;
        let active = Arc::new(Active::compile(draft, None).map_err(EngineError::Files)?);
        let query =
            EventQuery { user: Some(user.id), app: Some(app.clone()), limit: LOOKED_AT_MAX, ..EventQuery::default() };
        let events = self.parts.store.events(query).await?.items;
        Ok(Answer::Explained(Box::new(self.explain_now(active, user, app, &events).await?)))
    }
}

fn mistake(error: FileError) -> Mistake {
    let FileError { file, line, column, reason } = error;
    Mistake { file: file.display().to_string(), line, column, reason }
}

fn line(outcome: ExampleOutcome) -> ExampleLine {
    let problem = |problem: Problem| {
        let words = problem.to_string();
        match problem {
            Problem::Differs { what, expected, got } => ExampleProblem { what, expected, got, words },
            Problem::Fault(_) => {
                ExampleProblem { what: String::new(), expected: String::new(), got: String::new(), words }
            }
        }
    };
    ExampleLine {
        file: outcome.file,
        name: outcome.name,
        problems: outcome.problems.into_iter().map(problem).collect(),
    }
}
