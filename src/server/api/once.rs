//! A write that is sent twice is done once. `Idempotency-Key` names it: the same key with the same request from the same caller gives the
//! first answer again, with `Idempotent-Replayed: true`; with another request it is refused, and while the first is under way it conflicts.
//! Answers are kept in memory, for a day at most, and so many: a restart forgets them.
//!
//! With a key or without one, a write that began goes on to its end, also if whoever sent it hangs up.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts};
use axum::middleware::Next;
use axum::response::Response;

use crate::access::Role;
use crate::clock::{Span, Timestamp};
use crate::digest::{Digest, Hasher};
use crate::server::background;
use crate::server::house::House;
use crate::server::permit;
use crate::server::problem::Problem;
use crate::server::upload::UPLOAD_BYTES_MAX;
use crate::server::web::BODY_BYTES_MAX;

/// The header that names a write.
pub const KEY: &str = "idempotency-key";
/// The header of an answer that is given again.
pub const REPLAYED: &str = "idempotent-replayed";
/// The longest key.
pub const KEY_BYTES_MAX: usize = 200;

/// How long answers are kept.
const KEPT: Span = Span::from_hours(24);
/// Answers kept at once; the oldest go first.
const ANSWERS_MAX: usize = 10_000;
/// The largest answer that is kept.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Bytes of all answers together.
const BYTES_MAX: usize = 64 << 20;

/// An answer that can be given again.
#[derive(Debug, Clone)]
struct Kept {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// What is known of a key.
#[derive(Debug, Clone)]
enum Known {
    /// The first request is under way.
    UnderWay,
    /// It was answered.
    Answered(Kept),
}

#[derive(Debug, Default)]
struct Memory {
    by_key: HashMap<Digest, (Digest, Known)>,
    /// Oldest first.
    order: VecDeque<(Timestamp, Digest)>,
    bytes: usize,
}

/// The answers that are kept.
#[derive(Debug, Default)]
pub struct Answers {
    memory: Mutex<Memory>,
}

/// What a key means for a request.
enum Turn {
    /// Nobody sent it before.
    First,
    /// It was answered: so.
    Again(Kept),
    /// It is another request than the first one.
    Other,
    /// The first one is under way.
    UnderWay,
}

impl Memory {
    fn forget_old(&mut self, now: Timestamp) {
        while let Some((at, key)) = self.order.front().copied() {
            if at.plus(KEPT) >= now && self.order.len() <= ANSWERS_MAX && self.bytes <= BYTES_MAX {
                return;
            }
            self.order.pop_front();
            if let Some((_, Known::Answered(kept))) = self.by_key.remove(&key) {
                self.bytes -= kept.body.len();
            }
        }
    }
}

impl Answers {
    fn begin(&self, key: Digest, request: Digest, now: Timestamp) -> Turn {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.forget_old(now);
        match memory.by_key.get(&key) {
            None => {
                memory.by_key.insert(key, (request, Known::UnderWay));
                Turn::First
            }
            Some((first, _)) if *first != request => Turn::Other,
            Some((_, Known::UnderWay)) => Turn::UnderWay,
            Some((_, Known::Answered(kept))) => Turn::Again(kept.clone()),
        }
    }

    fn end(&self, key: Digest, kept: Option<Kept>, now: Timestamp) {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((request, _)) = memory.by_key.remove(&key) else { return };
        if let Some(kept) = kept {
            memory.bytes += kept.body.len();
            memory.by_key.insert(key, (request, Known::Answered(kept)));
            memory.order.push_back((now, key));
            memory.forget_old(now);
        }
    }
}

/// Ends what is under way, also when the handler breaks down.
struct Ticket {
    house: Arc<House>,
    key: Digest,
    kept: Option<Kept>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.house.answers.end(self.key, self.kept.take(), self.house.now());
    }
}

