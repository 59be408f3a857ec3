//! Generations, newest first, and the form that brings a new one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use maud::{Markup, html};

use crate::access::Permission;
use crate::clock::Timestamp;
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::id::OperatorId;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::layout::{self, Place, Viewer};
use crate::server::console::rules::files;
use crate::server::console::words;
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};
use crate::server::upload::UPLOAD_BYTES_MAX;
use crate::store::query::{Import, ImportState, Preview};

/// Generations on the page.
const SHOWN_MAX: usize = 100;

/// What the page shows.
#[derive(Debug, Clone)]
pub struct Imports {
    /// Who looks.
    pub viewer: Viewer,
    /// What was done just now, in sentences.
    pub told: Vec<String>,
    /// Why an upload was refused; nothing of it was taken in.
    pub trouble: Option<String>,
    /// The sources that files may be uploaded for.
    pub sources: Vec<String>,
    /// What was chosen: the source, and whether the files are everybody.
    pub chosen: (String, bool),
    /// Newest first.
    pub imports: Vec<Import>,
    /// Names of operators.
    pub names: BTreeMap<OperatorId, String>,
    /// The time, for ages.
    pub now: Timestamp,
}

/// `GET /imports`.
///
/// # Errors
/// If the store fails.
pub async fn show(State(house): State<Arc<House>>, visitor: Visitor<Read>) -> Result<Markup, Trouble> {
    Ok(page(&context(&house, &visitor, (None, String::new(), false)).await?))
}

/// What the page shows, with what was chosen before.
///
/// # Errors
/// If the store fails.
pub async fn context<L>(
    house: &Arc<House>,
    visitor: &Visitor<L>,
    (trouble, source, full): (Option<String>, String, bool),
) -> Result<Imports, Trouble> {
    let answer = asking::ask(house, visitor, Command::Imports { limit: SHOWN_MAX }).await?;
    let Answer::Imports(imports) = answer else { return Err(asking::unexpected(&answer)) };
    Ok(Imports {
        viewer: Viewer::of(&visitor.actor, &visitor.session),
        told: asking::told(house, visitor),
        trouble,
        sources: house.settings.sources.iter().map(|source| source.name.to_string()).collect(),
        chosen: (source, full),
        imports,
        names: files::names(house, visitor).await?,
        now: house.now(),
    })
}

/// The page.
pub fn page(context: &Imports) -> Markup {
    let may = context.viewer.role >= Permission::Administer.needs();
    let body = html! {
        h1 { "Imports" }
        (words::told(&context.told))
        @if let Some(trouble) = &context.trouble {
            section .notice .bad role="alert" {
                h2 .bad { "Nothing was taken in" }
                @for line in trouble.lines() { p { (line) } }
            }
        }
        @if may { (form(context)) }
        @if context.imports.is_empty() {
            div .empty { p { "Nothing was imported yet. Upload an export of your directory, or " code { "usher import --full people.csv" } "." } }
        } @else {
            (table(context))
        }
    };
    layout::page(&context.viewer, Place::Imports, "Imports", &body)
}

fn form(context: &Imports) -> Markup {
    html! {
        @if context.sources.is_empty() {
            p .hint { "No source is set up: describe one in " code { "[[sources]]" } " of " code { "usher.toml" } "." }
        } @else {
            form .upload .panel method="post" action="/imports" enctype="multipart/form-data" data-bytes-max=(UPLOAD_BYTES_MAX) {
                (context.viewer.token())
                div .fields {
                    div {
                        label for="source" { "Source" }
                        select #source name="source" {
                            @for source in &context.sources { option value=(source) selected[*source == context.chosen.0] { (source) } }
                        }
                    }
                    div {
                        label for="files" { "Files" }
                        input #files name="files" type="file" multiple required accept=".csv,.json,.jsonl,.ndjson,.ldif,.ldf";
                    }
                }
                label .check { input type="checkbox" name="full" value="yes" checked[context.chosen.1]; " These files are everybody: who is missing leaves" }
                p .hint { "CSV, JSON (lines or an array) or LDIF in UTF-8, " (UPLOAD_BYTES_MAX >> 20) " MiB together. All files are one import. You see what it would do before it counts." }
                p .trouble data-told hidden {}
                div .actions { button .primary type="submit" { "Upload and look" } }
            }
        }
    }
}

fn table(context: &Imports) -> Markup {
    html! {
        div .wide {
            table {
                thead { tr { th { "Import" } th { "State" } th { "Source" } th .number { "Rows" } th { "What it did, or would do" } th { "Files" } th { "By" } } }
                tbody {
                    @for import in &context.imports {
                        tr {
                            th scope="row" { a href=(format!("/imports/{}", import.id)) { (words::moment(import.at, context.now)) } }
                            td { (state(&import.state)) }
                            td { (import.source) @if import.full { " " span .hint { "everybody" } } }
                            td .number { (import.rows) }
                            td { (short(&import.preview)) }
                            td .hint { (import.files.iter().map(|file| file.rsplit('/').next().unwrap_or(file)).collect::<Vec<_>>().join(", ")) }
                            td { (context.names.get(&import.operator).map_or("somebody", String::as_str)) }
                        }
                    }
                }
            }
        }
    }
}

/// A state as a badge.
pub fn state(state: &ImportState) -> Markup {
    let (tone, word) = match state {
        ImportState::Staging => ("plain", "being read"),
        ImportState::Parked { .. } => ("note", "waits for a decision"),
        ImportState::Committed { .. } => ("plain", "being applied"),
        ImportState::Applied => ("good", "applied"),
        ImportState::Dropped => ("plain", "dropped"),
    };
    html! { span .badge .(tone) { (word) } }
}

/// `new 5, changed 2`.
pub fn short(preview: &Preview) -> String {
    preview.words().unwrap_or_else(|| "nothing changes".to_owned())
}
