//! A draft as programs send it: files laid over the active revision's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::access::Actor;
use crate::connector::revision::Bundle;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::server::api::reply::{ask, unexpected};
use crate::server::house::House;
use crate::server::problem::Problem;
use crate::text::printable;

/// Files that are not active.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"files": {"rules/nulab-pass.rhai": "fn account(user) { #{ userName: user.email } }"}}))]
pub struct Draft {
    /// Path → text. They are laid over the active revision's files; null takes a file away. Paths are `connectors/NAME.toml`,
    /// `apps/NAME.toml`, `rules/NAME.rhai`, `rules/NAME.examples.toml` and `roles.toml`.
    pub files: BTreeMap<String, Option<String>>,
    /// True = these files and no others.
    pub whole: bool,
}

impl Draft {
    /// All files of the draft.
    ///
    /// # Errors
    /// If a path is none of a revision.
    pub async fn bundle(self, house: &House, actor: &Actor) -> Result<Bundle, Problem> {
        if let Some(path) = self.files.keys().find(|path| !is_of_revision(path)) {
            return Err(Problem::bad_request(format!(
                "files: `{}` is no file of a revision; those are connectors/NAME.toml, apps/NAME.toml, rules/NAME.rhai, \
                 rules/NAME.examples.toml and roles.toml",
                printable(path)
            )));
        }
        let mut bundle = Bundle::default();
        if !self.whole && house.engine.active().await?.revision.is_some() {
            bundle = match ask(house, actor, Command::Export).await? {
                Answer::Files { bundle, .. } => bundle,
                other => return Err(unexpected(&other)),
            };
        }
        for (path, text) in self.files {
            match text {
                Some(text) => drop(bundle.files.insert(path, text)),
                None => drop(bundle.files.remove(&path)),
            }
        }
        Ok(bundle)
    }
}

fn is_of_revision(path: &str) -> bool {
    let plain = |name: &str| {
        let known = |each: u8| each.is_ascii_alphanumeric() || matches!(each, b'-' | b'_' | b'.');
        !name.is_empty() && !name.starts_with('.') && name.bytes().all(known)
    };
    match path.split_once('/') {
        Some(("connectors" | "apps", name)) => name.strip_suffix(".toml").is_some_and(plain),
        Some(("rules", name)) => {
            name.strip_suffix(".rhai").or_else(|| name.strip_suffix(".examples.toml")).is_some_and(plain)
        }
        Some(_) => false,
        None => path == "roles.toml",
    }
}
