//! The sandbox itself: settings, requests in, answers out.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, Response, Uri, header};
use serde_json::Value as Json;
use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::connector::{Connector, GroupMode};
use crate::sandbox::account::{Account, AccountView, Group};
use crate::sandbox::answer::Answer;
use crate::sandbox::demand::settle;
use crate::sandbox::directory::Directory;
use crate::sandbox::discovery::{self, groups_path};
use crate::sandbox::fault::{Faults, Kind, Struck};
use crate::sandbox::group::Groups;
use crate::sandbox::list::Query;
use crate::sandbox::refusal::Refusal;
use crate::sandbox::seed::{SandboxError, Seed};
use crate::sandbox::user::Users;
use crate::sandbox::wire::{Scissors, Wires};
use crate::secret::Secret;

/// Where the SCIM endpoints are.
pub const BASE_PATH: &str = "/scim/v2";
/// The largest body that is read: what the widest targets take.
const BODY_MAX_BYTES: usize = 1 << 20;
/// How long running requests may take once the sandbox was told to stop.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// How a sandbox behaves beside its connector.
pub struct Settings {
    /// The bearer token demanded; `None` = any request is let in.
    pub token: Option<Secret>,
    /// Third-party accounts there from the start.
    pub seed: Seed,
    /// externalId is accepted and forgotten.
    pub drop_external_id: bool,
    /// How long each answer takes.
    pub latency: Duration,
    /// What goes wrong.
    pub faults: Faults,
    /// Seed of ids and faults.
    pub rng: u64,
    /// userName of whoever issued the token, for connectors that protect that account.
    pub token_issuer: Option<String>,
    /// Time for `meta`.
    pub clock: Arc<dyn Clock>,
}

impl Settings {
    /// No token, no accounts, no latency, no faults.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            token: None,
            seed: Seed::Empty,
            drop_external_id: false,
            latency: Duration::ZERO,
            faults: Faults::default(),
            rng: 0,
            token_issuer: None,
            clock,
        }
    }
}

/// A SCIM 2.0 target in memory. Clones share everything.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    connector: Connector,
    /// `Bearer TOKEN`.
    authorization: Option<Secret>,
    drop_external_id: bool,
    latency: Duration,
    rng: u64,
    token_issuer: Option<String>,
    clock: Arc<dyn Clock>,
    faults: RwLock<Faults>,
    directory: Mutex<Directory>,
    requests: AtomicU64,
    writes: AtomicU64,
}

impl Sandbox {
    /// A sandbox with its third-party accounts in it.
    ///
    /// # Errors
    /// [`SandboxError::Refused`] if the connector would refuse a seed account.
    pub fn new(connector: Connector, settings: Settings) -> Result<Self, SandboxError> {
        let mut directory = Directory::new(settings.rng);
        let at = settings.clock.now();
        for (index, json) in settings.seed.accounts(&connector).into_iter().enumerate() {
            let sent = json.as_object().cloned().unwrap_or_default();
            let body = settle(&connector, None, sent).map_err(|refusal| SandboxError::Refused {
                number: index + 1,
                connector: connector.name.to_string(),
                why: refusal.detail,
            })?;
            let id = json["id"].as_str().map_or_else(|| directory.fresh_id(), str::to_owned);
            directory.insert(Account { id, body, created: at, modified: at, third_party: true, invalid: false });
        }
        Ok(Self(Arc::new(Inner {
            connector,
            authorization: settings.token.map(|token| Secret::new(format!("Bearer {}", token.expose()))),
            drop_external_id: settings.drop_external_id,
            latency: settings.latency,
            rng: settings.rng,
            token_issuer: settings.token_issuer,
            clock: settings.clock,
            faults: RwLock::new(settings.faults),
            directory: Mutex::new(directory),
            requests: AtomicU64::new(0),
            writes: AtomicU64::new(0),
        })))
    }

    /// The endpoints. Faults that close connections need [`Sandbox::serve`].
    pub fn router(&self) -> Router {
        Router::new().fallback(handle).with_state(self.clone())
    }

    /// Serves until `shutdown` resolves.
    ///
    /// # Errors
    /// [`SandboxError::Serve`] if the listener fails.
    pub async fn serve(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), SandboxError> {
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let service = self.router().into_make_service_with_connect_info::<Scissors>();
        let serving = axum::serve(Wires(listener), service).with_graceful_shutdown(async move {
            // Told to stop, or nobody is left to tell: both mean stop.
            let _ = stopped.await;
        });
        let stopping = async move {
            shutdown.await;
            // The other end is gone only if serving has ended by itself.
            let _ = stop.send(());
            tokio::time::sleep(STOP_GRACE).await;
        };
        tokio::select! {
            ended = async move { serving.await } => ended.map_err(SandboxError::Serve),
            () = stopping => Ok(()),
        }
    }

