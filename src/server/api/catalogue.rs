//! `/apps/{app}/entitlements` and `/apps/{app}/refresh`: what an app can grant.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::engine::answer::{Answer, Meaning, RefreshAnswer};
use crate::engine::command::Command;
use crate::provision::entitlement;
use crate::server::api::cursor;
use crate::server::api::reply::{self, ask, unexpected, word};
use crate::server::api::request::{Asked, At, Paging};
use crate::server::house::House;
use crate::server::permit::{Administer, Permit, Read};
use crate::server::problem::Problem;

/// Something that an app can grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Grantable {
    /// `group`, `role`, …
    #[schema(example = "group")]
    pub kind: String,
    /// What rules and people call it.
    #[schema(example = "Sales and Marketing")]
    pub name: String,
    /// Its id at the target.
    pub remote_id: String,
    /// Whether Usher created it.
    pub created: bool,
    /// When it was first seen.
    pub since: String,
    /// When it was no longer there; null = it is.
    pub gone: Option<String>,
}

impl From<&entitlement::Entitlement> for Grantable {
    fn from(each: &entitlement::Entitlement) -> Self {
        Self {
            kind: each.key.kind.clone(),
            name: each.name.clone(),
            remote_id: each.key.remote_id.clone(),
            created: each.created,
            since: each.since.to_string(),
            gone: each.gone.map(|at| at.to_string()),
        }
    }
}

/// A page of what an app can grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Catalogue {
    /// When the target was last asked; null = never.
    pub refreshed_at: Option<String>,
    /// By kind and name, those that are gone included.
    pub items: Vec<Grantable>,
    /// Pass this as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What a refresh found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Refreshed {
    /// How each source went.
    pub sources: Vec<SourceRead>,
    /// What is not as it was, in words; empty = nothing.
    pub changes: String,
    /// Never seen before.
    pub new: Vec<Grantable>,
    /// Called otherwise now.
    pub renamed: Vec<Grantable>,
    /// Not there any more.
    pub gone: Vec<Grantable>,
    /// There again.
    pub returned: Vec<Grantable>,
    /// Names that the rules grant, and what each means now.
    pub concerns: Vec<Concern>,
}

/// How one source of entitlements went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceRead {
    /// `group`, `role`, …
    pub kind: String,
    /// How many were listed.
    pub listed: u64,
    /// Why the list may lack some; null = it is complete.
    pub incomplete: Option<String>,
}

/// A name that the rules grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Concern {
    /// `group`, `role`, …
    pub kind: String,
    /// The name.
    pub name: String,
    /// To how many users.
    pub users: u64,
    /// What people call some of them.
    pub sample: Vec<String>,
    /// `same`, `now`, `unknown`, `gone`, `renamed_to` or `ambiguous`.
    pub meaning: String,
    /// What it is called now, if it was renamed.
    pub renamed_to: Option<String>,
}

impl From<RefreshAnswer> for Refreshed {
    fn from(answer: RefreshAnswer) -> Self {
        let all = |list: &[entitlement::Entitlement]| list.iter().map(Grantable::from).collect();
        let sources = answer.sources.into_iter().map(|read| SourceRead {
            kind: read.kind,
            listed: read.listed,
            incomplete: read.incomplete,
        });
        let concerns = answer.concerns.into_iter().map(|concern| Concern {
            meaning: word(&concern.meaning),
            renamed_to: match &concern.meaning {
                Meaning::RenamedTo(name) => Some(name.clone()),
                _ => None,
            },
            kind: concern.kind,
            name: concern.name,
            users: concern.users,
            sample: concern.sample,
        });
        Self {
            sources: sources.collect(),
            changes: answer.diff.words(),
            new: all(&answer.diff.new),
            renamed: answer.diff.renamed.iter().map(|each| Grantable::from(&each.entitlement)).collect(),
            gone: all(&answer.diff.gone),
            returned: all(&answer.diff.returned),
            concerns: concerns.collect(),
        }
    }
}

/// A page of what an app can grant.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Of this kind.
    #[param(example = "group")]
    pub kind: Option<String>,
}

/// What an app can grant
///
/// As its last refresh showed it.
#[utoipa::path(get, path = "/apps/{app}/entitlements", operation_id = "listEntitlements", tag = "apps",
    params(("app" = String, Path, description = "The app's name", example = "nulab"), Query, Paging),
    responses((status = 200, description = "a page of it", body = Catalogue)))]
pub async fn list(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    At(app): At<String>,
    Asked(query): Asked<Query>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Catalogue>, Problem> {
    let from: usize = paging.from("entitlements")?.unwrap_or(0);
    let limit = paging.rows()?;
    let app = reply::app(&house, &app).await?;
    match ask(&house, &permit.actor, Command::Entitlements { app, kind: query.kind }).await? {
        Answer::Entitlements(answer) => {
            let upto = from.saturating_add(limit).min(answer.entitlements.len());
            let page = answer.entitlements.get(from..upto).unwrap_or_default();
            Ok(Json(Catalogue {
                refreshed_at: answer.refreshed.map(|at| at.to_string()),
                items: page.iter().map(Grantable::from).collect(),
                next: (upto < answer.entitlements.len()).then(|| cursor::write("entitlements", upto)),
            }))
        }
        other => Err(unexpected(&other)),
    }
}

/// Read what an app can grant
///
/// Sends only reads.
#[utoipa::path(post, path = "/apps/{app}/refresh", operation_id = "refreshApp", tag = "apps",
    params(("app" = String, Path, description = "The app's name", example = "nulab")),
    responses((status = 200, description = "what was found", body = Refreshed)))]
pub async fn refresh(
    State(house): State<Arc<House>>,
    permit: Permit<Administer>,
    At(app): At<String>,
) -> Result<Json<Refreshed>, Problem> {
    let app = reply::app(&house, &app).await?;
    match ask(&house, &permit.actor, Command::Refresh { app }).await? {
        Answer::Refreshed(answer) => Ok(Json((*answer).into())),
        other => Err(unexpected(&other)),
    }
}
