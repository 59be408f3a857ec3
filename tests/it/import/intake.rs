//! Generations on the memory store: compared, guarded, parked, applied, resumed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use usher::clock::{ManualClock, Timestamp};
use usher::directory::change::StagedRow;
use usher::directory::source::{Missing, Source};
use usher::directory::user::{Standing, User};
use usher::directory::value::Value;
use usher::directory::{Cause, SourceRow};
use usher::engine::intake::{
    self, Asked, ImportReport, Intake, IntakeError, Progress, compare::Unsaid, compare::compare, guard,
};
use usher::entropy::SeededEntropy;
use usher::id::{ImportId, Name, OperatorId, UserId};
use usher::store::Store;
use usher::store::query::{Import, ImportState, Preview, Urgency};

use super::{read_text, source};
use usher::store::memory::MemoryStore;

// --- pure -----------------------------------------------------------------------------------------------------------------------------

fn someone() -> User {
    let id = UserId::mint(Timestamp::from_millis(1), &SeededEntropy::new(1));
    let mut user = User::new(id, Name::new("hr").unwrap(), "1".to_owned(), Timestamp::from_millis(1));
    user.attributes.insert("title".to_owned(), "Baker".into());
    user.attributes.insert("emails".to_owned(), Value::List(vec!["a@x.example".into(), "b@x.example".into()]));
    user.roles = BTreeSet::from(["dev".to_owned()]);
    user.groups = BTreeSet::from(["blue".to_owned()]);
    user
}

#[test]
fn a_row_that_says_what_we_have_changes_nothing() {
    let user = someone();
    let row = SourceRow {
        key: "1".to_owned(),
        attributes: BTreeMap::from([
            ("title".to_owned(), Some("Baker".into())),
            ("department".to_owned(), None),
            ("emails".to_owned(), Some(Value::List(vec!["b@x.example".into(), "a@x.example".into()]))),
        ]),
        roles: Some(user.roles.clone()),
        groups: Some(user.groups.clone()),
        manager: Some(None),
        ..SourceRow::default()
    };
    assert_eq!(compare(&user, &row, Unsaid::Active), None);
}

#[test]
fn a_changed_row_is_reduced_to_what_differs_and_losses_are_named() {
    let user = someone();
    let row = SourceRow {
        key: "1".to_owned(),
        attributes: BTreeMap::from([
            ("title".to_owned(), None),
            ("emails".to_owned(), user.attributes.get("emails").cloned()),
        ]),
        roles: Some(BTreeSet::from(["lead".to_owned()])),
        groups: Some(user.groups.clone()),
        ..SourceRow::default()
    };
    let difference = compare(&user, &row, Unsaid::Active).unwrap();
    assert_eq!(difference.row.attributes.keys().collect::<Vec<_>>(), ["title"]);
    assert_eq!(difference.row.groups, None);
    assert_eq!((difference.lost, difference.emptied), (vec!["role:dev".to_owned()], vec!["title".to_owned()]));
}

#[test]
fn a_delta_with_some_group_entries_says_nothing_about_the_other_groups() {
    let user = User { groups: ["blue", "green", "red"].map(str::to_owned).into(), ..someone() };
    let known = BTreeSet::from(["green".to_owned(), "yellow".to_owned()]);
    let groups = Some(BTreeSet::from(["yellow".to_owned()]));
    let mut row = SourceRow { key: "1".to_owned(), groups, ..SourceRow::default() };
    intake::compare::keep_other_groups(&user, &mut row, &known);
    assert_eq!(row.groups.unwrap().into_iter().collect::<Vec<_>>(), ["blue", "red", "yellow"]);
}

#[test]
fn a_missing_state_column_brings_nobody_back() {
    let user = User { standing: Standing::Suspended, ..someone() };
    let row = SourceRow { key: "1".to_owned(), ..SourceRow::default() };
    assert_eq!(compare(&user, &row, Unsaid::Stays), None);
    assert_eq!(compare(&user, &row, Unsaid::Active).unwrap().kind, intake::compare::Kind::Returned);
}

