//! `/imports` and `/sources`: files of people that come into the directory.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum_extra::extract::Multipart;
use axum_extra::extract::multipart::{Field, MultipartError};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::directory::source::Source;
use crate::engine::answer::{Answer, ImportAnswer};
use crate::engine::command::Command;
use crate::engine::context::{EngineError, Unwatched};
use crate::engine::paged::{PageAnswer, Paged};
use crate::id::ImportId;
use crate::server::api::cursor;
use crate::server::api::reply::{Done, Listed, act, ask, find, id, other_page, page, unexpected, word};
use crate::server::api::request::{Asked, At, Paging, Sent};
use crate::server::house::House;
use crate::server::permit::{Administer, Permit, Read};
use crate::server::problem::Problem;
use crate::server::upload::Upload;
use crate::store::query::{self, ImportState};

/// One import: files of a source, read as one generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Import {
    /// Its id.
    #[schema(example = "imp_01a200d26d8f73b194ac9ea87e76713e")]
    pub id: String,
    /// The source.
    #[schema(example = "hr")]
    pub source: String,
    /// Whether absence meant something.
    pub full: bool,
    /// The files' names.
    pub files: Vec<String>,
    /// When (RFC 3339).
    pub at: String,
    /// `staging`, `parked`, `committed`, `applied` or `dropped`.
    pub state: String,
    /// Why it is parked, in words.
    pub reasons: Vec<String>,
    /// Rows read.
    pub rows: u64,
    /// Users that change.
    pub staged: u64,
    /// New users.
    pub added: u64,
    /// Users whose values change.
    pub changed: u64,
    /// Users that come back.
    pub returned: u64,
    /// Users suspended or deleted by the source's own state.
    pub left: u64,
    /// Users missing from a full import.
    pub missing: u64,
    /// Names of some of the missing.
    pub missing_sample: Vec<String>,
    /// Role or group → users who lose it.
    pub losing: BTreeMap<String, u64>,
    /// Attribute → users for whom it goes empty.
    pub emptied: BTreeMap<String, u64>,
    /// Findings in words.
    pub findings: Vec<String>,
}

/// An import with what could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Imported {
    /// The import.
    pub import: Import,
    /// Rows that could not be read: `file:line:column: reason`.
    pub problems: Vec<String>,
    /// Things worth knowing, in words.
    pub notes: Vec<String>,
}

/// Where people come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceShown {
    /// Its name.
    #[schema(example = "hr")]
    pub name: String,
    /// The column that never changes for a person.
    #[schema(example = "employee_number")]
    pub key: String,
    /// Attribute → columns it is read from.
    pub mapping: BTreeMap<String, Vec<String>>,
    /// What becomes of users who are missing from a full import.
    pub missing: String,
}

/// An upload.
#[derive(Debug, ToSchema)]
pub struct UploadSent {
    /// The source that the files are of.
    #[schema(example = "hr")]
    pub source: String,
    /// Whether absence means something: whoever is missing leaves. False unless it is said.
    #[schema(default = false)]
    pub full: Option<bool>,
    /// How many users are expected to leave, or to lose a role or a value; more are parked.
    pub accept_shrink: Option<u64>,
    /// Park it whatever the guard says: nothing counts before it is applied.
    #[schema(default = false)]
    pub park: Option<bool>,
    /// One or more files: CSV, JSON or LDIF, together one import.
    #[schema(value_type = Vec<String>, format = Binary, content_media_type = "application/octet-stream")]
    pub file: Vec<Vec<u8>>,
}

/// How a parked import is applied.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"accept_shrink": 42}))]
pub struct Applying {
    /// How many users are expected to leave, or to lose a role or a value; if there are more, nothing is done.
    pub accept_shrink: Option<u64>,
}

impl From<query::Import> for Import {
    fn from(import: query::Import) -> Self {
        let base = |file: &String| file.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        let state = word(&import.state);
        let reasons = match import.state {
            ImportState::Parked { reasons } => reasons,
            _ => Vec::new(),
        };
        let preview = import.preview;
        Self {
            id: import.id.to_string(),
            source: import.source.to_string(),
            full: import.full,
            files: import.files.iter().map(base).collect(),
            at: import.at.to_string(),
            state,
            reasons,
            rows: import.rows,
            staged: import.staged,
            added: preview.added,
            changed: preview.changed,
            returned: preview.returned,
            left: preview.left,
            missing: preview.missing,
            missing_sample: preview.missing_sample,
            losing: preview.losing,
            emptied: preview.emptied,
            findings: preview.findings,
        }
    }
}

