//! History: a million events in the store on disk, and how long each question takes.
//!
//! `cargo bench --bench history`. The events are filed, begun and finished through the real acts, durably, in pages of 500; what is asked
//! is asked of the engine, as the command line does. `EVENTS=100000 cargo bench --bench history` loads fewer.
#![expect(clippy::unwrap_used, reason = "a bench that unwraps says what it expected")]
#![expect(clippy::print_stdout, reason = "the table is the result")]

mod house;

use std::collections::BTreeMap;
use std::time::Instant;

use house::House;
use usher::access::{Operator, Role};
use usher::clock::{Span, Timestamp};
use usher::digest::Digest;
use usher::directory::change::Cause;
use usher::engine::Command;
use usher::engine::command::UserRef;
use usher::engine::desk::status::HistoryFilter;
use usher::entropy::SystemEntropy;
use usher::id::{AppName, EventId, ImportId, OperatorId, PlanId, UserId};
use usher::provision::event::StatusKind;
use usher::provision::operation::{Change, Kind, Operation};
use usher::provision::outcome::{Done, Exchange, Failure, FailureClass, Outcome};
use usher::provision::plan::{Fold, PlanPage, PlanSummary, Planned, Verdict};
use usher::store::Store;
use usher::store::act::{Cursor, Finish};
use usher::store::roll::RollQuery;

const USERS: usize = 100_000;
const PAGE: usize = 500;
const RUNS: usize = 40;

fn main() {
    tokio::runtime::Runtime::new().unwrap().block_on(run());
}

