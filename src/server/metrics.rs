//! `GET /metrics`: the state of apps and queues in the text format of Prometheus. Labels are names of apps and fixed words, never people.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::connector::capability::AppState;
use crate::engine::context::EngineError;
use crate::engine::traffic::Reached;
use crate::id::AppName;
use crate::provision::account::Presence;
use crate::provision::event::StatusKind;
use crate::server::house::{House, Metrics};
use crate::server::permit::{Permit, Read};
use crate::server::problem::Problem;
use crate::store::act::StoreResult;
use crate::store::query::EventQuery;

/// The format, as scrapers ask for it.
const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident { $($field:ident),* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
        struct $name { $($field: String),* }
    )*};
}

labels! {
    /// An app.
    App { app }
    /// An app, and a word for how something stands.
    Standing { app, status }
    /// Requests to an app.
    Sent { app, method, outcome }
    /// Attempts in an app.
    Tried { app, kind, result }
}

/// A fraction of seconds.
type Seconds = Gauge<f64, AtomicU64>;

/// What is measured of all apps.
#[derive(Debug, Default)]
struct Measured {
    events: Family<Standing, Gauge>,
    accounts: Family<Standing, Gauge>,
    dirty: Family<App, Gauge>,
    oldest: Family<Standing, Seconds>,
    last_cycle: Family<App, Seconds>,
    state: Family<Standing, Gauge>,
    requests: Family<Sent, Counter>,
    attempts: Family<Tried, Counter>,
}

/// Answers a scraper.
///
/// # Errors
/// If it may not see it, or the store can't be read.
pub async fn show(State(house): State<Arc<House>>, permit: Result<Permit<Read>, Problem>) -> Result<Response, Problem> {
    match house.settings.net.metrics {
        Metrics::Off => {
            return Err(Problem::not_found("metrics are off; [server] metrics in usher.toml turns them on"));
        }
        Metrics::Token => drop(permit?),
        Metrics::Open => {}
    }
    let mut registry = Registry::with_prefix("usher");
    let measured = Measured::default();
    measured.register(&mut registry);
    let apps = house.engine.active_or_none_yet().await?.names();
    for app in &apps {
        measured.app(&house, app).await.map_err(EngineError::from)?;
    }
    whole(&house, &mut registry).await?;
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, &registry)
        .map_err(|_| Problem::fault("the metrics can't be encoded"))?;
    Ok(([(header::CONTENT_TYPE, FORMAT)], text).into_response())
}

/// What belongs to no app.
async fn whole(house: &House, registry: &mut Registry) -> Result<(), Problem> {
    let head = house.engine.store().head().await.map_err(EngineError::from)?;
    let mut gauge = |name: &str, help: &str, value: u64| {
        let gauge: Gauge = Gauge::default();
        gauge.set(number(value));
        registry.register(name, help, gauge);
    };
    gauge("users", "People in the directory, former ones included", head.users);
    gauge("chain_head", "Number of the last entry of the history", head.sequence);
    gauge("chain_blocks", "Blocks of the history's chain", head.blocks);
    if let Some(folder) = house.settings.net.store.clone() {
        let measuring = tokio::task::spawn_blocking(move || size(&folder)).await;
        let bytes = measuring.map_err(|error| Problem::fault(error.to_string()))?;
        gauge("store_bytes", "Size of the store's files", bytes);
    }
    registry.register("http_requests", "Requests answered, by the route's template", house.meter.asked.clone());
    Ok(())
}

impl Measured {
    fn register(&self, registry: &mut Registry) {
        registry.register("events", "Events by status", self.events.clone());
        registry.register("accounts", "Accounts by presence", self.accounts.clone());
        registry.register("dirty_pairs", "Pairs that are to be planned", self.dirty.clone());
        registry.register(
            "oldest_event_age_seconds",
            "How long the oldest event of a status has waited",
            self.oldest.clone(),
        );
        registry.register(
            "last_cycle_end_timestamp_seconds",
            "When the last cycle ended; 0 = never",
            self.last_cycle.clone(),
        );
        registry.register("app_state", "1 for the state that the app is in", self.state.clone());
        registry.register("app_requests", "Requests sent to the app", self.requests.clone());
        registry.register("pushes", "Attempts to carry out an event, by kind and result", self.attempts.clone());
    }

