//! One request: authorisation, faults, and which endpoint it is for.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, Response, Uri, header};
use serde_json::Value as Json;

use crate::connector::{Connector, GroupMode};
use crate::sandbox::answer::Answer;
use crate::sandbox::discovery::{self, groups_path};
use crate::sandbox::fault::{Kind, Struck};
use crate::sandbox::group::Groups;
use crate::sandbox::list::{Page, Query};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::service::{BASE_PATH, Inner, Sandbox};
use crate::sandbox::user::Users;
use crate::sandbox::wire::Scissors;

/// The largest body that is read: what the widest targets take.
const BODY_MAX_BYTES: usize = 1 << 20;

impl Inner {
    fn authorized(&self, headers: &HeaderMap) -> bool {
        let sent = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        self.authorization.as_ref().is_none_or(|wanted| sent == Some(wanted.expose()))
    }

    /// What the request comes to, faults of the transport aside.
    fn respond(&self, method: &Method, uri: &Uri, headers: &HeaderMap, body: &Bytes, struck: &Struck) -> Answer {
        if !self.authorized(headers) {
            return Refusal::status(401, "the bearer token is missing or wrong").into();
        }
        if struck.by(Kind::Html200) {
            return Answer::html(200, "Welcome");
        }
        if let Some(status) = struck.status() {
            return Refusal::status(status, "injected fault").into();
        }
        let mut answer = self.route(method, uri, headers, body, struck).unwrap_or_else(Answer::from);
        if answer.status == 409 && struck.by(Kind::ConflictAs500) {
            answer = Answer::html(500, "Internal Server Error");
        }
        if answer.status == 201 && struck.by(Kind::Created201WithoutBody) {
            answer.body.clear();
        }
        match struck.status_after_commit() {
            Some(status) => Refusal::status(status, "injected fault").into(),
            None => answer,
        }
    }

    fn route(
        &self,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
        body: &Bytes,
        struck: &Struck,
    ) -> Result<Answer, Refusal> {
        let path = uri.path().strip_prefix(BASE_PATH).unwrap_or_default();
        let query = Query::parse(uri)?;
        let bytes = body.len();
        let body = parsed(method, headers, body)?;
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let (at, connector) = (self.clock.now(), &self.connector);
        if let Some(id) = below(path, &connector.users.path) {
            let url = &format!("http://{host}{BASE_PATH}{}", connector.users.path);
            let directory = &mut *self.directory();
            let (drop_external_id, token_issuer) = (self.drop_external_id, self.token_issuer.as_deref());
            let mut users = Users { connector, directory, url, at, drop_external_id, token_issuer, struck };
            return match (method.as_str(), id.as_deref()) {
                ("POST", None) => users.create(body),
                ("GET", None) => users.list(&query),
                ("GET", Some(id)) => users.read(id, &query),
                ("PUT", Some(id)) => users.replace(id, body),
                ("PATCH", Some(id)) => users.patch(id, &body),
                ("DELETE", Some(id)) => users.delete(id),
                _ => Err(Refusal::status(405, format!("{method} is not for {path}"))),
            };
        }
        if let Some(id) = below(path, groups_path(connector)).filter(|_| connector.groups.mode != GroupMode::None) {
            let url = &format!("http://{host}{BASE_PATH}{}", groups_path(connector));
            let mut groups = Groups { connector, directory: &mut self.directory(), url, at, bytes, struck };
            return match (method.as_str(), id.as_deref()) {
                ("POST", None) => groups.create(body),
                ("GET", None) => groups.list(&query),
                ("GET", Some(id)) => groups.read(id, &query),
                ("PUT", Some(id)) => groups.replace(id, body),
                ("PATCH", Some(id)) => groups.patch(id, &body),
                ("DELETE", Some(id)) => groups.delete(id),
                _ => Err(Refusal::status(405, format!("{method} is not for {path}"))),
            };
        }
        if let Some(resources) = self.listed.get(path).filter(|_| *method == Method::GET) {
            return listed(resources, &query, connector);
        }
        let found = (*method == Method::GET).then(|| discovery::answer(connector, path)).flatten();
        found.ok_or_else(|| Refusal::status(404, format!("{path} does not exist")))
    }
}

