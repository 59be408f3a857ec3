//! A real `usher serve` on a workspace, with a real `usher sandbox` beside it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::cli::{done, json, run, usher};

const CONFIG: &str = r#"
[[sources]]
name = "hr"
key = "id"
[sources.mapping]
email = "email"
given_name = "given_name"
family_name = "family_name"
display_name = "display_name"
state = "state"
"#;

const PEOPLE: &str = "id,email,given_name,family_name,display_name,state\n\
    1,ann@acme.example,Ann,Arbor,Ann Arbor,active\n\
    2,bo@acme.example,Bo,Bergen,Bo Bergen,active\n\
    3,cy@acme.example,Cy,Cadiz,Cy Cadiz,active\n";

/// How long anything here may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that is killed when the test is over, however it ends.
pub(crate) struct Running {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Running {
    /// Starts `usher` with its stderr and stdout read line by line.
    pub(crate) fn start(dir: &Path, words: &[&str]) -> Self {
        let mut child =
            usher(dir).args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (send, lines) = mpsc::channel();
        let pipes: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for pipe in pipes {
            let send = send.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    // The test may not listen any more.
                    drop(send.send(line));
                }
            });
        }
        Self { child, lines }
    }

    /// The first line that contains `part`.
    pub(crate) fn line_with(&self, part: &str) -> String {
        let mut seen = Vec::new();
        let until = Instant::now() + PATIENCE;
        while let Ok(line) = self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
            if line.contains(part) {
                return line;
            }
            seen.push(line);
        }
        panic!("no line with `{part}`, only {seen:#?}");
    }

    /// What it said since, as far as it is there by now.
    pub(crate) fn heard(&self) -> String {
        self.lines.try_iter().collect::<Vec<_>>().join("\n")
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.pid()).unwrap()), signal).unwrap();
    }

    /// Its exit code; `None` = killed by a signal.
    fn ended(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

/// A workspace with one app, whose target is a sandbox in its own process.
pub(crate) struct House {
    _folder: TempDir,
    pub(crate) root: PathBuf,
    sandbox: Running,
    base_url: String,
}

impl House {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        done(folder.path(), &["init", "acme"]);
        let root = folder.path().join("acme");
        std::fs::write(root.join("usher.toml"), CONFIG).unwrap();
        std::fs::write(root.join("secrets/nulab.token"), "a-token-of-the-tests\n").unwrap();
        std::fs::write(root.join("people.csv"), PEOPLE).unwrap();
        let seed = r#"[{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"cy@acme.example",
            "displayName":"Cy C.","active":true,"roles":[{"primary":true,"value":"USER"}]}]"#;
        std::fs::write(root.join("seed.json"), seed).unwrap();
        let words =
            ["sandbox", "--connector", "nulab-pass", "--seed", "seed.json", "--token-file", "secrets/nulab.token"];
        let sandbox = Running::start(&root, &words);
        let line = sandbox.line_with("base_url");
        let base_url = line.split('"').nth(1).unwrap().to_owned();
        let app = format!(
            "connector = \"nulab-pass\"\nbase_url = \"{base_url}\"\ncredential = \"file:secrets/nulab.token\"\n\
             rules = \"nulab-pass.rhai\"\n[assign]\neveryone = true\n"
        );
        std::fs::write(root.join("apps/nulab.toml"), app).unwrap();
        Self { _folder: folder, root, sandbox, base_url }
    }

    pub(crate) fn serve(&self) -> Running {
        let serve = Running::start(&self.root, &["serve"]);
        serve.line_with("serving");
        serve
    }

    fn socket(&self) -> PathBuf {
        self.root.join("store/usher.sock")
    }

    /// An account as the target has it.
    fn account(&self, user_name: &str) -> Option<Json> {
        let address = self.base_url.trim_start_matches("http://").split('/').next().unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let filter = format!("userName%20eq%20%22{}%22", user_name.replace('@', "%40"));
        write!(
            stream,
            "GET /scim/v2/Users?filter={filter} HTTP/1.0\r\nHost: {address}\r\nUser-Agent: tests\r\n\
             Authorization: Bearer a-token-of-the-tests\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let body = answer.split_once("\r\n\r\n").unwrap().1;
        let list: Json = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"));
        list["Resources"].get(0).cloned()
    }

    /// Asks again and again until `ready` says so.
    pub(crate) fn wait_until(&self, words: &[&str], ready: impl Fn(&Json) -> bool) -> Json {
        let until = Instant::now() + PATIENCE;
        loop {
            let answer = json(&self.root, words);
            if ready(&answer) {
                return answer;
            }
            assert!(Instant::now() < until, "`usher {}` never came to what was expected: {answer:#}", words.join(" "));
        }
    }
}

