//! `/users/{user}/assignments`: apps that operators assign to one person, beside what roles and groups grant.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::directory::assignment::DirectAssignment;
use crate::directory::value::Value;
use crate::engine::command::{Command, Edit};
use crate::id::AppName;
use crate::server::api::reply::{self, Done, Listed, act, by_id};
use crate::server::api::request::{At, Sent};
use crate::server::house::House;
use crate::server::permit::{Administer, Permit, Read};
use crate::server::problem::Problem;

/// An app that an operator assigned to a user.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Assignment {
    /// The app.
    #[schema(example = "nulab")]
    pub app: String,
    /// The app role that it brings.
    #[schema(example = "USER")]
    pub app_role: Option<String>,
    /// Attributes of the user that are otherwise for this app; null = no value.
    pub settings: BTreeMap<String, Option<serde_json::Value>>,
}

/// How an app is assigned.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"app_role": "ADMIN", "settings": {"title": "Administrator"}}))]
pub struct AssignmentSent {
    /// The app role that it brings.
    pub app_role: Option<String>,
    /// Attributes of the user that are otherwise for this app; null = no value.
    pub settings: BTreeMap<String, Option<serde_json::Value>>,
}

/// What was assigned to a user
///
/// By operators; what roles and groups grant is in the account's explanation.
#[utoipa::path(get, path = "/users/{user}/assignments", operation_id = "listAssignments", tag = "assignments",
    params(("user" = String, Path, description = "An id, `source:key`, a key, an e-mail address or a user name")),
    responses((status = 200, description = "all of them", body = Listed<Assignment>)))]
pub async fn list(
    State(house): State<Arc<House>>,
    _permit: Permit<Read>,
    At(user): At<String>,
) -> Result<Json<Listed<Assignment>>, Problem> {
    let user = reply::user(&house, &user).await?;
    let one = |(app, direct): (AppName, DirectAssignment)| Assignment {
        app: app.to_string(),
        app_role: direct.app_role,
        settings: direct
            .overrides
            .into_iter()
            .map(|(name, value)| (name, value.as_ref().map(Value::to_json)))
            .collect(),
    };
    Ok(Json(Listed::all(user.direct.into_iter().map(one).collect())))
}

/// Assign an app to a user
///
/// In place of an assignment that is there. Who was assigned an app keeps it through imports, until it is taken back.
#[utoipa::path(put, path = "/users/{user}/assignments/{app}", operation_id = "assign", tag = "assignments",
    request_body = AssignmentSent,
    params(("user" = String, Path, description = "An id, `source:key`, a key, an e-mail address or a user name"),
           ("app" = String, Path, description = "The app's name", example = "nulab")),
    responses((status = 200, description = "it is assigned", body = Done)))]
pub async fn put(
    State(house): State<Arc<House>>,
    permit: Permit<Administer>,
    At((user, app)): At<(String, String)>,
    Sent(sent): Sent<AssignmentSent>,
) -> Result<Json<Done>, Problem> {
    let (user, app) = (reply::user(&house, &user).await?, reply::app(&house, &app).await?);
    let value = |value: Option<serde_json::Value>| value.as_ref().and_then(Value::from_json);
    let overrides = sent.settings.into_iter().map(|(name, sent)| (name, value(sent))).collect();
    let assignment = DirectAssignment { app_role: sent.app_role, overrides };
    let edit = Edit::Assign { app, assignment };
    act(&house, &permit.actor, Command::UserEdit { user: by_id(&user), edit }).await
}

/// Take an assignment back
///
/// What roles and groups grant stays.
#[utoipa::path(delete, path = "/users/{user}/assignments/{app}", operation_id = "unassign", tag = "assignments",
    params(("user" = String, Path, description = "An id, `source:key`, a key, an e-mail address or a user name"),
           ("app" = String, Path, description = "The app's name", example = "nulab")),
    responses((status = 200, description = "it is taken back", body = Done)))]
pub async fn delete(
    State(house): State<Arc<House>>,
    permit: Permit<Administer>,
    At((user, app)): At<(String, String)>,
) -> Result<Json<Done>, Problem> {
    let user = reply::user(&house, &user).await?;
    let none = || Problem::not_found(format!("{} has no direct assignment of `{app}`", user.id));
    let app: AppName = app.parse().map_err(|_| none())?;
    if !user.direct.contains_key(&app) {
        return Err(none());
    }
    act(&house, &permit.actor, Command::UserEdit { user: by_id(&user), edit: Edit::Unassign { app } }).await
}
