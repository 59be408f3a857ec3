//! `/apps`: what is provisioned, and how it stands.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::answer::{Answer, AppAnswer};
use crate::engine::command::Command;
use crate::id::AppName;
use crate::server::api::reply::{Listed, ask, unexpected};
use crate::server::house::House;
use crate::server::permit::{Permit, Read};
use crate::server::problem::Problem;

/// One app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct App {
    /// Its name, part of every address.
    #[schema(example = "nulab")]
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Its connector.
    pub connector: String,
    /// Where it is.
    pub base_url: String,
    /// `untested`, `live`, `paused`, `quarantined`, …
    pub state: String,
    /// Accounts by presence.
    pub accounts: BTreeMap<String, u64>,
    /// Events by status.
    pub events: BTreeMap<String, u64>,
    /// When the last cycle ended (RFC 3339).
    pub last_cycle: Option<String>,
}

/// A word as readable formats have it.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(serde_json::Value::Object(tagged)) => tagged.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

impl From<AppAnswer> for App {
    fn from(answer: AppAnswer) -> Self {
        Self {
            name: answer.name.to_string(),
            title: if answer.app.title.is_empty() { answer.name.to_string() } else { answer.app.title.clone() },
            connector: answer.app.connector.to_string(),
            base_url: answer.app.base_url.clone(),
            state: word(&answer.state),
            accounts: answer.counts.accounts.iter().map(|(presence, number)| (word(presence), *number)).collect(),
            events: answer.counts.events.iter().map(|(status, number)| (word(status), *number)).collect(),
            last_cycle: answer.last_cycle.map(|at| at.to_string()),
        }
    }
}

/// All apps
///
/// By name.
#[utoipa::path(get, path = "/apps", tag = "apps", responses(
    (status = 200, body = Listed<App>),
    (status = 401, body = Problem, content_type = "application/problem+json"),
))]
pub async fn list(State(house): State<Arc<House>>, permit: Permit<Read>) -> Result<Json<Listed<App>>, Problem> {
    match ask(&house, &permit.actor, Command::Apps).await? {
        Answer::Apps(apps) => Ok(Json(Listed { items: apps.into_iter().map(App::from).collect(), next: None })),
        other => Err(unexpected(&other)),
    }
}

/// One app
#[utoipa::path(get, path = "/apps/{app}", tag = "apps", params(("app" = String, Path, description = "The app's name")), responses(
    (status = 200, body = App),
    (status = 401, body = Problem, content_type = "application/problem+json"),
    (status = 404, body = Problem, content_type = "application/problem+json"),
))]
pub async fn show(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    Path(name): Path<String>,
) -> Result<Json<App>, Problem> {
    let none = || Problem::not_found(format!("there is no app `{name}`"));
    let app: AppName = name.parse().map_err(|_| none())?;
    let Answer::Apps(apps) = ask(&house, &permit.actor, Command::Apps).await? else { return Err(none()) };
    let found = apps.into_iter().find(|each| each.name == app).ok_or_else(none)?;
    Ok(Json(found.into()))
}
