//! `usher explain --at`: what stood at a time, from the history alone. It says what can't be told any more.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::user::User;
use crate::directory::value::Value;
use crate::engine::active::{Active, ActiveApp};
use crate::engine::context::{Engine, EngineError};
use crate::engine::desk::explain::{SHOWN_MAX, line};
use crate::engine::explained::{AccessLine, AccountLine, AttributeLine, EntitlementLine, Explained};
use crate::history::sentence;
use crate::id::{AppName, EventId, RevisionNumber};
use crate::provision::account::Presence;
use crate::provision::entry::{Entry, Fact};
use crate::provision::event::{Event, StatusKind};
use crate::provision::operation::Kind;

/// A pair as its events had left it.
#[derive(Default)]
struct Then {
    presence: Option<Presence>,
    since: Option<(EventId, Timestamp)>,
    remote_id: Option<String>,
    pushed: BTreeMap<String, Value>,
    by: BTreeMap<String, (EventId, Timestamp)>,
    edges: BTreeMap<(String, String), (EventId, Timestamp)>,
    /// A link whose values were not kept.
    unseen_link: Option<EventId>,
}

impl Engine {
    pub(super) async fn explain_then(
        &self,
        user: User,
        app: &AppName,
        at: Timestamp,
        events: Vec<Event>,
    ) -> Result<Explained, EngineError> {
        let store = &self.parts.store;
        let operators = self.operator_names().await?;
        let mut then = Then::default();
        let (mut lines, mut in_the_way) = (Vec::new(), Vec::new());
        let mut access =
            AccessLine { words: "the history says nothing before this time".to_owned(), ..AccessLine::default() };
        let oldest = events.last().map(|event| (event.operation.kind, event.id));
        let earlier: Vec<&Event> = events.iter().rev().filter(|event| event.filed_at <= at).collect();
        for event in &earlier {
            let entries = store.entries(event.id).await?;
            let until: Vec<&Entry> = entries.iter().filter(|entry| entry.at <= at).collect();
            let (status, since) = status_then(event, &until, at);
            then.take(event, &until, (status, since));
            access = AccessLine { words: event.operation.reason.clone(), ..AccessLine::default() };
            access.entitled = Some(!event.operation.kind.is_leaving());
            let mut said = self.event_line(event, &operators).await?;
            (said.status, said.at) = (status, since);
            said.shown = if status == event.status.kind() { said.shown } else { status.word().to_owned() };
            if !status.is_final() {
                in_the_way.push(format!("{} ({}) was {status} since {since}", event.id, event.operation.kind));
            } else if matches!(status, StatusKind::Failed | StatusKind::Rejected | StatusKind::Refused) {
                in_the_way.push(format!("{} ({}) was {status}", event.id, event.operation.kind));
            }
            lines.push(said);
        }
        // Only what nothing came after stood in the way.
        let last = earlier.last().map(|event| event.id);
        in_the_way.retain(|words| last.is_some_and(|last| words.starts_with(&format!("{last} "))));
        lines.reverse();
        lines.truncate(SHOWN_MAX);
        let revision = store.active_at(at).await?;
        let running = self.app_of(app, revision.map(|(number, _)| number)).await?;
        let unknown = unknown(&then, at, oldest, revision.is_some());
        Ok(Explained {
            user: user.id,
            label: user.label(),
            app: app.clone(),
            at: Some(at),
            revision: revision.map(|(number, since)| (number, Some(since))),
            access,
            account: then.account(),
            attributes: then.attributes(running.as_deref()),
            entitlements: then.entitlements(),
            in_the_way,
            differences: Vec::new(),
            events: lines,
            unknown,
        })
    }

    /// An app as a revision has it.
    async fn app_of(
        &self,
        app: &AppName,
        number: Option<RevisionNumber>,
    ) -> Result<Option<Arc<ActiveApp>>, EngineError> {
        let Some(number) = number else { return Ok(None) };
        let bundle = self.parts.store.bundle(number).await?;
        // One that does not compile any more has no lines to name.
        Ok(Active::compile(&bundle, None).ok().and_then(|active| active.apps.get(app).cloned()))
    }
}

/// Where an event stood at a time, and since when.
fn status_then(event: &Event, until: &[&Entry], at: Timestamp) -> (StatusKind, Timestamp) {
    if event.changed_at <= at {
        return (event.status.kind(), event.changed_at);
    }
    let mut status = (StatusKind::Queued, event.filed_at);
    for entry in until {
        match &entry.fact {
            Fact::Planned { status: now, .. } | Fact::Filed { status: now, .. } | Fact::Stepped { status: now, .. } => {
                status = (*now, entry.at);
            }
            Fact::Intent { .. } => status = (StatusKind::Running, entry.at),
            _ => {}
        }
    }
    status
}

