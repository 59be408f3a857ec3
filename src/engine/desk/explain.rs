//! `usher explain`: what an account should be and why, what was pushed and by which event, what stands in the way, and what differs.

use std::collections::BTreeMap;

use crate::clock::Timestamp;
use crate::connector::app::{AdoptMode, AppSpec};
use crate::connector::capability::AppState;
use crate::directory::assignment::{Assignment, Grant};
use crate::directory::change::Cause;
use crate::directory::user::User;
use crate::directory::value::Value;
use crate::engine::active::ActiveApp;
use crate::engine::answer::Answer;
use crate::engine::command::UserRef;
use crate::engine::context::{Engine, EngineError};
use crate::engine::explained::{
    AccessLine, AccountLine, AttributeLine, EntitlementLine, EventLine, Explained, GrantLine,
};
use crate::engine::plan::{Judged, judge};
use crate::history::sentence;
use crate::id::{AppName, EventId, OperatorId, RevisionNumber};
use crate::provision::account::{Account, MuteReason, Origin, Presence};
use crate::provision::desired::{GrantedEntitlement, Wanted};
use crate::provision::edge::{Edge, EdgeState};
use crate::provision::entry::Fact;
use crate::provision::event::{Event, StatusKind};
use crate::provision::leaving::{Access, highest_app_role};
use crate::provision::operation::Kind;
use crate::rules::Subject;
use crate::store::query::{EventQuery, PairRow};

/// Events of the pair that are looked at: what is older than that is not named as the one that pushed a value.
pub(super) const LOOKED_AT_MAX: usize = 500;
/// Events shown.
pub(super) const SHOWN_MAX: usize = 10;

/// When and by which event a value was pushed.
type Pushes = BTreeMap<String, (EventId, Timestamp)>;

impl Engine {
    pub(super) async fn explain(
        &self,
        user: &UserRef,
        app: &AppName,
        at: Option<Timestamp>,
    ) -> Result<Answer, EngineError> {
        let user = self.find_user(user).await?;
        let query =
            EventQuery { user: Some(user.id), app: Some(app.clone()), limit: LOOKED_AT_MAX, ..EventQuery::default() };
        let events = self.parts.store.events(query).await?.items;
        let explained = match at {
            Some(at) => self.explain_then(user, app, at, events).await?,
            None => self.explain_now(user, app, &events).await?,
        };
        Ok(Answer::Explained(Box::new(explained)))
    }

    async fn explain_now(&self, user: User, app: &AppName, events: &[Event]) -> Result<Explained, EngineError> {
        let active = self.active_or_none_yet().await?;
        let revision = active.revision.as_ref().map(|revision| revision.number);
        let since = self.parts.store.active_at(self.parts.clock.now()).await?;
        let since = since.filter(|(number, _)| Some(*number) == revision).map(|(_, since)| since);
        let running = active.app(app)?;
        self.explain_by(user, &running, revision.map(|number| (number, since)), events).await
    }

    /// By an app of any revision, or of files that are in none.
    pub(super) async fn explain_by(
        &self,
        user: User,
        running: &ActiveApp,
        revision: Option<(RevisionNumber, Option<Timestamp>)>,
        events: &[Event],
    ) -> Result<Explained, EngineError> {
        let (store, app) = (&self.parts.store, &running.spec.name);
        let catalogue = store.catalogue(app).await?.digest();
        let none = || EngineError::Invalid(format!("there is no user {}", user.id));
        let mut row = store.pairs(app, vec![user.id]).await?.into_iter().next().ok_or_else(none)?;
        let (account, mark) = (row.account.clone(), row.mark.clone());
        // Without a basis the rules are asked, whatever was settled.
        row.account.basis = None;
        let edges = row.edges.clone();
        let judged = judge(&running.spec, &running.rules, (self.instance, catalogue), row, Cause::Cycle);
        let actual = self.last_seen(app, &user).await?;
        let pushes = self.pushes(events).await?;
        let (attributes, mut differences) = attributes(running, &judged, &account, (&pushes, &actual));
        let entitlements = entitlements(running, &judged, &edges);
        differences.extend(entitlements.iter().filter(|line| line.differs).map(|line| {
            let stands = if line.stands.is_empty() { "not there" } else { &line.stands };
            let want = if line.wanted == Some(true) { "is granted by the rules" } else { "is not granted any more" };
            format!("{} “{}” {want}, and is {stands}", line.kind, line.name)
        }));
        let operators = self.operator_names().await?;
        let mut lines = Vec::new();
        for event in events.iter().take(SHOWN_MAX) {
            lines.push(self.event_line(event, &operators).await?);
        }
        Ok(Explained {
            user: user.id,
            label: user.label(),
            app: app.clone(),
            at: None,
            revision,
            access: access(&running.spec, &judged),
            account: account_line(&account, events),
            attributes,
            entitlements,
            in_the_way: self.in_the_way(&judged, &account, mark, events).await?,
            differences,
            events: lines,
            unknown: Vec::new(),
        })
    }

