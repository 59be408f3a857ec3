//! The first page.

use usher::access::Role;
use usher::connector::AppState;
use usher::engine::overview::{AppOverview, Overview};
use usher::entropy::SeededEntropy;
use usher::id::{ImportId, OperatorId, SourceName};
use usher::server::console::home::{Home, page};
use usher::store::query::{Import, ImportState, Preview};

use super::Pages;
use super::parts::{HARMFUL, NOW, app, app_name, viewer};

fn parked() -> Import {
    Import {
        id: ImportId::mint(NOW, &SeededEntropy::new(5)),
        source: SourceName::new("hr").unwrap(),
        full: true,
        files: vec![HARMFUL.to_owned()],
        operator: OperatorId::mint(NOW, &SeededEntropy::new(4)),
        at: NOW,
        state: ImportState::Parked { reasons: vec![HARMFUL.to_owned()] },
        rows: 10,
        staged: 3,
        preview: Preview::default(),
    }
}

pub(crate) fn pages() -> Pages {
    let quarantined = AppState::Quarantined { since: NOW, why: HARMFUL.to_owned(), next_probe: NOW, probes: 3 };
    let one = AppOverview {
        name: app_name(),
        title: HARMFUL.to_owned(),
        state: quarantined,
        active: 59,
        leavers: app(AppState::Live).waiting.leavers,
        failed: 200,
        more: true,
    };
    let overview = Overview {
        users: 62,
        is_set_up: true,
        waiting: 42,
        in_batches: 40,
        escalated: 2,
        parked: vec![parked()],
        apps: vec![one],
    };
    let shown = |role, overview: &Overview| {
        let context =
            Home { viewer: viewer(role), told: vec![HARMFUL.to_owned()], overview: overview.clone(), now: NOW };
        page(&context).into_string()
    };
    let well = Overview { is_set_up: true, ..Overview::default() };
    vec![
        ("for an admin", shown(Role::Admin, &overview)),
        ("for a viewer", shown(Role::Viewer, &overview)),
        ("all is well", shown(Role::Approver, &well)),
        ("nothing yet", shown(Role::Admin, &Overview::default())),
    ]
}

#[test]
fn the_first_page_says_what_needs_somebody_and_what_only_others_can_do() {
    let pages = pages();
    let page = |name: &str| pages.iter().find(|(each, _)| *each == name).unwrap().1.clone();
    let (admin, viewer) = (page("for an admin"), page("for a viewer"));
    for seen in
        ["wait for a decision", "is in quarantine", "parked", "failed or blocked", "leaver still has an account"]
    {
        assert!(admin.contains(seen) && viewer.contains(seen), "{seen}");
    }
    assert!(!admin.contains("For others") && viewer.contains("For others"));
    assert!(page("all is well").contains("All is well"));
    assert!(page("nothing yet").contains("No revision is active yet"));
}
