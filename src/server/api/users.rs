//! `/users`: people of the directory, and what operators lay over what their source says.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ETAG, HeaderName};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::directory::user;
use crate::directory::value::Value;
use crate::engine::answer::Answer;
use crate::engine::command::{Command, Edit};
use crate::engine::context::{EngineError, Unwatched};
use crate::engine::paged::{PageAnswer, Paged};
use crate::server::api::accounts::Account;
use crate::server::api::cursor;
use crate::server::api::reply::{self, Listed, ask, by_id, other_page, page, unexpected};
use crate::server::api::request::{Asked, At, Paging, Sent, if_match, tag};
use crate::server::api::words::Standing;
use crate::server::house::House;
use crate::server::permit::{Administer, Permit, Read};
use crate::server::problem::Problem;
use crate::store::act::StoreError;

/// One person of the directory.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct User {
    /// Kept for ever.
    #[schema(example = "usr_01a200d26d8f73b194ac9ea87e76713e")]
    pub id: String,
    /// The source.
    #[schema(example = "hr")]
    pub source: String,
    /// What never changes for this person in the source.
    #[schema(example = "1001")]
    pub key: String,
    /// What people call the user.
    #[schema(example = "Ada Reyes")]
    pub name: String,
    /// The e-mail address.
    #[schema(example = "ada@acme.example")]
    pub email: Option<String>,
    /// Where the user stands, overrides included.
    pub standing: Standing,
    /// What the source says of that.
    pub standing_of_source: Standing,
    /// What an operator says of that.
    pub standing_by_hand: Option<Standing>,
    /// Attributes, overrides included.
    pub attributes: BTreeMap<String, serde_json::Value>,
    /// What operators laid over the source's values; null = no value.
    pub overrides: BTreeMap<String, Option<serde_json::Value>>,
    /// Roles that the source gives.
    pub roles: Vec<String>,
    /// Groups that the source gives.
    pub groups: Vec<String>,
    /// The manager's key in the same source.
    pub manager: Option<String>,
    /// Apps that operators assigned to this user.
    pub assigned: Vec<String>,
    /// Rises with every change; the `ETag` of the user.
    pub revision: u64,
    /// When it last changed (RFC 3339).
    pub changed_at: String,
}

impl From<user::User> for User {
    fn from(user: user::User) -> Self {
        let names = user.attributes.keys().chain(user.manual.attributes.keys());
        let effective = names.filter_map(|name| Some((name.clone(), user.attribute(name)?.to_json()))).collect();
        let over = |(name, value): (&String, &Option<Value>)| (name.clone(), value.as_ref().map(Value::to_json));
        Self {
            id: user.id.to_string(),
            source: user.source.to_string(),
            key: user.key.clone(),
            name: user.label(),
            email: user.text("email").map(str::to_owned),
            standing: user.effective_standing().into(),
            standing_of_source: user.standing.into(),
            standing_by_hand: user.manual.standing.map(Into::into),
            attributes: effective,
            overrides: user.manual.attributes.iter().map(over).collect(),
            roles: user.roles.into_iter().collect(),
            groups: user.groups.into_iter().collect(),
            manager: user.manager,
            assigned: user.direct.keys().map(ToString::to_string).collect(),
            revision: user.revision,
            changed_at: user.changed_at.to_string(),
        }
    }
}

/// One person with roles and accounts.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct UserShown {
    /// The person.
    pub user: User,
    /// All roles, those by condition included.
    pub roles: Vec<String>,
    /// Accounts, one an app.
    pub accounts: Vec<Account>,
}

/// A page of users.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Part of a name, an e-mail address or a key.
    pub search: Option<String>,
}

/// Where a user is to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StandingAsked {
    /// Away, whatever the source says.
    Suspended,
    /// Gone, whatever the source says.
    Deleted,
    /// As the source says.
    AsSource,
}

/// What changes of a user. All of it is done, or nothing.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"set": {"title": "Lead"}, "lift": ["department"], "standing": "suspended"}))]
pub struct Patch {
    /// Attributes to lay over what the source says; null = no value.
    pub set: BTreeMap<String, Option<serde_json::Value>>,
    /// Attributes that come from the source again.
    pub lift: Vec<String>,
    /// Suspend, delete, or restore.
    pub standing: Option<StandingAsked>,
}

/// Users
///
/// By id, those who are suspended or deleted included. A search looks at so many users a page: go on until there is no `next`.
#[utoipa::path(get, path = "/users", operation_id = "listUsers", tag = "users", params(Query, Paging),
    responses((status = 200, description = "a page of them", body = Listed<User>)))]
