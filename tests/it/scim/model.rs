//! A target without sockets: keeps accounts, and lies in the ways that were seen on real ones.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use scim_v2::filter::{AttrExp, CompValue, Filter};
use serde_json::{Value as Json, json};
use usher::clock::{Clock, ManualClock, Span, Timestamp};
use usher::connector::app::{App, AppSpec};
use usher::connector::capability::{AppState, FilterProbe, Learned};
use usher::connector::descriptor::Connector;
use usher::digest::Digest;
use usher::directory::change::Cause;
use usher::directory::value::Value;
use usher::engine::perform::{self, Context, Owners, Performed, Throttle};
use usher::entropy::SeededEntropy;
use usher::id::{AppName, EventId, InstanceId, PlanId, UserId};
use usher::provision::account::{Account, Observation, Origin, Presence};
use usher::provision::event::{Event, Status};
use usher::provision::guard::clear;
use usher::provision::operation::{Change, Kind, Operation};
use usher::provision::outcome::{Failure, Outcome};
use usher::scim::target::{Answer, Method, Request, Target, TransportError};
use usher::store::act::StoreResult;

/// What happens to the next request of a method.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The connection is refused.
    NotSent,
    /// The request never arrives, and nobody says so.
    RequestLost,
    /// It is carried out; the answer is lost.
    AnswerLost,
    /// It is not carried out; this is answered.
    Instead(u16, String),
    /// It is carried out; this is answered.
    After(u16, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filters {
    Honest,
    /// Everybody comes back.
    Ignored,
    /// Nobody is found.
    Blind,
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Duplicates {
    Conflict,
    ConflictWithoutScim,
    ServerError,
    ExistingWith200,
    Accepted,
}

#[derive(Debug, Clone)]
pub(crate) struct Habits {
    pub(crate) filters: Filters,
    pub(crate) duplicates: Duplicates,
    pub(crate) keeps_external_id: bool,
    pub(crate) shows_created: bool,
    /// PATCH operations with a path are accepted and ignored.
    pub(crate) ignores_paths: bool,
    /// Every PATCH is accepted and ignored.
    pub(crate) ignores_patch: bool,
    pub(crate) active_as_text: bool,
    /// A changed userName makes the account invalid and a new one appear.
    pub(crate) replaces: bool,
    /// startIndex and count are ignored: always the first rows.
    pub(crate) pages_repeat: bool,
    pub(crate) total_results: Option<u64>,
    pub(crate) echo: bool,
    pub(crate) delete_status: u16,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            filters: Filters::Honest,
            duplicates: Duplicates::Conflict,
            keeps_external_id: true,
            shows_created: true,
            ignores_paths: false,
            ignores_patch: false,
            active_as_text: false,
            replaces: false,
            pages_repeat: false,
            total_results: None,
            echo: true,
            delete_status: 204,
        }
    }
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) accounts: BTreeMap<String, Json>,
    pub(crate) log: Vec<String>,
    pub(crate) bodies: Vec<Json>,
    faults: VecDeque<(Method, Fault)>,
    next_id: u64,
}

pub(crate) struct Model {
    pub(crate) habits: Habits,
    pub(crate) state: Mutex<State>,
    pub(crate) clock: ManualClock,
}

impl Model {
    pub(crate) fn new(habits: Habits) -> Self {
        Self { habits, state: Mutex::default(), clock: ManualClock::at(start()) }
    }

    pub(crate) fn fault(&self, method: Method, fault: Fault) {
        self.state.lock().unwrap().faults.push_back((method, fault));
    }

    /// Puts an account there that is not ours.
    pub(crate) fn seed(&self, mut account: Json, created: Timestamp) -> String {
        let mut state = self.state.lock().unwrap();
        state.next_id += 1;
        let id = account["id"].as_str().map_or_else(|| format!("id-{}", state.next_id), str::to_owned);
        account["id"] = json!(id);
        account["meta"] = json!({ "created": created.to_string(), "resourceType": "User" });
        state.accounts.insert(id.clone(), account);
        id
    }