#[test]
fn the_guard_parks_by_count_and_share() {
    for (count, base, parks) in [
        (2, 5, false),
        (3, 39, true),
        (3, 40, false),
        (10, 40, false),
        (11, 40, true),
        (11, 219, true),
        (11, 220, false),
        (500, 100_000, false),
        (501, 100_000, true),
        (0, 0, false),
    ] {
        assert_eq!(guard::exceeds(count, base), parks, "{count} of {base}");
    }
    let preview = Preview {
        missing: 12,
        losing: BTreeMap::from([("role:dev".to_owned(), 3)]),
        emptied: BTreeMap::from([("email".to_owned(), 30)]),
        ..Preview::default()
    };
    let reasons = guard::reasons(&preview, 100, None, (0, true));
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons[0].starts_with("12 users are missing, of 100 (12 %)"), "{}", reasons[0]);
    assert!(reasons[1].starts_with("`email` goes empty for 30 users"), "{}", reasons[1]);
    assert_eq!(guard::reasons(&preview, 100, Some(30), (0, true)), [""; 0]);
    assert!(guard::reasons(&preview, 100, Some(29), (0, true))[0].ends_with("29 were expected"));
}

#[test]
fn rows_that_hide_whom_they_are_about_park_a_full_import_in_which_somebody_is_missing() {
    let preview = Preview { missing: 1, ..Preview::default() };
    assert_eq!(guard::reasons(&preview, 100, None, (2, true)).len(), 1);
    assert_eq!(guard::reasons(&Preview::default(), 100, None, (2, true)).len(), 0);
    let losing = |name: &str| Preview { losing: BTreeMap::from([(name.to_owned(), 1)]), ..Preview::default() };
    assert_eq!(guard::reasons(&losing("role:dev"), 100, None, (1, true)), [""; 0], "a row of his own says so");
    assert!(guard::reasons(&losing("group:crew"), 100, None, (1, true))[0].contains("members of `group:crew`"));
    let unmanaged = Preview { emptied: BTreeMap::from([("manager".to_owned(), 2)]), ..Preview::default() };
    assert!(guard::reasons(&unmanaged, 100, None, (1, true))[0].contains("the manager of 2 users"));
}

// --- with a store ---------------------------------------------------------------------------------------------------------------------

const COLUMNS: &str = "id,email,title,state,roles";

/// A workspace's store and everything an import needs.
struct House {
    store: MemoryStore,
    clock: ManualClock,
    entropy: SeededEntropy,
    told: Mutex<Vec<Progress>>,
    source: Source,
    runtime: tokio::runtime::Runtime,
}

impl House {
    fn new() -> Self {
        let mapping = [("email", "email"), ("title", "title"), ("state", "state"), ("roles", "roles")];
        Self {
            store: MemoryStore::default(),
            clock: ManualClock::at(Timestamp::from_millis(1_700_000_000_000)),
            entropy: SeededEntropy::new(7),
            told: Mutex::default(),
            source: source(&mapping),
            runtime: tokio::runtime::Builder::new_current_thread().build().unwrap(),
        }
    }

