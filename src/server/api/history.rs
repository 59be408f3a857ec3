//! `/history`: all events as a stream, and the end of the chain that proves that nobody rewrote them.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::access::Actor;
use crate::engine::answer::{Answer, ExportedEvent};
use crate::engine::command::{Command, UserRef};
use crate::engine::desk::status::HistoryFilter;
use crate::id::EventId;
use crate::server::api::events::Filter;
use crate::server::api::reply::{ask, unexpected};
use crate::server::api::request::Asked;
use crate::server::export;
use crate::server::house::House;
use crate::server::permit::{Permit, Read};
use crate::server::problem::Problem;

/// Events asked for at once.
const PAGE_EVENTS: usize = 200;

/// How an export is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Jsonl,
    /// Comma-separated values.
    Csv,
}

/// How it is exported.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Wanted {
    /// How it is written.
    #[param(inline)]
    pub format: Option<Format>,
    /// With every entry: decisions, attempts with their requests and answers.
    pub full: Option<bool>,
}

/// The end of the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Head {
    /// When it was read (RFC 3339).
    pub time: String,
    /// The installation.
    pub instance: String,
    /// Number of the last entry.
    pub sequence: u64,
    /// SHA-256 of the last block's header, hexadecimal.
    pub hash: String,
}

/// One export on its way.
struct Export {
    house: Arc<House>,
    actor: Actor,
    user: Option<UserRef>,
    filter: HistoryFilter,
    format: Format,
    full: bool,
    is_first: bool,
}

impl Export {
    async fn page(&self) -> Result<(Vec<ExportedEvent>, Option<EventId>), Problem> {
        let (user, filter) = (self.user.clone(), self.filter.clone());
        match ask(&self.house, &self.actor, Command::HistoryPage { user, filter, full: self.full }).await? {
            Answer::Exported { events, next } => Ok((events, next)),
            other => Err(unexpected(&other)),
        }
    }

    fn text(&mut self, events: &[ExportedEvent]) -> Result<String, Problem> {
        let written = match self.format {
            Format::Jsonl => export::json_lines(events),
            Format::Csv => export::csv_rows(events, self.is_first, self.full),
        };
        self.is_first = false;
        written.map_err(|error| Problem::fault(format!("writing the export failed: {error}")))
    }

    /// One more page as text; `None` = there is none.
    async fn step(mut self, before: Option<EventId>) -> Option<(Result<String, std::io::Error>, Option<Self>)> {
        self.filter.before = Some(before?);
        let written = match self.page().await {
            Ok((events, next)) => self.text(&events).map(|text| (text, next)),
            Err(problem) => Err(problem),
        };
        Some(match written {
            Ok((text, next)) => {
                self.filter.before = next;
                (Ok(text), Some(self))
            }
            // The answer has begun: all that is left is to break it off.
            Err(problem) => (Err(std::io::Error::other(problem.detail)), None),
        })
    }
}

/// Export the history
///
/// Newest first, as JSON lines or CSV, page by page. CSV cells that a spreadsheet would take for a formula get an apostrophe in front.
#[utoipa::path(get, path = "/history/export", operation_id = "exportHistory", tag = "history", params(Wanted, Filter),
    responses((status = 200, description = "the events", content((String = "application/x-ndjson"), (String = "text/csv")))))]
pub async fn export(
    State(house): State<Arc<House>>,
    permit: Permit<Read>,
    Asked(wanted): Asked<Wanted>,
    Asked(filter): Asked<Filter>,
) -> Result<Response, Problem> {
    let (user, filter) = filter.read()?;
    let (format, full) = (wanted.format.unwrap_or_default(), wanted.full.unwrap_or(false));
    let filter = HistoryFilter { limit: PAGE_EVENTS, ..filter };
    let mut export = Export { house, actor: permit.actor, user, filter, format, full, is_first: true };
    // What is wrong with the filters is said before anything is sent.
    let (events, next) = export.page().await?;
    let first = export.text(&events)?;
    export.filter.before = next;
    let rest = stream::unfold(Some(export), |export| async {
        let export = export?;
        let before = export.filter.before;
        export.step(before).await
    });
    let all = stream::StreamExt::chain(stream::iter([Ok(first)]), rest);
    let (kind, name) = match format {
        Format::Jsonl => ("application/x-ndjson", "history.jsonl"),
        Format::Csv => ("text/csv; charset=utf-8", "history.csv"),
    };
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, Body::from_stream(all)).into_response())
}

/// The end of the history's chain
///
/// Whoever keeps it can prove later that nobody rewrote what was before it.
#[utoipa::path(get, path = "/history/head", operation_id = "showHead", tag = "history",
    responses((status = 200, description = "the end", body = Head)))]
pub async fn head(State(house): State<Arc<House>>, permit: Permit<Read>) -> Result<Json<Head>, Problem> {
    match ask(&house, &permit.actor, Command::HistoryHead).await? {
        Answer::Head(head) => Ok(Json(Head {
            time: head.time.to_string(),
            instance: head.instance.to_string(),
            sequence: head.sequence,
            hash: head.hash,
        })),
        other => Err(unexpected(&other)),
    }
}