/// Does each write once.
///
/// # Errors
/// [`Problem`]s of the key; the handler's own are answers.
pub async fn once(State(house): State<Arc<House>>, request: Request, next: Next) -> Result<Response, Problem> {
    if !permit::changes(request.method()) {
        return Ok(next.run(request).await);
    }
    let Some(named) = named(request.headers())? else { return background::to_its_end(&house, next.run(request)).await };
    let (parts, body) = request.into_parts();
    // Whoever may not is told so by the handler, and no answer of somebody else is shown to him.
    let Ok(caller) = permit::caller(&parts, &house).await else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let mut hasher = Hasher::new();
    hasher.value(&caller.operator).value(&caller.role).bytes(credential(&parts.headers).as_bytes()).text(&named);
    let key = hasher.finish();
    // Nobody else may upload.
    let uploads = caller.role == Role::Admin && parts.uri.path().ends_with("/imports");
    let most = if uploads { UPLOAD_BYTES_MAX } else { BODY_BYTES_MAX };
    let body = to_bytes(body, most).await.map_err(|_| Problem::too_large())?;
    match house.answers.begin(key, fingerprint(&parts, &body), house.now()) {
        Turn::Again(kept) => Ok(replayed(kept)),
        Turn::Other => Err(Problem::key_reused()),
        Turn::UnderWay => Err(Problem::under_way()),
        Turn::First => {
            let ticket = Ticket { house: Arc::clone(&house), key, kept: None };
            background::to_its_end(&house, answered(ticket, next.run(Request::from_parts(parts, Body::from(body)))))
                .await
        }
    }
}

async fn answered(mut ticket: Ticket, work: impl Future<Output = Response>) -> Response {
    let (parts, body) = work.await.into_parts();
    let refused = matches!(parts.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN);
    let small = body.size_hint().upper().is_some_and(|bytes| bytes <= ANSWER_BYTES_MAX as u64);
    if refused || parts.status.is_server_error() || !small {
        return Response::from_parts(parts, body);
    }
    let Ok(body) = to_bytes(body, ANSWER_BYTES_MAX).await else {
        return axum::response::IntoResponse::into_response(Problem::fault("the answer broke off"));
    };
    ticket.kept = Some(Kept { status: parts.status, headers: parts.headers.clone(), body: body.clone() });
    Response::from_parts(parts, Body::from(body))
}

fn replayed(kept: Kept) -> Response {
    let mut response = Response::new(Body::from(kept.body));
    *response.status_mut() = kept.status;
    *response.headers_mut() = kept.headers;
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// The key, if there is one.
fn named(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(KEY) else { return Ok(None) };
    let is_key =
        |text: &&str| (1..=KEY_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let wrong = || Problem::bad_request(format!("Idempotency-Key: send 1 to {KEY_BYTES_MAX} characters, `!` to `~`"));
    value.to_str().ok().filter(is_key).map(|text| Some(text.to_owned())).ok_or_else(wrong)
}

fn credential(headers: &HeaderMap) -> String {
    let of = |name| headers.get(name).map(|value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned());
    of(header::AUTHORIZATION).or_else(|| of(header::COOKIE)).unwrap_or_default()
}

/// What separates the parts of an upload: another one each time, whatever is sent.
fn boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let rest = kind.strip_prefix("multipart/form-data")?.split("boundary=").nth(1)?;
    Some(rest.split(';').next()?.trim_matches([' ', '"']).to_owned()).filter(|boundary| !boundary.is_empty())
}

/// Which request it is: method, address, the version it is for, and what is sent.
fn fingerprint(parts: &Parts, body: &Bytes) -> Digest {
    let mut hasher = Hasher::new();
    hasher.text(parts.method.as_str()).text(&parts.uri.to_string());
    hasher.bytes(parts.headers.get(header::IF_MATCH).map_or(&[], HeaderValue::as_bytes));
    let Some(boundary) = boundary(&parts.headers) else { return hasher.bytes(body).finish() };
    let boundary = boundary.as_bytes();
    let mut rest: &[u8] = body;
    while let Some(at) = rest.windows(boundary.len()).position(|window| window == boundary) {
        hasher.bytes(&rest[..at]);
        rest = &rest[at + boundary.len()..];
    }
    hasher.bytes(rest).finish()
}