    pub(crate) fn account(&self, id: &str) -> Option<Json> {
        self.state.lock().unwrap().accounts.get(id).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.state.lock().unwrap().accounts.len()
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.state.lock().unwrap().log.clone()
    }

    pub(crate) fn sent(&self, method: &str) -> usize {
        self.log().iter().filter(|line| line.starts_with(method)).count()
    }

    fn shown(&self, account: &Json) -> Json {
        let mut shown = account.clone();
        if !self.habits.shows_created {
            shown.as_object_mut().unwrap().remove("meta");
        }
        if !self.habits.keeps_external_id {
            shown.as_object_mut().unwrap().remove("externalId");
        }
        if self.habits.active_as_text
            && let Some(active) = shown["active"].as_bool()
        {
            shown["active"] = json!(if active { "True" } else { "False" });
        }
        shown
    }

    fn carry_out(&self, request: &Request, state: &mut State) -> (u16, Json) {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let body: Json = request.body.as_deref().map_or(Json::Null, |body| serde_json::from_slice(body).unwrap());
        let id = path.strip_prefix("/Users/").map(decoded);
        match (request.method, id) {
            (Method::Get, None) if path == "/Users" => self.list(query, state),
            (Method::Get, None) => (404, error(404, "no such endpoint")),
            (Method::Post, None) => self.create(body, state),
            (_, Some(id)) if !state.accounts.contains_key(&id) => (404, error(404, "no such user")),
            (Method::Get, Some(id)) => (200, self.shown(&state.accounts[&id])),
            (Method::Put, Some(id)) => {
                let mut account = body;
                account["id"] = json!(id);
                account["meta"] = state.accounts[&id]["meta"].clone();
                state.accounts.insert(id.clone(), account);
                (200, self.shown(&state.accounts[&id]))
            }
            (Method::Patch, Some(id)) if self.habits.replaces => {
                let mut replacement = state.accounts[&id].clone();
                state.accounts.get_mut(&id).unwrap()["active"] = json!(false);
                self.patch(&mut replacement, &body);
                state.next_id += 1;
                let new = format!("id-{}", state.next_id);
                replacement["id"] = json!(new);
                state.accounts.insert(new, replacement);
                (204, Json::Null)
            }
            (Method::Patch, Some(id)) => {
                self.patch(state.accounts.get_mut(&id).unwrap(), &body);
                if self.habits.echo { (200, self.shown(&state.accounts[&id])) } else { (204, Json::Null) }
            }
            (Method::Delete, Some(id)) => {
                state.accounts.remove(&id);
                (self.habits.delete_status, Json::Null)
            }
            (Method::Post | Method::Put | Method::Patch | Method::Delete, _) => (405, Json::Null),
        }
    }

    fn list(&self, query: &str, state: &State) -> (u16, Json) {
        let parameters: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let mut rows: Vec<Json> = state.accounts.values().map(|account| self.shown(account)).collect();
        if let Some(filter) = parameters.get("filter") {
            match self.habits.filters {
                Filters::Honest => rows.retain(|row| matches(row, &decoded(filter))),
                Filters::Ignored => {}
                Filters::Blind => rows.clear(),
                Filters::Refused => return (400, error(400, "filters are not supported")),
            }
        }
        let total = self.habits.total_results.unwrap_or(rows.len() as u64);
        let number = |name: &str| parameters.get(name).and_then(|text| text.parse::<usize>().ok());
        let start = if self.habits.pages_repeat { 1 } else { number("startIndex").unwrap_or(1) };
        let count = if self.habits.pages_repeat { 2 } else { number("count").unwrap_or(100) };
        let rows: Vec<Json> = rows.into_iter().skip(start - 1).take(count).collect();
        (200, json!({ "totalResults": total, "Resources": rows }))
    }

