//! `/accounts`: how each user stands in each app, why, and what can be done about it.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::Actor;
use crate::directory::user::User;
use crate::engine::answer::{Answer, StatusRow};
use crate::engine::command::{Command, UserRef};
use crate::engine::paged::{PageAnswer, Paged};
use crate::engine::pending::Choice;
use crate::id::AppName;
use crate::provision::event::StatusKind;
use crate::provision::operation::Kind;
use crate::server::api::approvals::{Decided, decided};
use crate::server::api::cursor::{self, PairAt};
use crate::server::api::event::Event;
use crate::server::api::explained::Explained;
use crate::server::api::reply::{self, Done, Listed, act, ask, by_id, other_page, page, unexpected};
use crate::server::api::request::{Asked, At, Paging, Sent, value, words};
use crate::server::api::words::{self, Presence};
use crate::server::house::House;
use crate::server::permit::{Administer, Decide, Permit, Read, Retry};
use crate::server::problem::Problem;

/// One user in one app.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Account {
    /// The app.
    #[schema(example = "nulab")]
    pub app: String,
    /// The user's id.
    pub user: String,
    /// What people call the user.
    pub name: String,
    /// Whether there is an account.
    pub presence: Presence,
    /// The same with the newest event, as people read it.
    #[schema(example = "Provisioned")]
    pub shown: String,
    /// What is wrong and what to do; empty when all is well.
    pub reason: String,
    /// The userName last pushed.
    pub user_name: Option<String>,
    /// The account's id at the target.
    pub remote_id: Option<String>,
    /// `created` by us, or `adopted`.
    pub origin: Option<String>,
    /// Entitlements that it has, gets or loses.
    pub entitlements: Vec<Entitlement>,
    /// The newest event.
    pub event: Option<Event>,
}

/// One entitlement of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Entitlement {
    /// `group`, `role`, …
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its id at the target.
    pub remote_id: String,
    /// `adding`, `granted`, `found`, `removing` or `unknown`.
    pub state: String,
    /// The same, as people read it.
    pub shown: String,
    /// Since when.
    pub since: String,
}

impl From<StatusRow> for Account {
    fn from(row: StatusRow) -> Self {
        let entitlements = row.edges.iter().map(|edge| Entitlement {
            kind: edge.key.kind.clone(),
            name: edge.name.clone(),
            remote_id: edge.key.remote_id.clone(),
            state: reply::word(&edge.state),
            shown: edge.shown().to_owned(),
            since: edge.since.to_string(),
        });
        Self {
            app: row.account.app.to_string(),
            user: row.account.user.to_string(),
            name: row.label,
            presence: row.account.presence.into(),
            shown: row.shown,
            reason: row.reason,
            user_name: row.account.user_name().map(str::to_owned),
            remote_id: row.account.remote_id.clone(),
            origin: row.account.origin.as_ref().map(reply::word),
            entitlements: entitlements.collect(),
            event: row.event.map(Event::from),
        }
    }
}

/// A page of accounts.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Query {
    /// Of this user: an id, `source:key`, a key, an e-mail address or a user name.
    pub user: Option<String>,
    /// In this app.
    pub app: Option<String>,
    /// In one of these presences, separated by commas.
    #[param(value_type = Option<Vec<words::Presence>>, style = Form, explode = false)]
    pub presence: Option<String>,
}

/// When.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct When {
    /// What stood at this time (RFC 3339); now otherwise.
    #[param(example = "2026-03-01T00:00:00Z")]
    pub at: Option<String>,
}

/// Why an adoption is approved.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"event": "evt_3", "comment": "her account from before"}))]
pub struct Adoption {
    /// The adoption that was looked at; whichever waits for this account otherwise.
    pub event: Option<String>,
    /// Why.
    pub comment: String,
}

/// Accounts
///
/// Each user in each app, by app and user. With a presence, a page looks at so many accounts: go on until there is no `next`.
#[utoipa::path(get, path = "/accounts", operation_id = "listAccounts", tag = "accounts", params(Query, Paging),
    responses((status = 200, description = "a page of them", body = Listed<Account>)))]
pub async fn list(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    Asked(query): Asked<Query>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Listed<Account>>, Problem> {
    let presences = words::<Presence>("presence", query.presence.as_deref())?;
    let after: Option<PairAt> = paging.from("accounts")?;
    let paged = Paged::Accounts {
        user: query.user.map(UserRef),
        app: value("app", query.app.as_deref())?,
        presences: presences.into_iter().map(Into::into).collect(),
        after: after.map(|PairAt(app, user)| (app, user)),
        limit: paging.rows()?,
    };
    let PageAnswer::Accounts(rows) = page(&house, &permit.actor, paged).await? else { return Err(other_page()) };
    Ok(Json(Listed {
        items: rows.items.into_iter().map(Account::from).collect(),
        next: rows.next.map(|(app, user)| cursor::write("accounts", PairAt(app, user))),
    }))
}

/// The account that a path names.
async fn pair(house: &House, (app, user): &(String, String)) -> Result<(AppName, User), Problem> {
    Ok((reply::app(house, app).await?, reply::user(house, user).await?))
}

async fn row(house: &House, actor: &Actor, app: &AppName, user: &User) -> Result<StatusRow, Problem> {
    let command = Command::Status { user: Some(by_id(user)), app: Some(app.clone()), limit: 1 };
    match ask(house, actor, command).await? {
        Answer::Status(mut rows) if !rows.is_empty() => Ok(rows.remove(0)),
        Answer::Status(_) => Err(Problem::not_found(format!("nothing is known of {} in {app} yet", user.id))),
        other => Err(unexpected(&other)),
    }
}

/// One account
#[utoipa::path(get, path = "/accounts/{app}/{user}", operation_id = "showAccount", tag = "accounts",
    params(("app" = String, Path, description = "The app's name", example = "nulab"),
           ("user" = String, Path, description = "An id, `source:key`, a key, an e-mail address or a user name")),
    responses((status = 200, description = "the account", body = Account)))]
