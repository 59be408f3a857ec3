//! `/revisions`: what was active, and activating it again.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::connector::revision;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::id::RevisionNumber;
use crate::server::api::cursor;
use crate::server::api::reply::{self, Listed, ask, find, unexpected};
use crate::server::api::request::{Asked, At, Paging, Sent};
use crate::server::api::rules::{Activated, Files, activated};
use crate::server::house::House;
use crate::server::permit::{Administer, Permit, Read};
use crate::server::problem::Problem;

/// One revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Revision {
    /// Its number.
    #[schema(example = "rev_3")]
    pub number: String,
    /// Whether it is active.
    pub active: bool,
    /// The revision that was active when it was made.
    pub parent: Option<String>,
    /// Who made it.
    pub author: String,
    /// Why.
    pub comment: String,
    /// When (RFC 3339).
    pub at: String,
    /// Over all its files.
    pub digest: String,
}

/// Why.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"comment": "the new rule was wrong"}))]
pub struct Comment {
    /// Why.
    pub comment: String,
}

/// A revision as answers show it.
///
/// # Errors
/// If the store fails.
pub async fn shown(house: &House, revision: revision::Revision) -> Result<Revision, Problem> {
    let operators = house.engine.store().operators().await.map_err(crate::engine::context::EngineError::from)?;
    let active = house.engine.active().await?.revision.as_ref().map(|active| active.number);
    let named = operators.iter().find(|operator| operator.id == revision.author).map(|author| author.name.clone());
    Ok(Revision {
        number: revision.number.to_string(),
        active: active == Some(revision.number),
        parent: revision.parent.map(|number| number.to_string()),
        author: named.unwrap_or_else(|| revision.author.to_string()),
        comment: revision.comment,
        at: revision.at.to_string(),
        digest: revision.digest.to_string(),
    })
}

/// Revisions
///
/// Newest first.
#[utoipa::path(get, path = "/revisions", operation_id = "listRevisions", tag = "rules", params(Paging),
    responses((status = 200, description = "a page of them", body = Listed<Revision>)))]
pub async fn list(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Listed<Revision>>, Problem> {
    let before: Option<RevisionNumber> = paging.from("revisions")?;
    let limit = paging.rows()?;
    let Answer::Revisions { revisions, .. } = ask(&house, &permit.actor, Command::Revisions).await? else {
        return Err(Problem::fault("the engine gave another answer than revisions"));
    };
    let mut from = revisions.into_iter().filter(|revision| before.is_none_or(|before| revision.number < before));
    let mut items = Vec::new();
    for revision in from.by_ref().take(limit) {
        items.push(shown(&house, revision).await?);
    }
    let more = from.next().is_some();
    let next = items.last().filter(|_| more).map(|last| cursor::write("revisions", &last.number));
    Ok(Json(Listed { items, next }))
}

/// One revision with its files
#[utoipa::path(get, path = "/revisions/{revision}", operation_id = "showRevision", tag = "rules",
    params(("revision" = String, Path, description = "The revision's number", example = "rev_3")),
    responses((status = 200, description = "the revision", body = Files)))]
pub async fn show(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    At(number): At<String>,
) -> Result<Json<Files>, Problem> {
    let number = reply::id("revision", &number)?;
    match find(&house, &permit.actor, Command::RevisionShow { number }).await? {
        Answer::Files { revision, bundle } => {
            Ok(Json(Files { revision: shown(&house, revision).await?, files: bundle.files }))
        }
        other => Err(unexpected(&other)),
    }
}

/// Roll back
///
/// Makes an older revision active again. It needs a person who proved himself lately.
#[utoipa::path(post, path = "/revisions/{revision}/activate", operation_id = "rollBack", tag = "rules", request_body = Comment,
    params(("revision" = String, Path, description = "The revision's number", example = "rev_3")),
    responses((status = 200, description = "what was done", body = Activated)))]
pub async fn roll_back(
    State(house): State<Arc<House>>,
    permit: Permit<Administer>,
    At(number): At<String>,
    Sent(sent): Sent<Comment>,
) -> Result<Json<Activated>, Problem> {
    let number: RevisionNumber = reply::id("revision", &number)?;
    // Whoever names none is told so before anything is asked of him.
    find(&house, &permit.actor, Command::RevisionShow { number }).await?;
    match ask(&house, &permit.actor, Command::Rollback { number, comment: sent.comment, over: None }).await? {
        Answer::Applied(answer) => Ok(Json(activated(&house, answer).await?)),
        other => Err(unexpected(&other)),
    }
}