    /// All accounts, oldest first.
    pub fn accounts(&self) -> Vec<AccountView> {
        self.0.directory().accounts().map(|(_, account)| AccountView::from(account)).collect()
    }

    /// Every third-party account as it would be read now, byte for byte, by id.
    pub fn third_party(&self) -> BTreeMap<String, Vec<u8>> {
        let directory = self.0.directory();
        let bytes = |account: &Account| Answer::scim(200, &directory.render(account, "")).body;
        directory
            .accounts()
            .filter(|(_, account)| account.third_party)
            .map(|(_, account)| (account.id.clone(), bytes(account)))
            .collect()
    }

    /// Requests that would change something (all but GET), answered or not.
    pub fn writes(&self) -> u64 {
        self.0.writes.load(Ordering::SeqCst)
    }

    /// All requests below the base path.
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::SeqCst)
    }

    /// Other faults from now on.
    pub fn set_faults(&self, faults: Faults) {
        *self.0.faults.write().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// Adds a group that some third party made, and gives its id.
    pub fn add_group(&self, display_name: &str, members: &[&str]) -> String {
        let at = self.0.clock.now();
        let mut directory = self.0.directory();
        let id = directory.fresh_id();
        let body = serde_json::Map::from_iter([("displayName".to_owned(), Json::from(display_name))]);
        let members = members.iter().map(|&id| id.to_owned()).collect();
        directory.insert_group(Group { id: id.clone(), body, members, created: at, modified: at });
        id
    }

    /// Changes an account as the target's own admin would: no request, no count, no rule of the connector.
    /// Returns whether there is such an account.
    pub fn tamper(&self, id: &str, change: impl FnOnce(&mut serde_json::Map<String, Json>)) -> bool {
        let at = self.0.clock.now();
        let mut directory = self.0.directory();
        let Some(number) = directory.find(id) else { return false };
        let mut body = directory.account(number).map(|account| account.body.clone()).unwrap_or_default();
        change(&mut body);
        directory.rewrite(number, body, at, false);
        true
    }

    /// Removes an account as the target's own admin would. Returns whether there was one.
    pub fn remove(&self, id: &str) -> bool {
        let mut directory = self.0.directory();
        let found = directory.find(id);
        if let Some(number) = found {
            directory.remove(number);
        }
        found.is_some()
    }
}

impl Inner {
    /// The directory; a panic elsewhere can't have left it half-changed in a way that matters to a sandbox.
    fn directory(&self) -> MutexGuard<'_, Directory> {
        self.directory.lock().unwrap_or_else(PoisonError::into_inner)
    }

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
        let body = parsed(method, headers, body)?;
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let (at, connector) = (self.clock.now(), &self.connector);
        if let Some(id) = below(path, &connector.users.path) {
            let url = &format!("http://{host}{BASE_PATH}{}", connector.users.path);
            let directory = &mut *self.directory();
            let (drop_external_id, token_issuer) = (self.drop_external_id, self.token_issuer.as_deref());
            let mut users = Users { connector, directory, url, at, drop_external_id, token_issuer, struck };
            return match (method.as_str(), id.as_deref()) {
                ("POST", None) => users.create(&body),
                ("GET", None) => users.list(&query),
                ("GET", Some(id)) => users.read(id, &query),
                ("PUT", Some(id)) => users.replace(id, &body),
                ("PATCH", Some(id)) => users.patch(id, &body),
                ("DELETE", Some(id)) => users.delete(id),
                _ => Err(Refusal::status(405, format!("{method} is not for {path}"))),
            };
        }
        if let Some(id) = below(path, groups_path(connector)).filter(|_| connector.groups.mode != GroupMode::None) {
            let url = &format!("http://{host}{BASE_PATH}{}", groups_path(connector));
            let mut groups = Groups { connector, directory: &mut self.directory(), url, at };
            return match (method.as_str(), id.as_deref()) {
                ("POST", None) => groups.create(&body),
                ("GET", None) => groups.list(&query),
                ("GET", Some(id)) => groups.read(id, &query),
                ("PUT", Some(id)) => groups.replace(id, &body),
                ("PATCH", Some(id)) => groups.patch(id, &body),
                ("DELETE", Some(id)) => groups.delete(id),
                _ => Err(Refusal::status(405, format!("{method} is not for {path}"))),
            };
        }
        let found = (*method == Method::GET).then(|| discovery::answer(connector, path)).flatten();
        found.ok_or_else(|| Refusal::status(404, format!("{path} does not exist")))
    }
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

async fn handle(State(sandbox): State<Sandbox>, request: Request) -> Response<Body> {
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
    if !parts.uri.path().starts_with(BASE_PATH) {
        let hint = format!("the SCIM endpoints are below {BASE_PATH}; the accounts are at /_sandbox/accounts");
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
