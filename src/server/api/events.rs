//! `/events`: what was done and what waits, for each user in each app.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::engine::answer::Answer;
use crate::engine::command::{Command, UserRef};
use crate::engine::desk::status::HistoryFilter;
use crate::id::EventId;
use crate::server::api::event::{Asking, Entry, Event};
use crate::server::api::reply::{Done, Listed, act, ask, find, id, unexpected};
use crate::server::api::request::{Asked, At, Paging, Sent, value, words};
use crate::server::api::words::{Kind, Status};
use crate::server::api::{cursor, words};
use crate::server::house::House;
use crate::server::permit::{Permit, Read, Retry};
use crate::server::problem::Problem;

/// Which events.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// Of this user: an id, `source:key`, a key, an e-mail address or a user name.
    pub user: Option<String>,
    /// Of this app.
    pub app: Option<String>,
    /// In one of these statuses, separated by commas.
    #[param(value_type = Option<Vec<words::Status>>, style = Form, explode = false)]
    pub status: Option<String>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Caused or decided by the operator of this name.
    pub operator: Option<String>,
    /// Filed at or after this time (RFC 3339).
    #[param(example = "2026-03-01T00:00:00Z")]
    pub since: Option<String>,
    /// Filed before this time (RFC 3339).
    #[param(example = "2026-04-01T00:00:00Z")]
    pub until: Option<String>,
}

impl Filter {
    /// As the engine takes it, without a cursor.
    ///
    /// # Errors
    /// If something can't be read.
    pub fn read(self) -> Result<(Option<UserRef>, HistoryFilter), Problem> {
        let statuses = words::<Status>("status", self.status.as_deref())?;
        let filter = HistoryFilter {
            app: value("app", self.app.as_deref())?,
            statuses: statuses.into_iter().map(Into::into).collect(),
            kind: self.kind.map(Into::into),
            since: value("since", self.since.as_deref())?,
            until: value("until", self.until.as_deref())?,
            operator: self.operator,
            before: None,
            after: None,
            limit: 0,
        };
        Ok((self.user.map(UserRef), filter))
    }
}

/// One event with all that is known of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EventShown {
    /// The event.
    pub event: Event,
    /// What lies around it.
    pub asking: Asking,
    /// Its life in sentences, oldest first.
    pub story: Vec<String>,
    /// Its facts, oldest first.
    pub entries: Vec<Entry>,
}

/// Which events are tried again.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Retried {
    /// Their ids.
    #[schema(min_items = 1, max_items = 500, example = json!(["evt_42"]))]
    pub events: Vec<String>,
}

/// Events
///
/// Newest first.
#[utoipa::path(get, path = "/events", operation_id = "listEvents", tag = "events", params(Filter, Paging),
    responses((status = 200, description = "a page of them", body = Listed<Event>)))]
pub async fn list(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    Asked(filter): Asked<Filter>,
    Asked(paging): Asked<Paging>,
) -> Result<Json<Listed<Event>>, Problem> {
    let (user, filter) = filter.read()?;
    let filter = HistoryFilter { before: paging.from("events")?, limit: paging.rows()?, ..filter };
    match ask(&house, &permit.actor, Command::History { user, filter }).await? {
        Answer::History { events, next, .. } => Ok(Json(Listed {
            items: events.into_iter().map(Event::from).collect(),
            next: next.map(|at| cursor::write("events", at)),
        })),
        other => Err(unexpected(&other)),
    }
}

/// One event
///
/// With its decisions, its attempts, each request to the target and its answer.
#[utoipa::path(get, path = "/events/{event}", operation_id = "showEvent", tag = "events",
    params(("event" = String, Path, description = "The event's id", example = "evt_42")),
    responses((status = 200, description = "the event", body = EventShown)))]
pub async fn show(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    At(event): At<String>,
) -> Result<Json<EventShown>, Problem> {
    let event: EventId = id("event", &event)?;
    match find(&house, &permit.actor, Command::EventShow { event }).await? {
        Answer::Event(answer) => {
            // The first sentence says what the event is; each other one is about an entry.
            let entries = answer.entries.into_iter().zip(answer.story.iter().skip(1));
            Ok(Json(EventShown {
                entries: entries.map(|(entry, sentence)| Entry::new(entry, sentence)).collect(),
                event: answer.event.into(),
                asking: answer.asking.into(),
                story: answer.story,
            }))
        }
        other => Err(unexpected(&other)),
    }
}

/// Try an event again now
///
/// A failed, blocked or rejected one is planned anew; one that waits for another attempt is due at once.
#[utoipa::path(post, path = "/events/{event}/retry", operation_id = "retryEvent", tag = "events",
    params(("event" = String, Path, description = "The event's id", example = "evt_42")),
    responses((status = 200, description = "it is tried again", body = Done)))]
pub async fn retry(
    State(house): State<Arc<House>>,
    permit: Permit<Retry>,
    At(event): At<String>,
) -> Result<Json<Done>, Problem> {
    act(&house, &permit.actor, Command::Retry { events: vec![id("event", &event)?] }).await
}

/// Try several events again now
///
/// In the order given; it stops at the first one that can't be tried again, and says which that is.
#[utoipa::path(post, path = "/events/retry", operation_id = "retryEvents", tag = "events", request_body = Retried,
    responses((status = 200, description = "they are tried again", body = Done)))]
pub async fn retry_several(
    State(house): State<Arc<House>>,
    permit: Permit<Retry>,
    Sent(body): Sent<Retried>,
) -> Result<Json<Done>, Problem> {
    if body.events.is_empty() || body.events.len() > 500 {
        return Err(Problem::bad_request("events: name 1 to 500 of them"));
    }
    let read = |text: &String| text.parse().map_err(|error| Problem::bad_request(format!("events: {error}")));
    let events = body.events.iter().map(read).collect::<Result<_, _>>()?;
    act(&house, &permit.actor, Command::Retry { events }).await
}
