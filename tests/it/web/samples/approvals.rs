//! The queue, a batch, and what was decided.

use std::collections::{BTreeMap, BTreeSet};

use usher::access::Role;
use usher::clock::Span;
use usher::engine::pending::Shown;
use usher::engine::queue::{Decided, Held, QueuePage};
use usher::provision::approval::Ruling;
use usher::provision::guard::finding::FindingKind;
use usher::provision::operation::Kind;
use usher::server::console::approvals::filter::Asked;
use usher::server::console::approvals::{batch, decided, list};

use super::Pages;
use super::parts::{self, HARMFUL, NOW, app_name, decision, event, pending, viewer};

fn queue() -> QueuePage {
    let held = Held {
        batch: parts::batch(),
        app: app_name(),
        shown: Shown::of(&[event(1, Kind::Deactivate)]),
        kinds: BTreeMap::from([(Kind::Deactivate, 42)]),
        why: vec![HARMFUL.to_owned()],
        since: NOW.minus(Span::from_hours(3)),
        escalated: 1,
    };
    QueuePage {
        waiting: vec![pending(3, Kind::Deactivate), pending(4, Kind::Update), pending(5, Kind::Link)],
        matching: 130,
        total: 172,
        page: 2,
        pages: 3,
        batches: vec![held],
        ambiguous: vec![pending(6, Kind::Link)],
        apps: BTreeSet::from([app_name()]),
        kinds: Kind::ALL.into_iter().collect(),
        findings: BTreeSet::from([FindingKind::ThirdPartyAccount, FindingKind::Privileged]),
    }
}

pub(crate) fn pages() -> Pages {
    let told = || vec![HARMFUL.to_owned()];
    let harmful = || Asked {
        app: HARMFUL.to_owned(),
        kind: "link".to_owned(),
        finding: String::new(),
        user: HARMFUL.to_owned(),
        page: Some(2),
    };
    let shown = |role, asked, page| {
        list::page(&list::Approvals { viewer: viewer(role), told: told(), asked, page, now: NOW }).into_string()
    };
    let held = |page| {
        let context = batch::Batch {
            viewer: viewer(Role::Approver),
            told: told(),
            batch: parts::batch(),
            asked: harmful(),
            page,
            now: NOW,
        };
        batch::page(&context).into_string()
    };
    let lately = |decided| {
        decided::page(&decided::DecidedLately { viewer: viewer(Role::Viewer), decided, now: NOW }).into_string()
    };
    let ruled = [Ruling::Approve, Ruling::Reject]
        .map(|ruling| Decided { event: event(7, Kind::Create), decision: decision(ruling) });
    vec![
        ("the queue", shown(Role::Approver, Asked::default(), QueuePage { page: 1, ..queue() })),
        ("the queue, filtered", shown(Role::Approver, harmful(), queue())),
        ("the queue, for a viewer", shown(Role::Viewer, Asked::default(), QueuePage { page: 1, ..queue() })),
        ("the queue, empty", shown(Role::Approver, Asked::default(), QueuePage::default())),
        ("a batch", held(queue())),
        ("a batch that is gone", held(QueuePage::default())),
        ("decided lately", lately(ruled.to_vec())),
        ("nothing decided", lately(Vec::new())),
    ]
}

#[test]
fn a_viewer_sees_the_queue_and_no_button_to_decide() {
    let pages = pages();
    let page = |name: &str| pages.iter().find(|(each, _)| *each == name).unwrap().1.clone();
    assert!(page("the queue").contains("value=\"approve\""));
    let viewer = page("the queue, for a viewer");
    assert!(!viewer.contains("value=\"approve\"") && !viewer.contains("type=\"checkbox\"") && viewer.contains("evt_3"));
}