async fn run() {
    let events: usize = std::env::var("EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let dir = tempfile::tempdir().unwrap();
    let house = House::build(dir.path(), "http://127.0.0.1:9", 64).await;
    house.import(dir.path(), USERS).await;
    let mut users = Vec::with_capacity(USERS);
    let store = house.engine.store();
    while users.len() < USERS {
        let page = store.users(users.last().copied(), 5_000).await.unwrap();
        users.extend(page.items.into_iter().map(|user| user.id));
    }
    let start = Instant::now();
    let rare = Operator {
        id: OperatorId::mint(Timestamp::from_millis(1), &SystemEntropy),
        name: "rare".into(),
        role: Role::Admin,
        os_account: None,
        user: None,
        disabled: false,
        since: Timestamp::from_millis(1),
    };
    store.put_operator(rare.clone(), rare.id, rare.since).await.unwrap();
    load(&house, &users, events, rare.id).await;
    let elapsed = start.elapsed().as_secs_f64();
    println!("{events} events filed, begun and finished in {elapsed:.0} s: {:.0} a second", events as f64 / elapsed);
    ask(&house, events).await;
    let start = Instant::now();
    let verified = store.verify().await.unwrap();
    assert_eq!(verified.problems, Vec::<String>::new());
    println!("store verify: {:.1} s", start.elapsed().as_secs_f64());
}

/// What the events are about: most are updates of one app that succeed; some things are rare.
fn shape(number: usize) -> (&'static str, Kind, bool) {
    let app = match number % 1_000 {
        0 => "rare",
        1..=99 => "mid",
        _ => "bench",
    };
    let kind = match number {
        number if number.is_multiple_of(50_021) => Kind::Delete,
        number if number.is_multiple_of(211) => Kind::Deactivate,
        _ => Kind::Update,
    };
    (app, kind, number.is_multiple_of(9_973))
}

async fn load(house: &House, users: &[UserId], events: usize, rare: OperatorId) {
    let store = house.engine.store();
    let import = store.imports(1).await.unwrap()[0].id;
    let began = house.engine.clock().now().plus(Span::from_secs(60));
    let mut generations: BTreeMap<(&'static str, UserId), u64> = BTreeMap::new();
    let mut number = 0;
    for page in 0..events.div_ceil(PAGE) {
        let as_of = began.plus(Span::from_secs(page as u64 * 60));
        let mut by_app: BTreeMap<&'static str, Vec<Planned>> = BTreeMap::new();
        let mut failing = Vec::new();
        for _ in 0..PAGE.min(events - page * PAGE) {
            number += 1;
            let (app, kind, fails) = shape(number);
            let user = users[number % users.len()];
            let generation = generations.entry((app, user)).or_default();
            let planned = planned(app, user, kind, *generation, cause(number, import, rare));
            *generation += 2;
            failing.push(((app, user), fails));
            by_app.entry(app).or_default().push(planned);
        }
        let failing: BTreeMap<_, _> = failing.into_iter().collect();
        for (app, operations) in by_app {
            file_and_finish(&**store, app, operations, as_of, &failing).await;
        }
    }
}

fn cause(number: usize, import: ImportId, rare: OperatorId) -> Cause {
    match number {
        number if number.is_multiple_of(31_013) => Cause::Operator(rare),
        number if number.is_multiple_of(3) => Cause::Cycle,
        _ => Cause::Import(import),
    }
}

async fn file_and_finish(
    store: &dyn Store,
    app: &'static str,
    operations: Vec<Planned>,
    as_of: Timestamp,
    failing: &BTreeMap<(&'static str, UserId), bool>,
) {
    let users: Vec<UserId> = operations.iter().map(|planned| planned.operation.user).collect();
    let page = PlanPage { users: users.clone(), operations, ..PlanPage::default() };
    let mut fold = Fold::default();
    fold.page(&page);
    let (counts, digest) = fold.finish();
    let summary = PlanSummary {
        id: PlanId::mint(as_of, &SystemEntropy),
        app: AppName::new(app).unwrap(),
        app_digest: Digest::of("app"),
        as_of,
        counts,
        findings: Vec::new(),
        held: BTreeMap::new(),
        digest,
    };
    let filed = store.file(&summary, page, Cursor::default()).await.unwrap();
    assert_eq!(filed.stale, Vec::new(), "nothing moved");
    let begun = store.begin(filed.events.clone(), as_of.plus_millis(5)).await.unwrap();
    assert_eq!(begun.len(), users.len());
    let outcomes = filed.events.into_iter().zip(users).map(|(event, user)| finished(event, failing[&(app, user)]));
    store.finish(outcomes.collect(), as_of.plus_millis(40)).await.unwrap();
}

fn planned(app: &str, user: UserId, kind: Kind, generation: u64, cause: Cause) -> Planned {
    let value = format!("Title {generation}");
    let operation = Operation {
        kind,
        app: AppName::new(app).unwrap(),
        user,
        label: format!("Person {}", user.0.simple()),
        remote_id: Some(user.0.hyphenated().to_string()),
        user_name: format!("person.{}@example.com", user.0.simple()),
        external_id: None,
        changes: vec![Change { path: "title".into(), old: None, new: Some(value.into()) }],
        edges: Vec::new(),
        released: Vec::new(),
        origin: None,
        generation,
        reason: "assigned to everyone".into(),
    };
    Planned {
        payload: operation.payload_digest("http://127.0.0.1:9", Digest::default(), &[]),
        basis: Digest::of(&generation),
        findings: Vec::new(),
        cause,
        operation: operation.into(),
        verdict: Verdict::Queued,
    }
}

fn finished(event: EventId, fails: bool) -> Finish {
    let body = "{\"schemas\":[\"urn:ietf:params:scim:api:messages:2.0:PatchOp\"],\"Operations\":[{\"op\":\"replace\",\"path\":\"title\",\"value\":\"Title\"}]}";
    let exchange = Exchange {
        method: "PATCH".into(),
        path: "/Users/0f0c1c9e-6c1f-4a57-9b0e-2c7d5a3b8e11".into(),
        status: Some(if fails { 400 } else { 200 }),
        millis: 12,
        request: body.into(),
        answer: format!("{body}{body}"),
    };
    let outcome = if fails {
        let detail = "the value is not allowed".to_owned();
        Outcome::Failed(Failure { class: FailureClass::Refused, status: Some(400), detail, retry_after: None })
    } else {
        Outcome::Succeeded(Done {
            remote_id: None,
            found: BTreeMap::new(),
            found_active: true,
            replaced: None,
            note: String::new(),
        })
    };
    Finish { event, outcome, exchanges: vec![exchange] }
}

async fn ask(house: &House, events: usize) {
    let page = || HistoryFilter { limit: 50, ..HistoryFilter::default() };
    let app = |name: &str| Some(AppName::new(name).unwrap());
    let middle = house.engine.store().event(EventId(events as u64 / 2)).await.unwrap().unwrap().filed_at;
    let history = |user: Option<&str>, filter: HistoryFilter| {
        let user = user.map(|user| UserRef(user.to_owned()));
        Command::History { user, filter }
    };
    let narrow = HistoryFilter { since: Some(middle), until: Some(middle.plus(Span::from_secs(30))), ..page() };
    let bench = || AppName::new("bench").unwrap();
    let roll = |search: &str| {
        let query = RollQuery { search: search.into(), limit: 50, ..RollQuery::default() };
        Command::Roll { query }
    };
    let kinds = [Kind::Delete, Kind::Deactivate];
    let cursor = |share: usize| Some(EventId((events / share) as u64));
    let questions = [
        ("newest 50", history(None, page())),
        ("a page in the middle", history(None, HistoryFilter { before: cursor(2), ..page() })),
        ("a page at the far end", history(None, HistoryFilter { before: cursor(1_000), ..page() })),
        ("the page before that", history(None, HistoryFilter { after: cursor(1_000), ..page() })),
        ("one app of three", history(None, HistoryFilter { app: app("bench"), ..page() })),
        ("a rare app", history(None, HistoryFilter { app: app("rare"), ..page() })),
        ("an app that is not there", history(None, HistoryFilter { app: app("none"), ..page() })),
        ("status failed, 1 in 10,000", history(None, HistoryFilter { statuses: vec![StatusKind::Failed], ..page() })),
        ("status rejected, none", history(None, HistoryFilter { statuses: vec![StatusKind::Rejected], ..page() })),
        ("status pending, none", history(None, HistoryFilter { statuses: vec![StatusKind::Pending], ..page() })),
        ("kind delete, 1 in 50,000", history(None, HistoryFilter { kind: Some(kinds[0]), ..page() })),
        ("kind deactivate, 1 in 200", history(None, HistoryFilter { kind: Some(kinds[1]), ..page() })),
        ("the operator behind two thirds", history(None, HistoryFilter { operator: Some("bench".into()), ..page() })),
        ("an operator, 1 in 30,000", history(None, HistoryFilter { operator: Some("rare".into()), ..page() })),
        ("half a minute, long ago", history(None, narrow)),
        (
            "deletes of a rare app that failed",
            history(
                None,
                HistoryFilter { app: app("rare"), kind: Some(kinds[0]), statuses: vec![StatusKind::Failed], ..page() },
            ),
        ),
        ("one user", history(Some("k7"), page())),
        ("one user's deactivations", history(Some("k7"), HistoryFilter { kind: Some(kinds[1]), ..page() })),
        ("a page of events with all entries", Command::HistoryPage { user: None, filter: page(), full: true }),
        (
            "one user's timeline with entries",
            Command::HistoryPage { user: Some(UserRef("k7".into())), filter: page(), full: true },
        ),
        ("one user across all apps", Command::UserShow { user: UserRef("k7".into()) }),
        ("users by name, first 50", roll("")),
        ("users by two words, few fit", roll("given7 person.77")),
        ("users, nobody fits", roll("nobody at all")),
        (
            "what ended in 24 hours, and waits",
            Command::Trends { since: house.engine.clock().now().minus(Span::from_hours(24)) },
        ),
        ("leavers still active", Command::Leavers { app: None }),
        ("one event's story", Command::EventShow { event: EventId(events as u64 / 3) }),
        ("status, 100 rows", Command::Status { user: None, app: None, limit: 100 }),
        ("status of one user", Command::Status { user: Some(UserRef("k7".into())), app: None, limit: 100 }),
        ("explain", Command::Explain { user: UserRef("k7".into()), app: bench(), at: None }),
        ("explain at a time", Command::Explain { user: UserRef("k7".into()), app: bench(), at: Some(middle) }),
    ];
    println!("{:<34} {:>10} {:>10}", "", "median ms", "worst ms");
    for (what, command) in questions {
        let mut times = Vec::with_capacity(RUNS);
        for _ in 0..RUNS {
            let start = Instant::now();
            house.ask(command.clone()).await;
            times.push(start.elapsed().as_secs_f64() * 1_000.0);
        }
        times.sort_by(f64::total_cmp);
        println!("{what:<34} {:>10.1} {:>10.1}", times[RUNS / 2], times[RUNS - 1]);
    }
}
