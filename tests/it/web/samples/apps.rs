//! Apps: the list, and every page about one.

use std::collections::{BTreeMap, BTreeSet};

use usher::access::Role;
use usher::connector::AppState;
use usher::directory::value::Value;
use usher::engine::answer::{Check, CheckLevel};
use usher::id::EventId;
use usher::provision::drift::{DriftKind, DriftLine, Fate, ReconcileReport};
use usher::provision::entitlement::{Entitlement, EntitlementKey};
use usher::server::console::apps::frame::Frame;
use usher::server::console::apps::{entitlements, list, one, policies, policy, reconcile, tested};

use super::Pages;
use super::parts::{HARMFUL, NOW, app, app_name, connector, user, viewer};

fn frame(role: Role, state: AppState) -> Frame {
    Frame { viewer: viewer(role), told: vec![HARMFUL.to_owned()], app: app(state), now: NOW }
}

fn states() -> [AppState; 6] {
    let why = || HARMFUL.to_owned();
    [
        AppState::Live,
        AppState::Untested,
        AppState::Paused { by: why(), at: NOW },
        AppState::Quarantined { since: NOW, why: why(), next_probe: NOW, probes: 2 },
        AppState::Disabled { since: NOW, why: why() },
        AppState::BreakerOpen { since: NOW, why: why(), next_try: NOW, tries: 2 },
    ]
}

fn report() -> ReconcileReport {
    let mut report = ReconcileReport::new(app_name(), NOW);
    let text = || Some(Value::Text(HARMFUL.to_owned()));
    for kind in DriftKind::ALL {
        let mut line = DriftLine::new(kind, Fate::Reported, HARMFUL, HARMFUL);
        (line.user, line.subject, line.note, line.event) =
            (Some(user()), HARMFUL.to_owned(), HARMFUL.to_owned(), Some(EventId(3)));
        (line.pushed, line.desired, line.actual) = (text(), text(), text());
        report.lines.push(line);
        report.counts.insert(kind, 900);
    }
    report.notes.push(HARMFUL.to_owned());
    (report.trouble, report.incomplete) = (Some(HARMFUL.to_owned()), Some(HARMFUL.to_owned()));
    report
}

fn catalogue(number: usize) -> entitlements::Entitlements {
    let entitlement = |gone| Entitlement {
        key: EntitlementKey { kind: "group".to_owned(), remote_id: HARMFUL.to_owned() },
        name: HARMFUL.to_owned(),
        created: true,
        since: NOW,
        gone,
    };
    entitlements::Entitlements {
        frame: frame(Role::Admin, AppState::Live),
        asked: entitlements::Asked { kind: HARMFUL.to_owned(), name: HARMFUL.to_owned(), page: Some(2) },
        refreshed: Some(NOW),
        kinds: BTreeSet::from([HARMFUL.to_owned()]),
        listed: if number > 0 { vec![entitlement(None), entitlement(Some(NOW))] } else { Vec::new() },
        matching: number,
        total: number,
    }
}

pub(crate) fn pages() -> Pages {
    let shown = |role, state| one::page(&one::One { frame: frame(role, state), next_cycle: Some(NOW) }).into_string();
    let all = list::Apps { viewer: viewer(Role::Admin), told: Vec::new(), apps: states().map(app).to_vec(), now: NOW };
    let none = list::Apps { apps: Vec::new(), ..all.clone() };
    let checks = [CheckLevel::Good, CheckLevel::Note, CheckLevel::Bad].map(|level| Check {
        subject: HARMFUL.to_owned(),
        level,
        finding: HARMFUL.to_owned(),
    });
    let test = tested::Tested { frame: frame(Role::Viewer, AppState::Live), checks: checks.to_vec() };
    let in_force = frame(Role::Admin, AppState::Live);
    let guards = policy::guards(&in_force.app.app.guard);
    let in_words = policies::Policies { frame: in_force, connector: connector(), guards };
    let drift = |report| {
        reconcile::page(&reconcile::Reconciled { frame: frame(Role::Admin, AppState::Live), report }).into_string()
    };
    let mut pages = vec![
        ("the list", list::page(&all).into_string()),
        ("no app yet", list::page(&none).into_string()),
        ("one, for a viewer", shown(Role::Viewer, AppState::Live)),
        ("a test", tested::page(&test).into_string()),
        ("policies", policies::page(&in_words).into_string()),
        ("drift", drift(Some(report()))),
        ("never reconciled", drift(None)),
        ("the catalogue", entitlements::page(&catalogue(4_000)).into_string()),
        ("an empty catalogue", entitlements::page(&catalogue(0)).into_string()),
    ];
    pages.extend(states().map(|state| ("one", shown(Role::Admin, state))));
    pages
}

#[test]
fn policies_are_in_words_and_say_where_an_app_departs_from_the_default() {
    let pages: BTreeMap<&str, String> = pages().into_iter().collect();
    let page = &pages["policies"];
    for seen in [
        "title is kept as it is there",
        "Two different operators must approve",
        "10 and 5 %",
        "this app",
        "A changed userName replaces the account",
    ] {
        assert!(page.contains(seen), "{seen}");
    }
}

#[test]
fn a_quarantined_app_says_why_since_when_and_when_it_is_probed() {
    let [.., quarantined, _, _] = states();
    let page = one::page(&one::One { frame: frame(Role::Admin, quarantined), next_cycle: None }).into_string();
    for seen in ["In quarantine", "the next", "Resume", "2 so far"] {
        assert!(page.contains(seen), "{seen}");
    }
    let viewer = one::page(&one::One { frame: frame(Role::Viewer, AppState::Live), next_cycle: None }).into_string();
    assert!(viewer.contains("Test connection") && !viewer.contains("Pause") && !viewer.contains("Reconcile</button>"));
}
