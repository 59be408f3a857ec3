//! Update and reactivate: PATCH or PUT in a form that really works here. A form is read back the first time it is used, because
//! targets answer 200 and change nothing; what was proven is remembered.

use crate::connector::descriptor::{Deactivation, PatchStyle, UpdateVerb};
use crate::directory::value::Value;
use crate::engine::perform::attempt::{Attempt, succeeded};
use crate::engine::perform::lesson::Lesson;
use crate::engine::perform::meaning::{covers, value_at};
use crate::provision::guard::Cleared;
use crate::provision::operation::Change;
use crate::provision::outcome::{Failure, FailureClass, Outcome};
use crate::scim::decode::Resource;
use crate::scim::encode::{self, Activation, shape};
use crate::scim::filter::resource_path;
use crate::scim::target::Method;

/// How an attribute is written: the name under which what was learned about it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Patch(PatchStyle),
    Put,
}

impl Form {
    fn key(self, path: &str) -> String {
        match self {
            Self::Patch(PatchStyle::Paths | PatchStyle::Single) => path.to_owned(),
            Self::Patch(PatchStyle::NoPath) => format!("no-path:{path}"),
            Self::Put => format!("put:{path}"),
        }
    }

    /// What is tried where this form changes nothing.
    fn other(self) -> Option<Self> {
        match self {
            Self::Patch(PatchStyle::Paths | PatchStyle::Single) => Some(Self::Patch(PatchStyle::NoPath)),
            Self::Patch(PatchStyle::NoPath) => Some(Self::Patch(PatchStyle::Paths)),
            Self::Put => None,
        }
    }
}

