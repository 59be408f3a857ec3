//! A small world for the planner: an app, its rules, and pairs; and what the ledger becomes when an operation succeeds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use usher::clock::Timestamp;
use usher::connector::Connector;
use usher::connector::app::{App, AppSpec};
use usher::digest::Digest;
use usher::directory::change::Cause;
use usher::directory::role::RoleDefinition;
use usher::directory::{Manager, User, Value};
use usher::engine::plan::page::fold_name;
use usher::engine::plan::{Judged, PageInput, judge, plan_page};
use usher::id::{AppName, EventId, InstanceId, SourceName, UserId};
use usher::provision::account::{Account, Mute, MuteReason, Observation, Origin, Presence, external_id};
use usher::provision::event::StatusKind;
use usher::provision::operation::{Kind, Operation};
use usher::provision::plan::{PlanPage, Planned, SkipReason, Verdict};
use usher::rules::Rules;
use usher::store::query::{OpenRow, PairRow};

/// The time of every plan.
pub(crate) const AS_OF: Timestamp = Timestamp::from_millis(1_900_000_000_000);
pub(crate) const INSTANCE: InstanceId = InstanceId(uuid::Uuid::from_u128(7));

/// A rules file that reads what the tests vary.
pub(crate) const RULES: &str = r#"
fn in_scope(user) { user.department != "Contractors" }
fn account(user) {
    if user.title == "boom" { throw "no account for this title"; }
    #{
        userName: user.email,
        externalId: user.external_id,
        displayName: user.display_name,
        title: user.title,
        timezone: create_only(user.timezone),
        roles: if user.app_role == () { create_only([#{ primary: true, value: "GUEST" }]) }
               else { [#{ primary: true, value: user.app_role }] },
    }
}
"#;

pub(crate) const CONNECTOR: &str = "name = \"mine\"\ntitle = \"Mine\"\n";

pub(crate) fn app_name() -> AppName {
    AppName::new("mine").unwrap()
}

pub(crate) fn id(number: u128) -> UserId {
    UserId(uuid::Uuid::from_u128(number))
}

/// An app with its compiled rules.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) spec: AppSpec,
    rules: std::sync::Arc<Rules>,
    pub(crate) catalogue: usher::provision::entitlement::Catalogue,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} {:?}", self.spec.app, self.spec.connector.users)
    }
}

impl World {
    /// An app for everyone with [`RULES`]; `app` is added to its file.
    pub(crate) fn new(app: &str) -> Self {
        Self::of(app, CONNECTOR, RULES, &[])
    }

    /// All of it. `app` may begin with top-level keys.
    pub(crate) fn of(app: &str, connector: &str, rules: &str, roles: &[(&str, &str)]) -> Self {
        let assign = if app.contains("[assign]") { "" } else { "\n[assign]\neveryone = true\n" };
        let file = format!(
            "connector = \"mine\"\nbase_url = \"https://scim.example.test/v2\"\ncredential = \"env:TOKEN\"\nrules = \"mine.rhai\"\n{app}\n{assign}"
        );
        let app = App::parse(Path::new("apps/mine.toml"), &file).unwrap();
        let connector = Connector::parse(Path::new("connectors/mine.toml"), connector).unwrap();
        let roles = roles.iter().map(|(name, when)| RoleDefinition { name: (*name).into(), when: (*when).into() });
        let rules = ("rules/mine.rhai".to_owned(), rules.to_owned(), String::new());
        let spec = AppSpec::new(app_name(), app, connector, rules, roles.collect());
        let rules = Rules::compile(&spec).unwrap().into();
        Self { spec, rules, catalogue: Default::default() }
    }

    pub(crate) fn connector(&self) -> Digest {
        Digest::of(&self.spec.connector)
    }

    pub(crate) fn judge(&self, row: PairRow) -> Judged {
        judge(&self.spec, &self.rules, (INSTANCE, self.catalogue.digest()), row, Cause::Cycle)
    }

    /// One page over all rows.
    pub(crate) fn plan(&self, rows: &[PairRow]) -> PlanPage {
        self.plan_at(rows, AS_OF)
    }

    pub(crate) fn plan_at(&self, rows: &[PairRow], as_of: Timestamp) -> PlanPage {
        let judged: Vec<Judged> = rows.iter().cloned().map(|row| self.judge(row)).collect();
        let owners = owners(&judged);
        plan_page(&PageInput {
            as_of,
            app: &self.spec,
            connector: self.connector(),
            pairs: &judged,
            catalogue: &self.catalogue,
            owners: &owners,
            unseen: &BTreeMap::new(),
            shrunk: &BTreeMap::new(),
        })
    }

    /// The only operation of one pair.
    pub(crate) fn operation(&self, row: &PairRow) -> Planned {
        let page = self.plan(std::slice::from_ref(row));
        assert_eq!(page.operations.len(), 1, "{page:?}");
        page.operations.into_iter().next().unwrap()
    }

    /// Why one pair is skipped.
    pub(crate) fn skip(&self, row: &PairRow) -> SkipReason {
        let page = self.plan(std::slice::from_ref(row));
        assert!(page.operations.is_empty() && page.skipped.len() == 1, "{page:?}");
        page.skipped.into_iter().next().unwrap().reason
    }

    /// No operation and nothing to tell.
    pub(crate) fn is_quiet(&self, row: &PairRow) -> bool {
        let page = self.plan(std::slice::from_ref(row));
        page.operations.is_empty() && page.skipped.is_empty()
    }

    /// The pair after its account was created by the planner's own operation.
    pub(crate) fn created(&self, user: User) -> PairRow {
        let mut row = row(user);
        let planned = self.operation(&row);
        assert_eq!(
            (planned.operation.kind, planned.verdict),
            (Kind::Create, Verdict::Queued),
            "{:?}",
            planned.findings
        );
        self.succeed(&mut row, &planned);
        row
    }

    /// The pair after a third-party account with `values` was adopted.
    pub(crate) fn adopted(&self, user: User, values: &[(&str, Value)]) -> PairRow {
        let mut row = row(user);
        row.account.observation = third_party(values);
        let planned = self.operation(&row);
        assert_eq!(planned.operation.kind, Kind::Link);
        self.succeed(&mut row, &planned);
        row
    }

    /// Files the page and lets everything that may succeed do so, held operations by approval.
    pub(crate) fn apply(&self, rows: &mut [PairRow], page: &PlanPage) {
        let by_user: BTreeMap<UserId, &Planned> =
            page.operations.iter().map(|each| (each.operation.user, each)).collect();
        for row in rows.iter_mut() {
            let user = row.user.id;
            match by_user.get(&user) {
                Some(planned) if planned.verdict == Verdict::Refused => self.refuse(row, planned),
                Some(planned) => self.succeed(row, planned),
                None => {}
            }
            if let Some((_, basis)) = page.quiet.iter().find(|(quiet, _)| *quiet == user) {
                row.account.basis = Some(*basis);
                if row.account.presence == Presence::Kept {
                    row.account.presence = Presence::Active;
                }
            }
            for path in page.released.iter().filter(|(released, _)| *released == user).flat_map(|(_, paths)| paths) {
                row.account.pushed.remove(path);
            }
            if page.kept.contains(&user) && row.account.presence == Presence::Active {
                row.account.presence = Presence::Kept;
            }
        }
        resolve_managers(rows);
    }

    fn refuse(&self, row: &mut PairRow, planned: &Planned) {
        row.account.generation += 1;
        row.account.basis = None;
        row.account.mute = Some(mute(&self.spec, &planned.operation, MuteReason::Refused));
    }

    /// The ledger after `planned` was filed and carried out, as the store's `finish` does it.
    pub(crate) fn succeed(&self, row: &mut PairRow, planned: &Planned) {
        let operation = &planned.operation;
        let account = &mut row.account;
        let observed = std::mem::take(&mut account.observation);
        account.generation += 2;
        account.open_event = None;
        row.open = None;
        account.mute = None;
        account.found.retain(|path| !operation.changes.iter().any(|change| change.path == *path));
        let pushed = operation.pushed_after(&account.pushed);
        match operation.kind {
            Kind::Link => {
                let values = found(observed);
                account.presence = Presence::Active;
                account.origin = operation.origin;
                account.remote_id.clone_from(&operation.remote_id);
                account.found = values.keys().cloned().collect();
                account.pushed = values;
            }
            Kind::Create => {
                account.found.clear();
                account.presence = Presence::Active;
                account.origin = Some(Origin::Created);
                account.remote_id = Some(format!("r-{}", operation.user));
                account.pushed = pushed;
                account.deactivated_at = None;
            }
            Kind::Update | Kind::Rename => {
                account.pushed = pushed;
                if account.presence != Presence::Deactivated {
                    account.presence = Presence::Active;
                }
            }
            Kind::Deactivate => {
                account.presence = Presence::Deactivated;
                account.deactivated_at = Some(account.deactivated_at.unwrap_or(AS_OF));
            }
            Kind::Reactivate => {
                account.pushed = pushed;
                account.presence = Presence::Active;
                account.deactivated_at = None;
            }
            Kind::Delete => {
                account.pushed.clear();
                account.found.clear();
                account.presence = Presence::Deleted;
                account.origin = None;
                account.remote_id = None;
            }
        }
        account.basis = (planned.basis != Digest::default()).then_some(planned.basis);
        if matches!(account.presence, Presence::None | Presence::Deleted) {
            account.observation = Observation::Absent { at: AS_OF };
        }
    }
}

fn found(observed: Observation) -> BTreeMap<String, Value> {
    match observed {
        Observation::ThirdParty { values, .. } | Observation::Ours { values, .. } => values,
        _ => BTreeMap::new(),
    }
}

/// References point to managers who have an active account of ours.
fn resolve_managers(rows: &mut [PairRow]) {
    let ids: BTreeMap<UserId, Option<String>> = rows
        .iter()
        .map(|row| {
            let active = row.account.is_ours() && row.account.presence == Presence::Active;
            (row.user.id, row.account.remote_id.clone().filter(|_| active))
        })
        .collect();
    for manager in rows.iter_mut().filter_map(|row| row.manager.as_mut()) {
        manager.remote_id = ids.get(&manager.user).cloned().flatten();
    }
}

/// Folded userName → who has it in the ledger or wants it.
fn owners(judged: &[Judged]) -> BTreeMap<String, Vec<UserId>> {
    let mut owners: BTreeMap<String, BTreeSet<UserId>> = BTreeMap::new();
    for pair in judged {
        let (user, account) = (pair.row.user.id, &pair.row.account);
        let wanted = pair.desired.as_ref().and_then(|desired| desired.user_name());
        let had = account.user_name().filter(|_| account.is_ours());
        for name in wanted.into_iter().chain(had) {
            owners.entry(fold_name(name)).or_default().insert(user);
        }
    }
    owners.into_iter().map(|(name, users)| (name, users.into_iter().collect())).collect()
}

/// An active user with an e-mail and a display name.
pub(crate) fn user(number: u128) -> User {
    let mut user = User::new(id(number), SourceName::new("hr").unwrap(), format!("k{number}"), AS_OF);
    user.revision = 1;
    set(&mut user, "email", &format!("u{number}@example.test"));
    set(&mut user, "display_name", &format!("User {number}"));
    user
}

/// Sets an attribute; an empty one is taken away.
pub(crate) fn set(user: &mut User, name: &str, value: &str) {
    match value {
        "" => user.attributes.remove(name),
        value => user.attributes.insert(name.to_owned(), Value::from(value)),
    };
    user.revision += 1;
}

/// A pair without an account, whose target was looked at and has none.
pub(crate) fn row(user: User) -> PairRow {
    let mut account = Account::new(app_name(), user.id);
    account.observation = Observation::Absent { at: AS_OF };
    PairRow { user, account, edges: Vec::new(), adopted: BTreeMap::new(), manager: None, open: None, mark: None }
}

pub(crate) fn manager(of: u128, remote_id: Option<&str>) -> Manager {
    Manager { user: id(of), label: format!("User {of}"), email: None, remote_id: remote_id.map(str::to_owned) }
}

pub(crate) fn third_party(values: &[(&str, Value)]) -> Observation {
    let values = values.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect();
    Observation::ThirdParty { remote_id: "t-1".to_owned(), matched_on: "userName".to_owned(), values, at: AS_OF }
}

pub(crate) fn mute(spec: &AppSpec, operation: &Operation, why: MuteReason) -> Mute {
    Mute { payload: operation.mute_digest(), app: spec.digest, event: EventId(9), why, at: AS_OF }
}

/// The pair as it is when `planned` was filed and stands at `status`.
pub(crate) fn filed(row: &PairRow, planned: &Planned, status: StatusKind) -> PairRow {
    let mut row = row.clone();
    row.account.generation += 1;
    row.account.open_event = Some(EventId(5));
    row.account.basis = None;
    row.open = Some(OpenRow {
        event: EventId(5),
        status,
        payload: planned.payload,
        kind: planned.operation.kind,
        account_done: false,
    });
    row
}

pub(crate) fn ours(number: u128) -> String {
    external_id(INSTANCE, id(number))
}

pub(crate) fn has(planned: &Planned, kind: usher::provision::FindingKind) -> bool {
    planned.findings.iter().any(|finding| finding.kind == kind)
}

/// What an operation changes, as `path: old → new`.
pub(crate) fn changes(planned: &Planned) -> Vec<String> {
    let show = |value: &Option<Value>| value.as_ref().map_or_else(|| "-".to_owned(), Value::to_string);
    planned
        .operation
        .changes
        .iter()
        .map(|each| format!("{}: {} → {}", each.path, show(&each.old), show(&each.new)))
        .collect()
}