impl From<&Source> for SourceShown {
    fn from(source: &Source) -> Self {
        let mapping = source.mapping.iter().map(|(target, columns)| (String::from(target.clone()), columns.clone()));
        Self {
            name: source.name.to_string(),
            key: source.key.clone(),
            mapping: mapping.collect(),
            missing: word(&source.missing),
        }
    }
}

/// Sources
///
/// Those of `usher.toml`, whose files can be uploaded.
#[utoipa::path(get, path = "/sources", operation_id = "listSources", tag = "imports",
    responses((status = 200, description = "all of them", body = Listed<SourceShown>)))]
pub async fn sources(
    State(house): State<Arc<House>>,
    _permit: Permit<Read>,
) -> Result<Json<Listed<SourceShown>>, Problem> {
    Ok(Json(Listed::all(house.settings.sources.iter().map(SourceShown::from).collect())))
}

/// Imports
///
/// Newest first.
#[utoipa::path(get, path = "/imports", operation_id = "listImports", tag = "imports", params(Paging),
    responses((status = 200, description = "a page of them", body = Listed<Import>)))]
pub async fn list(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Listed<Import>>, Problem> {
    let before = paging.from("imports")?;
    let paged = Paged::Imports { before, limit: paging.rows()? };
    let PageAnswer::Imports(imports) = page(&house, &permit.actor, paged).await? else { return Err(other_page()) };
    Ok(Json(Listed {
        items: imports.items.into_iter().map(Import::from).collect(),
        next: imports.next.map(|at| cursor::write("imports", at)),
    }))
}

fn imported(answer: Answer, told: impl Fn(String) -> String) -> Result<Json<Imported>, Problem> {
    match answer {
        Answer::Imported(ImportAnswer { import, problems, notes, .. }) => {
            let told = |lines: Vec<String>| lines.into_iter().map(&told).collect();
            Ok(Json(Imported { import: import.into(), problems: told(problems), notes: told(notes) }))
        }
        other => Err(unexpected(&other)),
    }
}

/// One import
#[utoipa::path(get, path = "/imports/{import}", operation_id = "showImport", tag = "imports",
    params(("import" = String, Path, description = "The import's id")),
    responses((status = 200, description = "the import", body = Imported)))]
pub async fn show(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    At(import): At<String>,
) -> Result<Json<Imported>, Problem> {
    let id: ImportId = id("import", &import)?;
    imported(find(&house, &permit.actor, Command::ImportShow { id }).await?, |line| line)
}

/// Upload files
///
/// All files of one upload are one import. Rows that can't be read are reported, and the others imported; one that would shrink the
/// directory too much is parked and changes nothing.
#[utoipa::path(post, path = "/imports", operation_id = "upload", tag = "imports",
    request_body(content = UploadSent, content_type = "multipart/form-data"),
    responses((status = 200, description = "what was imported, or parked", body = Imported)))]
pub async fn upload(
    State(house): State<Arc<House>>,
    permit: Permit<Administer>,
    request: Request,
) -> Result<Json<Imported>, Problem> {
    let multipart = Multipart::from_request(request, &())
        .await
        .map_err(|_| Problem::media_type("multipart/form-data with a boundary"))?;
    let form = Form::read(&house, multipart).await?;
    let known = || house.settings.sources.iter().map(|source| source.name.as_str()).collect::<Vec<_>>().join(", ");
    let Some(source) = house.settings.sources.iter().find(|source| source.name.as_str() == form.source) else {
        return Err(Problem::invalid(format!("there is no source `{}`; there are {}", form.source, known())));
    };
    let upload = form.upload;
    let command = Command::Import {
        source: source.clone(),
        files: upload.files(),
        full: form.full,
        accept_shrink: form.accept_shrink,
        park: form.park,
        within: Some(upload.folder()),
    };
    match house.engine.answer(&permit.actor, command, &Unwatched).await {
        Ok(answer) => imported(answer, |line| upload.told(&line)),
        Err(EngineError::Invalid(why)) => Err(Problem::invalid(upload.told(&why))),
        Err(error) => Err(error.into()),
    }
}

