//! Samples of the pages about events.

use std::collections::BTreeMap;

use usher::access::Role;
use usher::engine::answer::EventAnswer;
use usher::engine::pending::{Asking, Because, Leaver};
use usher::id::EventId;
use usher::provision::event::{Status, StatusKind};
use usher::server::console::activity::charts::{self, Charts};
use usher::server::console::activity::event::{self as one, EventPage};
use usher::server::console::activity::filter::Asked;
use usher::server::console::activity::leavers::{self, Leavers};
use usher::server::console::activity::list::{self, Activity};
use usher::store::views::{EndedHour, QueueAges, Trends};

use super::Pages;
use super::people::{BAD, NOW, app, entries, event, exported, failed, viewer};

/// The list with and without events.
fn activity(role: Role, asked: Asked, wrong: Vec<String>, empty: bool) -> Activity {
    Activity {
        viewer: viewer(role),
        told: vec![BAD.into()],
        asked,
        wrong,
        events: if empty { Vec::new() } else { exported() },
        older: Some(EventId(1)),
        newer: Some(EventId(9)),
        apps: vec!["crm".into()],
        operators: vec![BAD.into()],
        now: NOW,
    }
}

fn harmful() -> Asked {
    let bad = || BAD.to_owned();
    Asked {
        user: bad(),
        app: bad(),
        status: bad(),
        kind: bad(),
        operator: bad(),
        since: bad(),
        until: bad(),
        ..Asked::default()
    }
}

fn story(role: Role, status: Status) -> EventPage {
    let asking = Asking {
        email: Some(BAD.into()),
        key: BAD.into(),
        because: Because { what: BAD.into(), by: vec![BAD.into()], at: Some(NOW) },
        deciders: vec![BAD.into()],
        stuck: Some(BAD.into()),
        ..Asking::default()
    };
    let answer = EventAnswer { event: event(3, status), entries: entries(), story: Vec::new(), asking };
    EventPage { viewer: viewer(role), told: Vec::new(), answer, now: NOW }
}

fn trends() -> Trends {
    let ended = BTreeMap::from([(StatusKind::Succeeded, 1_203), (StatusKind::Failed, 7), (StatusKind::Superseded, 2)]);
    Trends {
        hours: vec![EndedHour { from: NOW, app: app(), ended }],
        queues: vec![QueueAges { app: app(), people: vec![0, 1, 0, 0, 2, 0], target: vec![9, 0, 0, 0, 0, 3], more: 4 }],
    }
}

fn leaver() -> Leaver {
    Leaver {
        label: BAD.into(),
        key: BAD.into(),
        app: app(),
        user_name: BAD.into(),
        leaves: BAD.into(),
        why: BAD.into(),
        event: Some(EventId(3)),
        since: Some(NOW),
    }
}

pub(crate) fn pages() -> Pages {
    let list = |context: &Activity| list::page(context).into_string();
    let charts = |trends| charts::page(&Charts { viewer: viewer(Role::Viewer), trends, now: NOW }).into_string();
    let leavers = |leavers| leavers::page(&Leavers { viewer: viewer(Role::Viewer), leavers, now: NOW }).into_string();
    vec![
        ("events", list(&activity(Role::Admin, Asked::default(), Vec::new(), false))),
        ("events, an impossible filter", list(&activity(Role::Viewer, harmful(), vec![BAD.into()], true))),
        ("no event fits", list(&activity(Role::Viewer, harmful(), Vec::new(), true))),
        ("no event", list(&activity(Role::Viewer, Asked::default(), Vec::new(), true))),
        ("a failed event", one::page(&story(Role::Viewer, failed())).into_string()),
        ("a pending event", one::page(&story(Role::Approver, Status::Pending)).into_string()),
        ("charts", charts(trends())),
        ("charts of nothing", charts(Trends::default())),
        ("leavers", leavers(vec![leaver()])),
        ("no leavers", leavers(Vec::new())),
    ]
}
