//! From a command to a reply.

use serde::Serialize;
use utoipa::ToSchema;

use crate::access::Actor;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::context::Unwatched;
use crate::server::house::House;
use crate::server::problem::Problem;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Listed<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Pass this as `cursor` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Asks the engine.
///
/// # Errors
/// A [`Problem`] that says what to do.
pub async fn ask(house: &House, actor: &Actor, command: Command) -> Result<Answer, Problem> {
    Ok(house.engine.answer(actor, command, &Unwatched).await?)
}

/// An answer of another kind than the command's: a fault of ours.
pub fn unexpected(answer: &Answer) -> Problem {
    let kind = serde_json::to_value(answer).ok().and_then(|json| json["answer"].as_str().map(str::to_owned));
    Problem::fault(format!("the engine gave another answer than was asked for: {}", kind.unwrap_or_default()))
}
