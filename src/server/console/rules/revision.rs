//! One revision: what it changed, how it differs from the active one, and the way back to it.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum_extra::extract::Form;
use maud::{Markup, html};
use serde::Deserialize;

use crate::access::Permission;
use crate::clock::Timestamp;
use crate::connector::revision::{Bundle, Revision};
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::id::RevisionNumber;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::rules::{diff, draft, files, work};
use crate::server::console::words;
use crate::server::house::House;
use crate::server::jobs::Aim;
use crate::server::permit::{Administer, Read, Visitor};
use crate::server::problem::Problem;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct RevisionPage {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// Which.
    pub revision: Revision,
    /// Who made it.
    pub author: String,
    /// Its files.
    pub bundle: Bundle,
    /// What it is compared with, and its files.
    pub against: (Option<RevisionNumber>, Bundle),
    /// The active one.
    pub active: Option<RevisionNumber>,
    /// The time, for ages.
    pub now: Timestamp,
}

/// What to compare with.
#[derive(Debug, Default, Deserialize)]
pub struct Against {
    with: Option<u64>,
}

/// The way back.
#[derive(Deserialize)]
pub struct Back {
    csrf: String,
    what: String,
    over: Option<u64>,
    #[serde(default)]
    comment: String,
}

/// `GET /rules/revisions/{number}`: against its parent, unless `with` names another one.
///
/// # Errors
/// If there is no such revision.
pub async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Path(number): Path<String>,
    Query(against): Query<Against>,
) -> Result<Markup, Trouble> {
    let number = number_of(&number)?;
    let (revision, active) = find(&house, &visitor, number).await?;
    let bundle = draft::bundle_of(&house, &visitor, Some(number)).await?;
    let with = match against.with {
        Some(with) => Some(find(&house, &visitor, RevisionNumber(with)).await?.0.number),
        None => revision.parent,
    };
    let against = (with, draft::bundle_of(&house, &visitor, with).await?);
    let author = files::names(&house, &visitor).await?.remove(&revision.author).unwrap_or_default();
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    let told = asking::told(&house, &visitor);
    Ok(page(&RevisionPage { viewer, told, revision, author, bundle, against, active, now: house.now() }))
}

fn number_of(text: &str) -> Result<RevisionNumber, Trouble> {
    let bare = text.strip_prefix("rev_").unwrap_or(text);
    Ok(RevisionNumber(asking::part("revision", bare)?))
}

async fn find<L>(
    house: &Arc<House>,
    visitor: &Visitor<L>,
    number: RevisionNumber,
) -> Result<(Revision, Option<RevisionNumber>), Trouble> {
    let answer = asking::ask(house, visitor, Command::Revisions).await?;
    let Answer::Revisions { revisions, active } = answer else { return Err(asking::unexpected(&answer)) };
    let found = revisions.into_iter().find(|revision| revision.number == number);
    let none = || Trouble::Wrong(Problem::not_found(format!("there is no revision {number}")));
    Ok((found.ok_or_else(none)?, active))
}

/// `POST /rules/revisions/{number}`: plans going back to it, or does it.
///
/// # Errors
/// If the form is not from here, or the visitor must prove himself first.
pub async fn back(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Path(number): Path<String>,
    Form(form): Form<Back>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let (revision, active) = find(&house, &visitor, number_of(&number)?).await?;
    let number = revision.number;
    let (aim, command) = match form.what.as_str() {
        "plan" => {
            let bundle = draft::bundle_of(&house, &visitor, Some(number)).await?;
            (Aim::PlanBack(number), Command::Plan { app: None, user: None, draft: Some(bundle) })
        }
        "back" => {
            let over = form.over.map(RevisionNumber);
            (Aim::Back(number), Command::Rollback { number, comment: form.comment, over })
        }
        other => {
            return Err(Problem::bad_request(format!("`{other}` is nothing that can be done with a revision")).into());
        }
    };
    let here = format!("/rules/revisions/{}", number.0);
    work::start(&house, &visitor, (aim, active), command, &here).await
}

/// The form that goes back, beneath the plan of it.
pub fn go_back(viewer: &Viewer, number: RevisionNumber, over: Option<RevisionNumber>) -> Markup {
    html! {
        section .panel {
            form .inline method="post" action=(format!("/rules/revisions/{}", number.0)) {
                (viewer.token())
                @if let Some(over) = over { input type="hidden" name="over" value=(over.0); }
                label for="comment" { "Why" }
                input #comment name="comment" maxlength="500" placeholder="For the history: what was wrong" required;
                button .primary type="submit" name="what" value="back" { "Go back to " (number) }
            }
            p { a href=(format!("/rules/revisions/{}", number.0)) { "To the revision" } }
        }
    }
}

/// The page.
pub fn page(context: &RevisionPage) -> Markup {
    let revision = &context.revision;
    let here = format!("/rules/revisions/{}", revision.number.0);
    let is_active = context.active == Some(revision.number);
    let may = context.viewer.role >= Permission::Administer.needs();
    let body = html! {
        p .crumbs { a href="/rules" { "Rules" } " / " a href="/rules/revisions" { "Revisions" } " / " (revision.number) }
        div .head {
            h1 { (revision.number) }
            @if is_active { span .badge .good { "active" } }
            span .hint { "by " (context.author) ", " (words::moment(revision.at, context.now)) " · " code { (revision.digest.short()) } }
            nav .actions aria-label="Revision" { a .button href=(format!("/rules/export?revision={}", revision.number.0)) { "Export all" } }
        }
        (words::told(&context.told))
        @if !revision.comment.is_empty() { p { "“" (revision.comment) "”" } }
        p .choices {
            "Compared with "
            @match context.against.0 { Some(with) => strong { (with) }, None => strong { "nothing" } }
            @if let Some(parent) = revision.parent.filter(|parent| context.against.0 != Some(*parent)) { " · " a href=(format!("{here}?with={}", parent.0)) { "with its parent " (parent) } }
            @if let Some(active) = context.active.filter(|active| !is_active && context.against.0 != Some(*active)) { " · " a href=(format!("{here}?with={}", active.0)) { "with the active " (active) } }
        }
        @if may && !is_active {
            form .inline method="post" action=(here) {
                (context.viewer.token())
                button type="submit" name="what" value="plan" { "Plan going back to " (revision.number) }
                span .hint { "Shows what it would do to everybody, before anything is done." }
            }
        }
        (diff::bundles(&context.against.1, &context.bundle))
    };
    layout::page(&context.viewer, Place::Rules, &revision.number.to_string(), &body)
}
