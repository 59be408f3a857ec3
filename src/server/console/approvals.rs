//! The queue: what waits for a decision, why, and who decides. An event never changes what it would do (a newer one takes its place), so
//! deciding about an event decides about exactly what was on screen; a batch is bound by its count and digest.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use axum_extra::extract::Form;
use maud::{Markup, html};
use serde::Deserialize;

use crate::access::{Permission, Role};
use crate::clock::Timestamp;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::pending::{Choice, Pending, Shown};
use crate::id::{BatchId, EventId};
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Decide, Read, Visitor};
use crate::server::problem::Problem;

/// Events on one page.
const LISTED_MAX: usize = 200;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Approvals {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// What waits, newest first.
    pub waiting: Vec<Pending>,
    /// Held batches as they stand.
    pub batches: BTreeMap<BatchId, Shown>,
    /// The time, for ages.
    pub now: Timestamp,
}

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
}

/// `GET /approvals`.
///
/// # Errors
/// If the store fails.
pub async fn show(State(house): State<Arc<House>>, visitor: Visitor<Read>) -> Result<Markup, Trouble> {
    let command = Command::Approvals { app: None, limit: LISTED_MAX };
    let answer = asking::ask(&house, &visitor, command).await?;
    let Answer::Approvals(waiting) = answer else { return Err(asking::unexpected(&answer)) };
    let told = asking::told(&house, &visitor);
    let mut batches = BTreeMap::new();
    for batch in waiting.iter().filter_map(|each| each.event.batch).collect::<BTreeSet<_>>() {
        let command = Command::BatchShow { batch };
        if let Answer::Batch(held) = asking::ask(&house, &visitor, command).await? {
            batches.insert(batch, held.shown);
        }
    }
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    Ok(page(&Approvals { viewer, told, waiting, batches, now: house.now() }))
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
    let choice = match form.batch {
        Some(batch) => Choice { batches: vec![batch], ..Choice::default() },
        None if form.event.is_empty() => {
            let lines = vec!["Nothing was chosen: tick what you decide about.".to_owned()];
            return Ok(asking::go(&house, &visitor, "/approvals", lines));
        }
        None => Choice::of(form.event),
    };
    let command = Command::Decide { choice, shown, approve, comment: form.comment, dry_run: false };
    asking::act(&house, &visitor, command, "/approvals", |answer| decided(answer, approve)).await
}

/// What became of each, in a sentence.
fn decided(answer: &Answer, approve: bool) -> Vec<String> {
    let Answer::Decided(decisions) = answer else { return asking::done(answer) };
    let word = if approve { "approved" } else { "rejected" };
    let each = decisions.iter().map(|one| match (&one.refused, one.missing) {
        (Some(why), _) => format!("{} {}: not decided: {why}", one.event, one.label),
        (None, 0) => format!("{} {}: {word}", one.event, one.label),
        (None, missing) => format!("{} {}: {word}; {missing} more must approve it", one.event, one.label),
    });
    each.collect()
}

/// The page.
pub fn page(context: &Approvals) -> Markup {
    let may = context.viewer.role >= Permission::Decide.needs();
    let body = html! {
        h1 { "Approvals" }
        (words::told(&context.told))
        @if context.waiting.is_empty() {
            p .hint { "Nothing waits for a decision. What a guard holds, or an app asks an approval for, appears here." }
        }
        @for (batch, shown) in &context.batches { (held(context, *batch, shown, may)) }
        @if !context.waiting.is_empty() {
            form method="post" action="/approvals" {
                (context.viewer.token())
                @for waiting in &context.waiting { (card(context, waiting, may)) }
                @if may {
                    div .decide {
                        label for="comment" { "Comment" }
                        input #comment name="comment" maxlength="500" placeholder="Why; needed for what you caused yourself";
                        button .primary type="submit" name="verdict" value="approve" { "Approve what is ticked" }
                        button type="submit" name="verdict" value="reject" { "Reject what is ticked" }
                    }
                } @else {
                    p .hint { "You are " (Role::Viewer) ": you see what waits; approvers decide." }
                }
            }
        }
    };
    layout::page(&context.viewer, Place::Approvals, "Approvals", &body)
}

/// A held batch, decided as a whole.
fn held(context: &Approvals, batch: BatchId, shown: &Shown, may: bool) -> Markup {
    let name = format!("comment-{batch}");
    html! {
        section .batch {
            h2 { "Held batch: " (shown.count) " together" }
            p { code { (batch) } " · more than the blast radius allows, or adoptions. What joins after you looked waits." }
            @if may {
                form .decide method="post" action="/approvals" {
                    (context.viewer.token())
                    input type="hidden" name="batch" value=(batch);
                    input type="hidden" name="shown" value=(shown);
                    label for=(name) { "Comment" }
                    input id=(name) name="comment" maxlength="500";
                    button .primary type="submit" name="verdict" value="approve" { "Approve all " (shown.count) }
                    button type="submit" name="verdict" value="reject" { "Reject all " (shown.count) }
                }
            }
        }
    }
}

fn card(context: &Approvals, waiting: &Pending, may: bool) -> Markup {
    let (event, asking) = (&waiting.event, &waiting.asking);
    let operation = &event.operation;
    let id = format!("pick-{}", event.id);
    html! {
        article .event aria-labelledby=(format!("title-{}", event.id)) {
            header {
                @if may { input .pick type="checkbox" name="event" value=(event.id) id=(id) aria-label=(format!("Choose {}", operation.label)); }
                h3 id=(format!("title-{}", event.id)) { (operation.label) }
                span .kind { (operation.kind) " in " (operation.app) }
                span .hint { (event.id) " · waiting " (words::age(context.now, event.waiting_since)) }
                @if event.escalated.is_some() { span .trouble { "escalated" } }
            }
            (words::diff(&operation.changes, Some(("Rule", &|change| asking.place(&change.path).unwrap_or_default().to_string()))))
            @if !operation.edges.is_empty() {
                ul { @for edge in &operation.edges { li { (edge.words()) } } }
            }
            @for finding in &event.findings { p .finding { (finding) } }
            dl {
                dt { "Account" } dd { (operation.user_name) }
                dt { "Because" } dd { (operation.reason) " · " (asking.because.what) @if !asking.because.by.is_empty() { ", by " (asking.because.by.join(" and ")) } }
                dt { "Decides" } dd {
                    (asking.deciders.join(", "))
                    @if asking.approvers > 1 { " · " (asking.approved.len()) " of " (asking.approvers) " approved" }
                    @if let Some(stuck) = &asking.stuck { " · " (stuck) }
                }
                dt { "Until" } dd { @match asking.expires { Some(at) => (at), None => "it never expires" } }
            }
        }
    }
}
