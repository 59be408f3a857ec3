//! Decisions: about what is ticked, or about a whole batch as it was shown.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum_extra::extract::Form;
use serde::Deserialize;

use crate::engine::answer::{Answer, DecisionAnswer};
use crate::engine::command::Command;
use crate::engine::pending::{Choice, Shown};
use crate::id::{BatchId, EventId};
use crate::server::console::approvals::list::PATH;
use crate::server::console::asking::{self, Trouble};
use crate::server::house::House;
use crate::server::permit::{Decide, Visitor};
use crate::server::problem::Problem;

/// Decisions that are told one by one; more are counted.
const TOLD_MAX: usize = 5;
/// Events that were not decided and are told one by one.
const REFUSED_TOLD_MAX: usize = 20;

/// A decision.
#[derive(Deserialize)]
pub struct Decision {
    csrf: String,
    verdict: String,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    event: Vec<EventId>,
    batch: Option<BatchId>,
    shown: Option<String>,
    #[serde(default)]
    back: String,
}

/// `POST /approvals`.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn decide(
    State(house): State<Arc<House>>,
    visitor: Visitor<Decide>,
    Form(form): Form<Decision>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let approve = match form.verdict.as_str() {
        "approve" => true,
        "reject" => false,
        other => {
            return Err(Problem::bad_request(format!("`{other}` is no decision; expected approve or reject")).into());
        }
    };
    let shown: Option<Shown> = match form.shown.as_deref().filter(|_| form.batch.is_some()) {
        Some(text) => Some(text.parse().map_err(Problem::bad_request)?),
        None => None,
    };
    let back = back(&form.back);
    let choice = match form.batch {
        Some(batch) => Choice { batches: vec![batch], ..Choice::default() },
        None if form.event.is_empty() => {
            let lines = vec!["Nothing was chosen: tick what you decide about.".to_owned()];
            return Ok(asking::go(&house, &visitor, back, lines));
        }
        None => Choice::of(form.event),
    };
    let command = Command::Decide { choice, shown, approve, comment: form.comment, dry_run: false };
    asking::act(&house, &visitor, command, back, |answer| decided(answer, approve)).await
}

/// Where the form was: a page of this place.
fn back(address: &str) -> &str {
    let rest = address.strip_prefix(PATH).filter(|rest| rest.is_empty() || rest.starts_with(['?', '/']));
    if rest.is_some_and(|rest| rest.chars().all(|char| char.is_ascii_graphic() && char != '\\')) {
        address
    } else {
        PATH
    }
}

/// What became of each, in a sentence; of many, in numbers.
fn decided(answer: &Answer, approve: bool) -> Vec<String> {
    let Answer::Decided(decisions) = answer else { return asking::done(answer) };
    let word = if approve { "approved" } else { "rejected" };
    let (done, refused): (Vec<&DecisionAnswer>, Vec<&DecisionAnswer>) =
        decisions.iter().partition(|one| one.refused.is_none());
    let mut lines: Vec<String> = done
        .iter()
        .take(if done.len() > TOLD_MAX { 0 } else { TOLD_MAX })
        .map(|one| match one.missing {
            0 => format!("{} {}: {word}", one.event, one.label),
            missing => format!("{} {}: {word}; {missing} more must approve it", one.event, one.label),
        })
        .collect();
    if done.len() > TOLD_MAX {
        let missing = done.iter().filter(|one| one.missing > 0).count();
        let more = if missing > 0 { format!("; {missing} of them need another approval") } else { String::new() };
        lines.push(format!("{} {word}{more}", done.len()));
    }
    lines.extend(refused.iter().take(REFUSED_TOLD_MAX).map(|one| {
        let why = one.refused.as_deref().unwrap_or_default();
        format!("{} {}: not decided: {why}", one.event, one.label)
    }));
    if refused.len() > REFUSED_TOLD_MAX {
        lines.push(format!("{} more were not decided", refused.len() - REFUSED_TOLD_MAX));
    }
    lines
}