    fn create(&self, mut account: Json, state: &mut State) -> (u16, Json) {
        let name = account["userName"].as_str().unwrap_or_default().to_lowercase();
        let taken = state.accounts.values().find(|other| other["userName"].as_str().unwrap().to_lowercase() == name);
        if let Some(existing) = taken {
            match self.habits.duplicates {
                Duplicates::Conflict => {
                    return (409, json!({ "status": "409", "scimType": "uniqueness", "detail": "userName is taken" }));
                }
                Duplicates::ConflictWithoutScim => return (409, json!({ "error": { "code": 11 } })),
                Duplicates::ServerError => return (500, json!("<html>boom</html>")),
                Duplicates::ExistingWith200 => return (200, self.shown(existing)),
                Duplicates::Accepted => {}
            }
        }
        state.next_id += 1;
        let id = format!("id-{}", state.next_id);
        account["id"] = json!(id);
        account["meta"] = json!({ "created": self.clock.now().to_string() });
        state.accounts.insert(id.clone(), account);
        if self.habits.echo { (201, self.shown(&state.accounts[&id])) } else { (201, Json::Null) }
    }

    fn patch(&self, account: &mut Json, body: &Json) {
        for operation in body["Operations"].as_array().unwrap() {
            let path = operation["path"].as_str();
            if self.habits.ignores_patch || (self.habits.ignores_paths && path.is_some()) {
                continue;
            }
            match (path, operation["op"].as_str().unwrap()) {
                (Some(path), "remove") => drop(account.as_object_mut().unwrap().remove(path)),
                (Some(path), _) => {
                    let (outer, inner) = path.split_once('.').unwrap_or((path, ""));
                    if inner.is_empty() {
                        account[outer] = operation["value"].clone();
                    } else {
                        account[outer][inner] = operation["value"].clone();
                    }
                }
                (None, _) => {
                    for (name, value) in operation["value"].as_object().unwrap() {
                        account[name] = value.clone();
                    }
                }
            }
        }
    }
}

fn error(status: u16, detail: &str) -> Json {
    json!({ "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": status, "detail": detail })
}

fn matches(row: &Json, filter: &str) -> bool {
    let Ok(Filter::Attr(AttrExp::Comparison(path, _, CompValue::Str(wanted)))) = filter.parse::<Filter>() else {
        panic!("not a filter: {filter}");
    };
    row[&path.name].as_str().is_some_and(|value| value.eq_ignore_ascii_case(&wanted))
}

pub(crate) fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&after[..2]).unwrap(), 16).unwrap());
            rest = &after[2..];
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8(bytes).unwrap()
}

#[async_trait]
impl Target for Model {
    async fn send(&self, request: Request) -> Result<Answer, TransportError> {
        let mut state = self.state.lock().unwrap();
        state.log.push(format!("{} {}", request.method.as_str(), decoded(&request.path)));
        if let Some(body) = &request.body {
            state.bodies.push(serde_json::from_slice(body).unwrap());
        }
        let due = state.faults.iter().position(|(method, _)| *method == request.method);
        let fault = due.and_then(|at| state.faults.remove(at)).map(|(_, fault)| fault);
        let lost = || Err(TransportError::Unknown("connection reset".to_owned()));
        let (status, body) = match fault {
            Some(Fault::NotSent) => return Err(TransportError::NotSent("connection refused".to_owned())),
            Some(Fault::RequestLost) => return lost(),
            Some(Fault::AnswerLost) => {
                self.carry_out(&request, &mut state);
                return lost();
            }
            Some(Fault::Instead(status, body)) => (status, body.into_bytes()),
            Some(Fault::After(status, body)) => {
                self.carry_out(&request, &mut state);
                (status, body.into_bytes())
            }
            None => {
                let (status, body) = self.carry_out(&request, &mut state);
                (status, if body.is_null() { Vec::new() } else { serde_json::to_vec(&body).unwrap() })
            }
        };
        let content_type = "application/scim+json".to_owned();
        Ok(Answer { status, content_type, retry_after: None, body, elapsed: Duration::from_millis(1) })
    }
}

/// A ledger that knows whose some ids are.
#[derive(Default)]
pub(crate) struct Ledger(pub(crate) BTreeMap<String, UserId>);

#[async_trait]
impl Owners for Ledger {
    async fn owners(&self, _app: &AppName, remote_ids: Vec<String>) -> StoreResult<Vec<Option<UserId>>> {
        Ok(remote_ids.iter().map(|id| self.0.get(id).copied()).collect())
    }
}

