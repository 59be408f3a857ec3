//! Reconcile: what is found when the target is not as we left it, and that nothing but the ordinary planner acts on it.

use usher::clock::Span;
use usher::directory::user::Standing;
use usher::engine::command::Edit;
use usher::engine::pending::Choice;
use usher::engine::{Answer, Command};
use usher::id::AppName;
use usher::provision::drift::{DriftKind, DriftLine, Fate, ReconcileReport};
use usher::provision::edge::EdgeState;
use usher::provision::event::{Event, StatusKind};
use usher::provision::guard::finding::FindingKind;
use usher::provision::operation::Kind;
use usher::sandbox::Faults;

use super::house::{House, Plan, people};

const STAFF: &str = "[assign]\nroles = [\"staff\"]\n";

fn policy(table: &str) -> String {
    format!("{STAFF}[reconcile]\n{table}\n")
}

/// A house in which `number` people have an account.
async fn settled(app: &str, number: usize) -> House {
    let house = House::build(Plan { app, ..Plan::default() }).await;
    house.import(&people(number), true).await.unwrap();
    house.sync().await;
    assert_eq!(house.accounts().len(), number);
    house
}

impl House {
    async fn reconcile(&self) -> ReconcileReport {
        let writes = self.sandbox.writes();
        let report = match self.ask(Command::Reconcile { app: name(), last: false }).await.unwrap() {
            Answer::Reconciled(report) => *report,
            other => panic!("expected a report, got {other:?}"),
        };
        assert_eq!(self.sandbox.writes(), writes, "a reconcile sends only reads");
        report
    }

    async fn last(&self) -> ReconcileReport {
        match self.ask(Command::Reconcile { app: name(), last: true }).await.unwrap() {
            Answer::Reconciled(report) => *report,
            other => panic!("expected a report, got {other:?}"),
        }
    }

    /// The account's id at the target.
    fn id(&self, number: usize) -> String {
        let wanted = format!("p{number}@example.com");
        self.sandbox.accounts().into_iter().find(|account| account.user_name == wanted).unwrap().id
    }

    fn title(&self, number: usize) -> String {
        let id = self.id(number);
        let account = self.sandbox.accounts().into_iter().find(|account| account.id == id).unwrap();
        account.body["title"].as_str().unwrap_or_default().to_owned()
    }

    fn set(&self, number: usize, attribute: &str, value: serde_json::Value) {
        let id = self.id(number);
        assert!(self.sandbox.tamper(&id, |body| drop(body.insert(attribute.to_owned(), value))));
    }

    /// Syncs until nothing is sent any more, and says how many requests wrote.
    async fn settle(&self) -> u64 {
        let writes = self.sync().await.writes;
        assert_eq!(self.sync().await.writes, 0, "the next cycle sends nothing");
        writes
    }

    async fn whole(&self) {
        let verified = self.engine.store().verify().await.unwrap();
        assert!(verified.problems.is_empty(), "{:?}", verified.problems);
    }
}

fn name() -> AppName {
    AppName::new("app").unwrap()
}

fn counts(report: &ReconcileReport) -> Vec<(DriftKind, u64)> {
    report.counts.iter().map(|(kind, number)| (*kind, *number)).collect()
}

fn only(report: &ReconcileReport) -> &DriftLine {
    assert_eq!(report.lines.len(), 1, "{:#?}", report.lines);
    &report.lines[0]
}

