//! `/commands`: every command of the command line, from another machine. What is refused before it begins, or fails at once, is answered
//! with its status; what takes longer is a stream of lines, progress first. A client that goes away does not stop its command.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::multipart::{Multipart, MultipartError};
use futures_util::stream::{self, StreamExt};
use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};

use crate::access::permission::check_proof;
use crate::engine::answer::{Answer, Progress};
use crate::engine::command::Command;
use crate::engine::context::{EngineError, Watcher};
use crate::id::SourceName;
use crate::server::house::House;
use crate::server::permit::{Permit, Read};
use crate::server::problem::Problem;
use crate::server::socket::{Ask, Reply};
use crate::server::upload::Upload;

/// The largest command: a plan of some ten thousand operations fits. Files of an import may be larger.
pub const COMMAND_BYTES_MAX: usize = 64 << 20;
/// What ends within this is answered with a status of its own.
const AT_ONCE: Duration = Duration::from_secs(2);
/// A blank line now and then keeps the connection from being taken for dead.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Progress lines that wait for a slow client; further ones are dropped, the answer never is.
const PROGRESS_LINES_MAX: usize = 64;

/// What the part `ask` of an upload says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskImport {
    /// Its name: the mapping is the server's. The only one otherwise.
    source: Option<SourceName>,
    #[serde(default)]
    full: bool,
    accept_shrink: Option<u64>,
    #[serde(default)]
    park: bool,
}

/// What the engine sends while it works, and in the end.
struct Talk {
    progress: mpsc::Receiver<Progress>,
    ended: oneshot::Receiver<Result<Answer, Problem>>,
    upload: Option<Arc<Upload>>,
}

struct Lines(mpsc::Sender<Progress>);

impl Watcher for Lines {
    fn progress(&self, progress: Progress) {
        // Full: the client is slow and misses a step. Closed: it is gone.
        let _missed = self.0.try_send(progress);
    }
}

/// Carry out a command
///
/// Takes what the command line sends: `{"command": …}`, or for an import a form with a part `ask` and the files. Answers with lines of
/// JSON: any number of `{"progress": …}`, then one `{"answer": …}` or `{"error": PROBLEM}`. Commands and answers are those of the same
/// version of Usher; programs that want something lasting use the other endpoints.
#[utoipa::path(post, path = "/commands", operation_id = "command", tag = "commands", request_body(content(
    (serde_json::Value = "application/json", example = json!({"command": "apps"})), (Vec<u8> = "multipart/form-data")
)), responses(
    (status = 200, description = "Lines of JSON", body = String, content_type = "application/x-ndjson"),
    (status = 400, body = Problem, content_type = "application/problem+json"),
    (status = 401, body = Problem, content_type = "application/problem+json"),
    (status = 403, body = Problem, content_type = "application/problem+json"),
    (status = 404, body = Problem, content_type = "application/problem+json"),
    (status = 409, body = Problem, content_type = "application/problem+json"),
    (status = 413, body = Problem, content_type = "application/problem+json"),
    (status = 422, body = Problem, content_type = "application/problem+json"),
))]
pub async fn carry_out(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    request: Request,
) -> Result<Response, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_upload = kind.starts_with("multipart/form-data");
    let (command, upload) = if is_upload {
        // Before anything is read: files are for those who may import.
        crate::access::permission::Permission::Administer.check(&permit.actor).map_err(EngineError::from)?;
        let (command, upload) = read_upload(&house, request).await?;
        (command, Some(Arc::new(upload)))
    } else {
        (read_command(request).await?, None)
    };
    command.permission().check(&permit.actor).map_err(EngineError::from)?;
    if command.is_grave() {
        check_proof(&permit.actor, house.now()).map_err(EngineError::from)?;
    }
    let (say, progress) = mpsc::channel(PROGRESS_LINES_MAX);
    let (end, ended) = oneshot::channel();
    let (task, engine, files) = (house.background.begin(), Arc::clone(&house.engine), upload.clone());
    tokio::spawn(async move {
        let answered = engine.answer(&permit.actor, command, &Lines(say)).await;
        // The client may be gone.
        let _gone = end.send(answered.map_err(Problem::from));
        drop((files, task));
    });
    reply(Talk { progress, ended, upload }).await
}

async fn read_command(request: Request) -> Result<Command, Problem> {
    let body = axum::body::to_bytes(request.into_body(), COMMAND_BYTES_MAX).await;
    let body = body.map_err(|_| Problem::too_large())?;
    let ask: Ask = serde_json::from_slice(&body).map_err(|error| {
        Problem::bad_request(format!(
            "the command was not understood ({error}); is `usher` of the same version on both sides?"
        ))
    })?;
    if ask.claimed.is_some() {
        return Err(Problem::only_there("--as is for the owner of the workspace, on the machine itself"));
    }
    if ask.command.is_for_the_machine() {
        return Err(Problem::only_there(
            "this reads or writes files of the server's machine; run it there, in the workspace",
        ));
    }
    Ok(ask.command)
}