#[test]
fn commands_work_while_it_runs() {
    let house = House::new();
    let _serve = house.serve();
    let root = &house.root;

    let imported = json(root, &["import", "--full", "people.csv"]);
    assert_eq!(imported["import"]["preview"]["added"], 3);
    house.wait_until(&["history", "--status", "succeeded"], |page| page["events"].as_array().unwrap().len() >= 2);
    assert_eq!(house.account("ann@acme.example").unwrap()["displayName"], "Ann Arbor");

    let pending = house.wait_until(&["approvals", "list"], |list| !list.as_array().unwrap().is_empty());
    let event = pending[0]["id"].as_str().unwrap().to_owned();
    let shown = done(root, &["approvals", "show", &event]);
    assert!(shown.contains("an account exists that Usher did not create"), "{shown}");
    assert_eq!(house.account("cy@acme.example").unwrap()["displayName"], "Cy C.", "untouched before the approval");
    done(root, &["approvals", "approve", &event, "--comment", "known"]);
    house.wait_until(&["status", "--user", "cy@acme.example"], |rows| rows[0]["account"]["presence"] == "active");

    let plan = json(root, &["plan"]);
    assert_eq!(plan["apps"][0]["summary"]["app"], "nulab");
    let synced = json(root, &["sync"]);
    assert!(synced[0]["trouble"].is_null(), "{synced:#}");
    let status = done(root, &["status"]);
    assert!(status.contains("Ann Arbor") && status.contains("Provisioned"), "{status}");
    let history = done(root, &["history", "--user", "bo@acme.example"]);
    assert!(history.contains("Bo Bergen") && history.contains("evt_"), "{history}");
    assert!(done(root, &["apps", "test", "nulab"]).contains('✓'));
}

#[test]
fn files_that_a_killed_process_had_taken_in_are_removed_by_whoever_has_the_store_next() {
    let house = House::new();
    let uploads = house.root.join("store/uploads");
    std::fs::create_dir_all(uploads.join("usher-upload-before")).unwrap();
    std::fs::write(uploads.join("usher-upload-before/people.csv"), "key,email").unwrap();
    done(&house.root, &["status"]);
    assert!(!uploads.exists());
}

#[test]
fn a_suspension_reaches_the_target_without_a_sync() {
    let house = House::new();
    let _serve = house.serve();
    done(&house.root, &["import", "people.csv"]);
    house.wait_until(&["status", "--user", "1"], |rows| rows[0]["account"]["presence"] == "active");
    assert_eq!(house.account("ann@acme.example").unwrap()["active"], true);
    done(&house.root, &["users", "suspend", "ann@acme.example"]);
    house.wait_until(&["status", "--user", "1"], |rows| rows[0]["account"]["presence"] == "deactivated");
    assert_eq!(house.account("ann@acme.example").unwrap()["active"], false);
    done(&house.root, &["users", "restore", "ann@acme.example"]);
    house.wait_until(&["status", "--user", "1"], |rows| rows[0]["account"]["presence"] == "active");
    assert_eq!(house.account("ann@acme.example").unwrap()["active"], true);
}

#[test]
fn sigterm_and_sigint_stop_it_cleanly() {
    let house = House::new();
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut serve = house.serve();
        done(&house.root, &["import", "people.csv"]);
        serve.signal(signal);
        serve.line_with("stopped");
        assert_eq!(serve.ended(), Some(0), "{signal}");
        assert!(!house.socket().exists(), "{signal}: the socket is removed");
        // What it left outside the store is contained in the chain, and ends where the chain ends.
        let verified = json(&house.root, &["store", "verify", "--head", "history-head.jsonl"]);
        assert_eq!(verified["problems"], serde_json::json!([]));
        let heads = std::fs::read_to_string(house.root.join("history-head.jsonl")).unwrap();
        let last: Json = serde_json::from_str(heads.lines().last().unwrap()).unwrap();
        assert_eq!(last["hash"], verified["head"]["hash"], "{signal}");
    }
    assert_eq!(json(&house.root, &["users", "list"]).as_array().unwrap().len(), 3);
}

