//! Status and history: what ops see of each pair and of each event.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::engine::answer::{Answer, EventAnswer, StatusRow};
use crate::engine::command::UserRef;
use crate::engine::context::{Engine, EngineError};
use crate::history::sentence;
use crate::id::{AppName, EventId, OperatorId, UserId};
use crate::provision::account::{Account, Presence};
use crate::provision::event::{Event, StatusKind};
use crate::provision::operation::Kind;
use crate::store::query::{AccountQuery, Counts, EventQuery};
use crate::text::printable;

/// Filters of `usher history`, apart from the user.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryFilter {
    /// Of this app.
    pub app: Option<AppName>,
    /// In these statuses.
    pub statuses: Vec<StatusKind>,
    /// Of this kind.
    pub kind: Option<Kind>,
    /// Filed at or after.
    pub since: Option<Timestamp>,
    /// Filed before.
    pub until: Option<Timestamp>,
    /// Caused or decided by this operator.
    pub operator: Option<String>,
    /// The cursor to older ones.
    pub before: Option<EventId>,
    /// The cursor to newer ones.
    pub after: Option<EventId>,
    /// Rows.
    pub limit: usize,
}

impl Engine {
    pub(super) async fn status(
        &self,
        user: Option<&UserRef>,
        app: Option<AppName>,
        limit: usize,
    ) -> Result<Answer, EngineError> {
        let user = match user {
            Some(user) => Some(self.find_user(user).await?.id),
            None => None,
        };
        self.heard_of(app.as_ref()).await?;
        Ok(Answer::Status(self.status_rows(user, app, limit).await?))
    }

    /// Pairs that have something to show.
    pub(super) async fn status_rows(
        &self,
        user: Option<UserId>,
        app: Option<AppName>,
        limit: usize,
    ) -> Result<Vec<StatusRow>, EngineError> {
        let query = AccountQuery { app: app.clone(), user, limit, ..AccountQuery::default() };
        let mut accounts = self.parts.store.accounts(query).await?.items;
        if user.is_none() {
            // Whoever should have left long ago comes first, whatever the limit.
            let mut late = Vec::new();
            for event in self.escalated(app.as_ref()).await? {
                let query = AccountQuery {
                    app: Some(event.app().clone()),
                    user: Some(event.user()),
                    limit: 1,
                    ..AccountQuery::default()
                };
                late.extend(self.parts.store.accounts(query).await?.items);
            }
            accounts.retain(|account| !late.iter().any(|late| (&late.app, late.user) == (&account.app, account.user)));
            late.append(&mut accounts);
            accounts = late;
            accounts.truncate(limit);
        }
        // What a plan of a draft looked up is remembered, and is no account of an app that never was.
        let active = self.active().await.ok();
        let known = |app: &AppName| active.as_ref().is_none_or(|active| active.apps.contains_key(app));
        accounts.retain(|account| {
            account.presence != Presence::None || account.last_event.is_some() || known(&account.app)
        });
        self.rows_of(accounts).await
    }

    /// What there is to show of each account.
    pub(super) async fn rows_of(&self, accounts: Vec<Account>) -> Result<Vec<StatusRow>, EngineError> {
        let mut rows = Vec::with_capacity(accounts.len());
        for account in accounts {
            let event = match account.open_event.or(account.last_event) {
                Some(id) => self.parts.store.event(id).await?,
                None => None,
            };
            let label = self.label(&account, event.as_ref()).await?;
            let (shown, reason) = sentence::status(&account, event.as_ref());
            let edges = self.parts.store.edges(&account.app, account.user).await?;
            rows.push(StatusRow { label, account, edges, event, shown, reason });
        }
        self.explain_waiting(&mut rows).await?;
        Ok(rows)
    }

    /// What people call the user today; of one who was erased, what he was called then.
    async fn label(&self, account: &Account, event: Option<&Event>) -> Result<String, EngineError> {
        let user = self.parts.store.user(account.user).await?.map(|user| user.label());
        let then = || event.map_or_else(|| account.user.to_string(), |event| event.operation.label.clone());
        Ok(user.unwrap_or_else(then))
    }

    pub(super) async fn history(&self, user: Option<&UserRef>, filter: HistoryFilter) -> Result<Answer, EngineError> {
        let query = self.event_query(user, filter).await?;
        let (before, after) = (query.before, query.after);
        let page = self.parts.store.events(query).await?;
        let (first, last) = (page.items.first().map(|event| event.id), page.items.last().map(|event| event.id));
        // The page's cursor leads on; where it came from there are others.
        let (next, newer) = match after {
            Some(_) => (last, page.next),
            None => (page.next, first.filter(|_| before.is_some())),
        };
        Ok(Answer::History { events: page.items, next, newer })
    }

    /// Filters as the store takes them.
    pub(super) async fn event_query(
        &self,
        user: Option<&UserRef>,
        filter: HistoryFilter,
    ) -> Result<EventQuery, EngineError> {
        let user = match user {
            Some(user) => Some(self.find_user(user).await?.id),
            None => None,
        };
        let HistoryFilter { app, statuses, kind, since, until, operator, before, after, limit } = filter;
        self.heard_of(app.as_ref()).await?;
        let operator = match operator {
            Some(name) => Some(self.operator_called(&name).await?),
            None => None,
        };
        let open = false;
        Ok(EventQuery { user, app, statuses, open, kind, since, until, operator, before, after, limit })
    }

    /// Whether there is such an app, or was one: a filter by another finds nothing because it is mistyped.
    pub(super) async fn heard_of(&self, app: Option<&AppName>) -> Result<(), EngineError> {
        let Some(app) = app else { return Ok(()) };
        match self.active().await?.app(app) {
            Err(unknown) if self.parts.store.counts(app).await? == Counts::default() => Err(unknown),
            _ => Ok(()),
        }
    }

    async fn operator_called(&self, name: &str) -> Result<OperatorId, EngineError> {
        let operators = self.parts.store.operators().await?;
        let found = operators.iter().find(|operator| operator.name == name).map(|operator| operator.id);
        found.ok_or_else(|| {
            let name = printable(name);
            EngineError::Invalid(format!("there is no operator `{name}`; `usher operators list` shows them"))
        })
    }

    pub(super) async fn event_show(&self, id: EventId) -> Result<Answer, EngineError> {
        let none = || EngineError::Invalid(format!("there is no event {id}; `usher history` shows them"));
        let event: Event = self.parts.store.event(id).await?.ok_or_else(none)?;
        let entries = self.parts.store.entries(id).await?;
        let story = sentence::story(&event, &entries);
        let asking = self.asker().await?.asking(&event).await?;
        Ok(Answer::Event(Box::new(EventAnswer { event, entries, story, asking })))
    }
}
