//! What every page does: asks the engine in the visitor's name, goes back with a word of what was done, or shows what is wrong as a page.

use std::fmt::Display;
use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;

use crate::access::permission::Denied;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::context::{EngineError, Unwatched};
use crate::server::api::reply;
use crate::server::console::{layout, sign_in};
use crate::server::house::House;
use crate::server::permit::Visitor;
use crate::server::problem::Problem;
use crate::store::act::StoreError;

/// Why there is no page, as a page.
#[derive(Debug)]
pub enum Trouble {
    /// Something is wrong; the page says what and what to do.
    Wrong(Problem),
    /// The visitor must prove himself once more, at this address.
    Prove(String),
}

impl From<Problem> for Trouble {
    fn from(problem: Problem) -> Self {
        Self::Wrong(problem)
    }
}

impl From<EngineError> for Trouble {
    fn from(error: EngineError) -> Self {
        Self::Wrong(error.into())
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        match self {
            Self::Prove(address) => Redirect::to(&address).into_response(),
            Self::Wrong(problem) => {
                let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                if status.is_server_error() {
                    tracing::error!(problem = problem.kind, detail = problem.detail, "a page failed");
                }
                let body = html! {
                    h1 { (problem.title) }
                    p { (problem.detail) }
                    p { a href="/" { "Back to the start" } }
                };
                (status, layout::plain(&problem.title, &body)).into_response()
            }
        }
    }
}

/// Asks for what a page shows.
///
/// # Errors
/// If the visitor may not see it, or it is not there.
pub async fn ask<L>(house: &Arc<House>, visitor: &Visitor<L>, command: Command) -> Result<Answer, Trouble> {
    Ok(house.engine.answer(&visitor.actor, command, &Unwatched).await?)
}

/// An answer of another kind than the command's.
pub fn unexpected(answer: &Answer) -> Trouble {
    Trouble::Wrong(reply::unexpected(answer))
}

/// Carries out what a form asks for and goes back to `back`, where the next page says what was done (`told` makes the sentences), or why
/// not. Whoever must prove himself first is sent to do so, and comes back to `back`.
///
/// # Errors
/// If the visitor may not, or the store fails.
pub async fn act<L>(
    house: &Arc<House>,
    visitor: &Visitor<L>,
    command: Command,
    back: &str,
    told: impl FnOnce(&Answer) -> Vec<String>,
) -> Result<Response, Trouble> {
    match house.engine.answer(&visitor.actor, command, &Unwatched).await {
        Ok(answer) => Ok(go(house, visitor, back, told(&answer))),
        Err(EngineError::Denied(Denied::NeedsProof)) => Err(Trouble::Prove(sign_in::again(back, &visitor.actor.name))),
        Err(
            error @ (EngineError::Invalid(_)
            | EngineError::Files(_)
            | EngineError::Store(StoreError::Conflict(_) | StoreError::Stale(_))),
        ) => Ok(go(house, visitor, back, error.to_string().lines().map(str::to_owned).collect())),
        Err(error) => Err(error.into()),
    }
}

/// What most commands say: the sentence of [`Answer::Done`].
pub fn done(answer: &Answer) -> Vec<String> {
    match answer {
        Answer::Done(sentence) => vec![sentence.clone()],
        _ => vec!["Done.".to_owned()],
    }
}

/// Goes to `back`, whose page says `lines`.
pub fn go<L>(house: &House, visitor: &Visitor<L>, back: &str, lines: Vec<String>) -> Response {
    house.sessions.tell(&visitor.cookie, lines);
    Redirect::to(back).into_response()
}

/// What was left to be said at this page.
pub fn told<L>(house: &House, visitor: &Visitor<L>) -> Vec<String> {
    // It is said once, to whoever looks.
    if visitor.by_itself { Vec::new() } else { house.sessions.take_told(&visitor.cookie) }
}

/// A part of a path, from text that people sent.
///
/// # Errors
/// 404, with `what` and the text.
pub fn part<T: std::str::FromStr>(what: &str, text: &str) -> Result<T, Trouble>
where
    T::Err: Display,
{
    text.parse().map_err(|_| Trouble::Wrong(Problem::not_found(format!("there is no {what} `{text}`"))))
}
