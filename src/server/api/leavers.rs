//! `/leavers`: who should have no account any more, and has.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::server::api::reply::{Listed, ask, unexpected};
use crate::server::api::request::{Asked, value};
use crate::server::house::House;
use crate::server::permit::{Permit, Read};
use crate::server::problem::Problem;

/// Somebody who should have no account any more, and has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Leaver {
    /// What people call the user.
    pub name: String,
    /// The user as `source:key`.
    pub key: String,
    /// The app.
    pub app: String,
    /// The account's userName.
    pub user_name: String,
    /// Why he leaves, in words.
    pub leaves: String,
    /// Why the account is active still, and what to do.
    pub why: String,
    /// The event that stands for it.
    pub event: Option<String>,
    /// Since when, as far as is known (RFC 3339).
    pub since: Option<String>,
}

/// Of what.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// In this app.
    pub app: Option<String>,
}

/// Leavers who are still active
///
/// Whatever the reason: a decision that waits or was a rejection, a target that does not answer, a policy.
#[utoipa::path(get, path = "/leavers", operation_id = "listLeavers", tag = "accounts", params(Query),
    responses((status = 200, description = "all of them", body = Listed<Leaver>)))]
pub async fn list(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    Asked(query): Asked<Query>,
) -> Result<Json<Listed<Leaver>>, Problem> {
    let app = value("app", query.app.as_deref())?;
    match ask(&house, &permit.actor, Command::Leavers { app }).await? {
        Answer::Leavers(leavers) => {
            let leaver = |leaver: crate::engine::pending::Leaver| Leaver {
                name: leaver.label,
                key: leaver.key,
                app: leaver.app.to_string(),
                user_name: leaver.user_name,
                leaves: leaver.leaves,
                why: leaver.why,
                event: leaver.event.map(|event| event.to_string()),
                since: leaver.since.map(|at| at.to_string()),
            };
            Ok(Json(Listed::all(leavers.into_iter().map(leaver).collect())))
        }
        other => Err(unexpected(&other)),
    }
}