pub async fn list(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    Asked(query): Asked<Query>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Listed<User>>, Problem> {
    let search = query.search.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let after = paging.from("users")?;
    let paged = Paged::Users { search, role: None, after, limit: paging.rows()? };
    let PageAnswer::Users(users) = page(&house, &permit.actor, paged).await? else { return Err(other_page()) };
    Ok(Json(Listed {
        items: users.items.into_iter().map(User::from).collect(),
        next: users.next.map(|at| cursor::write("users", at)),
    }))
}

/// One user
///
/// With all roles and all accounts. `ETag` is the user's revision: send it as `If-Match` with a change.
#[utoipa::path(get, path = "/users/{user}", operation_id = "showUser", tag = "users",
    params(("user" = String, Path, description = "An id, `source:key`, a key, an e-mail address or a user name")),
    responses((status = 200, description = "the user", body = UserShown, headers(("ETag" = String, description = "the user's revision")))))]
pub async fn show(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    At(user): At<String>,
) -> Result<([(HeaderName, String); 1], Json<UserShown>), Problem> {
    let user = reply::user(&house, &user).await?;
    shown(&house, &permit.actor, &user).await
}

async fn shown(
    house: &House,
    actor: &crate::access::Actor,
    user: &user::User,
) -> Result<([(HeaderName, String); 1], Json<UserShown>), Problem> {
    match ask(house, actor, Command::UserShow { user: by_id(user) }).await? {
        Answer::User(answer) => {
            let version = tag(answer.user.revision);
            let accounts = answer.accounts.into_iter().map(Account::from).collect();
            let shown = UserShown { user: answer.user.into(), roles: answer.roles, accounts };
            Ok(([(ETAG, version)], Json(shown)))
        }
        other => Err(unexpected(&other)),
    }
}

/// Change a user
///
/// Lays values over what the source says, lifts them, suspends, deletes or restores. With `If-Match`, only if nobody changed the user
/// since.
#[utoipa::path(patch, path = "/users/{user}", operation_id = "changeUser", tag = "users", request_body = Patch,
    params(("user" = String, Path, description = "An id, `source:key`, a key, an e-mail address or a user name"),
           ("If-Match" = Option<String>, Header, description = "The `ETag` that the change was made from")),
    responses((status = 200, description = "the user as it is now", body = UserShown, headers(("ETag" = String, description = "the user's revision"))),
              (status = 412, description = "somebody changed the user since", body = Problem, content_type = "application/problem+json")))]
pub async fn patch(
    State(house): State<Arc<House>>,
    permit: Permit<Administer>,
    At(user): At<String>,
    headers: HeaderMap,
    Sent(patch): Sent<Patch>,
) -> Result<([(HeaderName, String); 1], Json<UserShown>), Problem> {
    let user = reply::user(&house, &user).await?;
    let wanted = if_match(&headers);
    let moved = || Problem::moved(format!("{} was changed since; look at it again", user.id));
    if wanted.as_ref().is_some_and(|wanted| !wanted.contains(&tag(user.revision))) {
        return Err(moved());
    }
    let edits = patch.edits();
    if edits.is_empty() {
        return Err(Problem::bad_request("the body says nothing: use `set`, `lift` or `standing`"));
    }
    let edit = Edit::Several { edits, from: wanted.is_some().then_some(user.revision) };
    let command = Command::UserEdit { user: by_id(&user), edit };
    match house.engine.answer(&permit.actor, command, &Unwatched).await {
        Err(EngineError::Store(StoreError::Stale(_))) if wanted.is_some() => return Err(moved()),
        done => drop(done?),
    }
    shown(&house, &permit.actor, &user).await
}

impl Patch {
    fn edits(self) -> Vec<Edit> {
        let set = |(attribute, value): (String, Option<serde_json::Value>)| {
            let value = value.as_ref().and_then(Value::from_json).filter(|value| !value.is_empty());
            Edit::Set { attribute, value }
        };
        let mut edits: Vec<Edit> = self.set.into_iter().map(set).collect();
        edits.extend(self.lift.into_iter().map(|attribute| Edit::Lift { attribute }));
        edits.extend(self.standing.map(|standing| match standing {
            StandingAsked::Suspended => Edit::Stand(user::Standing::Suspended),
            StandingAsked::Deleted => Edit::Stand(user::Standing::Deleted),
            StandingAsked::AsSource => Edit::Restore,
        }));
        edits
    }
}