    /// What the last reconcile saw of the user's account that was not as it was pushed.
    async fn last_seen(&self, app: &AppName, user: &User) -> Result<BTreeMap<String, Option<Value>>, EngineError> {
        let Some((report, _)) = self.parts.store.report(app).await? else { return Ok(BTreeMap::new()) };
        let lines = report.lines.into_iter().filter(|line| line.user == Some(user.id) && !line.subject.is_empty());
        Ok(lines.map(|line| (line.subject, line.actual)).collect())
    }

    /// Which event pushed each value last. A link pushed nothing: it found.
    async fn pushes(&self, events: &[Event]) -> Result<Pushes, EngineError> {
        let mut pushes = Pushes::new();
        for event in events.iter().filter(|event| event.status.kind() == StatusKind::Succeeded) {
            let by = (event.id, event.changed_at);
            for change in &event.operation.changes {
                pushes.entry(change.path.clone()).or_insert(by);
            }
            if event.operation.kind == Kind::Link {
                for entry in self.parts.store.entries(event.id).await? {
                    if let Fact::Found { values, .. } = entry.fact {
                        for path in values.into_keys() {
                            pushes.entry(path).or_insert(by);
                        }
                    }
                }
            }
        }
        Ok(pushes)
    }

    pub(super) async fn operator_names(&self) -> Result<BTreeMap<OperatorId, String>, EngineError> {
        let operators = self.parts.store.operators().await?;
        Ok(operators.into_iter().map(|operator| (operator.id, operator.name)).collect())
    }

    /// One event in a line, with who or what caused it.
    pub(super) async fn event_line(
        &self,
        event: &Event,
        operators: &BTreeMap<OperatorId, String>,
    ) -> Result<EventLine, EngineError> {
        let by = self.parts.store.causer(&event.cause, event.filed_at).await?;
        let by = by.and_then(|by| operators.get(&by)).map_or_else(String::new, |name| format!(", by {name}"));
        Ok(EventLine {
            event: event.id,
            at: event.changed_at,
            kind: event.operation.kind,
            status: event.status.kind(),
            shown: event.shown().to_owned(),
            cause: format!("{}{by}", cause_words(&event.cause)),
        })
    }

    /// What keeps the account from being as it should be.
    async fn in_the_way(
        &self,
        judged: &Judged,
        account: &Account,
        mark: Option<Cause>,
        events: &[Event],
    ) -> Result<Vec<String>, EngineError> {
        let mut way = Vec::new();
        way.extend(self.state_words(&account.app).await?);
        way.extend(judged.fault.as_ref().map(|fault| format!("blocked: {fault}")));
        way.extend(judged.entitlement_fault.as_ref().map(|fault| format!("entitlements stay as they are: {fault}")));
        let find = |id: EventId| events.iter().find(|event| event.id == id);
        if let Some(event) = account.open_event.and_then(find) {
            let why = sentence::reason(event);
            let why = if why.is_empty() { String::new() } else { format!(": {why}") };
            way.push(format!(
                "{} ({}) is {} since {}{why}",
                event.id,
                event.operation.kind,
                event.shown(),
                event.changed_at
            ));
        }
        if let Some(mute) = &account.mute {
            let how = match mute.why {
                MuteReason::Failed => "failed for good; tried again after a day",
                MuteReason::Rejected => "was rejected",
                MuteReason::Refused => "was blocked",
            };
            let why = find(mute.event).map(sentence::reason).filter(|why| !why.is_empty());
            let why = why.map_or_else(String::new, |why| format!(" ({why})"));
            way.push(format!(
                "muted: {} {how}{why}; asked again when the payload changes, or with `usher retry {}`",
                mute.event, mute.event
            ));
        }
        let left_alone =
            matches!(account.presence, Presence::Kept | Presence::Unlinked | Presence::Conflict | Presence::Lost);
        if left_alone || !account.note.is_empty() {
            let note = if account.note.is_empty() { String::new() } else { format!(": {}", account.note) };
            way.push(format!("the account is {}{note}", sentence::presence(account.presence)));
        }
        if let Some(standing) = judged.row.user.manual.standing {
            way.push(format!("an operator set the user to {standing:?} by hand; `usher users restore` lifts it"));
        }
        if let Some(cause) = mark {
            way.push(format!("waits to be planned again: {}", cause_words(&cause)));
        }
        Ok(way)
    }

