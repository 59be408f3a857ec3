//! From a command to a reply.

use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Actor;
use crate::directory::user::User;
use crate::engine::answer::Answer;
use crate::engine::command::{Command, UserRef};
use crate::engine::context::{EngineError, Unwatched};
use crate::engine::paged::{PageAnswer, Paged};
use crate::id::AppName;
use crate::server::house::House;
use crate::server::problem::Problem;
use crate::text::printable;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Listed<T> {
    /// What is on it. It may be shorter than `limit`, or empty, although there is a next page.
    pub items: Vec<T>,
    /// Pass this as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

impl<T> Listed<T> {
    /// All there is, as one page.
    pub fn all(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Done {
    /// In words.
    #[schema(example = "nulab is paused: nothing is sent; leavers are planned, everything else when it is resumed")]
    pub done: String,
}

/// Asks the engine.
///
/// # Errors
/// A [`Problem`] that says what to do.
pub async fn ask(house: &House, actor: &Actor, command: Command) -> Result<Answer, Problem> {
    Ok(house.engine.answer(actor, command, &Unwatched).await?)
}

/// Asks for one thing by its name: 404 if the engine knows none.
///
/// # Errors
/// As [`ask`].
pub async fn find(house: &House, actor: &Actor, command: Command) -> Result<Answer, Problem> {
    match house.engine.answer(actor, command, &Unwatched).await {
        Err(EngineError::Invalid(none)) => Err(Problem::not_found(none)),
        other => Ok(other?),
    }
}

/// Asks for one page.
///
/// # Errors
/// As [`ask`].
pub async fn page(house: &House, actor: &Actor, paged: Paged) -> Result<PageAnswer, Problem> {
    match ask(house, actor, Command::Page(paged)).await? {
        Answer::Page(page) => Ok(page),
        other => Err(unexpected(&other)),
    }
}

/// Asks for something of which there is nothing to show but that it was done.
///
/// # Errors
/// As [`ask`].
pub async fn act(house: &House, actor: &Actor, command: Command) -> Result<axum::Json<Done>, Problem> {
    match ask(house, actor, command).await? {
        Answer::Done(done) => Ok(axum::Json(Done { done })),
        other => Err(unexpected(&other)),
    }
}

/// An answer of another kind than the command's: a fault of ours.
pub fn unexpected(answer: &Answer) -> Problem {
    let kind = serde_json::to_value(answer).ok().and_then(|json| json["answer"].as_str().map(str::to_owned));
    Problem::fault(format!("the engine gave another answer than was asked for: {}", kind.unwrap_or_default()))
}

/// A page of another kind than was asked for: a fault of ours.
pub fn other_page() -> Problem {
    Problem::fault("the engine gave a page of another list than was asked for")
}

/// An app of the active revision, named in a path.
///
/// # Errors
/// 404 if there is none.
pub async fn app(house: &House, text: &str) -> Result<AppName, Problem> {
    let none = || Problem::not_found(format!("there is no app `{}`", printable(text)));
    let name: AppName = text.parse().map_err(|_| none())?;
    let active = house.engine.active().await?;
    if active.apps.contains_key(&name) { Ok(name) } else { Err(none()) }
}

/// A user, named in a path: by id, `source:key`, key, e-mail address or user name.
///
/// # Errors
/// 404 if there is none, or the name means several.
pub async fn user(house: &House, text: &str) -> Result<User, Problem> {
    match house.engine.find_user(&UserRef(text.to_owned())).await {
        Err(EngineError::Invalid(none)) => Err(Problem::not_found(none)),
        other => Ok(other?),
    }
}

/// A user by his id, as commands name him.
pub fn by_id(user: &User) -> UserRef {
    UserRef(user.id.to_string())
}

/// An id of a path.
///
/// # Errors
/// 404 if it can't be one.
pub fn id<T: std::str::FromStr>(what: &str, text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::not_found(format!("there is no {what} `{}`", printable(text))))
}

/// A word as readable formats have it.
pub fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(serde_json::Value::Object(tagged)) => tagged.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}