impl Attempt<'_> {
    /// Carries out an update, or a rename where the account keeps its id.
    pub async fn update(&mut self, cleared: &Cleared) -> Outcome {
        match self.write(cleared, None).await {
            Ok(()) => succeeded(self.event.operation.remote_id.clone(), ""),
            Err(outcome) => outcome,
        }
    }

    /// Brings attributes up to date and sets `active = true`: in one request where the form can, else attributes first.
    pub async fn reactivate(&mut self, cleared: &Cleared) -> Outcome {
        let active = (self.cx().connector().users.deactivate != Deactivation::None).then_some(true);
        match self.write(cleared, active).await {
            Ok(()) => succeeded(self.event.operation.remote_id.clone(), ""),
            Err(outcome) => outcome,
        }
    }

    /// Writes all changes (and `active`) and makes sure that they took.
    ///
    /// # Errors
    /// The outcome if they did not, or if that is not known.
    pub async fn write(&mut self, cleared: &Cleared, active: Activation) -> Result<(), Outcome> {
        let mut paths: Vec<String> = cleared.operation().changes.iter().map(|change| change.path.clone()).collect();
        if paths.is_empty() && active.is_none() {
            return Ok(());
        }
        let form = match self.cx().update_verb() {
            UpdateVerb::Put => Form::Put,
            UpdateVerb::Patch => Form::Patch(self.cx().connector().users.patch_style),
        };
        let dead = &self.cx().learned.dead_patch_paths;
        paths.extend(active.map(|_| "active".to_owned()));
        // `active` comes last, so a reactivated account has its new values first.
        let (elsewhere, here): (Vec<String>, Vec<String>) =
            paths.into_iter().partition(|path| dead.contains(&form.key(path)) && form.other().is_some());
        let mut failed = self.write_form(cleared, form, &here, active).await?;
        if let Some(other) = form.other() {
            let retried: Vec<String> = failed.iter().chain(&elsewhere).cloned().collect();
            let still = self.write_form(cleared, other, &retried, active).await?;
            for path in failed.iter().filter(|path| !still.contains(path)) {
                self.talk.lessons.push(Lesson::DeadForm(form.key(path)));
            }
            failed = still;
        }
        if failed.is_empty() { Ok(()) } else { Err(self.not_effective(&failed)) }
    }

    /// Writes `paths` in one form. Returns those that were accepted and did not change.
    async fn write_form(
        &mut self,
        cleared: &Cleared,
        form: Form,
        paths: &[String],
        active: Activation,
    ) -> Result<Vec<String>, Outcome> {
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let active = active.filter(|_| paths.iter().any(|path| path == "active"));
        match form {
            Form::Patch(style) => self.send_patches(cleared, style, active, paths).await?,
            Form::Put => self.send_put(cleared, active).await?,
        }
        let learned = self.cx().learned;
        let read_back = self.cx().connector().users.read_back;
        let unproven: Vec<&String> =
            paths.iter().filter(|path| read_back || !learned.proven_patch_paths.contains(&form.key(path))).collect();
        if unproven.is_empty() {
            return Ok(Vec::new());
        }
        let mut failed = self.ineffective(&unproven, active).await?;
        if !failed.is_empty() {
            // Once more, should the read lag behind the write.
            let suspects: Vec<&String> = failed.iter().collect();
            failed = self.ineffective(&suspects, active).await?;
        }
        for path in unproven.iter().filter(|path| !failed.contains(path)) {
            let key = form.key(path);
            if !learned.proven_patch_paths.contains(&key) {
                self.talk.lessons.push(Lesson::ProvenForm(key));
            }
        }
        Ok(failed)
    }

    /// Sends all changes in the connector's form, without looking whether they took.
    ///
    /// # Errors
    /// The outcome if the target did not say yes.
    pub async fn send_once(&mut self, cleared: &Cleared) -> Result<(), Outcome> {
        match self.cx().update_verb() {
            UpdateVerb::Put => self.send_put(cleared, None).await,
            UpdateVerb::Patch => {
                let paths: Vec<String> = cleared.operation().changes.iter().map(|change| change.path.clone()).collect();
                self.send_patches(cleared, self.cx().connector().users.patch_style, None, &paths).await
            }
        }
    }

    async fn send_patches(
        &mut self,
        cleared: &Cleared,
        style: PatchStyle,
        active: Activation,
        only: &[String],
    ) -> Result<(), Outcome> {
        let path = resource_path(&self.cx().connector().users.path, self.remote_id()?);
        for patch in encode::patches(cleared, self.cx().connector(), style, active, Some(only)) {
            let sent = self.talk.send(Method::Patch, path.clone(), Some(patch.body)).await;
            let answer = sent.map_err(|silence| self.silent(silence))?;
            self.written(&answer).await?;
        }
        Ok(())
    }

    async fn send_put(&mut self, cleared: &Cleared, active: Activation) -> Result<(), Outcome> {
        let id = self.remote_id()?;
        let current = match self.talk.get(id).await {
            Ok(Some(current)) => current,
            Ok(None) => return Err(self.missing(self.doubt("the target no longer shows the account")).await),
            Err(failure) => return Err(self.ended(failure)),
        };
        let body = encode::replace(cleared, self.cx().connector(), &current, &self.account.pushed, active);
        let path = resource_path(&self.cx().connector().users.path, id);
        let sent = self.talk.send(Method::Put, path, Some(body)).await;
        let answer = sent.map_err(|silence| self.silent(silence))?;
        self.written(&answer).await
    }

    /// Which of `paths` did not take, by reading the account.
    async fn ineffective(&mut self, paths: &[&String], active: Activation) -> Result<Vec<String>, Outcome> {
        let id = self.remote_id()?;
        let resource = match self.talk.get(id).await {
            Ok(Some(resource)) => resource,
            Ok(None) => return Err(self.unknown(self.doubt("the account can't be read after it was changed"))),
            Err(failure) => return Err(self.unknown(failure)),
        };
        let failed = paths.iter().filter(|path| !self.took(&resource, path, active));
        Ok(failed.map(|path| (*path).clone()).collect())
    }

    fn took(&self, resource: &Resource, path: &str, active: Activation) -> bool {
        if path == "active" {
            return resource.active.is_none() || resource.active == active;
        }
        let changes = &self.event.operation.changes;
        changes.iter().find(|change| change.path == path).is_none_or(|change| self.change_took(resource, change))
    }

    /// Whether a change is to be seen: the new value, or one that is no longer the old one (targets rewrite values).
    pub fn change_took(&self, resource: &Resource, change: &Change) -> bool {
        let connector = self.cx().connector();
        let actual = value_at(resource, &change.path);
        let rule = connector.rule(&change.path);
        let wanted = change.new.as_ref().map(|new| shape(connector, &change.path, new));
        let wanted = wanted.or_else(|| rule.and_then(|rule| rule.fallback.clone()).map(std::borrow::Cow::Owned));
        if change.path == "externalId" && !self.cx().keeps_external_id() {
            return true;
        }
        let shown = |old: &Value| actual.as_ref().is_some_and(|actual| covers(actual, old));
        match (&wanted, &actual) {
            (None, None) => true,
            (None, Some(_)) => change.old.as_ref().is_some_and(|old| !shown(old)),
            (Some(wanted), Some(actual)) if covers(actual, wanted) => true,
            (Some(_), None) => false,
            (Some(_), Some(_)) => change.old.as_ref().is_some_and(|old| !shown(old)),
        }
    }

    fn not_effective(&self, paths: &[String]) -> Outcome {
        self.ended(Failure {
            class: FailureClass::NotEffective,
            status: None,
            detail: format!(
                "the target accepted the change of {}, but the account still shows the old value",
                paths.join(", ")
            ),
            retry_after: None,
        })
    }
}
