//! What most pages of this place ask first: the active revision's files, and the visitor's draft.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::access::Permission;
use crate::access::permission::Denied;
use crate::connector::revision::{Bundle, Revision};
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::context::{EngineError, Unwatched};
use crate::engine::trial::{DraftAnswer, RulesChecked};
use crate::id::OperatorId;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::sign_in;
use crate::server::house::House;
use crate::server::permit::Visitor;

/// The files that a visitor works with.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// The active revision; `None` = there is none yet.
    pub active: Option<Revision>,
    /// Its files.
    pub bundle: Bundle,
    /// What the visitor writes.
    pub draft: Option<DraftAnswer>,
}

impl Files {
    /// The files that pages show: the draft's, if there is one.
    pub fn shown(&self) -> &Bundle {
        self.draft.as_ref().map_or(&self.bundle, |draft| &draft.draft.bundle)
    }

    /// The draft's files, for commands.
    pub fn of_draft(&self) -> Option<Bundle> {
        self.draft.as_ref().map(|draft| draft.draft.bundle.clone())
    }
}

/// Reads them.
///
/// # Errors
/// If the store fails.
pub async fn read<L>(house: &Arc<House>, visitor: &Visitor<L>) -> Result<Files, Trouble> {
    let mut files = Files::default();
    match house.engine.answer(&visitor.actor, Command::Export, &Unwatched).await {
        Ok(Answer::Files { revision, bundle }) => {
            files.active = Some(revision);
            files.bundle = bundle;
        }
        Ok(other) => return Err(asking::unexpected(&other)),
        // No revision is active yet.
        Err(EngineError::Invalid(_)) => {}
        Err(error) => return Err(error.into()),
    }
    if Permission::Administer.check(&visitor.actor).is_ok()
        && let Answer::Draft(draft) = asking::ask(house, visitor, Command::Draft).await?
    {
        files.draft = draft.map(|draft| *draft);
    }
    Ok(files)
}

/// Checks what pages show.
///
/// # Errors
/// If the store fails.
pub async fn check<L>(house: &Arc<House>, visitor: &Visitor<L>, files: &Files) -> Result<RulesChecked, Trouble> {
    if files.shown().files.is_empty() {
        return Ok(RulesChecked::default());
    }
    let command = Command::RulesCheck { app: None, draft: Some(files.shown().clone()) };
    match asking::ask(house, visitor, command).await? {
        Answer::RulesChecked(checked) => Ok(checked),
        other => Err(asking::unexpected(&other)),
    }
}

/// Asks for something that may be grave: whoever must prove himself first is sent to do so, and comes back to `back`. What is wrong with
/// the question itself is left to the page.
///
/// # Errors
/// If the visitor may not, or the store fails.
pub async fn ask<L>(
    house: &Arc<House>,
    visitor: &Visitor<L>,
    command: Command,
    back: &str,
) -> Result<Result<Answer, EngineError>, Trouble> {
    match house.engine.answer(&visitor.actor, command, &Unwatched).await {
        Err(EngineError::Denied(Denied::NeedsProof)) => Err(Trouble::Prove(sign_in::again(back, &visitor.actor.name))),
        Err(error @ (EngineError::Denied(_) | EngineError::Store(_))) => Err(error.into()),
        answered => Ok(answered),
    }
}

/// Names of operators.
///
/// # Errors
/// If the store fails.
pub async fn names<L>(house: &Arc<House>, visitor: &Visitor<L>) -> Result<BTreeMap<OperatorId, String>, Trouble> {
    match asking::ask(house, visitor, Command::Operators).await? {
        Answer::Operators { operators, .. } => Ok(operators.into_iter().map(|one| (one.id, one.name)).collect()),
        other => Err(asking::unexpected(&other)),
    }
}

/// Where a file is shown. Scripts go without their folder.
pub fn address(path: &str) -> String {
    format!("/rules/{}", sign_in::urlencode(path.strip_prefix("rules/").unwrap_or(path)))
}

/// The path of a file that is asked for by its address.
pub fn path_of(bundle: &Bundle, asked: &str) -> String {
    let script = format!("rules/{asked}");
    let is_script = asked.ends_with(".rhai") || asked.ends_with(".examples.toml");
    let known = bundle.files.contains_key(asked) && !bundle.files.contains_key(&script);
    if !known && is_script && !asked.contains('/') { script } else { asked.to_owned() }
}

/// Which apps use each script, by path; empty if the files can't be read.
pub fn users(bundle: &Bundle) -> BTreeMap<String, Vec<String>> {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, spec) in bundle.resolve().unwrap_or_default() {
        users.entry(spec.rules_file.clone()).or_default().push(name.to_string());
        users.entry(spec.rules_file.replace(".rhai", ".examples.toml")).or_default().push(name.to_string());
        for (path, text) in bundle.files.iter().filter(|(path, _)| path.starts_with("connectors/")) {
            let names_it = |line: &str| {
                line.trim_start().starts_with("name") && line.contains(&format!("\"{}\"", spec.connector.name))
            };
            if text.lines().any(names_it) {
                users.entry(path.clone()).or_default().push(name.to_string());
            }
        }
    }
    users
}