pub(crate) fn start() -> Timestamp {
    "2026-03-01T09:00:00Z".parse().unwrap()
}

pub(crate) fn user(seed: u64) -> UserId {
    UserId::mint(start(), &SeededEntropy::new(seed))
}

pub(crate) fn instance() -> InstanceId {
    InstanceId::mint(start(), &SeededEntropy::new(99))
}

pub(crate) fn own_external_id(user: UserId) -> String {
    format!("{}:{}", instance().0, user.0)
}

pub(crate) fn spec(connector: &str, base_url: &str) -> AppSpec {
    let connector = format!("name = \"model\"\ntitle = \"Model\"\n{connector}");
    let connector = Connector::parse("connectors/model.toml".as_ref(), &connector).unwrap();
    let app = format!(
        "connector = \"model\"\nbase_url = \"{base_url}\"\ncredential = \"env:TOKEN\"\nrules = \"model.rhai\"\n\
         [assign]\neveryone = true\n[approvals]\ndelete = false\n"
    );
    let app = App::parse("apps/model.toml".as_ref(), &app).unwrap();
    AppSpec::new(AppName::new("model").unwrap(), app, connector, Default::default(), Vec::new())
}

/// One pair at one model target.
pub(crate) struct Stage {
    pub(crate) model: Model,
    pub(crate) spec: AppSpec,
    pub(crate) learned: Learned,
    pub(crate) ledger: Ledger,
    pub(crate) throttle: Throttle,
    pub(crate) event: Event,
    pub(crate) account: Account,
}

impl Stage {
    pub(crate) fn new(kind: Kind, habits: Habits, connector: &str) -> Self {
        let spec = spec(connector, "https://scim.example.com/v2");
        let throttle = Throttle::unlimited();
        let learned = Learned { filters: trusted(), ..Learned::default() };
        let model = Model::new(habits);
        let (event, account) = event(kind, &spec);
        Self { model, spec, learned, ledger: Ledger::default(), throttle, event, account }
    }

    /// A create of `ann@example.com`.
    pub(crate) fn create(habits: Habits) -> Self {
        let mut stage = Self::new(Kind::Create, habits, "");
        stage.changes(&[("userName", None, Some("ann@example.com")), ("displayName", None, Some("Ann"))]);
        let external_id = own_external_id(stage.event.user());
        std::sync::Arc::make_mut(&mut stage.event.operation).changes.push(change(
            "externalId",
            None,
            Some(&external_id),
        ));
        std::sync::Arc::make_mut(&mut stage.event.operation).external_id = Some(external_id);
        stage.account.observation = Observation::Absent { at: start() };
        stage
    }

    /// Something done to the account of `ann@example.com`, which exists and is ours.
    pub(crate) fn on_account(kind: Kind, habits: Habits, connector: &str) -> Self {
        let mut stage = Self::new(kind, habits, connector);
        let external_id = own_external_id(stage.event.user());
        let id = stage.model.seed(
            json!({ "userName": "ann@example.com", "externalId": external_id, "displayName": "Ann", "active": kind != Kind::Reactivate,
                "title": "set by hand", "groups": [{ "value": "g1" }], "name": { "givenName": "Ann" } }),
            start(),
        );
        std::sync::Arc::make_mut(&mut stage.event.operation).remote_id = Some(id.clone());
        stage.account.remote_id = Some(id);
        stage.account.origin = Some(Origin::Created);
        stage.account.presence = if kind == Kind::Reactivate { Presence::Deactivated } else { Presence::Active };
        stage.account.pushed = BTreeMap::from([
            ("userName".to_owned(), Value::from("ann@example.com")),
            ("externalId".to_owned(), Value::from(external_id)),
            ("displayName".to_owned(), Value::from("Ann")),
        ]);
        stage
    }