    /// Why nothing is sent to an app, if that is so.
    async fn state_words(&self, app: &AppName) -> Result<Option<String>, EngineError> {
        Ok(match self.parts.store.app(app).await?.state {
            AppState::Untested | AppState::Live => None,
            AppState::Paused { by, at } => Some(format!("{app} is paused by {by} since {at}: nothing is sent")),
            AppState::BreakerOpen { why, next_try, .. } => {
                Some(format!("{app} does not answer: {why}; tried again at {next_try}"))
            }
            AppState::Quarantined { since, why, next_probe, .. } => {
                Some(format!("{app} is in quarantine since {since}: {why}; probed at {next_probe}"))
            }
            AppState::Disabled { since, why } => {
                Some(format!("{app} is disabled since {since}: {why}; `usher apps resume {app}`"))
            }
        })
    }
}

/// What made something be planned, in words.
pub(super) fn cause_words(cause: &Cause) -> String {
    match cause {
        Cause::Import(import) => format!("import {import}"),
        Cause::Operator(_) => "an edit".to_owned(),
        Cause::Activation(number) => format!("activation of {number}"),
        Cause::Cycle => "a cycle".to_owned(),
        Cause::Due => "the time that a policy named came".to_owned(),
        Cause::Catalogue => "other entitlements at the target".to_owned(),
        Cause::Reconcile => "a reconcile".to_owned(),
    }
}

fn access(app: &AppSpec, judged: &Judged) -> AccessLine {
    let user = &judged.row.user;
    let assignment = app.app.assign.assign(&app.name, user, &judged.roles);
    let grants = assignment.iter().flat_map(|assignment| &assignment.grants);
    AccessLine {
        entitled: Some(matches!(judged.access, Access::Entitled(_))),
        words: judged.access.words(),
        grants: grants.map(|grant| grant_line(app, user, grant)).collect(),
        app_role: assignment.as_ref().and_then(|assignment| role(app, assignment)),
    }
}

fn role(app: &AppSpec, assignment: &Assignment) -> Option<String> {
    highest_app_role(assignment, &app.app.app_role_order).ok().flatten().map(str::to_owned)
}

fn grant_line(app: &AppSpec, user: &User, grant: &Grant) -> GrantLine {
    let file = format!("apps/{}.toml", app.name);
    let brings = |key: String| app.app.assign.app_roles.get(&key).cloned();
    let source = |whose: &str| format!("the source {} gives the {whose}; [assign] of {file}", user.source);
    match grant {
        Grant::Everyone => GrantLine {
            grant: "everyone".to_owned(),
            from: format!("[assign] of {file}"),
            app_role: brings("everyone".to_owned()),
        },
        Grant::Role(name) => {
            let condition = app.roles.iter().find(|role| role.name == *name && !user.roles.contains(name));
            let from = match condition {
                Some(role) => format!("the role's condition {} holds; [assign] of {file}", role.when),
                None => source("role"),
            };
            GrantLine { grant: format!("role {name}"), from, app_role: brings(format!("role:{name}")) }
        }
        Grant::Group(name) => GrantLine {
            grant: format!("group {name}"),
            from: source("group"),
            app_role: brings(format!("group:{name}")),
        },
        Grant::Named => GrantLine { grant: "by name".to_owned(), from: format!("[assign] of {file}"), app_role: None },
        Grant::Direct => GrantLine {
            grant: "directly".to_owned(),
            from: "an operator, with `usher assign`".to_owned(),
            app_role: user.direct.get(&app.name).and_then(|direct| direct.app_role.clone()),
        },
    }
}

pub(super) fn account_line(account: &Account, events: &[Event]) -> AccountLine {
    let (words, _) = sentence::status(account, events.first());
    let decides = |event: &&Event| {
        event.status.kind() == StatusKind::Succeeded && !matches!(event.operation.kind, Kind::Update | Kind::Rename)
    };
    AccountLine {
        presence: account.presence,
        words,
        user_name: account.user_name().map(str::to_owned),
        remote_id: account.remote_id.clone(),
        since: events.iter().find(decides).map(|event| (event.id, event.changed_at)),
    }
}

fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    one.map(Value::in_canonical_form) == other.map(Value::in_canonical_form)
}

