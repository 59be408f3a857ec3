//! The files of the active revision or of the visitor's draft, and what can be done with them.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::Form;
use maud::{Markup, html};
use serde::Deserialize;

use crate::access::Permission;
use crate::clock::Timestamp;
use crate::connector::draft::check_path;
use crate::engine::trial::RulesChecked;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::rules::files::{self, Files, address};
use crate::server::console::rules::{diff, listing};
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Administer, Read, Visitor};

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// The files.
    pub files: Files,
    /// Who wrote the active revision.
    pub author: String,
    /// What is wrong with them.
    pub checked: RulesChecked,
    /// Which apps use a file.
    pub users: BTreeMap<String, Vec<String>>,
    /// The time, for ages.
    pub now: Timestamp,
}

/// A new file's name.
#[derive(Deserialize)]
pub struct New {
    csrf: String,
    file: String,
}

/// `GET /rules`.
///
/// # Errors
/// If the store fails.
pub async fn show(State(house): State<Arc<House>>, visitor: Visitor<Read>) -> Result<Markup, Trouble> {
    let files = files::read(&house, &visitor).await?;
    let checked = files::check(&house, &visitor, &files).await?;
    let names = files::names(&house, &visitor).await?;
    let author = files.active.as_ref().and_then(|active| names.get(&active.author)).cloned().unwrap_or_default();
    let users = files::users(files.shown());
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    let told = asking::told(&house, &visitor);
    Ok(page(&Rules { viewer, told, files, author, checked, users, now: house.now() }))
}

/// `POST /rules`: opens a new file in the editor.
///
/// # Errors
/// If the form is not from here.
pub async fn open(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Form(form): Form<New>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let typed = form.file.trim();
    let path = if typed.contains('/') || typed == "roles.toml" { typed.to_owned() } else { format!("rules/{typed}") };
    match check_path(&path) {
        Ok(()) => Ok(Redirect::to(&address(&path)).into_response()),
        Err(why) => Ok(asking::go(&house, &visitor, "/rules", vec![why])),
    }
}

/// The page.
pub fn page(context: &Rules) -> Markup {
    let may = context.viewer.role >= Permission::Administer.needs();
    let mistakes: Vec<_> = context.checked.mistakes.iter().collect();
    let failed: Vec<_> = context.checked.examples.iter().filter(|run| !run.passed()).collect();
    let body = html! {
        div .head {
            h1 { "Rules" }
            nav .actions aria-label="Rules" {
                a .button href="/rules/try" { "Try on a user" }
                a .button href="/rules/revisions" { "Revisions" }
                a .button href="/rules/export" { "Export all" }
            }
        }
        (words::told(&context.told))
        (active(context))
        (draft(context))
        (listing::mistakes(&mistakes))
        @if !failed.is_empty() { p .trouble { (failed.len()) " of " (context.checked.examples.len()) " examples do not come out as they say." } (listing::examples(&failed)) }
        @if context.files.shown().files.is_empty() {
            div .empty { p { "There are no files yet. " code { "usher apply" } " brings those of the workspace, or begin with a new one." } }
        } @else {
            (table(context))
        }
        @if may {
            form .inline .panel method="post" action="/rules" {
                (context.viewer.token())
                label for="file" { "New file" }
                input #file name="file" required placeholder="rules/crm.rhai, apps/crm.toml, connectors/crm.toml" maxlength="100";
                button type="submit" { "Open it in the editor" }
            }
        } @else {
            p .hint { "You see what runs; admins change it." }
        }
    };
    layout::page(&context.viewer, Place::Rules, "Rules", &body)
}

fn active(context: &Rules) -> Markup {
    html! {
        @match &context.files.active {
            Some(active) => p {
                a href=(format!("/rules/revisions/{}", active.number.0)) { (active.number) } " is active, by " (context.author) ", "
                (words::moment(active.at, context.now))
                @if !active.comment.is_empty() { ": “" (active.comment) "”" }
            },
            None => p { "No revision is active yet: nothing is provisioned." },
        }
    }
}

fn draft(context: &Rules) -> Markup {
    html! {
        @if let Some(draft) = &context.files.draft {
            section .notice .note {
                h2 { "Your draft" }
                p {
                    "Taken from " (draft.draft.parent.map_or_else(|| "nothing".to_owned(), |parent| parent.to_string())) ", written "
                    (words::moment(draft.draft.at, context.now)) "; " (draft.changes.len())
                    @if draft.changes.len() == 1 { " file differs." } @else { " files differ." }
                    " The files below are yours; nothing runs on them."
                }
                @if draft.is_behind() { p .finding { "Another revision was activated since: see what moved." } }
                p { a .button .primary href="/rules/draft" { "See the differences, plan, activate" } }
            }
        }
    }
}

fn table(context: &Rules) -> Markup {
    let bundle = context.files.shown();
    html! {
        div .wide {
            table .files {
                thead { tr { th { "File" } th { "Used by" } th .number { "Lines" } th { "Examples" } @if context.files.draft.is_some() { th { "Draft" } } } }
                @for (folder, title) in [("rules/", "Scripts and their examples"), ("apps/", "Apps"), ("connectors/", "Connectors"), ("roles.toml", "Roles by condition")] {
                    @let paths: Vec<&String> = bundle.files.keys().filter(|path| path.starts_with(folder)).collect();
                    @if !paths.is_empty() {
                        tbody {
                            tr .group { th colspan="5" scope="colgroup" { (title) } }
                            @for path in paths { (row(context, path)) }
                        }
                    }
                }
            }
        }
    }
}

fn row(context: &Rules, path: &str) -> Markup {
    let text = context.files.shown().files.get(path).map_or("", String::as_str);
    let runs: Vec<_> = context.checked.examples.iter().filter(|run| run.rules == path).collect();
    let failed = runs.iter().filter(|run| !run.passed()).count();
    let mistakes = context.checked.mistakes.iter().filter(|mistake| mistake.file == path).count();
    let change = context.files.draft.as_ref().and_then(|draft| draft.changes.get(path));
    html! {
        tr {
            th scope="row" { a href=(address(path)) { (path) } }
            td { (context.users.get(path).map(|apps| apps.join(", ")).unwrap_or_default()) }
            td .number { (text.lines().count()) }
            td {
                @if mistakes > 0 { span .badge .bad { (mistakes) @if mistakes == 1 { " mistake" } @else { " mistakes" } } }
                @else if failed > 0 { span .bad { (failed) " of " (runs.len()) " fail" } }
                @else if !runs.is_empty() { span .good { (runs.len()) " pass" } }
                @else if path.ends_with(".rhai") { span .hint { "none" } }
            }
            @if context.files.draft.is_some() { td { @if let Some(change) = change { (diff::mark(*change)) } } }
        }
    }
}