    pub(crate) fn changes(&mut self, changes: &[(&str, Option<&str>, Option<&str>)]) {
        std::sync::Arc::make_mut(&mut self.event.operation).changes =
            changes.iter().map(|(path, old, new)| change(path, *old, *new)).collect();
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            target: &self.model,
            spec: &self.spec,
            learned: &self.learned,
            clock: &self.model.clock,
            owners: &self.ledger,
            throttle: &self.throttle,
            instance: instance(),
        }
    }

    pub(crate) fn remote_id(&self) -> &str {
        self.event.operation.remote_id.as_deref().unwrap()
    }

    pub(crate) async fn perform(&mut self) -> Performed {
        let connector = Digest::of(&self.spec.connector);
        self.event.payload = self.event.operation.payload_digest(&self.spec.app.origin(), connector, &[]);
        let now = self.model.clock.now();
        let cleared = clear(
            &self.event,
            &self.account,
            &self.spec,
            usher::provision::guard::clearance::Today {
                connector,
                state: &AppState::Live,
                as_of: now,
                protection: &[],
            },
        )
        .unwrap();
        perform::perform(self.context(), &cleared, &self.account).await
    }

    /// The event as it stands after a crash or a lost answer, `waited` after the request.
    pub(crate) async fn verify(&mut self, waited: Span) -> Performed {
        let since = match self.event.status {
            Status::Verifying { since, .. } => since,
            _ => self.model.clock.now(),
        };
        self.model.clock.advance(waited);
        self.event.status = Status::Verifying { since, due: since };
        self.event.attempts = self.event.attempts.max(1);
        perform::verify(self.context(), &self.event, &self.account).await
    }

    /// The event as it stands after an attempt that failed with `last`.
    pub(crate) fn retried_after(&mut self, last: Failure) {
        self.event.status = Status::Queued { due: start(), last: Some(last) };
        self.event.changed_at = self.model.clock.now();
        self.event.attempts += 1;
    }
}

pub(crate) fn trusted() -> BTreeMap<String, FilterProbe> {
    ["userName", "externalId"].map(|name| (name.to_owned(), FilterProbe::Works)).into()
}

fn change(path: &str, old: Option<&str>, new: Option<&str>) -> Change {
    Change { path: path.to_owned(), old: old.map(Value::from), new: new.map(Value::from) }
}

fn event(kind: Kind, spec: &AppSpec) -> (Event, Account) {
    let operation = Operation {
        kind,
        app: spec.name.clone(),
        user: user(1),
        label: "Ann".to_owned(),
        remote_id: None,
        user_name: "ann@example.com".to_owned(),
        external_id: None,
        changes: Vec::new(),
        edges: Vec::new(),
        released: Vec::new(),
        origin: Some(Origin::Created),
        generation: 0,
        reason: "everyone".to_owned(),
    };
    let event = Event {
        progress: usher::provision::event::Progress::default(),
        app_digest: usher::digest::Digest::default(),
        escalated: None,
        id: EventId(7),
        operation: operation.into(),
        payload: Digest::default(),
        findings: Vec::new(),
        plan: PlanId::mint(start(), &SeededEntropy::new(3)),
        cause: Cause::Cycle,
        batch: None,
        status: Status::Queued { due: start(), last: None },
        generation: 1,
        attempts: 0,
        decisions: Vec::new(),
        filed_at: start(),
        waiting_since: start(),
        changed_at: start(),
        basis: Digest::default(),
    };
    let mut account = Account::new(spec.name.clone(), user(1));
    account.generation = 1;
    account.open_event = Some(event.id);
    (event, account)
}

/// Plays the pusher: attempts and looks until the event ends. Returns after how many rounds it succeeded, or how it ended.
pub(crate) async fn until_done(stage: &mut Stage) -> Result<usize, Outcome> {
    let mut performed = stage.perform().await;
    for round in 1..30 {
        match performed.outcome {
            Outcome::Succeeded(_) => return Ok(round),
            Outcome::Retry { failure, due } => {
                let wait = due.millis_since(stage.model.clock.now()) / 1000 + 1;
                stage.retried_after(failure);
                stage.model.clock.advance(Span::from_secs(wait));
                performed = stage.perform().await;
            }
            Outcome::Unknown { due, .. } => {
                let wait = due.millis_since(stage.model.clock.now()) / 1000 + 1;
                performed = stage.verify(Span::from_secs(wait)).await;
            }
            other => return Err(other),
        }
    }
    panic!("it never ends: {:?}", stage.model.log());
}
