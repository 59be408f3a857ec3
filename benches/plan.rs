//! Plan: 100,000 users with nothing to do, against a bare scan of the same rows.
//!
//! `cargo bench --bench plan`. The accounts are made by a first sync into a minimal target, which is not timed.
#![expect(clippy::unwrap_used, reason = "a bench that unwraps says what it expected")]
#![expect(clippy::print_stdout, reason = "the table is the result")]

mod house;

use std::time::Instant;

use house::House;
use usher::engine::{Answer, Command};
use usher::id::AppName;

const USERS: usize = 100_000;
const ROUNDS: usize = 5;
const PAGE: usize = 500;

fn main() {
    tokio::runtime::Runtime::new().unwrap().block_on(run());
}

async fn run() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(usher::sandbox::serve_minimal(listener, std::future::pending()));
    let dir = tempfile::tempdir().unwrap();
    let house = House::build(dir.path(), &url, 64).await;
    let start = Instant::now();
    house.import(dir.path(), USERS).await;
    println!("import of {USERS} users: {:.1} s", start.elapsed().as_secs_f64());
    let start = Instant::now();
    house.ask(Command::Sync { app: None, plan: None, workspace: None }).await;
    println!("first sync: {:.1} s", start.elapsed().as_secs_f64());
    println!("round   scan s   plan s   ratio   users/s");
    let mut times = Vec::new();
    for round in 1..=ROUNDS {
        let scan = scan(&house).await;
        let plan = plan(&house).await;
        println!("{round:>5}   {scan:>6.2}   {plan:>6.2}   {:>5.2}   {:>7.0}", plan / scan, USERS as f64 / plan);
        times.push(plan);
    }
    times.sort_by(f64::total_cmp);
    println!("median plan of {USERS} users with nothing to do: {:.2} s", times[ROUNDS / 2]);
}

/// The floor: reading all pairs, deciding nothing.
async fn scan(house: &House) -> f64 {
    let app = AppName::new("bench").unwrap();
    let start = Instant::now();
    let mut after = None;
    loop {
        let rows = house.engine.store().pairs_after(&app, after, PAGE).await.unwrap();
        after = rows.last().map(|row| row.user.id);
        if rows.len() < PAGE {
            return start.elapsed().as_secs_f64();
        }
    }
}

async fn plan(house: &House) -> f64 {
    let start = Instant::now();
    let answer = house.ask(Command::Plan { app: None, user: None, draft: None }).await;
    let elapsed = start.elapsed().as_secs_f64();
    let Answer::Plan(file) = answer else { panic!("expected a plan") };
    assert_eq!(file.apps[0].summary.counts.total(), 0, "nothing to do");
    assert_eq!(file.apps[0].summary.counts.unchanged, USERS as u64);
    elapsed
}
