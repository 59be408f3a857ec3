//! `/connectors`: what kinds of target there are, and what each can do.

use std::path::Path;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::connector::{Connector, builtin};
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::server::api::reply::{Listed, ask, unexpected, word};
use crate::server::house::House;
use crate::server::permit::{Permit, Read};
use crate::server::problem::Problem;

/// One kind of target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConnectorShown {
    /// Its name.
    #[schema(example = "nulab-pass")]
    pub name: String,
    /// What people call it.
    pub title: String,
    /// Where the vendor documents it.
    pub documentation: String,
    /// The shape of the base URL.
    pub base_url: String,
    /// What an admin must know before connecting.
    pub notes: Vec<String>,
    /// Values that mean *privileged*.
    pub privileged: Vec<String>,
    /// The target's roles from least to most.
    pub app_role_order: Vec<String>,
    /// The most requests a second that it takes.
    pub rate_max: u32,
    /// Whether it can list accounts.
    pub lists_accounts: bool,
    /// How members of groups are managed.
    pub groups: String,
    /// Attributes that it says something special about.
    pub attributes: Vec<String>,
    /// Apps that use it.
    pub apps: Vec<String>,
}

/// Connectors
///
/// Those of the active revision; those that Usher ships while none is active.
#[utoipa::path(get, path = "/connectors", operation_id = "listConnectors", tag = "connectors",
    responses((status = 200, description = "all of them", body = Listed<ConnectorShown>)))]
pub async fn list(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
) -> Result<Json<Listed<ConnectorShown>>, Problem> {
    let active = house.engine.active().await?;
    let files: Vec<(String, String)> = if active.revision.is_some() {
        match ask(&house, &permit.actor, Command::Export).await? {
            Answer::Files { bundle, .. } => bundle.files.into_iter().collect(),
            other => return Err(unexpected(&other)),
        }
    } else {
        builtin().into_iter().map(|(file, text)| (format!("connectors/{file}"), text.to_owned())).collect()
    };
    let mut items = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| path.starts_with("connectors/")) {
        let connector = Connector::parse(Path::new(path), text).map_err(|error| Problem::fault(error.to_string()))?;
        let used = active.apps.values().filter(|app| app.spec.connector.name == connector.name);
        let apps = used.map(|app| app.spec.name.to_string()).collect();
        items.push(shown(connector, apps));
    }
    Ok(Json(Listed::all(items)))
}

fn shown(connector: Connector, apps: Vec<String>) -> ConnectorShown {
    ConnectorShown {
        name: connector.name.to_string(),
        title: connector.title,
        documentation: connector.documentation,
        base_url: connector.base_url,
        notes: connector.notes,
        privileged: connector.privileged,
        app_role_order: connector.app_role_order,
        rate_max: connector.http.rate_max,
        lists_accounts: connector.paging.list,
        groups: word(&connector.groups.mode),
        attributes: connector.attributes.into_keys().collect(),
        apps,
    }
}