fn has(event: &Event, kind: FindingKind) -> bool {
    event.findings.iter().any(|finding| finding.kind == kind)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_as_we_left_it_shows_no_difference_and_differences_of_form_are_none() {
    let house = settled(&policy("default = \"repair\""), 5).await;
    let report = house.reconcile().await;
    assert_eq!((counts(&report), report.drift()), (Vec::new(), 0), "{report:#?}");
    assert_eq!((report.read.compared, report.read.by_id, report.read.pages), (5, 0, 1), "nothing is read twice");
    assert_eq!((report.incomplete.clone(), report.trouble.clone()), (None, None));
    house.set(0, "userName", "P0@EXAMPLE.com".into());
    house.set(1, "nickName", "Nick".into());
    let id = house.id(2);
    house.sandbox.tamper(&id, |body| {
        body["name"].as_object_mut().unwrap().insert("middleName".into(), "M".into());
    });
    assert_eq!(house.reconcile().await.drift(), 0, "case of a userName, and what the target has beside ours");
    assert_eq!(house.settle().await, 0);
    assert_eq!(house.last().await.read.compared, 5, "the report is kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_value_is_reported_unless_the_app_says_otherwise() {
    let house = settled(STAFF, 3).await;
    house.set(0, "title", "Chief".into());
    let report = house.reconcile().await;
    let line = only(&report);
    assert_eq!((line.kind, line.fate, line.subject.as_str()), (DriftKind::Changed, Fate::Reported, "title"));
    let values = [&line.pushed, &line.desired, &line.actual].map(|value| value.as_ref().unwrap().to_string());
    assert_eq!(values, ["Title0", "Title0", "Chief"]);
    assert_eq!((house.settle().await, house.title(0).as_str()), (0, "Chief"));
    assert_eq!(house.reconcile().await.count(DriftKind::Changed), 1, "it is said each time");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repair_is_an_ordinary_update_and_the_cycle_after_it_sends_nothing() {
    let house = settled(&policy("attributes = { title = \"repair\" }"), 3).await;
    house.set(0, "title", "Chief".into());
    house.set(1, "title", serde_json::Value::Null);
    house.set(2, "displayName", "Somebody".into());
    let report = house.reconcile().await;
    assert_eq!(report.count(DriftKind::Changed), 3);
    let repaired = report.lines.iter().filter(|line| line.fate == Fate::Repaired).count();
    assert_eq!(repaired, 2, "displayName is only reported: {:#?}", report.lines);
    let plan = house.plan().await;
    let planned: Vec<_> = plan.apps[0].operations.iter().map(|planned| planned.operation.kind).collect();
    assert_eq!(planned, [Kind::Update, Kind::Update]);
    assert!(house.settle().await >= 2);
    assert_eq!((house.title(0), house.title(1)), ("Title0".into(), "Title1".into()));
    let last = house.last().await;
    let events = last.lines.iter().filter(|line| line.event.is_some()).count();
    assert_eq!(events, 2, "which event did it is said");
    assert_eq!(house.reconcile().await.count(DriftKind::Changed), 1);
    house.whole().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_repairs_are_held_by_the_blast_radius_like_any_other_update() {
    let radius = "[guard.blast_radius]\nupdate = { count = 1, percent = 1, absolute = 0 }\n";
    let house = settled(&format!("{}{radius}", policy("default = \"repair\"")), 6).await;
    for number in 0..6 {
        house.set(number, "title", "Same".into());
    }
    assert_eq!(house.reconcile().await.count(DriftKind::Changed), 6);
    assert_eq!(house.sync().await.writes, 0);
    let pending = house.pending().await;
    assert_eq!(pending.len(), 6);
    assert!(pending.iter().all(|event| has(event, FindingKind::BlastRadius) && event.batch == pending[0].batch));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_that_does_not_stay_is_sent_again_once_and_then_reported() {
    let house = settled(&policy("default = \"repair\""), 2).await;
    house.set(0, "title", "Stubborn".into());
    assert_eq!(only(&house.reconcile().await).fate, Fate::Repaired);
    assert_eq!(house.reconcile().await.drift(), 0, "what is still to be sent is no news");
    house.settle().await;
    house.set(0, "title", "Stubborn".into());
    let report = house.reconcile().await;
    assert_eq!(only(&report).fate, Fate::Reported);
    assert!(only(&report).note.contains("did not stay"), "{}", only(&report).note);
    assert_eq!(house.settle().await, 0);
    house.set(0, "title", "Other".into());
    assert_eq!(only(&house.reconcile().await).fate, Fate::Repaired, "another value is another matter");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_adopted_value_stays_whatever_the_rules_say_until_the_policy_changes() {
    let house = settled(&policy("attributes = { title = \"adopt\" }"), 2).await;
    house.set(0, "title", "Chief".into());
    assert_eq!(only(&house.reconcile().await).fate, Fate::Adopted);
    assert_eq!(house.settle().await, 0);
    house.import(&people(2).replace("Title0", "Clerk"), true).await.unwrap();
    assert_eq!((house.settle().await, house.title(0).as_str()), (0, "Chief"), "the directory does not change it");
    assert_eq!(house.reconcile().await.drift(), 0, "it is no difference any more");
    house.edit("p0@example.com", Edit::Set { attribute: "department".into(), value: Some("Sales".into()) }).await;
    assert_eq!(house.settle().await, 0);
    let user = house.engine.store().find_users("p0@example.com").await.unwrap().remove(0);
    assert!(user.direct.is_empty(), "keeping a value assigns nothing");
    house.apply(&Plan { app: STAFF, ..Plan::default() }).await;
    assert!(house.settle().await > 0);
    assert_eq!(house.title(0), "Clerk", "without the policy the rules decide again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_that_the_targets_admin_deactivated_is_activated_only_with_consent() {
    let house = settled(STAFF, 3).await;
    house.set(0, "active", false.into());
    let report = house.reconcile().await;
    assert_eq!((only(&report).kind, only(&report).fate), (DriftKind::Deactivated, Fate::Held));
    assert_eq!(house.sync().await.writes, 0);
    let pending = house.pending().await;
    assert_eq!((pending.len(), pending[0].operation.kind), (1, Kind::Reactivate));
    assert!(has(&pending[0], FindingKind::DeactivatedByTarget), "{:?}", pending[0].findings);
    assert_eq!(house.reconcile().await.drift(), 0, "the ledger knows it now");
    assert_eq!(house.pending().await[0].id, pending[0].id, "and what waits goes on waiting");
    house.decide_all(true).await;
    house.settle().await;
    assert!(house.accounts()["p0@example.com"]);
    house.whole().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaver_whose_account_is_active_again_is_deactivated_without_asking() {
    let house = settled(STAFF, 3).await;
    house.edit("p0@example.com", Edit::Stand(Standing::Suspended)).await;
    house.settle().await;
    assert!(!house.accounts()["p0@example.com"]);
    house.set(0, "active", true.into());
    let report = house.reconcile().await;
    assert_eq!((only(&report).kind, only(&report).fate), (DriftKind::LeaverActive, Fate::Deactivated));
    assert!(house.settle().await > 0);
    assert!(!house.accounts()["p0@example.com"]);
    assert!(house.pending().await.is_empty());
    assert_eq!(house.reconcile().await.drift(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_gone_only_after_two_looks_apart_and_its_recreation_is_held() {
    let house = settled(STAFF, 3).await;
    house.sandbox.remove(&house.id(0));
    let first = house.reconcile().await;
    assert_eq!((only(&first).kind, only(&first).fate), (DriftKind::Missing, Fate::LookedAtAgain));
    house.advance(Span::from_secs(300));
    assert_eq!(only(&house.reconcile().await).kind, DriftKind::Missing, "too soon");
    assert_eq!(house.sync().await.writes, 0);
    assert!(house.pending().await.is_empty());
    house.advance(Span::from_secs(300));
    let third = house.reconcile().await;
    assert_eq!((only(&third).kind, only(&third).fate), (DriftKind::Vanished, Fate::Held));
    assert_eq!(house.sync().await.writes, 0);
    let pending = house.pending().await;
    assert_eq!((pending.len(), pending[0].operation.kind), (1, Kind::Create));
    assert!(has(&pending[0], FindingKind::Recreation));
    assert_eq!(house.reconcile().await.drift(), 0);
    house.decide_all(true).await;
    house.settle().await;
    assert_eq!(house.accounts().len(), 3);
    house.whole().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_incomplete_list_concludes_nothing_and_each_account_is_read_by_its_id() {
    let house = settled(STAFF, 120).await;
    house.set(110, "title", "Chief".into());
    for faults in
        [&["500:#2:GET", "500:#3:GET", "500:#4:GET"][..], &["html-200:#2:GET", "html-200:#3:GET", "html-200:#4:GET"]]
    {
        house.sandbox.set_faults(Faults::parse(faults).unwrap());
        let report = house.reconcile().await;
        assert!(report.incomplete.is_some(), "{report:#?}");
        assert_eq!(report.trouble, None);
        assert_eq!((counts(&report), report.read.compared), (vec![(DriftKind::Changed, 1)], 120));
    }
    house.sandbox.set_faults(Faults::default());
    house.advance(Span::from_secs(3_600));
    assert_eq!(house.sync().await.writes, 0);
    assert!(house.pending().await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_that_does_not_answer_changes_neither_ledger_nor_report() {
    let house = settled(STAFF, 2).await;
    house.set(0, "title", "Chief".into());
    house.reconcile().await;
    house.sandbox.set_faults(Faults::parse(&["503:1"]).unwrap());
    let failed = house.ask(Command::Reconcile { app: name(), last: false }).await;
    assert!(failed.unwrap_err().to_string().contains("could not be read"));
    assert_eq!(house.last().await.count(DriftKind::Changed), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_renamed_account_is_reported_and_renamed_back_only_if_the_app_says_so_by_name() {
    let house = settled(&policy("default = \"repair\""), 2).await;
    let id = house.id(0);
    house.set(0, "userName", "else@example.com".into());
    let report = house.reconcile().await;
    assert_eq!((only(&report).subject.as_str(), only(&report).fate), ("userName", Fate::Reported));
    assert_eq!(house.settle().await, 0);
    house.apply(&Plan { app: &policy("attributes = { userName = \"repair\" }"), ..Plan::default() }).await;
    house.settle().await;
    assert_eq!(only(&house.reconcile().await).fate, Fate::Repaired);
    house.settle().await;
    let renamed = house.sandbox.accounts().into_iter().find(|account| account.id == id).unwrap();
    assert_eq!(renamed.user_name, "p0@example.com");
    house.whole().await;
}

fn third_party(number: usize, title: &str) -> serde_json::Value {
    serde_json::json!({
        "userName": format!("p{number}@example.com"), "title": title, "displayName": format!("Given{number} Family{number}"),
        "name": { "givenName": format!("Given{number}"), "familyName": format!("Family{number}") },
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_reconcile_of_a_populated_app_proposes_adoptions_in_one_batch() {
    let mut seeds: Vec<_> = (0..3).map(|number| third_party(number, &format!("Title{number}"))).collect();
    seeds.push(third_party(3, "Chief"));
    let mut admin = third_party(4, "Title4");
    admin["roles"] = serde_json::json!([{ "value": "ADMIN" }]);
    seeds.push(admin);
    seeds.push(serde_json::json!({ "userName": "stranger@example.com" }));
    let app = format!("{STAFF}[guard]\nprivileged = [\"roles:ADMIN\"]\n");
    let house = House::build(Plan { seeds, app: &app, ..Plan::default() }).await;
    house.import(&people(6), true).await.unwrap();
    let before = house.sandbox.third_party();
    let report = house.reconcile().await;
    let found = [(DriftKind::AdoptionExact, 4), (DriftKind::AdoptionDiffering, 1), (DriftKind::ThirdParty, 1)];
    assert_eq!(counts(&report), found, "{:#?}", report.lines);
    house.sync().await;
    let pending = house.pending().await;
    let links: Vec<&Event> = pending.iter().filter(|event| event.operation.kind == Kind::Link).collect();
    assert_eq!(links.len(), 5);
    let (single, together): (Vec<&Event>, Vec<&Event>) = links.into_iter().partition(|event| event.batch.is_none());
    assert_eq!((single.len(), together.len()), (1, 4));
    assert!(has(single[0], FindingKind::Privileged), "who is privileged is decided singly");
    let batch = together[0].batch.unwrap();
    let shown = match house.ask(Command::BatchShow { batch }).await.unwrap() {
        Answer::Batch(shown) => shown,
        other => panic!("{other:?}"),
    };
    assert_eq!((shown.exact.len(), shown.differing.len(), shown.ambiguous.len()), (3, 1, 0));
    let choice = Choice { batches: vec![batch], ..Choice::default() };
    house.decide(choice, true).await;
    house.settle().await;
    let linked = house.engine.store().counts(&name()).await.unwrap();
    assert_eq!(linked.accounts[&usher::provision::Presence::Active], 5, "four adopted, one created");
    assert_eq!(house.sandbox.third_party(), before, "nothing of what others made was changed");
    let again = house.reconcile().await;
    assert_eq!(counts(&again), [(DriftKind::AdoptionExact, 1), (DriftKind::ThirdParty, 1)]);
    assert_eq!(house.pending().await.len(), 1, "nothing is proposed twice");
    house.whole().await;
}

const GROUPS: &str = "fn account(user) { #{ userName: user.email, title: user.title } }\n\
                      fn entitlements(user) { [grant(\"group\", \"Crew\")] }";

/// A house whose three people are in the group *Crew*, beside a stranger.
async fn crew(table: &str) -> (House, String, String) {
    let app = policy(table);
    let stranger = serde_json::json!({ "userName": "stranger@example.com" });
    let house = House::build(Plan { app: &app, rules: GROUPS, seeds: vec![stranger], ..Plan::default() }).await;
    let stranger = house.sandbox.accounts()[0].id.clone();
    let group = house.sandbox.add_group("Crew", &[&stranger]);
    house.ask(Command::Refresh { app: name() }).await.unwrap();
    house.import(&people(3), true).await.unwrap();
    house.settle().await;
    assert_eq!(house.sandbox.groups()[0].members.len(), 4, "{:?}", house.sandbox.groups());
    (house, group, stranger)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_did_in_groups_stays_and_what_they_took_away_is_reported() {
    let (house, group, stranger) = crew("").await;
    let other = house.sandbox.add_group("Admins", &[&house.id(1)]);
    house.ask(Command::Refresh { app: name() }).await.unwrap();
    house.settle().await;
    assert!(house.sandbox.take_out_of_group(&group, &house.id(0)));
    let report = house.reconcile().await;
    let found = [
        (DriftKind::MembershipRemoved, 1),
        (DriftKind::MembershipAdded, 1),
        (DriftKind::OthersInGroup, 1),
        (DriftKind::ThirdParty, 1),
    ];
    assert_eq!(counts(&report), found, "{:#?}", report.lines);
    assert_eq!(house.settle().await, 0);
    let groups = house.sandbox.groups();
    let members = |id: &str| groups.iter().find(|group| group.id == id).unwrap().members.clone();
    assert!(!members(&group).contains(&house.id(0)) && members(&group).contains(&stranger));
    assert_eq!(members(&other).len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_membership_that_was_taken_away_is_given_back_as_an_ordinary_operation() {
    let (house, group, stranger) = crew("memberships = \"repair\"").await;
    house.sandbox.take_out_of_group(&group, &house.id(0));
    let report = house.reconcile().await;
    let removed = report.lines.iter().find(|line| line.kind == DriftKind::MembershipRemoved).unwrap();
    assert_eq!((removed.fate, removed.subject.as_str()), (Fate::Repaired, "Crew"));
    assert!(house.settle().await > 0);
    let members = house.sandbox.groups()[0].members.clone();
    assert!(members.contains(&house.id(0)) && members.contains(&stranger) && members.len() == 4);
    let counts = house.engine.store().counts(&name()).await.unwrap();
    assert_eq!(counts.edges[&EdgeState::Granted], 3);
    assert_eq!(house.reconcile().await.count(DriftKind::MembershipRemoved), 0);
    house.whole().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_gone_only_after_two_looks_apart_and_then_our_edges_are_forgotten() {
    let (house, group, _) = crew("memberships = \"repair\"").await;
    house.sandbox.add_group("Other", &[]);
    house.sandbox.remove_group(&group);
    assert_eq!(house.reconcile().await.count(DriftKind::GroupMissing), 1);
    assert_eq!(house.settle().await, 0);
    house.advance(Span::from_secs(601));
    assert_eq!(house.reconcile().await.count(DriftKind::GroupGone), 1);
    assert_eq!(house.settle().await, 0);
    let counts = house.engine.store().counts(&name()).await.unwrap();
    assert!(counts.edges.is_empty(), "{:?}", counts.edges);
    assert_eq!(house.accounts().values().filter(|active| **active).count(), 4, "nobody lost an account");
    house.whole().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_update_is_planned_anew_when_its_account_was_corrected() {
    let app = format!("{}[approvals]\nupdate = true\n", policy("default = \"repair\""));
    let house = settled(&app, 2).await;
    house.import(&people(2).replace("Title0", "Clerk"), true).await.unwrap();
    house.sync().await;
    let old = house.pending().await.remove(0);
    house.set(0, "displayName", "Somebody".into());
    house.reconcile().await;
    house.sync().await;
    let new = house.pending().await.remove(0);
    assert_ne!(old.id, new.id);
    let paths: Vec<_> = new.operation.changes.iter().map(|change| change.path.as_str()).collect();
    assert_eq!(paths, ["displayName", "title"]);
    assert_eq!(house.ended(StatusKind::Superseded).await, 1);
    house.decide_all(true).await;
    house.settle().await;
    assert_eq!(house.reconcile().await.drift(), 0);
    house.whole().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_is_neither_compared_nor_told() {
    let rules = "fn account(user) { #{ userName: user.email, title: user.title, password: \"Correct-Horse-9\" } }";
    let app = policy("default = \"repair\"");
    let house = House::build(Plan { app: &app, rules, ..Plan::default() }).await;
    house.import(&people(2), true).await.unwrap();
    house.sync().await;
    assert_eq!(house.accounts().len(), 2);
    for account in house.sandbox.accounts() {
        house.sandbox.tamper(&account.id, |body| drop(body.remove("password")));
    }
    let report = house.reconcile().await;
    assert_eq!(report.drift(), 0, "{:#?}", report.lines);
    assert!(!format!("{report:?}").contains("Correct-Horse-9"));
}
