//! Planning a draft over the directory and activating it: long work. The page shows how far it is and comes back by itself, then shows
//! what came of it.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::Form;
use maud::{Markup, html};
use serde::Deserialize;

use crate::access::permission::{Denied, check_proof};
use crate::clock::Timestamp;
use crate::digest::Digest;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::context::EngineError;
use crate::engine::trial::{DraftAnswer, Mistake};
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::rules::{draft, files, listing, plan, revision};
use crate::server::console::{sign_in, words};
use crate::server::house::House;
use crate::server::jobs::{Aim, Job, Jobs};
use crate::server::permit::{Administer, Visitor};
use crate::server::problem::Problem;

/// How long a page waits for the work to end before it shows that it runs: most plans are there by then.
const WAITED_MAX: Duration = Duration::from_millis(1_500);
/// How often a page looks again, in seconds.
const LOOKS_AGAIN_SECS: &str = "1";

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Work {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// The work.
    pub job: Arc<Job>,
    /// The draft as it is by now.
    pub draft: Option<DraftAnswer>,
    /// The time, for ages.
    pub now: Timestamp,
}

/// What is to be done.
#[derive(Deserialize)]
pub struct Wanted {
    csrf: String,
    what: String,
    seen: Option<Digest>,
    #[serde(default)]
    comment: String,
}

/// `POST /rules/plan`.
///
/// # Errors
/// If the form is not from here, or the visitor must prove himself first.
pub async fn begin(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Form(form): Form<Wanted>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let files = files::read(&house, &visitor).await?;
    let over = files.active.as_ref().map(|active| active.number);
    let Some(draft) = files.draft else {
        return Ok(asking::go(&house, &visitor, "/rules", vec!["There is no draft any more.".to_owned()]));
    };
    if draft.is_behind() {
        return Ok(draft::behind(&house, &visitor));
    }
    let bundle = draft.draft.bundle;
    let (aim, command) = match form.what.as_str() {
        "plan" => (Aim::Plan(draft.digest), Command::Plan { app: None, user: None, draft: Some(bundle) }),
        "activate" if form.seen != Some(draft.digest) => {
            let lines = vec![
                "Nothing was activated: your draft is another one than that page showed. Look at it again.".to_owned(),
            ];
            return Ok(asking::go(&house, &visitor, "/rules/draft", lines));
        }
        "activate" if form.comment.trim().is_empty() => {
            let lines = vec!["Nothing was activated: say what it is for.".to_owned()];
            return Ok(asking::go(&house, &visitor, "/rules/draft", lines));
        }
        "activate" => {
            let comment = form.comment;
            (Aim::Activate, Command::Apply { bundle, base: draft.draft.parent, comment, dry_run: false })
        }
        other => return Err(Problem::bad_request(format!("`{other}` is nothing that can be done with a draft")).into()),
    };
    start(&house, &visitor, (aim, over), command, "/rules/draft").await
}

/// Begins a piece of work and goes to the page that shows it.
///
/// # Errors
/// If the visitor must prove himself first; he comes back to `back`.
pub async fn start(
    house: &Arc<House>,
    visitor: &Visitor<Administer>,
    (aim, over): (Aim, Option<crate::id::RevisionNumber>),
    command: Command,
    back: &str,
) -> Result<Response, Trouble> {
    if command.is_grave() && check_proof(&visitor.actor, house.now()).is_err() {
        return Err(Trouble::Prove(sign_in::again(back, &visitor.actor.name)));
    }
    let job = Job::begun(aim, over, house.now());
    let lines = match Jobs::begin(house, &visitor.actor, job, command) {
        Some(job) => {
            job.wait(WAITED_MAX).await;
            Vec::new()
        }
        None => vec!["Something of yours is running still; this was not begun.".to_owned()],
    };
    Ok(asking::go(house, visitor, "/rules/plan", lines))
}

