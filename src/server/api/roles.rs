//! `/roles`: what users have from their source or by condition, and what it grants.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::paged::{PageAnswer, Paged, RoleLine};
use crate::server::api::cursor;
use crate::server::api::reply::{Listed, ask, other_page, page, unexpected};
use crate::server::api::request::{Asked, At, Paging};
use crate::server::api::users::User;
use crate::server::house::House;
use crate::server::permit::{Permit, Read};
use crate::server::problem::Problem;

/// One role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoleOfUsers {
    /// Its name.
    #[schema(example = "sales")]
    pub name: String,
    /// Under which condition users have it, beside those who have it from their source.
    #[schema(example = "user.department == \"Sales\"")]
    pub condition: Option<String>,
    /// Apps that it grants.
    pub apps: Vec<String>,
    /// How many users have it, those who are not active included.
    pub users: u64,
}

/// All roles.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Roles {
    /// By name.
    pub items: Vec<RoleOfUsers>,
    /// When users were counted: at most a minute ago.
    pub counted_at: String,
}

impl From<RoleLine> for RoleOfUsers {
    fn from(line: RoleLine) -> Self {
        let RoleLine { name, condition, apps, users } = line;
        Self { name, condition, apps: apps.iter().map(ToString::to_string).collect(), users }
    }
}

/// Roles
///
/// Those that users have, that conditions give, and that apps ask for.
#[utoipa::path(get, path = "/roles", operation_id = "listRoles", tag = "roles",
    responses((status = 200, description = "all of them", body = Roles)))]
pub async fn list(State(house): State<Arc<House>>, permit: Permit<Read>) -> Result<Json<Roles>, Problem> {
    match ask(&house, &permit.actor, Command::Roles).await? {
        Answer::Roles(answer) => Ok(Json(Roles {
            items: answer.roles.into_iter().map(RoleOfUsers::from).collect(),
            counted_at: answer.counted_at.to_string(),
        })),
        other => Err(unexpected(&other)),
    }
}

/// Who has a role
///
/// From the source or by condition; by id. A page looks at so many users: go on until there is no `next`.
#[utoipa::path(get, path = "/roles/{role}/users", operation_id = "listRoleUsers", tag = "roles",
    params(("role" = String, Path, description = "The role's name", example = "sales"), Paging),
    responses((status = 200, description = "a page of them", body = Listed<User>)))]
pub async fn users(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    At(role): At<String>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Listed<User>>, Problem> {
    let after = paging.from("role-users")?;
    let paged = Paged::Users { search: None, role: Some(role), after, limit: paging.rows()? };
    let PageAnswer::Users(users) = page(&house, &permit.actor, paged).await? else { return Err(other_page()) };
    Ok(Json(Listed {
        items: users.items.into_iter().map(User::from).collect(),
        next: users.next.map(|at| cursor::write("role-users", at)),
    }))
}