    fn with<T>(&self, act: impl AsyncFnOnce(&Intake<'_>) -> T) -> T {
        self.clock.advance(usher::clock::Span::from_secs(60));
        let progress = |progress| self.told.lock().unwrap().push(progress);
        let cx = Intake {
            store: &self.store,
            clock: &self.clock,
            entropy: &self.entropy,
            operator: OperatorId::mint(Timestamp::from_millis(1), &SeededEntropy::new(2)),
            apps: vec![app()],
            progress: &progress,
        };
        self.runtime.block_on(act(&cx))
    }

    /// Imports rows of `id,email,title,state,roles`.
    fn import(&self, rows: &[String], full: bool, accept: Option<u64>) -> ImportReport {
        let text = format!("{COLUMNS}\n{}\n", rows.join("\n"));
        let read = read_text(&self.source, "p.csv", &text, full).unwrap();
        self.with(async |cx| {
            intake::import(cx, &self.source, read, Asked { full, accept_shrink: accept, park: false }).await.unwrap()
        })
    }

    /// A generation of `count` users that was committed, and no row of it applied.
    fn leave_committed(&self, count: usize) -> ImportId {
        self.with(async |cx| {
            let at = cx.clock.now();
            let import = Import {
                id: ImportId::mint(at, cx.entropy),
                source: self.source.name.clone(),
                full: false,
                files: Vec::new(),
                operator: cx.operator,
                at,
                state: ImportState::Staging,
                rows: count as u64,
                staged: 0,
                preview: Preview::default(),
            };
            let row = |key: usize| SourceRow { key: key.to_string(), ..SourceRow::default() };
            let rows = (0..count).map(|key| StagedRow { user: UserId::mint(at, cx.entropy), row: row(key) }).collect();
            cx.store.open_import(import.clone()).await.unwrap();
            cx.store.stage_import(import.id, 0, rows).await.unwrap();
            cx.store.close_import(import.id, Preview::default(), Vec::new(), at).await.unwrap();
            import.id
        })
    }

    fn user(&self, key: &str) -> Option<User> {
        let keys = vec![key.to_owned()];
        self.runtime.block_on(self.store.users_by_key(&self.source.name, keys)).unwrap().remove(0)
    }

    fn standing(&self, key: &str) -> Standing {
        self.user(key).unwrap().standing
    }
}

fn app() -> Name {
    Name::new("nulab").unwrap()
}

fn people(keys: std::ops::Range<usize>) -> Vec<String> {
    keys.map(|key| format!("{key},p{key}@x.example,Baker,active,dev")).collect()
}

#[test]
fn people_arrive_once_and_a_second_import_changes_nothing() {
    let house = House::new();
    let first = house.import(&people(0..1200), true, None);
    assert_eq!(first.state, ImportState::Applied);
    assert_eq!((first.preview.added, first.staged), (1200, 1200));
    let before = house.user("7").unwrap();
    let second = house.import(&people(0..1200), true, None);
    assert_eq!((second.staged, second.preview.clone()), (0, Preview::default()));
    assert_eq!(house.user("7").unwrap(), before);
    let told = house.told.lock().unwrap();
    assert!(told.iter().any(|progress| (progress.done, progress.total) == (1000, 1200)));
}

#[test]
fn one_changed_attribute_changes_one_user_and_marks_his_pair() {
    let house = House::new();
    house.import(&people(0..50), true, None);
    let report = house.import(&["7,p7@x.example,Miller,active,dev".to_owned()], false, None);
    assert_eq!((report.preview.changed, report.staged), (1, 1));
    let user = house.user("7").unwrap();
    assert_eq!(user.text("title"), Some("Miller"));
    let marks = house.runtime.block_on(house.store.dirty(&app(), 1_000)).unwrap();
    let mark = marks.iter().find(|mark| mark.user == user.id).unwrap();
    assert_eq!(mark.cause, Cause::Import(report.import));
}

#[test]
fn who_is_missing_from_a_full_import_is_suspended_and_comes_back_as_himself() {
    let house = House::new();
    house.import(&people(0..50), true, None);
    let id = house.user("0").unwrap().id;
    let report = house.import(&people(1..50), true, None);
    assert_eq!((report.preview.missing, report.state), (1, ImportState::Applied));
    assert_eq!(house.standing("0"), Standing::Suspended);
    assert_eq!(house.import(&people(1..50), true, None).preview.missing, 0, "he is missing once");
    let back = house.import(&people(0..1), false, None);
    assert_eq!(back.preview.returned, 1);
    assert_eq!((house.standing("0"), house.user("0").unwrap().id), (Standing::Active, id));
}

#[test]
fn a_delta_concludes_nothing_from_absence() {
    let house = House::new();
    house.import(&people(0..50), true, None);
    house.import(&people(0..1), false, None);
    assert_eq!(house.standing("40"), Standing::Active);
}

#[test]
fn the_source_says_what_happens_to_the_missing() {
    for (missing, standing) in [(Missing::Delete, Standing::Deleted), (Missing::Keep, Standing::Active)] {
        let mut house = House::new();
        house.source.missing = missing;
        house.import(&people(0..50), true, None);
        house.import(&people(1..50), true, None);
        assert_eq!(house.standing("0"), standing);
    }
}

#[test]
fn users_of_another_source_are_never_missing() {
    let mut house = House::new();
    house.import(&people(0..5), true, None);
    house.source.name = Name::new("contractors").unwrap();
    let report = house.import(&people(100..105), true, None);
    assert_eq!((report.preview.missing, report.state), (0, ImportState::Applied));
}

#[test]
fn a_leaver_by_state_is_marked_urgent() {
    let house = House::new();
    house.import(&people(0..50), true, None);
    let report = house.import(&["3,p3@x.example,Baker,terminated,dev".to_owned()], false, None);
    assert_eq!(report.preview.left, 1);
    assert_eq!(house.standing("3"), Standing::Deleted);
    let marks = house.runtime.block_on(house.store.dirty(&app(), 1)).unwrap();
    assert_eq!(marks[0].user, house.user("3").unwrap().id);
    assert_eq!(marks[0].urgency, Urgency::Leaver);
}

#[test]
fn a_shrunken_full_import_is_parked_with_a_preview_until_an_admin_applies_it() {
    let house = House::new();
    house.import(&people(0..100), true, None);
    let report = house.import(&people(12..100), true, None);
    let ImportState::Parked { reasons } = &report.state else { panic!("{:?}", report.state) };
    assert!(reasons[0].contains("12 users are missing, of 100 (12 %)"), "{reasons:?}");
    assert_eq!((report.preview.missing, report.preview.missing_sample.len()), (12, 12));
    assert_eq!(house.standing("0"), Standing::Active, "nothing happened yet");
    let error = house.with(async |cx| intake::apply_parked(cx, report.import, Some(11)).await.unwrap_err());
    assert!(matches!(error, IntakeError::ShrinksMore { count: 12, accepted: 11, .. }), "{error}");
    house.with(async |cx| intake::apply_parked(cx, report.import, Some(12)).await.unwrap());
    assert_eq!(house.standing("0"), Standing::Suspended);
    let error = house.with(async |cx| intake::drop_parked(cx, report.import).await.unwrap_err());
    assert!(error.to_string().contains("applied already"), "{error}");
}

#[test]
fn a_shrink_that_was_announced_passes_and_a_larger_one_still_parks() {
    let house = House::new();
    house.import(&people(0..100), true, None);
    assert!(matches!(house.import(&people(20..100), true, Some(19)).state, ImportState::Parked { .. }));
    assert_eq!(house.import(&people(20..100), true, Some(20)).state, ImportState::Applied);
    assert_eq!(house.standing("0"), Standing::Suspended);
}

#[test]
fn a_role_or_an_attribute_that_many_lose_parks_a_delta_too() {
    let house = House::new();
    house.import(&people(0..100), true, None);
    let rows: Vec<String> = (0..20).map(|key| format!("{key},p{key}@x.example,,active,")).collect();
    let report = house.import(&rows, false, None);
    let ImportState::Parked { reasons } = &report.state else { panic!("{:?}", report.state) };
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert_eq!(report.preview.losing["role:dev"], 20);
    assert_eq!(report.preview.emptied["title"], 20);
    house.with(async |cx| intake::drop_parked(cx, report.import).await.unwrap());
    assert_eq!(house.user("0").unwrap().text("title"), Some("Baker"));
}

#[test]
fn a_parked_import_that_a_later_one_overtook_is_refused() {
    let house = House::new();
    house.import(&people(0..100), true, None);
    let parked = house.import(&people(50..100), true, None);
    house.import(&["3,p3@x.example,Miller,active,dev".to_owned()], false, None);
    let error = house.with(async |cx| intake::apply_parked(cx, parked.import, None).await.unwrap_err());
    assert!(matches!(error, IntakeError::Overtaken { .. }), "{error}");
}

#[test]
fn a_new_key_with_the_email_of_another_user_is_a_finding_and_never_a_merge() {
    let house = House::new();
    house.import(&people(0..50), true, None);
    house.import(&["3,p3@x.example,Baker,left,dev".to_owned()], false, None);
    let rows = ["900,P3@x.example,Cook,active,dev", "901,new@x.example,Cook,active,", "902,NEW@x.example,Cook,active,"];
    let report = house.import(&rows.map(str::to_owned), false, None);
    let findings = &report.preview.findings;
    assert_eq!(findings.len(), 2, "{findings:?}");
    assert!(findings[0].contains("`hr:900`") && findings[0].contains("of `hr:3`") && findings[0].contains("deleted"));
    assert!(findings[1].contains("`901` and `902`"), "{findings:?}");
    assert_ne!(house.user("900").unwrap().id, house.user("3").unwrap().id);
    assert_eq!(house.standing("3"), Standing::Deleted);
}

#[test]
fn a_user_whose_row_is_bad_is_left_as_he_is() {
    let house = House::new();
    house.import(&people(0..50), true, None);
    let mut rows = people(0..50);
    rows[3] = "3,p3@x.example,Baker,napping,dev".to_owned();
    rows[4] = "4,p4@x.example".to_owned();
    let report = house.import(&rows, true, None);
    assert_eq!((report.problem_count, report.preview.missing), (2, 0));
    assert_eq!((house.standing("3"), house.standing("4")), (Standing::Active, Standing::Active));
}

#[test]
fn an_import_that_a_crash_interrupted_is_finished() {
    let house = House::new();
    let committed = house.leave_committed(600);
    let app = vec![app()];
    let done = house.with(async |cx| cx.store.apply_import(committed, app, 500, cx.clock.now()).await.unwrap());
    assert!(!done && house.user("599").is_none());
    assert_eq!(house.with(async |cx| intake::resume(cx).await.unwrap()), [committed]);
    assert_eq!(house.standing("599"), Standing::Active);
    assert_eq!(house.with(async |cx| intake::resume(cx).await.unwrap()), []);
}

#[test]
fn what_an_import_reported_survives_a_crash() {
    let mut house = House::new();
    house.import(&people(0..50), true, None);
    let parked = house.import(&people(20..50), true, None);
    house.store = house.store.crash();
    assert_eq!(house.with(async |cx| intake::resume(cx).await.unwrap()), []);
    assert_eq!(house.standing("0"), Standing::Active);
    house.with(async |cx| intake::apply_parked(cx, parked.import, None).await.unwrap());
    assert_eq!(house.standing("0"), Standing::Suspended);
}

#[test]
fn a_committed_import_is_finished_before_the_next_is_compared() {
    let house = House::new();
    house.leave_committed(1);
    let report = house.import(&people(0..1), false, None);
    assert_eq!((report.preview.added, report.preview.changed), (0, 1));
}

#[test]
fn states_that_go_empty_bring_nobody_back_unasked() {
    let house = House::new();
    let row = |key: usize, state: &str| format!("{key},p{key}@x.example,Baker,{state},dev");
    let half: Vec<String> = (0..20).map(|key| row(key, if key % 2 == 0 { "left" } else { "active" })).collect();
    house.import(&half, true, None);
    let blank: Vec<String> = (0..20).map(|key| row(key, "")).collect();
    let report = house.import(&blank, true, None);
    let ImportState::Parked { reasons } = &report.state else { panic!("{report:?}") };
    assert!(reasons[0].starts_with("`state` goes empty for 10 users"), "{reasons:?}");
    assert_eq!(house.user("0").unwrap().standing, Standing::Deleted);
    let hired: Vec<String> = (0..20).map(|key| row(key, "active")).collect();
    assert!(matches!(house.import(&hired, true, None).state, ImportState::Applied), "said, and not left out");
}
