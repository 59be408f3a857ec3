//! History: a million events in the store on disk, and how long each question takes.
//!
//! `cargo bench --bench history`. The events are filed, begun and finished through the real acts, durably, in pages of 500; what is asked
//! is asked of the engine, as the command line does. `EVENTS=100000 cargo bench --bench history` loads fewer.
#![expect(clippy::unwrap_used, reason = "a bench that unwraps says what it expected")]
#![expect(clippy::print_stdout, reason = "the table is the result")]

mod house;
mod load;

use std::time::Instant;

use house::House;
use usher::clock::Span;
use usher::engine::Command;
use usher::engine::command::UserRef;
use usher::engine::desk::status::HistoryFilter;
use usher::id::{AppName, EventId};
use usher::provision::event::StatusKind;
use usher::provision::operation::Kind;
use usher::store::user_index::UserQuery;

const USERS: usize = 100_000;
const RUNS: usize = 40;

fn main() {
    tokio::runtime::Runtime::new().unwrap().block_on(run());
}

async fn run() {
    let events: usize = std::env::var("EVENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let dir = tempfile::tempdir().unwrap();
    let house = House::build(dir.path(), "http://127.0.0.1:9", 64).await;
    house.import(dir.path(), USERS).await;
    let start = Instant::now();
    load::history(&house, USERS, events).await;
    let elapsed = start.elapsed().as_secs_f64();
    println!("{events} events filed, begun and finished in {elapsed:.0} s: {:.0} a second", events as f64 / elapsed);
    ask(&house, events).await;
    let start = Instant::now();
    let verified = house.engine.store().verify().await.unwrap();
    assert_eq!(verified.problems, Vec::<String>::new());
    println!("store verify: {:.1} s", start.elapsed().as_secs_f64());
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
    let list = |search: &str| {
        let query = UserQuery { search: search.into(), limit: 50, ..UserQuery::default() };
        Command::UsersByName { query }
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
        ("status pending, 5,000", history(None, HistoryFilter { statuses: vec![StatusKind::Pending], ..page() })),
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
        ("users by name, first 50", list("")),
        ("users by two words, few fit", list("given7 person.77")),
        ("users, nobody fits", list("nobody at all")),
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