/// Every attribute that is wanted or was pushed, and what differs.
fn attributes(
    app: &ActiveApp,
    judged: &Judged,
    account: &Account,
    (pushes, actual): (&Pushes, &BTreeMap<String, Option<Value>>),
) -> (Vec<AttributeLine>, Vec<String>) {
    let wanted = judged.desired.as_ref().map(|desired| &desired.attributes);
    let mut paths: Vec<&String> = wanted.iter().flat_map(|wanted| wanted.keys()).chain(account.pushed.keys()).collect();
    paths.sort();
    paths.dedup();
    let exists = account.is_ours();
    let mut differences = Vec::new();
    if !exists && wanted.is_some() {
        differences.push("there should be an account, and there is none of ours".to_owned());
    }
    let mut lines = Vec::new();
    for path in paths {
        let want: Option<&Wanted> = wanted.and_then(|wanted| wanted.get(path));
        let pushed = account.pushed.get(path);
        let settled = want.is_none_or(|want| (want.create_only && exists) || want.deferred);
        // Ours unless a rule sends another value: it stays as it was sent.
        let own = want.is_none() && path == "externalId" && !account.found.contains(path);
        let desired = if own { pushed.cloned() } else { want.and_then(|want| want.value.clone()) };
        let left = exists && is_left_alone(&app.spec, account, path);
        let differs = !settled && !left && !same(desired.as_ref(), pushed);
        let seen = actual.get(path);
        let show = |value: Option<&Value>| value.map_or_else(|| "nothing".to_owned(), ToString::to_string);
        if differs && exists {
            differences.push(format!("{path} should be {}, pushed was {}", show(desired.as_ref()), show(pushed)));
        }
        if let Some(seen) = seen {
            differences.push(format!(
                "{path} was {} at the target when it was last reconciled, pushed was {}",
                show(seen.as_ref()),
                show(pushed)
            ));
        }
        let note = match want {
            None if own => "Usher's own",
            None if wanted.is_some() => "no longer managed",
            Some(want) if want.deferred => "waits for an account it refers to",
            Some(want) if want.create_only => "sent on create only",
            Some(want) if left && !same(want.value.as_ref(), pushed) => "left as it was found: the account was adopted",
            _ if account.found.contains(path) => "found when the account was linked",
            _ => "",
        };
        lines.push(AttributeLine {
            path: path.clone(),
            desired,
            line: want.and_then(|_| line(app, path)),
            pushed: pushed.cloned(),
            pushed_by: pushed.and_then(|_| pushes.get(path).copied()),
            actual: seen.cloned().flatten(),
            note: note.to_owned(),
            differs,
        });
    }
    (lines, differences)
}

/// Whether the app leaves a value as it was found when the account was adopted.
fn is_left_alone(app: &AppSpec, account: &Account, path: &str) -> bool {
    let found = account.found.contains(path) && account.pushed.contains_key(path);
    account.origin == Some(Origin::Adopted)
        && match app.app.adopt_mode {
            AdoptMode::Overwrite => false,
            AdoptMode::Fill => found,
            AdoptMode::Observe => true,
        }
}

/// Where an attribute's expression stands.
pub(super) fn line(app: &ActiveApp, path: &str) -> Option<String> {
    Some(format!("{}:{}", app.rules.file(), app.rules.line_of(path)?))
}

fn subject_lines(app: &ActiveApp, judged: &Judged, row: &PairRow) -> BTreeMap<GrantedEntitlement, usize> {
    let Access::Entitled(assignment) = &judged.access else { return BTreeMap::new() };
    let app_role = role(&app.spec, assignment);
    app.rules.lines_of_grants(&Subject {
        user: &row.user,
        roles: &judged.roles,
        app_role: app_role.as_deref(),
        external_id: &judged.external_id,
        manager: row.manager.as_ref(),
        overrides: &assignment.overrides,
    })
}

/// Entitlements that are granted or in the ledger.
fn entitlements(app: &ActiveApp, judged: &Judged, edges: &[Edge]) -> Vec<EntitlementLine> {
    let asked = judged.entitlement_fault.is_none() && judged.fault.is_none();
    let grants = judged.desired.as_ref().map(|desired| desired.grants.as_slice()).unwrap_or_default();
    let lines = subject_lines(app, judged, &judged.row);
    let is = |grant: &GrantedEntitlement, edge: &Edge| {
        grant.kind == edge.key.kind && grant.name.eq_ignore_ascii_case(&edge.name)
    };
    let entitled = matches!(judged.access, Access::Entitled(_));
    let mut all: Vec<EntitlementLine> = grants
        .iter()
        .map(|grant| {
            let edge = edges.iter().find(|edge| is(grant, edge));
            EntitlementLine {
                kind: grant.kind.clone(),
                name: grant.name.clone(),
                wanted: Some(true),
                line: lines.get(grant).map(|line| format!("{}:{line}", app.rules.file())),
                stands: edge.map_or_else(String::new, |edge| edge.shown().to_owned()),
                since: edge.map(|edge| (edge.event, edge.since)),
                differs: edge.is_none_or(|edge| edge.is_open() || !edge.effective),
            }
        })
        .collect();
    all.extend(edges.iter().filter(|edge| !grants.iter().any(|grant| is(grant, edge))).map(|edge| EntitlementLine {
        kind: edge.key.kind.clone(),
        name: edge.name.clone(),
        wanted: asked.then_some(false),
        line: None,
        stands: edge.shown().to_owned(),
        since: Some((edge.event, edge.since)),
        differs: asked && entitled && edge.state != EdgeState::Found,
    }));
    all
}