/// What an upload says.
struct Form {
    source: String,
    full: bool,
    accept_shrink: Option<u64>,
    park: bool,
    upload: Upload,
}

impl Form {
    async fn read(house: &House, mut multipart: Multipart) -> Result<Self, Problem> {
        let (mut source, mut full, mut accept_shrink, mut park) = (None, false, None, false);
        let mut upload =
            house.uploads.begin().map_err(|error| Problem::fault(format!("no room for an upload: {error}")))?;
        while let Some(field) = multipart.next_field().await.map_err(|error| broken(&error))? {
            let name = field.name().unwrap_or_default().to_owned();
            match name.as_str() {
                "source" => source = Some(text(field).await?),
                "full" => full = parsed("full", &text(field).await?)?,
                "accept_shrink" => accept_shrink = Some(parsed("accept_shrink", &text(field).await?)?),
                "park" => park = parsed("park", &text(field).await?)?,
                "file" => {
                    let called = field.file_name().unwrap_or_default().to_owned();
                    let bytes = field.bytes().await.map_err(|error| broken(&error))?;
                    upload = kept(upload, called, bytes).await?;
                }
                _ => {
                    let name = crate::text::printable(&name);
                    return Err(Problem::bad_request(format!(
                        "unknown field `{name}`, expected source, full, accept_shrink, park or file"
                    )));
                }
            }
        }
        let source = source.ok_or_else(|| Problem::bad_request("missing field `source`"))?;
        if upload.files().is_empty() {
            return Err(Problem::bad_request("missing field `file`: send one or more files, each with its name"));
        }
        Ok(Self { source, full, accept_shrink, park, upload })
    }
}

/// Writes one file where the import reads it.
async fn kept(mut upload: Upload, called: String, bytes: axum::body::Bytes) -> Result<Upload, Problem> {
    let writing = tokio::task::spawn_blocking(move || match upload.add(&called, &bytes) {
        Ok(()) => Ok(upload),
        Err(error) => Err(Problem::bad_request(format!("file: {error}"))),
    });
    writing.await.map_err(|error| Problem::fault(format!("keeping the upload failed: {error}")))?
}

async fn text(field: Field) -> Result<String, Problem> {
    field.text().await.map_err(|error| broken(&error))
}

fn parsed<T: std::str::FromStr>(name: &str, text: &str) -> Result<T, Problem>
where
    T::Err: std::fmt::Display,
{
    text.trim().parse().map_err(|error| Problem::bad_request(format!("{name}: {error}")))
}

fn broken(error: &MultipartError) -> Problem {
    if error.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::too_large();
    }
    Problem::bad_request(error.body_text())
}

/// Apply a parked import
#[utoipa::path(post, path = "/imports/{import}/apply", operation_id = "applyImport", tag = "imports", request_body = Applying,
    params(("import" = String, Path, description = "The import's id")),
    responses((status = 200, description = "what was imported", body = Imported)))]
pub async fn apply(
    State(house): State<Arc<House>>,
    permit: Permit<Administer>,
    At(import): At<String>,
    Sent(applying): Sent<Applying>,
) -> Result<Json<Imported>, Problem> {
    let id: ImportId = id("import", &import)?;
    find(&house, &permit.actor, Command::ImportShow { id }).await?;
    let command = Command::ImportApply { id, accept_shrink: applying.accept_shrink };
    imported(ask(&house, &permit.actor, command).await?, |line| line)
}

/// Drop a parked import
///
/// Nothing of it is applied.
#[utoipa::path(post, path = "/imports/{import}/drop", operation_id = "dropImport", tag = "imports",
    params(("import" = String, Path, description = "The import's id")),
    responses((status = 200, description = "it is dropped", body = Done)))]
pub async fn drop_parked(
    State(house): State<Arc<House>>,
    permit: Permit<Administer>,
    At(import): At<String>,
) -> Result<Json<Done>, Problem> {
    let id: ImportId = id("import", &import)?;
    find(&house, &permit.actor, Command::ImportShow { id }).await?;
    act(&house, &permit.actor, Command::ImportDrop { id }).await
}