/// `GET /rules/plan`.
///
/// # Errors
/// If the store fails.
pub async fn show(State(house): State<Arc<House>>, visitor: Visitor<Administer>) -> Result<Response, Trouble> {
    let told = asking::told(&house, &visitor);
    let Some(job) = house.jobs.of(visitor.actor.operator) else {
        return Ok(asking::go(&house, &visitor, "/rules", vec!["Nothing was planned.".to_owned()]));
    };
    if let Some(Err(EngineError::Denied(Denied::NeedsProof))) = job.outcome() {
        house.jobs.forget(visitor.actor.operator);
        let back = if matches!(job.aim, Aim::PlanBack(_) | Aim::Back(_)) { "/rules/revisions" } else { "/rules/draft" };
        return Err(Trouble::Prove(sign_in::again(back, &visitor.actor.name)));
    }
    let files = files::read(&house, &visitor).await?;
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    let runs = job.outcome().is_none();
    let page = page(&Work { viewer, told, job, draft: files.draft, now: house.now() });
    if runs {
        return Ok(([(header::REFRESH, LOOKS_AGAIN_SECS)], page).into_response());
    }
    Ok(page.into_response())
}

/// The page.
pub fn page(context: &Work) -> Markup {
    let title = match (&context.job.aim, context.job.outcome().is_some()) {
        (Aim::Plan(_), _) => "Plan of your draft".to_owned(),
        (Aim::Activate, false) => "Activating your draft".to_owned(),
        (Aim::Activate, true) => "Your draft".to_owned(),
        (Aim::PlanBack(number), _) => format!("Plan of going back to {number}"),
        (Aim::Back(number), _) => format!("Going back to {number}"),
    };
    let body = html! {
        p .crumbs { a href="/rules" { "Rules" } " / " (title) }
        div .head { h1 { (title) } span .hint { "begun " (words::moment(context.job.began, context.now)) } }
        (words::told(&context.told))
        @match context.job.outcome() {
            None => (running(&context.job)),
            Some(Ok(answer)) => (ended(context, answer)),
            Some(Err(error)) => (refused(error)),
        }
    };
    layout::page(&context.viewer, Place::Rules, &title, &body)
}

fn running(job: &Job) -> Markup {
    html! {
        section .panel role="status" {
            @match job.so_far() {
                Some(progress) => {
                    p { (progress.step) ": " (progress.done) @if progress.total > 0 { " of " (progress.total) } }
                    @if progress.total > 0 { progress max=(progress.total) value=(progress.done) {} } @else { progress {} }
                },
                None => { p { "It begins." } progress {} },
            }
            p .hint { "This page looks again by itself. You may leave it and come back; the work goes on." }
        }
    }
}

fn ended(context: &Work, answer: &Answer) -> Markup {
    html! {
        @match answer {
            Answer::Plan(planned) => {
                (decide(context))
                (plan::all(planned))
            },
            Answer::Applied(applied) => {
                @match (&applied.revision, applied.activated) {
                    (Some(revision), true) => p .good { "✓ " (revision.number) " is active. What it does is being done: see " a href="/activity" { "Activity" } " and " a href="/approvals" { "Approvals" } "." },
                    _ => p { "Nothing to activate: these are the files of the active revision." },
                }
                @if !applied.changes.is_empty() { ul .plain { @for change in &applied.changes { li { (change) } } } }
                (plan::all(&applied.plan))
            },
            other => p .trouble { "unexpected: " (format!("{other:?}").chars().take(200).collect::<String>()) },
        }
    }
}

/// What can be done with a plan.
fn decide(context: &Work) -> Markup {
    html! {
        @match &context.job.aim {
            Aim::Plan(digest) => {
                @match &context.draft {
                    Some(draft) if draft.digest == *digest => section .panel {
                        (draft::activate(&context.viewer, *digest))
                        p { a href="/rules/draft" { "Back to the draft" } }
                    },
                    Some(_) => p .finding { "Your draft was written on since; this plan is of what it was. " a href="/rules/draft" { "To the draft" } "." },
                    None => p .finding { "The draft is gone; this plan is of what it was." },
                }
            },
            Aim::PlanBack(number) => (revision::go_back(&context.viewer, *number, context.job.over)),
            Aim::Activate | Aim::Back(_) => {},
        }
    }
}

fn refused(error: &EngineError) -> Markup {
    html! {
        section .notice .bad role="alert" {
            h2 .bad { "Not done; nothing was changed" }
            @match error {
                EngineError::Files(errors) => {
                    @let (plain, placed): (Vec<_>, Vec<_>) = errors.iter().cloned().map(Mistake::from).partition(|each| each.line == 0);
                    (listing::mistakes(&placed.iter().collect::<Vec<_>>()))
                    @for each in &plain { pre tabindex="0" role="group" aria-label="What is wrong" { (each.reason) } }
                },
                other => p { (other) },
            }
            p { a href="/rules/draft" { "Back to the draft" } }
        }
    }
}