async fn read_upload(house: &House, request: Request) -> Result<(Command, Upload), Problem> {
    let refused = |error: MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large(),
        _ => Problem::bad_request(error.body_text()),
    };
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|error| Problem::bad_request(format!("the form can't be read: {}", error.body_text())))?;
    let mut upload = house.uploads.begin().map_err(|error| Problem::fault(error.to_string()))?;
    let mut ask = None;
    while let Some(part) = parts.next_field().await.map_err(refused)? {
        let name = part.file_name().map(str::to_owned);
        let bytes = part.bytes().await.map_err(refused)?;
        let Some(name) = name else {
            let asked: AskImport = serde_json::from_slice(&bytes)
                .map_err(|error| Problem::bad_request(format!("the part `ask` was not understood: {error}")))?;
            ask = Some(asked);
            continue;
        };
        let (kept, added) = tokio::task::spawn_blocking(move || {
            let added = upload.add(&name, &bytes);
            (upload, added)
        })
        .await
        .map_err(|error| Problem::fault(error.to_string()))?;
        upload = kept;
        added.map_err(|error| invalid(format!("a file could not be taken: {error}")))?;
    }
    let ask = ask.ok_or_else(|| Problem::bad_request("the form has no part `ask`"))?;
    let (sources, wanted) = (&house.settings.sources, ask.source.as_ref());
    let known = || sources.iter().map(|source| source.name.as_str()).collect::<Vec<_>>().join(", ");
    let source = match (wanted, sources.as_slice()) {
        (None, [only]) => only.clone(),
        (None, _) => return Err(invalid(format!("say which source the files come from; the server has {}", known()))),
        (Some(name), _) => sources
            .iter()
            .find(|source| source.name == *name)
            .cloned()
            .ok_or_else(|| invalid(format!("there is no source `{name}` on the server; it has {}", known())))?,
    };
    let (files, within) = (upload.files(), Some(upload.folder()));
    let command =
        Command::Import { source, files, full: ask.full, accept_shrink: ask.accept_shrink, park: ask.park, within };
    Ok((command, upload))
}

fn invalid(text: String) -> Problem {
    EngineError::Invalid(text).into()
}

/// Waits a moment: most commands end at once. The others go on as a stream.
async fn reply(mut talk: Talk) -> Result<Response, Problem> {
    let first = tokio::select! {
        biased;
        Some(progress) = talk.progress.recv() => Some(line(&Reply::Progress(progress), None)),
        ended = &mut talk.ended => {
            let answer = ended.unwrap_or_else(|_| Err(broke_off()));
            let answer = answer.map_err(|problem| talk.without_folder(problem))?;
            return Ok(streamed(Body::from(line(&Reply::Answer(Box::new(answer)), talk.upload.as_deref()))));
        }
        () = tokio::time::sleep(AT_ONCE) => None,
    };
    let rest = stream::unfold(Some(talk), |talk| async move {
        let mut talk = talk?;
        let line = tokio::select! {
            biased;
            Some(progress) = talk.progress.recv() => line(&Reply::Progress(progress), None),
            ended = &mut talk.ended => {
                let reply = match ended.unwrap_or_else(|_| Err(broke_off())) {
                    Ok(answer) => Reply::Answer(Box::new(answer)),
                    Err(problem) => Reply::Error(problem),
                };
                return Some((Ok::<_, Infallible>(line(&reply, talk.upload.as_deref())), None));
            }
            () = tokio::time::sleep(HEARTBEAT) => Bytes::from_static(b"\n"),
        };
        Some((Ok(line), Some(talk)))
    });
    let all = stream::iter(first.map(Ok)).chain(rest);
    Ok(streamed(Body::from_stream(all)))
}

impl Talk {
    /// A problem that names files as they were sent.
    fn without_folder(&self, mut problem: Problem) -> Problem {
        if let Some(upload) = &self.upload {
            problem.detail = upload.told(&problem.detail);
        }
        problem
    }
}

fn broke_off() -> Problem {
    Problem::fault("the command broke off")
}

fn line(reply: &Reply<Problem>, upload: Option<&Upload>) -> Bytes {
    let encoded = serde_json::to_string(reply).or_else(|error| {
        serde_json::to_string(&Reply::<Problem>::Error(Problem::fault(format!("the answer can't be encoded: {error}"))))
    });
    let mut line = encoded.unwrap_or_default();
    if let Some(upload) = upload {
        line = upload.told(&line);
    }
    line.push('\n');
    line.into()
}

fn streamed(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}
