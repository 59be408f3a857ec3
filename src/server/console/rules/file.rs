//! One file: its text with line numbers and what is wrong in place; for admins, an editor that writes into a draft of their own.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::Form;
use maud::{Markup, html};
use serde::Deserialize;

use crate::access::Permission;
use crate::connector::draft::{DraftEdit, FileChange, check_path, digest_of};
use crate::digest::Digest;
use crate::engine::command::Command;
use crate::engine::trial::{ExampleRun, Mistake, RulesChecked};
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::rules::files::{self, address};
use crate::server::console::rules::{diff, listing, trial};
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Administer, Read, Visitor};
use crate::server::problem::Problem;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct File {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// The file's path.
    pub path: String,
    /// Its text; `None` = it is not there yet.
    pub text: Option<String>,
    /// What was typed and could not be kept.
    pub typed: Option<String>,
    /// Which files these are, in words.
    pub of: String,
    /// How the draft differs here, if there is one.
    pub change: Option<FileChange>,
    /// What is wrong with the files.
    pub checked: RulesChecked,
    /// The apps that use it.
    pub apps: Vec<String>,
}

/// What is typed into the editor.
#[derive(Deserialize)]
pub struct Typed {
    csrf: String,
    what: String,
    #[serde(default)]
    text: String,
    over: Option<Digest>,
}

/// `GET /rules/{file}`.
///
/// # Errors
/// If there is no such file, or the store fails.
pub async fn show(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Path(asked): Path<String>,
) -> Result<Markup, Trouble> {
    let told = asking::told(&house, &visitor);
    Ok(page(&context(&house, &visitor, &asked, (told, None)).await?))
}

async fn context<L>(
    house: &Arc<House>,
    visitor: &Visitor<L>,
    asked: &str,
    (told, typed): (Vec<String>, Option<String>),
) -> Result<File, Trouble> {
    let files = files::read(house, visitor).await?;
    let path = files::path_of(files.shown(), asked);
    let text = files.shown().files.get(&path).cloned();
    let viewer = Viewer::of(&visitor.actor, &visitor.session);
    let may = Permission::Administer.check(&visitor.actor).is_ok();
    let gone = files.draft.as_ref().is_some_and(|draft| draft.changes.contains_key(&path));
    if text.is_none() && !(may && (gone || check_path(&path).is_ok())) {
        return Err(Problem::not_found(format!("there is no file `{path}`")).into());
    }
    let of = match (&files.draft, &files.active) {
        (Some(_), _) => "your draft".to_owned(),
        (None, Some(active)) => active.number.to_string(),
        (None, None) => "no revision yet".to_owned(),
    };
    let change = files.draft.as_ref().and_then(|draft| draft.changes.get(&path)).copied();
    let checked = files::check(house, visitor, &files).await?;
    let apps = files::users(files.shown()).remove(&path).unwrap_or_default();
    Ok(File { viewer, told, path, text, typed, of, change, checked, apps })
}

/// `POST /rules/{file}`.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn write(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    Path(asked): Path<String>,
    Form(form): Form<Typed>,
) -> Result<Response, Trouble> {
    visitor.check(&form.csrf)?;
    let files = files::read(&house, &visitor).await?;
    let file = files::path_of(files.shown(), &asked);
    let back = address(&file);
    let edit = match form.what.as_str() {
        "write" => DraftEdit::Write { file, text: form.text.clone(), over: form.over },
        "remove" => DraftEdit::Remove { file },
        "restore" => DraftEdit::Restore { file },
        other => return Err(Problem::bad_request(format!("`{other}` is nothing that can be done with a file")).into()),
    };
    let list = matches!(edit, DraftEdit::Remove { .. });
    match files::ask(&house, &visitor, Command::DraftEdit { edit }, &back).await? {
        Ok(answer) => Ok(asking::go(&house, &visitor, if list { "/rules" } else { &back }, asking::done(&answer))),
        Err(error) => {
            // What was typed is not lost.
            let said = (vec![error.to_string()], Some(form.text));
            let context = context(&house, &visitor, &asked, said).await?;
            Ok((StatusCode::CONFLICT, page(&context)).into_response())
        }
    }
}

/// The page.
pub fn page(context: &File) -> Markup {
    let may = context.viewer.role >= Permission::Administer.needs();
    let here: Vec<&Mistake> = context.checked.mistakes.iter().filter(|each| is_about(each, &context.path)).collect();
    let elsewhere = context.checked.mistakes.len() - here.len();
    let runs: Vec<&ExampleRun> =
        context.checked.examples.iter().filter(|run| run.rules == context.path || run.file == context.path).collect();
    let text = context.text.as_deref().unwrap_or_default();
    let body = html! {
        p .crumbs { a href="/rules" { "Rules" } " / " (context.path) }
        div .head {
            h1 { code { (context.path) } }
            @if let Some(change) = context.change { (diff::mark(change)) }
            span .hint { "of " (context.of) @if !context.apps.is_empty() { ", used by " (context.apps.join(", ")) } }
            @if context.text.is_some() && context.change.is_none() { nav .actions aria-label="File" { a .button href=(format!("/rules/export/{}", context.path)) { "Download" } } }
        }
        (words::told(&context.told))
        (listing::mistakes(&here))
        @if elsewhere > 0 { p .hint { (elsewhere) " more in other files: " a href="/rules" { "see all" } "." } }
        @if may {
            (editor(context))
            @if context.text.is_some() {
                details .numbered open[!here.is_empty()] { summary { "With line numbers, as it is kept" } (listing::lines(text, &here)) }
            }
        } @else {
            (listing::lines(text, &here))
        }
        @if !runs.is_empty() { section .panel { h2 { "Examples" } (listing::examples(&runs)) } }
        @if context.path.ends_with(".rhai") && context.text.is_some() {
            section { h2 { "Try it on a user" } (trial::form(&context.apps, context.apps.first().map_or("", String::as_str), "")) }
        }
    };
    layout::page(&context.viewer, Place::Rules, &context.path, &body)
}

/// Whether a mistake is about a file; a condition of a role is named by its role.
fn is_about(mistake: &Mistake, path: &str) -> bool {
    mistake.file == path || (path == "roles.toml" && mistake.file.starts_with("role "))
}

fn editor(context: &File) -> Markup {
    let text = context.typed.as_deref().or(context.text.as_deref()).unwrap_or_default();
    let rows = text.lines().count().clamp(12, 40) + 1;
    html! {
        form .editor method="post" action=(address(&context.path)) {
            (context.viewer.token())
            input type="hidden" name="over" value=(digest_of(context.text.as_deref()));
            label for="text" { @if context.text.is_some() { "Text" } @else { "Text of the new file" } }
            div .code data-editor {
                // The first line break after the tag is not part of the text.
                textarea #text name="text" rows=(rows) spellcheck="false" autocomplete="off" autocapitalize="off" wrap="off" { "\n" (text) }
            }
            div .actions {
                button .primary type="submit" name="what" value="write" { "Keep in the draft and check" }
                @if context.change.is_some() { button type="submit" name="what" value="restore" { "Back to what it was" } }
                @if context.text.is_some() { button type="submit" name="what" value="remove" { "Take it out" } }
                @if context.change.is_some() { a href="/rules/draft" { "To the draft" } }
            }
        }
    }
}
