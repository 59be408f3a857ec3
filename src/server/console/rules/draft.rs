//! The visitor's draft: what differs, whether it holds, what moved meanwhile; from here it is planned and activated.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::Form;
use maud::{Markup, html};
use serde::Deserialize;

use crate::clock::Timestamp;
use crate::connector::draft::DraftEdit;
use crate::connector::revision::Bundle;
use crate::digest::Digest;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::trial::{DraftAnswer, RulesChecked};
use crate::id::RevisionNumber;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::rules::{diff, files, listing};
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Administer, Visitor};
use crate::server::problem::Problem;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct DraftPage {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// The draft.
    pub draft: DraftAnswer,
    /// The files that it was taken from.
    pub parent: Bundle,
    /// The active files.
    pub active: Bundle,
    /// What is wrong with it.
    pub checked: RulesChecked,
    /// The time, for ages.
    pub now: Timestamp,
}

/// What is to be done with it.
#[derive(Deserialize)]
pub struct Step {
    csrf: String,
    what: String,
}

/// `GET /rules/draft`.
///
/// # Errors
/// If the store fails.
pub async fn show(State(house): State<Arc<House>>, visitor: Visitor<Administer>) -> Result<Response, Trouble> {
    let files = files::read(&house, &visitor).await?;
    let checked = files::check(&house, &visitor, &files).await?;
    let told = asking::told(&house, &visitor);
    let Some(draft) = files.draft else {
        let lines = if told.is_empty() {
            vec!["You have no draft: it begins when you change a file.".to_owned()]
        } else {
            told
        };
        return Ok(asking::go(&house, &visitor, "/rules", lines));
    };
    let parent = bundle_of(&house, &visitor, draft.draft.parent).await?;
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    let context = DraftPage { viewer, told, draft, parent, active: files.bundle, checked, now: house.now() };
    Ok(page(&context).into_response())
}

/// The files of a revision.
///
/// # Errors
/// If there is none of that number.
pub async fn bundle_of<L>(
    house: &Arc<House>,
    visitor: &Visitor<L>,
    number: Option<RevisionNumber>,
) -> Result<Bundle, Trouble> {
    let Some(number) = number else { return Ok(Bundle::default()) };
    match asking::ask(house, visitor, Command::RevisionShow { number }).await? {
        Answer::Files { bundle, .. } => Ok(bundle),
        other => Err(asking::unexpected(&other)),
    }
}

/// `POST /rules/draft`.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn edit(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Form(form): Form<Step>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let (edit, back) = match form.what.as_str() {
        "rebase" => (DraftEdit::Rebase, "/rules/draft"),
        "drop" => (DraftEdit::Drop, "/rules"),
        other => return Err(Problem::bad_request(format!("`{other}` is nothing that can be done with a draft")).into()),
    };
    if edit == DraftEdit::Drop {
        house.jobs.forget(visitor.actor.operator);
    }
    asking::act(&house, &visitor, Command::DraftEdit { edit }, back, asking::done).await
}

/// Where somebody goes on whose draft was overtaken.
pub fn behind(house: &House, visitor: &Visitor<Administer>) -> Response {
    let lines = vec![
        "Nothing was activated: another revision became active since your draft was taken. See what moved.".to_owned(),
    ];
    house.sessions.tell(&visitor.cookie, lines);
    Redirect::to("/rules/draft").into_response()
}

/// The page.
pub fn page(context: &DraftPage) -> Markup {
    let mistakes: Vec<_> = context.checked.mistakes.iter().collect();
    let runs: Vec<_> = context.checked.examples.iter().collect();
    let parent = context.draft.draft.parent.map_or_else(|| "nothing".to_owned(), |parent| parent.to_string());
    let body = html! {
        p .crumbs { a href="/rules" { "Rules" } " / Your draft" }
        div .head {
            h1 { "Your draft" }
            span .hint { "taken from " (parent) ", written " (words::moment(context.draft.draft.at, context.now)) }
            form .actions method="post" action="/rules/draft" {
                (context.viewer.token())
                button .quiet type="submit" name="what" value="drop" { "Drop the draft" }
            }
        }
        (words::told(&context.told))
        @if context.draft.is_behind() { (moved(context, &parent)) }
        (listing::mistakes(&mistakes))
        (listing::examples(&runs))
        @if context.checked.passed() {
            p .good { "✓ Everything compiles" @if runs.is_empty() { "; there are no examples." } @else { ", and every example comes out as it says." } }
        }
        @if !context.draft.is_behind() { (go_on(context)) }
        h2 { "What differs from " (parent) }
        (diff::bundles(&context.parent, &context.draft.draft.bundle))
    };
    layout::page(&context.viewer, Place::Rules, "Your draft", &body)
}

fn go_on(context: &DraftPage) -> Markup {
    html! {
        section .panel {
            @if context.checked.mistakes.is_empty() {
                form .inline method="post" action="/rules/plan" {
                    (context.viewer.token())
                    button .primary type="submit" name="what" value="plan" { "Plan it over the directory" }
                    span .hint { "Shows what it would do to everybody. Nothing is written anywhere." }
                }
            }
            @if context.checked.passed() {
                (activate(&context.viewer, context.draft.digest))
            } @else {
                p .finding { "It can't be activated as it is: put right what is said above first." }
            }
        }
    }
}

/// The form that makes a draft active.
pub fn activate(viewer: &Viewer, seen: Digest) -> Markup {
    html! {
        form .inline method="post" action="/rules/plan" {
            (viewer.token())
            input type="hidden" name="seen" value=(seen);
            label for="comment" { "Why" }
            input #comment name="comment" maxlength="500" placeholder="For the history: what it is for" required;
            button type="submit" name="what" value="activate" { "Activate it as a revision" }
        }
    }
}

/// What was activated since the draft was taken.
fn moved(context: &DraftPage, parent: &str) -> Markup {
    let active = context.draft.active.map_or_else(|| "none".to_owned(), |active| active.to_string());
    let both: Vec<&String> =
        context.draft.moved.keys().filter(|path| context.draft.changes.contains_key(*path)).collect();
    html! {
        section .notice .bad {
            h2 { (active) " is active by now, your draft is based on " (parent) }
            p { "So it can't be activated: it would undo what somebody else did. This moved meanwhile:" }
            (diff::bundles(&context.parent, &context.active))
            form .inline method="post" action="/rules/draft" {
                (context.viewer.token())
                button .primary type="submit" name="what" value="rebase" { "Base it on " (active) }
                span .hint {
                    "Files that you left alone become those of " (active) ". "
                    @if both.is_empty() { "No file was changed on both sides." }
                    @else { "Changed on both sides, and left as you wrote them: " (both.iter().map(|path| path.as_str()).collect::<Vec<_>>().join(", ")) ". Bring over by hand what you want of it." }
                }
            }
        }
    }
}
