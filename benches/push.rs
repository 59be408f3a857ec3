//! Push: 10,000 users into a minimal target in its own process, against a bare reqwest loop with the same bodies, interleaved.
//!
//! `cargo bench --bench push`. Durable, rules and history included, one POST a user; the rate is off (loopback). What counts is the
//! ratio of the two in the same round, because the machine's speed drifts.
#![expect(clippy::unwrap_used, reason = "a bench that unwraps says what it expected")]
#![expect(clippy::print_stdout, reason = "the table is the result")]

mod house;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command as Process, Stdio};
use std::sync::Arc;
use std::time::Instant;

use house::House;
use usher::engine::{Answer, Command};
use usher::provision::event::StatusKind;

const USERS: usize = 10_000;
const ROUNDS: usize = 5;
/// Requests in flight, of the bare loop and of Usher alike: one after the other, what an app has unless it says otherwise, many.
const CONCURRENCIES: [usize; 3] = [1, 4, 64];

fn main() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if std::env::args().any(|argument| argument == "target") {
        return runtime.block_on(target());
    }
    // As the program does it: on a thread of the runtime.
    runtime.block_on(async { tokio::spawn(compare()).await.unwrap() });
}

/// The minimal target: prints its address, then serves until it is killed.
async fn target() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    usher::sandbox::serve_minimal(listener, std::future::pending()).await.unwrap();
}

struct TargetProcess(Child, String);

impl TargetProcess {
    fn start() -> Self {
        let exe = std::env::current_exe().unwrap();
        let mut child = Process::new(exe).arg("target").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self(child, line.trim().to_owned())
    }
}

impl Drop for TargetProcess {
    fn drop(&mut self) {
        // It may be gone already; nothing else can be done about it here.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn compare() {
    println!("in flight   round   bare loop   usher   ratio   (requests a second; {USERS} users)");
    for concurrency in CONCURRENCIES {
        let mut ratios = Vec::new();
        for round in 1..=ROUNDS {
            let bare = bare(concurrency).await;
            let usher = pushed(concurrency).await;
            println!("{concurrency:>9}   {round:>5}   {bare:>9.0}   {usher:>5.0}   {:>5.2}", usher / bare);
            ratios.push(usher / bare);
        }
        ratios.sort_by(f64::total_cmp);
        let (least, median, most) = (ratios[0], ratios[ROUNDS / 2], ratios[ROUNDS - 1]);
        println!("{concurrency:>9}           median ratio {median:.2} (from {least:.2} to {most:.2})");
    }
}

/// The ceiling: the same bodies by reqwest alone, nothing kept.
async fn bare(concurrency: usize) -> f64 {
    let target = TargetProcess::start();
    let url: Arc<str> = format!("{}/Users", target.1).into();
    let client = reqwest::Client::builder().no_proxy().tcp_nodelay(true).http1_only().build().unwrap();
    let bodies: Arc<Vec<Vec<u8>>> = Arc::new((0..USERS).map(body).collect());
    let next = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let start = Instant::now();
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..concurrency {
        let (client, url, bodies, next) = (client.clone(), Arc::clone(&url), Arc::clone(&bodies), Arc::clone(&next));
        workers.spawn(async move {
            loop {
                let n = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let Some(body) = bodies.get(n) else { return };
                let request = client.post(&*url).bearer_auth("bench").header("content-type", "application/scim+json");
                let answer = request.body(body.clone()).send().await.unwrap();
                assert_eq!(answer.status(), 201);
                answer.bytes().await.unwrap();
            }
        });
    }
    while workers.join_next().await.is_some() {}
    USERS as f64 / start.elapsed().as_secs_f64()
}

/// What Usher sends for person `n`, as the sandbox would receive it.
fn body(n: usize) -> Vec<u8> {
    serde_json::json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],
        "userName": format!("person.{n}@example.com"),
        "externalId": format!("0199f0f0f0f07000800000000000{:04x}:0199f0f0-f0f0-7000-8000-{n:012x}", n % 65536),
        "active": true,
        "displayName": format!("Given{n} Family{n}"),
        "name": { "givenName": format!("Given{n}"), "familyName": format!("Family{n}") },
        "title": format!("Title {}", n % 50),
        "userType": "Employee", "preferredLanguage": "nl", "locale": "nl-NL", "timezone": "Europe/Amsterdam",
        "emails": [{ "value": format!("person.{n}@example.com"), "type": "work", "primary": true }],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": { "department": format!("Dept {}", n % 20) }
    })
    .to_string()
    .into_bytes()
}

/// A sync of 10,000 new users: looking, rules, guards, filing, pushing, recording, all on disk.
async fn pushed(concurrency: usize) -> f64 {
    let target = TargetProcess::start();
    let dir = tempfile::tempdir().unwrap();
    let house = House::build(dir.path(), &target.1, concurrency).await;
    house.import(dir.path(), USERS).await;
    let start = Instant::now();
    let answer = house.ask(Command::Sync { app: None, plan: None, workspace: None }).await;
    let elapsed = start.elapsed().as_secs_f64();
    let Answer::Synced(synced) = answer else { panic!("expected a sync") };
    assert_eq!(synced[0].ended.get(&StatusKind::Succeeded), Some(&(USERS as u64)), "{synced:?}");
    assert_eq!(synced[0].writes, USERS as u64, "one POST a user");
    USERS as f64 / elapsed
}