    async fn app(&self, house: &House, name: &AppName) -> StoreResult<()> {
        let store = house.engine.store();
        let app = || name.to_string();
        let counts = store.counts(name).await?;
        for status in StatusKind::ALL {
            let value = counts.events.get(&status).copied().unwrap_or(0);
            let labels = Standing { app: app(), status: status.word().to_owned() };
            self.events.get_or_create(&labels).set(number(value));
        }
        for (presence, value) in &counts.accounts {
            self.accounts.get_or_create(&Standing { app: app(), status: word(*presence) }).set(number(*value));
        }
        self.dirty.get_or_create(&App { app: app() }).set(number(counts.dirty));
        for status in [StatusKind::Pending, StatusKind::Queued] {
            // Above the first number there is: the page next to it has the oldest.
            let query = EventQuery {
                app: Some(name.clone()),
                statuses: vec![status],
                open: true,
                after: Some(crate::id::EventId(0)),
                limit: 1,
                ..EventQuery::default()
            };
            let oldest = store.events(query).await?.items.pop();
            let age = oldest.map_or(0, |event| house.now().millis_since(event.waiting_since));
            let labels = Standing { app: app(), status: status.word().to_owned() };
            self.oldest.get_or_create(&labels).set(seconds(age));
        }
        let record = store.app(name).await?;
        let ended = record.last_cycle.map_or(0, |at| u64::try_from(at.as_millis()).unwrap_or(0));
        self.last_cycle.get_or_create(&App { app: app() }).set(seconds(ended));
        let now = state(&record.state);
        for each in STATES {
            let labels = Standing { app: app(), status: each.to_owned() };
            self.state.get_or_create(&labels).set(i64::from(each == now));
        }
        self.traffic(house, name);
        Ok(())
    }

    fn traffic(&self, house: &House, name: &AppName) {
        let traffic = std::sync::Arc::clone(&house.engine.lanes.of(name).traffic);
        for ((method, reached), value) in traffic.requests() {
            let outcome = match reached {
                Reached::Answered(status) => status.to_string(),
                Reached::NotSent => "not_sent".to_owned(),
                Reached::Unknown => "no_answer".to_owned(),
            };
            let labels = Sent { app: name.to_string(), method: method.to_owned(), outcome };
            self.requests.get_or_create(&labels).inc_by(value);
        }
        for ((kind, result), value) in traffic.attempts() {
            let labels = Tried { app: name.to_string(), kind: kind.word().to_owned(), result: result.to_owned() };
            self.attempts.get_or_create(&labels).inc_by(value);
        }
    }
}

/// All states, in words.
const STATES: [&str; 6] = ["untested", "live", "paused", "quarantined", "disabled", "breaker_open"];

fn state(state: &AppState) -> &'static str {
    match state {
        AppState::Untested => "untested",
        AppState::Live => "live",
        AppState::Paused { .. } => "paused",
        AppState::Quarantined { .. } => "quarantined",
        AppState::Disabled { .. } => "disabled",
        AppState::BreakerOpen { .. } => "breaker_open",
    }
}

/// A presence, as readable formats have it.
fn word(presence: Presence) -> String {
    serde_json::to_value(presence).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn seconds(millis: u64) -> f64 {
    std::time::Duration::from_millis(millis).as_secs_f64()
}

/// The size of all files below a folder. One that vanishes meanwhile counts nothing.
fn size(folder: &Path) -> u64 {
    let mut open: Vec<PathBuf> = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.metadata() {
                Ok(meta) if meta.is_dir() => open.push(entry.path()),
                Ok(meta) => bytes += meta.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}