pub async fn show(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    At(path): At<(String, String)>,
) -> Result<Json<Account>, Problem> {
    let (app, user) = pair(&house, &path).await?;
    Ok(Json(row(&house, &permit.actor, &app, &user).await?.into()))
}

/// Explain an account
///
/// What it should be and which line of which rule says so, what was pushed and by which event, what stands in the way.
#[utoipa::path(get, path = "/accounts/{app}/{user}/explanation", operation_id = "explainAccount", tag = "accounts",
    params(("app" = String, Path, description = "The app's name", example = "nulab"),
           ("user" = String, Path, description = "An id, `source:key`, a key, an e-mail address or a user name"), When),
    responses((status = 200, description = "why it is as it is", body = Explained)))]
pub async fn explain(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    At(path): At<(String, String)>,
    Asked(when): Asked<When>,
) -> Result<Json<Explained>, Problem> {
    let at = value("at", when.at.as_deref())?;
    let (app, user) = pair(&house, &path).await?;
    match ask(&house, &permit.actor, Command::Explain { user: by_id(&user), app, at }).await? {
        Answer::Explained(explained) => Ok(Json((*explained).into())),
        other => Err(unexpected(&other)),
    }
}

/// Try an account's newest event again now
#[utoipa::path(post, path = "/accounts/{app}/{user}/retry", operation_id = "retryAccount", tag = "accounts",
    params(("app" = String, Path, description = "The app's name", example = "nulab"),
           ("user" = String, Path, description = "An id, `source:key`, a key, an e-mail address or a user name")),
    responses((status = 200, description = "it is tried again", body = Done)))]
pub async fn retry(
    State(house): State<Arc<House>>,
    permit: Permit<Retry>,
    At(path): At<(String, String)>,
) -> Result<Json<Done>, Problem> {
    let (app, user) = pair(&house, &path).await?;
    let row = row(&house, &permit.actor, &app, &user).await?;
    let none = || Problem::conflict(format!("there is nothing to try again for {} in {app}", user.id));
    let event = row.event.map(|event| event.id).ok_or_else(none)?;
    act(&house, &permit.actor, Command::Retry { events: vec![event] }).await
}

/// Look for an account again
///
/// At the target, with the next plan; what is found may be linked. Ends *disassociated* and *conflict*.
#[utoipa::path(post, path = "/accounts/{app}/{user}/rematch", operation_id = "rematchAccount", tag = "accounts",
    params(("app" = String, Path, description = "The app's name", example = "nulab"),
           ("user" = String, Path, description = "An id, `source:key`, a key, an e-mail address or a user name")),
    responses((status = 200, description = "it is looked for again", body = Done)))]
pub async fn rematch(
    State(house): State<Arc<House>>,
    permit: Permit<Decide>,
    At(path): At<(String, String)>,
) -> Result<Json<Done>, Problem> {
    let (app, user) = pair(&house, &path).await?;
    act(&house, &permit.actor, Command::Rematch { user: by_id(&user), app }).await
}

/// Let go of an account
///
/// It stays at the target as it is, and nothing is planned for it until it is looked for again.
#[utoipa::path(post, path = "/accounts/{app}/{user}/disassociate", operation_id = "disassociateAccount", tag = "accounts",
    params(("app" = String, Path, description = "The app's name", example = "nulab"),
           ("user" = String, Path, description = "An id, `source:key`, a key, an e-mail address or a user name")),
    responses((status = 200, description = "it is no longer Usher's", body = Done)))]
pub async fn disassociate(
    State(house): State<Arc<House>>,
    permit: Permit<Administer>,
    At(path): At<(String, String)>,
) -> Result<Json<Done>, Problem> {
    let (app, user) = pair(&house, &path).await?;
    act(&house, &permit.actor, Command::Disassociate { user: by_id(&user), app }).await
}

/// Adopt the account that was found
///
/// Approves the adoption that waits for this user in this app: an account exists there that Usher did not create. The adoption itself
/// writes nothing at the target.
#[utoipa::path(post, path = "/accounts/{app}/{user}/adopt", operation_id = "adoptAccount", tag = "accounts", request_body = Adoption,
    params(("app" = String, Path, description = "The app's name", example = "nulab"),
           ("user" = String, Path, description = "An id, `source:key`, a key, an e-mail address or a user name")),
    responses((status = 200, description = "what became of the decision", body = Decided)))]
pub async fn adopt(
    State(house): State<Arc<House>>,
    permit: Permit<Decide>,
    At(path): At<(String, String)>,
    Sent(sent): Sent<Adoption>,
) -> Result<Json<Decided>, Problem> {
    let (app, user) = pair(&house, &path).await?;
    let row = row(&house, &permit.actor, &app, &user).await?;
    let waits =
        row.event.filter(|event| event.operation.kind == Kind::Link && event.status.kind() == StatusKind::Pending);
    let none = || {
        Problem::conflict(format!(
            "no adoption waits for {} in {app}; `rematch` has the target looked at again with the next plan",
            user.id
        ))
    };
    let event = waits.ok_or_else(none)?.id;
    if sent.event.is_some_and(|seen| seen != event.to_string()) {
        return Err(Problem::conflict(format!("what waits is {event}, not the adoption that was looked at")));
    }
    let choice = Choice::of(vec![event]);
    let command = Command::Decide { choice, shown: None, approve: true, comment: sent.comment, dry_run: false };
    decided(&house, &permit.actor, command).await
}
