//! Files that are uploaded: they lie on the disk for as long as one import reads them, and are parked: nothing counts before somebody
//! has seen what it would do.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::Multipart;
use axum_extra::extract::multipart::{Field, MultipartError};

use crate::engine::answer::Answer;
use crate::engine::command::Command;
use crate::engine::context::{EngineError, Unwatched};
use crate::server::console::asking::{self, Trouble};
use crate::server::console::imports::list;
use crate::server::house::House;
use crate::server::permit::{Administer, Visitor};
use crate::server::problem::Problem;
use crate::server::upload::{UPLOAD_BYTES_MAX, Upload, Uploads};

/// What is written to the disk at once, in bytes.
const WRITTEN_AT_ONCE: usize = 1 << 20;
/// The longest of the other fields, in bytes.
const WORD_BYTES_MAX: usize = 1_000;

fn too_large() -> String {
    let most = UPLOAD_BYTES_MAX >> 20;
    format!(
        "The files have more than {most} MiB together, which is the most. Split the export, or import it on the machine itself with \
         `usher import`."
    )
}

/// What came.
#[derive(Default)]
struct Sent {
    source: String,
    full: bool,
    upload: Option<Upload>,
}

/// `POST /imports`.
///
/// # Errors
/// If the form is not from here, or the store fails.
pub async fn upload(
    State(house): State<Arc<House>>,
    visitor: Visitor<Administer>,
    headers: HeaderMap,
    mut form: Multipart,
) -> Result<Response, Trouble> {
    let mut sent = Sent::default();
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > UPLOAD_BYTES_MAX as u64) {
        return refused(&house, &visitor, (StatusCode::PAYLOAD_TOO_LARGE, too_large()), &sent).await;
    }
    if let Err(why) = receive(&house.uploads, &visitor, &mut form, &mut sent).await {
        return match why {
            Why::Foreign(problem) => Err(problem.into()),
            Why::Told(status, sentence) => refused(&house, &visitor, (status, sentence), &sent).await,
        };
    }
    let unprocessable = |sentence: String| (StatusCode::UNPROCESSABLE_ENTITY, sentence);
    let source = house.settings.sources.iter().find(|source| source.name.as_str() == sent.source).cloned();
    let Some(source) = source else {
        return refused(&house, &visitor, unprocessable(format!("There is no source `{}`.", sent.source)), &sent).await;
    };
    let Some(upload) = sent.upload.take().filter(|upload| !upload.files().is_empty()) else {
        return refused(&house, &visitor, unprocessable("No file was chosen.".to_owned()), &sent).await;
    };
    let (files, within) = (upload.files(), Some(upload.folder()));
    let command = Command::Import { source, files, full: sent.full, accept_shrink: None, park: true, within };
    match house.engine.answer(&visitor.actor, command, &Unwatched).await {
        Ok(Answer::Imported(imported)) => Ok(Redirect::to(&format!("/imports/{}", imported.import.id)).into_response()),
        Ok(other) => Err(asking::unexpected(&other)),
        Err(error @ (EngineError::Invalid(_) | EngineError::Files(_))) => {
            let sentence = upload.told(&error.to_string());
            refused(&house, &visitor, unprocessable(sentence), &sent).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The list again, with the reason and what was chosen.
async fn refused(
    house: &Arc<House>,
    visitor: &Visitor<Administer>,
    (status, why): (StatusCode, String),
    sent: &Sent,
) -> Result<Response, Trouble> {
    let context = list::context(house, visitor, (Some(why), sent.source.clone(), sent.full)).await?;
    Ok((status, list::page(&context)).into_response())
}

/// Why an upload is not taken.
enum Why {
    /// It is not from here.
    Foreign(Problem),
    /// Anything that the person can put right.
    Told(StatusCode, String),
}

impl From<MultipartError> for Why {
    fn from(error: MultipartError) -> Self {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::Told(error.status(), too_large());
        }
        Self::Told(StatusCode::BAD_REQUEST, format!("The upload broke off or can't be read: {}", error.body_text()))
    }
}

/// Reads the fields. Until the form's token has come and is right, nothing is written.
async fn receive(
    uploads: &Uploads,
    visitor: &Visitor<Administer>,
    form: &mut Multipart,
    sent: &mut Sent,
) -> Result<(), Why> {
    let mut is_ours = false;
    while let Some(field) = form.next_field().await? {
        match field.name().unwrap_or_default() {
            "csrf" => {
                visitor.check(&word(field).await?).map_err(Why::Foreign)?;
                is_ours = true;
            }
            _ if !is_ours => return Err(Why::Foreign(Problem::foreign_form())),
            "source" => sent.source = word(field).await?,
            "full" => sent.full = word(field).await? == "yes",
            "files" => file(field, uploads, &mut sent.upload).await?,
            _ => {}
        }
    }
    if is_ours { Ok(()) } else { Err(Why::Foreign(Problem::foreign_form())) }
}

/// A short field.
async fn word(mut field: Field) -> Result<String, Why> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > WORD_BYTES_MAX {
            return Err(Why::Told(StatusCode::BAD_REQUEST, "A field of the form is too long.".to_owned()));
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A file, to the disk as it comes. A form without a chosen file sends one without a name.
async fn file(mut field: Field, uploads: &Uploads, upload: &mut Option<Upload>) -> Result<(), Why> {
    let name = field.file_name().unwrap_or_default().to_owned();
    if name.is_empty() {
        return Ok(());
    }
    let wrong = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Why::Told(StatusCode::UNPROCESSABLE_ENTITY, format!("Two of the files are called {name}."))
        }
        std::io::ErrorKind::StorageFull => {
            Why::Told(StatusCode::INSUFFICIENT_STORAGE, "There is no room on the disk for these files.".to_owned())
        }
        _ => Why::Told(StatusCode::UNPROCESSABLE_ENTITY, format!("{name} could not be kept: {error}")),
    };
    if upload.is_none() {
        *upload = Some(uploads.begin().map_err(wrong)?);
    }
    let Some(upload) = upload else { return Ok(()) };
    let mut target = upload.begin(&name).map_err(wrong)?;
    let mut waiting = Vec::new();
    while let Some(chunk) = field.chunk().await? {
        waiting.extend_from_slice(&chunk);
        if waiting.len() >= WRITTEN_AT_ONCE {
            target = write(target, std::mem::take(&mut waiting)).await.map_err(wrong)?;
        }
    }
    write(target, waiting).await.map_err(wrong).map(drop)
}

async fn write(mut file: File, bytes: Vec<u8>) -> std::io::Result<File> {
    let writing = tokio::task::spawn_blocking(move || file.write_all(&bytes).map(|()| file));
    writing.await.map_err(std::io::Error::other)?
}
