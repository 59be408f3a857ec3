//! Samples of the pages about users.

use std::collections::BTreeMap;

use usher::access::Role;
use usher::directory::Standing;
use usher::engine::answer::{AppPlan, PlanFile, StatusRow, UserAnswer};
use usher::engine::explained::{AccessLine, AccountLine, AttributeLine, EntitlementLine, Explained, GrantLine};
use usher::engine::user_list::{ListedAccount, ListedUser, UserList};
use usher::id::{EventId, PlanId};
use usher::provision::account::{MuteReason, Presence};
use usher::provision::guard::finding::{Finding, FindingKind};
use usher::provision::operation::Kind;
use usher::provision::plan::{PlanCounts, PlanSummary, Planned, SkipReason, Skipped, Verdict};
use usher::server::console::users::confirm::{self, Confirm, Deed};
use usher::server::console::users::list::{self, Asked, Users};
use usher::server::console::users::pair::{self, Pair};
use usher::server::console::users::person::{self, Person, Timeline};
use usher::server::console::users::provision::{self, Provision};
use usher::store::user_index::UserPage;

use super::Pages;
use super::people::{BAD, NOW, account, app, edge, event, exported, failed, operation, user, viewer};

fn users(empty: bool) -> Users {
    let page = UserPage {
        standings: BTreeMap::from([(Standing::Active, 1)]),
        offset: 50,
        total: 120,
        next: Some(user().id),
        ..UserPage::default()
    };
    let account = |open, muted| ListedAccount { app: app(), presence: Presence::Active, open, muted };
    let accounts = vec![account(Some(EventId(1)), None), account(None, Some(MuteReason::Failed)), account(None, None)];
    let listed = ListedUser { user: user(), accounts };
    Users {
        viewer: viewer(Role::Viewer),
        told: vec![BAD.into()],
        asked: Asked { search: BAD.into(), standing: BAD.into(), after: String::new() },
        wrong: Some(BAD.into()),
        list: UserList { page, users: if empty { Vec::new() } else { vec![listed] } },
    }
}

fn timeline() -> Timeline {
    Timeline { events: exported(), older: Some(EventId(1)), newer: Some(EventId(8)), first: true }
}

fn person(role: Role, empty: bool) -> Person {
    let row = StatusRow {
        label: BAD.into(),
        account: account(),
        edges: vec![edge()],
        event: Some(event(3, failed())),
        shown: BAD.into(),
        reason: BAD.into(),
    };
    let mut user = user();
    user.manual.standing = Some(Standing::Suspended);
    Person {
        viewer: viewer(role),
        told: vec![BAD.into()],
        answer: UserAnswer { user, roles: vec![BAD.into()], accounts: if empty { Vec::new() } else { vec![row] } },
        timeline: if empty { Timeline::default() } else { timeline() },
        apps: BTreeMap::from([(app(), vec![BAD.to_owned()])]),
        now: NOW,
    }
}

fn explained() -> Explained {
    Explained {
        user: user().id,
        label: BAD.into(),
        app: app(),
        at: None,
        revision: None,
        access: AccessLine {
            entitled: Some(true),
            words: BAD.into(),
            grants: vec![GrantLine { grant: BAD.into(), from: BAD.into(), app_role: Some(BAD.into()) }],
            app_role: Some(BAD.into()),
        },
        account: AccountLine {
            presence: Presence::Active,
            words: BAD.into(),
            user_name: Some(BAD.into()),
            remote_id: Some(BAD.into()),
            since: Some((EventId(3), NOW)),
        },
        attributes: vec![AttributeLine {
            path: BAD.into(),
            desired: Some(BAD.into()),
            line: Some(BAD.into()),
            pushed: Some(BAD.into()),
            pushed_by: Some((EventId(3), NOW)),
            actual: Some(BAD.into()),
            note: BAD.into(),
            differs: true,
        }],
        entitlements: vec![EntitlementLine {
            kind: "group".into(),
            name: BAD.into(),
            wanted: Some(true),
            line: Some(BAD.into()),
            stands: BAD.into(),
            since: None,
            differs: true,
        }],
        in_the_way: vec![BAD.into()],
        differences: vec![BAD.into()],
        events: Vec::new(),
        unknown: vec![BAD.into()],
    }
}

fn pair(role: Role) -> Pair {
    let (at, wrong) = (BAD.to_owned(), Some(BAD.to_owned()));
    Pair { viewer: viewer(role), told: Vec::new(), at, wrong, explained: explained(), timeline: timeline(), now: NOW }
}

fn provision(operations: Vec<Planned>) -> Provision {
    let summary = PlanSummary {
        id: PlanId::of_number(1),
        app: app(),
        app_digest: Default::default(),
        as_of: NOW,
        counts: PlanCounts::default(),
        findings: vec![Finding::new(FindingKind::ThirdPartyAccount, BAD)],
        held: BTreeMap::new(),
        digest: Default::default(),
    };
    let reasons = [
        SkipReason::Muted { event: EventId(3), why: BAD.into() },
        SkipReason::Conflict { note: BAD.into() },
        SkipReason::Existing { remote_id: BAD.into() },
        SkipReason::NotObserved { why: BAD.into() },
    ];
    let skipped = reasons.map(|reason| Skipped { user: user().id, label: BAD.into(), reason }).into();
    let trouble = Some(BAD.to_owned());
    let plan = AppPlan { summary, operations, skipped, not_shown: 0, user: Some(user().id), trouble };
    let plan = PlanFile { apps: vec![plan], ..PlanFile::default() };
    Provision {
        viewer: viewer(Role::Admin),
        told: Vec::new(),
        user: user().id,
        label: BAD.into(),
        app: Some(app()),
        plan,
    }
}

fn planned(verdict: Verdict) -> Planned {
    let event = event(3, failed());
    Planned {
        operation: operation(Kind::Update).into(),
        findings: event.findings,
        verdict,
        payload: event.payload,
        cause: event.cause,
        basis: event.basis,
    }
}

pub(crate) fn pages() -> Pages {
    let confirm = |deed| {
        let context =
            Confirm { viewer: viewer(Role::Admin), label: BAD.into(), account: account(), edges: vec![edge()], deed };
        confirm::page(&context).into_string()
    };
    let all = [Verdict::Queued, Verdict::Pending, Verdict::Refused].map(planned).into();
    vec![
        ("users", list::page(&users(false)).into_string()),
        ("nobody fits", list::page(&users(true)).into_string()),
        ("a user", person::page(&person(Role::Admin, false)).into_string()),
        ("a user as a viewer sees him", person::page(&person(Role::Viewer, false)).into_string()),
        ("a user without anything", person::page(&person(Role::Admin, true)).into_string()),
        ("an account explained", pair::page(&pair(Role::Admin)).into_string()),
        ("an account explained to a viewer", pair::page(&pair(Role::Viewer)).into_string()),
        ("provision now", provision::page(&provision(all)).into_string()),
        ("nothing to provision", provision::page(&provision(Vec::new())).into_string()),
        ("disassociate", confirm(Deed::Disassociate)),
        ("rematch", confirm(Deed::Rematch)),
    ]
}
