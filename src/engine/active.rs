//! The active revision, resolved and compiled: what every app runs on. A new revision is compiled once; a change to one app leaves
//! the others' digests as they are.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::connector::app::AppSpec;
use crate::connector::revision::{Bundle, Revision};
use crate::digest::Digest;
use crate::engine::context::{Engine, EngineError};
use crate::id::AppName;
use crate::rules::Rules;
use crate::text::{FileError, Mistake};
use crate::timetable::{self, ScheduleError};

/// One app of a revision, ready to plan with.
#[derive(Debug)]
pub struct ActiveApp {
    /// Definition, connector, rules' text.
    pub spec: AppSpec,
    /// Digest of the connector: part of every payload.
    pub connector: Digest,
    /// The compiled rules.
    pub rules: Rules,
}

/// All apps of one revision.
#[derive(Debug, Default)]
pub struct Active {
    /// The revision; `None` = none is active yet, or this is a draft.
    pub revision: Option<Revision>,
    /// Digest of the bundle.
    pub digest: Digest,
    /// By name.
    pub apps: BTreeMap<AppName, Arc<ActiveApp>>,
}

impl Active {
    /// Resolves and compiles a bundle.
    ///
    /// # Errors
    /// Every mistake in every file, with line and column.
    pub fn compile(bundle: &Bundle, revision: Option<Revision>) -> Result<Self, Vec<FileError>> {
        let mut apps = BTreeMap::new();
        let mut errors = Vec::new();
        for (name, spec) in bundle.resolve()? {
            match Rules::compile(&spec) {
                Ok(rules) => {
                    let connector = Digest::of(&spec.connector);
                    apps.insert(name, Arc::new(ActiveApp { spec, connector, rules }));
                }
                Err(fault) => errors.push(FileError {
                    file: fault.file.clone().into(),
                    line: fault.line,
                    column: fault.column,
                    reason: fault.message.clone(),
                }),
            }
        }
        if errors.is_empty() { Ok(Self { revision, digest: bundle.digest(), apps }) } else { Err(errors) }
    }

    /// Resolves and compiles files that are to become a revision: what can't be meant is refused too. What is active already, or was,
    /// goes on with [`Active::compile`] as it is.
    ///
    /// # Errors
    /// Every mistake in every file, with line and column.
    pub fn draft(bundle: &Bundle, now: Timestamp) -> Result<Self, Vec<FileError>> {
        let draft = Self::compile(bundle, None)?;
        let errors: Vec<FileError> = draft.apps.values().flat_map(|app| mistakes(bundle, &app.spec, now)).collect();
        if errors.is_empty() { Ok(draft) } else { Err(errors) }
    }

    /// One app.
    ///
    /// # Errors
    /// A sentence that names the apps there are.
    pub fn app(&self, name: &AppName) -> Result<Arc<ActiveApp>, EngineError> {
        self.apps.get(name).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.apps.keys().map(AppName::as_str).collect();
            EngineError::Invalid(format!("there is no app `{name}`; the active revision has {}", known.join(", ")))
        })
    }

    /// The apps asked for: one, or all.
    ///
    /// # Errors
    /// As [`Active::app`].
    pub fn select(&self, name: Option<&AppName>) -> Result<Vec<Arc<ActiveApp>>, EngineError> {
        match name {
            Some(name) => Ok(vec![self.app(name)?]),
            None => Ok(self.apps.values().cloned().collect()),
        }
    }

    /// Names of all apps: whose pairs a change of a user dirties.
    pub fn names(&self) -> Vec<AppName> {
        self.apps.keys().cloned().collect()
    }
}

/// What an app's file says that can't be meant, with its place.
pub fn mistakes(bundle: &Bundle, spec: &AppSpec, now: Timestamp) -> Vec<FileError> {
    let path = format!("apps/{}.toml", spec.name);
    let source = bundle.files.get(&path).map_or("", String::as_str);
    let app = &spec.app;
    let schedules = [app.schedule.as_str(), &app.entitlements.refresh, &app.reconcile.schedule];
    let timed = schedules.iter().filter_map(|expression| match timetable::check(expression, &app.timezone, now) {
        Ok(()) => None,
        Err(error @ ScheduleError::Zone(_)) => Some(Mistake::new("timezone", error.to_string())),
        Err(error) => Some(Mistake::of_value(expression, error.to_string())),
    });
    let mut mistakes: Vec<Mistake> = spec.mistakes().into_iter().chain(timed).collect();
    mistakes.dedup();
    mistakes.into_iter().map(|mistake| mistake.place(Path::new(&path), source)).collect()
}

impl Engine {
    /// The active revision, compiled; kept until another is activated.
    ///
    /// # Errors
    /// If the store can't be read, or the stored revision no longer compiles (after an upgrade).
    pub async fn active(&self) -> Result<Arc<Active>, EngineError> {
        let Some(revision) = self.parts.store.active_revision().await? else { return Ok(Arc::default()) };
        let held = self.active_held();
        if held.revision.as_ref() == Some(&revision) {
            return Ok(held);
        }
        let bundle = self.parts.store.bundle(revision.number).await?;
        let active = Arc::new(Active::compile(&bundle, Some(revision)).map_err(EngineError::Files)?);
        self.hold_active(Arc::clone(&active));
        Ok(active)
    }

    /// The active revision.
    ///
    /// # Errors
    /// If there is none, with what to do.
    pub async fn active_or_none_yet(&self) -> Result<Arc<Active>, EngineError> {
        let active = self.active().await?;
        if active.revision.is_none() {
            return Err(EngineError::Invalid(
                "no revision is active yet; `usher apply` makes the workspace's files active".to_owned(),
            ));
        }
        Ok(active)
    }
}
