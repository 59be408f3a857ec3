//! What a list of events is filtered by: query parameters as people and links write them, and what is wrong with them.

use std::str::FromStr;

use serde::Deserialize;

use crate::clock::{Span, Timestamp};
use crate::engine::command::UserRef;
use crate::engine::desk::status::HistoryFilter;
use crate::id::{AppName, EventId};
use crate::provision::event::StatusKind;
use crate::provision::operation::Kind;
use crate::server::console::activity::links;

/// Query parameters; an empty one does not filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Id, `source:key`, key, e-mail or user name.
    pub user: String,
    /// App.
    pub app: String,
    /// A status, `open` or `trouble`.
    pub status: String,
    /// Kind of operation.
    pub kind: String,
    /// Who caused or decided.
    pub operator: String,
    /// A time, or how long ago.
    pub since: String,
    /// A time, or how long ago.
    pub until: String,
    /// The cursor to older ones.
    pub before: String,
    /// The cursor to newer ones.
    pub after: String,
}

/// Statuses that stand for several.
const OPEN: &str = "open";
const TROUBLE: &str = "trouble";

/// What can be chosen as status: value and words.
pub fn statuses() -> Vec<(&'static str, &'static str)> {
    let several = [("", "any status"), (OPEN, "open"), (TROUBLE, "failed or blocked")];
    several.into_iter().chain(StatusKind::ALL.iter().map(|status| (status.word(), status.word()))).collect()
}

impl Asked {
    /// Whether it restricts anything.
    pub fn filters(&self) -> bool {
        [&self.user, &self.app, &self.status, &self.kind, &self.operator, &self.since, &self.until]
            .iter()
            .any(|text| !text.trim().is_empty())
    }

    /// As the engine takes it.
    ///
    /// # Errors
    /// A sentence for each parameter that can't be understood.
    pub fn read(&self, now: Timestamp, limit: usize) -> Result<(Option<UserRef>, HistoryFilter), Vec<String>> {
        let mut wrong = Vec::new();
        let filter = HistoryFilter {
            app: take(&self.app, &mut wrong, |text| AppName::from_str(text).map_err(|_| named("app", text))),
            statuses: take(&self.status, &mut wrong, several).unwrap_or_default(),
            kind: take(&self.kind, &mut wrong, |text| {
                Kind::ALL.into_iter().find(|kind| kind.word() == text).ok_or_else(|| named("kind of operation", text))
            }),
            since: take(&self.since, &mut wrong, |text| time(text, now)),
            until: take(&self.until, &mut wrong, |text| time(text, now)),
            operator: take(&self.operator, &mut wrong, |text| Ok(text.to_owned())),
            before: take(&self.before, &mut wrong, |text| text.parse::<EventId>().map_err(|why| why.to_string())),
            after: take(&self.after, &mut wrong, |text| text.parse::<EventId>().map_err(|why| why.to_string())),
            limit,
        };
        if let (Some(since), Some(until)) = (filter.since, filter.until)
            && since >= until
        {
            wrong.push(format!("nothing lies between {since} and {until}: the first time must be the earlier one"));
        }
        let user = take(&self.user, &mut wrong, |text| Ok(UserRef(text.to_owned())));
        if wrong.is_empty() { Ok((user, filter)) } else { Err(wrong) }
    }

    /// The address of the same list somewhere else: before or after an event, or from the start.
    pub fn address(&self, path: &str, before: Option<EventId>, after: Option<EventId>) -> String {
        let cursor = |event: Option<EventId>| event.map(|event| event.to_string()).unwrap_or_default();
        links::with(
            path,
            [
                ("user", self.user.clone()),
                ("app", self.app.clone()),
                ("status", self.status.clone()),
                ("kind", self.kind.clone()),
                ("operator", self.operator.clone()),
                ("since", self.since.clone()),
                ("until", self.until.clone()),
                ("before", cursor(before)),
                ("after", cursor(after)),
            ],
        )
    }
}

fn take<T>(text: &str, wrong: &mut Vec<String>, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    read(text).map_err(|why| wrong.push(why)).ok()
}

fn named(what: &str, text: &str) -> String {
    format!("`{text}` is no {what}")
}

fn several(text: &str) -> Result<Vec<StatusKind>, String> {
    match text {
        OPEN => Ok(StatusKind::ALL.into_iter().filter(|status| !status.is_final()).collect()),
        TROUBLE => Ok(vec![StatusKind::Failed, StatusKind::Refused]),
        word => match StatusKind::ALL.into_iter().find(|status| status.word() == word) {
            Some(status) => Ok(vec![status]),
            None => Err(named("status", word)),
        },
    }
}

/// A time in full, a time without a zone (UTC), a day, or how long ago.
pub fn time(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    let forms = [text.to_owned(), format!("{text}Z"), format!("{text}:00Z"), format!("{text}T00:00:00Z")];
    if let Some(at) = forms.iter().find_map(|form| form.parse::<Timestamp>().ok()) {
        return Ok(at);
    }
    let ago = text.trim_end_matches("ago").trim_end().parse::<Span>();
    ago.map(|ago| now.minus(ago))
        .map_err(|_| format!("`{text}` is no time; write 24h or 7d (ago), 2026-03-01, or 2026-03-01T09:30 (UTC)"))
}
