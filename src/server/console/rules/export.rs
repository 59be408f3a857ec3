//! Files of a revision as downloads: one as it is, or all as an archive, with the paths that `usher export` writes.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use crate::connector::revision::{Bundle, Revision};
use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::context::EngineError;
use crate::id::RevisionNumber;
use crate::server::console::asking::{self, Trouble};
use crate::server::console::rules::files::ask;
use crate::server::house::House;
use crate::server::permit::{Read, Visitor};
use crate::server::problem::Problem;

/// Which revision; the active one otherwise.
#[derive(Debug, Default, Deserialize)]
pub struct Which {
    revision: Option<u64>,
}

async fn files(house: &Arc<House>, visitor: &Visitor<Read>, which: &Which) -> Result<(Revision, Bundle), Trouble> {
    let command = match which.revision {
        Some(number) => Command::RevisionShow { number: RevisionNumber(number) },
        None => Command::Export,
    };
    let none = |error: EngineError| Trouble::Wrong(Problem::not_found(error.to_string()));
    match ask(house, visitor, command, "/rules").await?.map_err(none)? {
        Answer::Files { revision, bundle } => Ok((revision, bundle)),
        other => Err(asking::unexpected(&other)),
    }
}

/// `GET /rules/export/{file}`.
///
/// # Errors
/// If there is no such file.
pub async fn one(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Path(path): Path<String>,
    Query(which): Query<Which>,
) -> Result<Response, Trouble> {
    let (_, bundle) = files(&house, &visitor, &which).await?;
    let none = || Problem::not_found(format!("there is no file `{path}` in the revision"));
    let text = bundle.files.get(&path).ok_or_else(none)?;
    let name = path.rsplit('/').next().unwrap_or_default();
    Ok(attached(name, "text/plain; charset=utf-8", text.clone().into_bytes()))
}

/// `GET /rules/export`.
///
/// # Errors
/// If there is no revision.
pub async fn all(
    State(house): State<Arc<House>>,
    visitor: Visitor<Read>,
    Query(which): Query<Which>,
) -> Result<Response, Trouble> {
    let (revision, bundle) = files(&house, &visitor, &which).await?;
    let archive = archive(&revision, &bundle).map_err(|error| Problem::fault(format!("the archive: {error}")))?;
    Ok(attached(&format!("{}.tar", revision.number), "application/x-tar", archive))
}

/// All files, in an archive whose times are the revision's: the same revision gives the same bytes.
fn archive(revision: &Revision, bundle: &Bundle) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, text) in &bundle.files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_mtime(u64::try_from(revision.at.as_millis() / 1_000).unwrap_or(0));
        archive.append_data(&mut header, path, text.as_bytes())?;
    }
    archive.into_inner()
}

fn attached(name: &str, kind: &str, bytes: Vec<u8>) -> Response {
    let plain = |each: char| each.is_ascii_alphanumeric() || matches!(each, '.' | '-' | '_');
    let name: String = name.chars().map(|each| if plain(each) { each } else { '_' }).collect();
    let disposition = format!("attachment; filename=\"{name}\"");
    ([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)], bytes).into_response()
}