/// A page of resources of another type, as they were seeded.
fn listed(resources: &[Json], query: &Query, connector: &Connector) -> Result<Answer, Refusal> {
    let window = query.page(&connector.paging)?;
    let shown = resources.iter().skip(window.start - 1).take(window.count).cloned().collect();
    Ok(Answer::scim(200, &Page::new(resources.len(), window, shown)))
}

/// The id in `path` if it is `root` (`None`) or one below it; decoded.
fn below(path: &str, root: &str) -> Option<Option<String>> {
    match path.strip_prefix(root)? {
        "" | "/" => Some(None),
        rest => rest.strip_prefix('/').filter(|id| !id.contains('/')).map(|id| Some(decoded(id))),
    }
}

/// Percent-decoding (RFC 3986 section 2.1); what is no escape stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let escape = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match escape.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The JSON body of a write; null for methods that have none.
fn parsed(method: &Method, headers: &HeaderMap, body: &Bytes) -> Result<Json, Refusal> {
    if *method == Method::GET || *method == Method::DELETE {
        return Ok(Json::Null);
    }
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !["application/scim+json", "application/json"].iter().any(|known| kind.eq_ignore_ascii_case(known)) {
        return Err(Refusal::status(415, format!("Content-Type is `{kind}`, expected application/scim+json")));
    }
    serde_json::from_slice(body).map_err(|error| Refusal::bad("invalidSyntax", format!("the body is no JSON: {error}")))
}

/// Answers one request.
pub(super) async fn handle(State(sandbox): State<Sandbox>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let scissors = parts.extensions.get::<ConnectInfo<Scissors>>().map(|info| info.0.clone());
    let Ok(body) = axum::body::to_bytes(body, BODY_MAX_BYTES).await else {
        return Answer::from(Refusal::status(413, format!("the body is larger than {BODY_MAX_BYTES} bytes")))
            .into_response();
    };
    let inner = &sandbox.0;
    if parts.uri.path() == "/_sandbox/accounts" {
        let mut answer = Answer::scim(200, &sandbox.accounts());
        answer.content_type = "application/json";
        return answer.into_response();
    }
    if parts.uri.path() == "/_sandbox/groups" {
        let mut answer = Answer::scim(200, &sandbox.groups());
        answer.content_type = "application/json";
        return answer.into_response();
    }
    if !parts.uri.path().starts_with(BASE_PATH) {
        let hint = format!(
            "the SCIM endpoints are below {BASE_PATH}; the accounts are at /_sandbox/accounts, the groups at /_sandbox/groups"
        );
        return Answer::from(Refusal::status(404, hint)).into_response();
    }
    let number = inner.requests.fetch_add(1, Ordering::SeqCst);
    if parts.method != Method::GET {
        inner.writes.fetch_add(1, Ordering::SeqCst);
    }
    let filtered = parts.uri.query().is_some_and(|query| query.contains("filter="));
    let struck =
        inner.faults.read().unwrap_or_else(PoisonError::into_inner).strike(inner.rng, number, &parts.method, filtered);
    if !inner.latency.is_zero() {
        tokio::time::sleep(inner.latency).await;
    }
    if struck.by(Kind::Timeout) {
        return std::future::pending().await;
    }
    let dropped = Answer::html(502, "connection dropped");
    if struck.by(Kind::DropBefore) {
        return cut(scissors.as_ref(), dropped, Scissors::cut);
    }
    let answer = inner.respond(&parts.method, &parts.uri, &parts.headers, &body, &struck);
    if struck.by(Kind::TimeoutAfterCommit) {
        return std::future::pending().await;
    }
    if struck.by(Kind::DropAfterCommit) {
        return cut(scissors.as_ref(), dropped, Scissors::cut);
    }
    if struck.by(Kind::TruncatedBody) {
        return cut(scissors.as_ref(), answer, Scissors::cut_in_half);
    }
    answer.into_response()
}

/// Answers over a connection that is cut; where there is none to cut, the answer is all there is.
fn cut(scissors: Option<&Scissors>, answer: Answer, how: impl FnOnce(&Scissors)) -> Response<Body> {
    if let Some(scissors) = scissors {
        how(scissors);
    }
    answer.into_response()
}
