//! What forms about one user do.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use axum_extra::extract::Form;
use serde::Deserialize;

use crate::directory::assignment::DirectAssignment;
use crate::directory::user::Standing;
use crate::directory::value::Value;
use crate::engine::command::{Command, Edit, UserRef};
use crate::id::{AppName, UserId};
use crate::server::console::activity::links;
use crate::server::console::asking::{self, Trouble};
use crate::server::house::House;
use crate::server::permit::{Administer, Decide, Visitor};
use crate::server::problem::Problem;

/// A change of a user.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Change {
    csrf: String,
    act: String,
    app: String,
    role: String,
    attribute: String,
    value: String,
}

impl Change {
    fn edit(self) -> Result<Edit, Trouble> {
        Ok(match self.act.as_str() {
            "suspend" => Edit::Stand(Standing::Suspended),
            "restore" => Edit::Restore,
            "assign" => {
                let app_role = Some(self.role).filter(|role| !role.is_empty());
                let assignment = DirectAssignment { app_role, ..DirectAssignment::default() };
                Edit::Assign { app: asking::part("app", &self.app)?, assignment }
            }
            "unassign" => Edit::Unassign { app: asking::part("app", &self.app)? },
            "set" => {
                let value = Some(self.value.trim()).filter(|value| !value.is_empty()).map(Value::from);
                Edit::Set { attribute: self.attribute.trim().to_owned(), value }
            }
            "lift" => Edit::Lift { attribute: self.attribute },
            other => return Err(Problem::bad_request(format!("`{other}` changes nothing of a user")).into()),
        })
    }
}

/// `POST /users/{user}/edit`.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn edit(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Path(user): Path<String>,
    Form(change): Form<Change>,
) -> Result<Response, Trouble> {
    visitor.check(&change.csrf)?;
    let user: UserId = asking::part("user", &user)?;
    let command = Command::UserEdit { user: UserRef(user.to_string()), edit: change.edit()? };
    asking::act(&house, &visitor, command, &links::user(user), asking::done).await
}

/// A form that says nothing but that it is from here.
#[derive(Debug, Deserialize)]
pub struct Sure {
    csrf: String,
}

/// `POST /users/{user}/apps/{app}/rematch`.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn rematch(
    State(house): State<Arc<House>>,
    visitor: Visitor<Decide>,
    Path((user, app)): Path<(String, String)>,
    Form(form): Form<Sure>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let (user, app): (UserId, AppName) = (asking::part("user", &user)?, asking::part("app", &app)?);
    let back = links::pair(user, &app);
    let command = Command::Rematch { user: UserRef(user.to_string()), app };
    asking::act(&house, &visitor, command, &back, asking::done).await
}

/// `POST /users/{user}/apps/{app}/disassociate`.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn disassociate(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Path((user, app)): Path<(String, String)>,
    Form(form): Form<Sure>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let (user, app): (UserId, AppName) = (asking::part("user", &user)?, asking::part("app", &app)?);
    let back = links::pair(user, &app);
    let command = Command::Disassociate { user: UserRef(user.to_string()), app };
    asking::act(&house, &visitor, command, &back, asking::done).await
}