impl Then {
    fn take(&mut self, event: &Event, until: &[&Entry], (status, since): (StatusKind, Timestamp)) {
        for entry in until {
            if let Fact::EdgeEnded { change, class: None, .. } = &entry.fact {
                let key = (change.kind.clone(), change.name.clone());
                match change.add {
                    true => drop(self.edges.insert(key, (event.id, entry.at))),
                    false => drop(self.edges.remove(&key)),
                }
            }
        }
        if status != StatusKind::Succeeded {
            return;
        }
        let operation = &event.operation;
        self.remote_id = operation.remote_id.clone().or(self.remote_id.take());
        if operation.kind == Kind::Link {
            let found = until.iter().find_map(|entry| match &entry.fact {
                Fact::Found { values, active } => Some((values, *active)),
                _ => None,
            });
            self.unseen_link = found.is_none().then_some(event.id);
            self.pushed = found.map(|(values, _)| values.clone()).unwrap_or_default();
            self.by = self.pushed.keys().map(|path| (path.clone(), (event.id, since))).collect();
            let active = found.is_none_or(|(_, active)| active);
            self.presence = Some(if active { Presence::Active } else { Presence::Deactivated });
        } else {
            self.pushed = operation.pushed_after(&self.pushed);
            self.by.retain(|path, _| self.pushed.contains_key(path));
            for change in operation.changes.iter().filter(|change| change.new.is_some()) {
                self.by.insert(change.path.clone(), (event.id, since));
            }
        }
        let presence = match operation.kind {
            Kind::Create | Kind::Reactivate => Some(Presence::Active),
            Kind::Deactivate => Some(Presence::Deactivated),
            Kind::Delete => Some(Presence::Deleted),
            Kind::Link | Kind::Update | Kind::Rename => self.presence,
        };
        if presence != self.presence || operation.kind == Kind::Link {
            self.since = Some((event.id, since));
        }
        self.presence = presence;
        if operation.kind == Kind::Delete {
            self.pushed.clear();
            self.remote_id = None;
        }
    }

    fn account(&self) -> AccountLine {
        let presence = self.presence.unwrap_or(Presence::None);
        AccountLine {
            presence,
            words: sentence::presence(presence).to_owned(),
            user_name: self.pushed.get("userName").and_then(Value::as_text).map(str::to_owned),
            remote_id: self.remote_id.clone(),
            since: self.since,
        }
    }

    fn attributes(&self, app: Option<&ActiveApp>) -> Vec<AttributeLine> {
        let line = |path: &String| app.and_then(|app| line(app, path));
        let each = |(path, value): (&String, &Value)| AttributeLine {
            path: path.clone(),
            desired: None,
            line: line(path),
            pushed: Some(value.clone()),
            pushed_by: self.by.get(path).copied(),
            actual: None,
            note: String::new(),
            differs: false,
        };
        self.pushed.iter().map(each).collect()
    }

    fn entitlements(&self) -> Vec<EntitlementLine> {
        let each = |((kind, name), (event, at)): (&(String, String), &(EventId, Timestamp))| EntitlementLine {
            kind: kind.clone(),
            name: name.clone(),
            wanted: None,
            line: None,
            stands: "granted".to_owned(),
            since: Some((Some(*event), *at)),
            differs: false,
        };
        self.edges.iter().map(each).collect()
    }
}

/// What the history does not tell.
fn unknown(then: &Then, at: Timestamp, oldest: Option<(Kind, EventId)>, revision: bool) -> Vec<String> {
    let mut unknown = vec![format!(
        "what the rules wanted at {at}: the directory keeps no earlier values of a user; the events say what was planned from them"
    )];
    match oldest {
        None => unknown.push("whether there was an account: no event of this pair is in the history".to_owned()),
        Some((Kind::Create | Kind::Link, _)) => {}
        Some((_, id)) => unknown.push(format!("what was before {id}: older events were archived, or there are none")),
    }
    if let Some(link) = then.unseen_link {
        unknown.push(format!("which values {link} found: they were not kept, or were erased"));
    }
    if !revision {
        unknown.push("which revision was active: none, or its activation was not kept".to_owned());
    }
    unknown.push("what a reconcile or a rematch wrote into the ledger between events".to_owned());
    unknown
}
