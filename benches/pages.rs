//! Pages: how long the console and the API take to answer with 100,000 users and a million events.
//!
//! `cargo bench --bench pages`. A browser's requests over a real socket, one after the other, signed in as an admin. `EVENTS` and `USERS`
//! in the environment make it smaller. The first line is the server's own ceiling: a page that asks the engine nothing.
#![expect(clippy::unwrap_used, reason = "a bench that unwraps says what it expected")]
#![expect(clippy::print_stdout, reason = "the table is the result")]

mod house;
mod load;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use house::House;
use usher::server::{House as Web, Net, Settings, SignInSettings, web};

const PASSWORD: &str = "correct horse battery staple";
const RUNS: usize = 40;
/// What a page may take, in milliseconds (median).
const AIM: f64 = 50.0;

fn main() {
    tokio::runtime::Runtime::new().unwrap().block_on(run());
}

fn wanted(name: &str, otherwise: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

async fn run() {
    let (users, events) = (wanted("USERS", 100_000), wanted("EVENTS", 1_000_000));
    let dir = tempfile::tempdir().unwrap();
    let house = House::build(dir.path(), "http://127.0.0.1:9", 64).await;
    house.import(dir.path(), users).await;
    load::history(&house, users, events).await;
    let browser = Browser::open(&house).await;
    println!("{users} users, {events} events\n{:<44} {:>10} {:>10} {:>8}", "", "median ms", "worst ms", "KiB");
    let mut slow = Vec::new();
    for path in paths(events) {
        let (median, worst, bytes) = browser.time(&path).await;
        println!("{path:<44} {median:>10.1} {worst:>10.1} {:>8}", bytes / 1_024);
        if median > AIM {
            slow.push(path);
        }
    }
    let verdict = if slow.is_empty() { "all within".to_owned() } else { format!("beyond: {}", slow.join(", ")) };
    println!("aim: {AIM} ms (median): {verdict}");
    browser.close().await;
}

/// What is looked at.
fn paths(events: usize) -> Vec<String> {
    let event = events / 3;
    let mut paths: Vec<String> = [
        "/sign-in",
        "/",
        "/approvals",
        "/approvals?app=bench&user=person",
        "/approvals/decided",
        "/apps",
        "/apps/bench",
        "/users",
        "/users?search=family777",
        "/users/hr:k7",
        "/users/hr:k7/apps/bench",
        "/activity",
        "/activity?status=failed",
        "/activity?kind=delete",
        "/activity?user=hr:k7",
        "/activity?operator=rare",
        "/activity/charts",
        "/activity/leavers",
        "/rules",
        "/rules/bench.rhai",
        "/rules/try?app=bench&user=hr:k7",
        "/rules/revisions",
        "/imports",
        "/access",
        "/access/history",
        "/access/history?operator=rare",
        "/api/v1/users?limit=50",
        "/api/v1/users?search=family777",
        "/api/v1/approvals",
        "/api/v1/leavers",
        "/api/v1/events?limit=50",
        "/api/v1/accounts?limit=50",
        "/api/v1/apps",
    ]
    .into_iter()
    .map(str::to_owned)
    .collect();
    paths.push(format!("/activity/evt_{event}"));
    paths
}

/// A browser that is signed in.
struct Browser {
    client: reqwest::Client,
    origin: String,
    cookie: String,
    stop: tokio::sync::watch::Sender<bool>,
    serving: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Browser {
    async fn open(house: &House) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listen: SocketAddr = listener.local_addr().unwrap();
        let origin = format!("http://{listen}");
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let settings = Settings {
            listen,
            origin: origin.clone(),
            sources: Vec::new(),
            net: Net::default(),
            sign_in: SignInSettings::default(),
        };
        let serving = tokio::spawn(web::serve(Web::new(Arc::clone(&house.engine), settings), listener, stopped));
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        let once = house.engine.bootstrap().await.unwrap();
        let body = format!("token={}&password={PASSWORD}&again={PASSWORD}", once.expose()).replace(' ', "+");
        let answer = client
            .post(format!("{origin}/set-up"))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", &origin)
            .body(body)
            .send()
            .await
            .unwrap();
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        Self { client, origin, cookie, stop, serving }
    }

    /// Stops the server and waits until it has: its store must not outlive its folder.
    async fn close(self) {
        self.stop.send(true).unwrap();
        self.serving.await.unwrap().unwrap();
    }

    /// Median and worst in milliseconds, and the size of the answer in bytes.
    async fn time(&self, path: &str) -> (f64, f64, usize) {
        let (mut times, mut bytes) = (Vec::with_capacity(RUNS), 0);
        for _ in 0..RUNS {
            let start = Instant::now();
            let request = self.client.get(format!("{}{path}", self.origin)).header("cookie", &self.cookie);
            let answer = request.send().await.unwrap();
            assert!(answer.status().is_success() || path == "/", "{path}: {}", answer.status());
            bytes = answer.bytes().await.unwrap().len();
            times.push(start.elapsed().as_secs_f64() * 1_000.0);
        }
        times.sort_by(f64::total_cmp);
        (times[RUNS / 2], times[RUNS - 1], bytes)
    }
}