#[test]
fn a_second_one_names_the_first() {
    let house = House::new();
    let serve = house.serve();
    let second = run(&house.root, &["serve"]);
    assert_eq!(second.code, Some(1), "{second:#?}");
    assert!(second.err.contains(&serve.pid().to_string()) && second.err.contains("serve"), "{}", second.err);
    let restore = run(&house.root, &["store", "restore", "people.csv"]);
    assert_eq!(restore.code, Some(1));
    assert!(restore.err.contains(&serve.pid().to_string()), "{}", restore.err);
}

#[test]
fn what_a_killed_one_leaves_behind_is_no_obstacle() {
    let house = House::new();
    let mut first = house.serve();
    done(&house.root, &["import", "people.csv"]);
    first.signal(Signal::SIGKILL);
    assert_eq!(first.ended(), None);
    assert!(house.socket().exists(), "nobody could remove the socket");
    assert_eq!(json(&house.root, &["users", "list"]).as_array().unwrap().len(), 3);
    let _second = house.serve();
    house.wait_until(&["status", "--user", "1"], |rows| rows[0]["account"]["presence"] == "active");
}

#[test]
fn only_the_owner_may_knock() {
    let house = House::new();
    let _serve = house.serve();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&house.socket()), 0o600);
    assert_eq!(mode(house.socket().parent().unwrap()), 0o700);
}

#[test]
fn a_client_that_goes_away_does_not_stop_its_command() {
    let house = House::new();
    let _serve = house.serve();
    let mut stream = UnixStream::connect(house.socket()).unwrap();
    let files = house.root.join("people.csv");
    let source = serde_json::json!({
        "name": "hr", "key": "id", "separator": ";", "missing": "suspend", "multi_valued": [], "group_members": [],
        "group_name": "cn", "states": {}, "mapping": { "email": ["email"], "display_name": ["display_name"] },
    });
    let import = serde_json::json!({ "source": source, "files": [files], "full": false, "accept_shrink": null });
    writeln!(stream, "{}", serde_json::json!({ "command": { "import": import } })).unwrap();
    drop(stream);
    house.wait_until(&["users", "list"], |users| users.as_array().unwrap().len() == 3);
}

#[test]
fn nonsense_on_the_socket_is_answered_in_words() {
    let house = House::new();
    let _serve = house.serve();
    for nonsense in ["hello\n", "{}\n", "{\"command\":\"fly\"}\n", "{\"command\":\"apps\"} and more\n"] {
        let mut stream = UnixStream::connect(house.socket()).unwrap();
        stream.write_all(nonsense.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let answer: Json = serde_json::from_str(&answer).unwrap();
        assert!(answer["error"].as_str().unwrap().contains("not understood"), "{answer}");
    }
    done(&house.root, &["apps", "list"]);
}

#[test]
fn logs_are_json_for_programs_and_hold_no_names_and_no_secrets() {
    let house = House::new();
    let serve = Running::start(&house.root, &["serve", "-vv"]);
    serve.line_with("serving");
    done(&house.root, &["import", "people.csv"]);
    house.wait_until(&["status", "--user", "1"], |rows| rows[0]["account"]["presence"] == "active");
    serve.signal(Signal::SIGTERM);
    let mut serve = serve;
    assert_eq!(serve.ended(), Some(0));
    let mut seen = 0;
    while let Ok(line) = serve.lines.recv_timeout(PATIENCE) {
        let entry: Json = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(entry["level"].is_string() && entry["timestamp"].is_string(), "{line}");
        for secret in ["a-token-of-the-tests", "ann@acme", "Arbor"] {
            assert!(!line.contains(secret), "{line}");
        }
        seen += 1;
    }
    assert!(seen > 0);
    assert!(house.sandbox.lines.try_recv().is_err(), "the sandbox has nothing to complain of");
}
